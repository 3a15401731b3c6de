"""A text of several pairs goes forward once for all their gradients: equal to each pair's own."""

from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np
import pytest
import torch

from tiny_models import ARCHITECTURES, TEXTS, tiny
from whyalike import BTIOptions, Explainer
from whyalike.models import encoder as encoder_module
from whyalike.models import graph

QUERY = TEXTS[1]
PASSAGES = [f"{TEXTS[0]} {TEXTS[2]}", TEXTS[2], "wool", TEXTS[3], "warm knit gloves", TEXTS[0]]
PAIRS = [(QUERY, passage) for passage in PASSAGES]


@pytest.fixture(autouse=True)
def always_worth_it(monkeypatch):
    """However short a text is, its repeats share one forward pass."""
    monkeypatch.setattr(encoder_module, "PASS_TOKENS", 1)


@pytest.fixture
def rows_of(monkeypatch):
    """How many rows go through the model to explain pairs."""

    def count(explainer, pairs):
        explainer.explain(*pairs[0])  # The gradient's check comes first.
        seen = 0
        real = explainer.encoder._forward

        def forward(rows, **settings):
            nonlocal seen
            seen += len(rows)
            return real(rows, **settings)

        with monkeypatch.context() as patch:
            patch.setattr(explainer.encoder, "_forward", forward)
            found = list(explainer.explain_many(pairs))
        return seen, found

    return count


def assert_as_alone(explainer, pairs, found, *, atol=1e-5):
    for pair, together in zip(pairs, found, strict=True):
        alone = explainer.explain(*pair)
        assert together.similarity == pytest.approx(alone.similarity, rel=1e-6, abs=1e-6)
        assert together.warnings == alone.warnings
        for mine, its in ((together.left, alone.left), (together.right, alone.right)):
            for name in ("saliency", "contribution"):
                values, expected = ([getattr(w, name) for w in s.words] for s in (mine, its))
                if None in expected:
                    assert values == expected
                else:
                    np.testing.assert_allclose(values, expected, rtol=1e-5, atol=atol)


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("method", ["whyalike", "bti"])
def test_shared_and_alone_are_equal_in_every_architecture(rows_of, name, method):
    model = tiny(name)
    explainer = Explainer(model.parts, method=method, pooling=model.pooling)
    seen, found = rows_of(explainer, PAIRS)
    assert seen == 1 + len(PAIRS)
    assert_as_alone(explainer, PAIRS, found)


@pytest.mark.parametrize(
    "method", ["bti_last_layer", "gradient_x_activation", "vanilla_gradients", "maxsim"]
)
def test_shared_and_alone_are_equal_by_other_methods(rows_of, method):
    explainer = Explainer(tiny("bert").parts, method=method)
    _, found = rows_of(explainer, PAIRS)
    assert_as_alone(explainer, PAIRS, found)


@pytest.mark.parametrize("method", ["whyalike", "bti"])
def test_both_sides_are_shared(rows_of, method):
    lefts, rights = (QUERY, TEXTS[0], "wool"), (TEXTS[2], TEXTS[0], QUERY, TEXTS[3])
    pairs = list(product(lefts, rights))
    explainer = Explainer(tiny("bert").parts, method=method)
    seen, found = rows_of(explainer, pairs)
    assert seen == len({*lefts, *rights})
    assert_as_alone(explainer, pairs, found)


@pytest.mark.parametrize("method", ["whyalike", "bti"])
def test_windows_of_a_shared_text_are_read_once(rows_of, method):
    long = " ".join([QUERY] * 20)
    options = BTIOptions(long_text="windows")
    explainer = Explainer(tiny("bert").parts, method=method, options=options)
    windows = len(explainer.encoder.tokenize([long], long_text="windows")[0].rows)
    assert windows > 2
    pairs = [(long, passage) for passage in PASSAGES]
    seen, found = rows_of(explainer, pairs)
    assert seen == windows + len(PASSAGES)
    assert_as_alone(explainer, pairs, found)


@pytest.mark.parametrize("function", ["dot", "euclidean"])
def test_other_similarities_are_shared_too(rows_of, monkeypatch, function):
    explainer = Explainer(tiny("bert").parts, method="whyalike")
    monkeypatch.setattr(explainer.encoder, "similarity_function", function)
    pairs = [*PAIRS, (QUERY, QUERY)]
    seen, found = rows_of(explainer, pairs)
    assert seen == 1 + len(PAIRS)
    assert_as_alone(explainer, pairs, found)


def test_a_background_is_taken_off_each_pair(rows_of):
    words = ["a", "the", "wool", "warm", "lemon", "of", "on", "to"]
    background = [f"{word} {text}" for text in TEXTS for word in words]
    explainer = Explainer(tiny("bert").parts, method="whyalike", background=background)
    _, found = rows_of(explainer, PAIRS)
    assert_as_alone(explainer, PAIRS, found)


def test_copies_go_backward_in_parts_as_all_at_once(rows_of, monkeypatch):
    explainer = Explainer(tiny("bert").parts, method="whyalike")
    _, expected = rows_of(explainer, PAIRS)
    parts = []
    real = graph._backward_at_once

    def watched(forward, at_ends):
        parts.append(len(at_ends[0]))
        return real(forward, at_ends)

    monkeypatch.setattr(graph, "_backward_at_once", watched)
    length = explainer.encoder.tokenize([QUERY])[0].length
    # Nothing fits at once: the graph is made again, and copies go backward two by two.
    monkeypatch.setattr(encoder_module, "GRAPH_TOKENS", 2 * length + 1)
    tokens = [explainer.encoder.tokenize([text])[0] for text in (QUERY, *PASSAGES)]
    pairs = [encoder_module.TokenPair(tokens[0], each) for each in tokens[1:]]
    explainer.encoder.run(pairs, options=BTIOptions(), point=-2, presence_from=1)
    assert parts == [2, 2, 2]
    monkeypatch.undo()
    assert_as_alone(explainer, PAIRS, expected)


def test_a_model_without_a_batched_backward_is_differentiated_copy_by_copy(rows_of, monkeypatch):
    refused = 0
    real = torch.autograd.grad

    def grad(*given, is_grads_batched=False, **named):
        nonlocal refused
        if is_grads_batched:
            refused += 1
            raise RuntimeError("no batching rule")
        return real(*given, **named)

    explainer = Explainer(tiny("bert").parts, method="whyalike")
    monkeypatch.setattr(torch.autograd, "grad", grad)
    seen, found = rows_of(explainer, PAIRS)
    assert refused
    assert seen == 1 + len(PAIRS)
    assert_as_alone(explainer, PAIRS, found)


def test_threads_share_each_its_own_texts():
    explainer = Explainer(tiny("bert").parts, method="whyalike")
    asked = [[(query, passage) for passage in PASSAGES] for query in (*TEXTS, *PASSAGES[:4])]
    with ThreadPoolExecutor(4) as pool:
        for pairs, found in zip(
            asked, pool.map(lambda pairs: list(explainer.explain_many(pairs)), asked), strict=True
        ):
            assert_as_alone(explainer, pairs, found)


def test_few_short_repeats_are_not_worth_a_pass(rows_of, monkeypatch):
    monkeypatch.setattr(encoder_module, "PASS_TOKENS", 160)
    explainer = Explainer(tiny("bert").parts, method="bti")
    pairs = [("wool", passage) for passage in PASSAGES]
    assert rows_of(explainer, pairs)[0] == 2 * len(pairs)
