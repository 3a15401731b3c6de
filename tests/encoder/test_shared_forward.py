"""Equal texts of a batch go through the model once; gradients: test_shared_gradients.py."""

import numpy as np
import pytest

from tiny_models import TEXTS, tiny
from whyalike import BTIOptions, Explainer

QUERY = "warm knit gloves"
PAIRS = [(QUERY, text) for text in TEXTS[:3]] + [(TEXTS[1], QUERY), (QUERY, QUERY)]


@pytest.fixture
def rows_of(monkeypatch):
    """How many rows each explanation takes through the model."""

    def count(explainer, pairs):
        seen = 0
        encoder = explainer.encoder
        real = encoder._forward

        def forward(rows, **settings):
            nonlocal seen
            seen += len(rows)
            return real(rows, **settings)

        monkeypatch.setattr(encoder, "_forward", forward)
        found = list(explainer.explain_many(pairs))
        monkeypatch.setattr(encoder, "_forward", real)
        return seen, found

    return count


@pytest.mark.parametrize("name", ["bert", "qwen3", "albert"])
@pytest.mark.parametrize("method", ["bti_activations", "token_similarity"])
def test_a_query_is_read_once_for_all_its_passages(rows_of, name, method):
    options = BTIOptions(long_text="truncate")
    explainer = Explainer(tiny(name).parts, method=method, options=options, pooling="paper")
    seen, found = rows_of(explainer, PAIRS)
    assert seen == len({text for pair in PAIRS for text in pair}) == 4
    for pair, one in zip(PAIRS, found, strict=True):
        alone = explainer.explain(*pair)
        assert one.similarity == pytest.approx(alone.similarity, abs=1e-6)
        for side, other in ((one.left, alone.left), (one.right, alone.right)):
            saliency, expected = ([w.saliency for w in s.words] for s in (side, other))
            np.testing.assert_allclose(saliency, expected, atol=1e-5)


def test_windows_of_a_repeated_text_stay_in_their_places(rows_of):
    long = " ".join([QUERY] * 80)
    options = BTIOptions(long_text="windows")
    explainer = Explainer(tiny("bert").parts, method="bti_activations", options=options)
    pairs = [(long, TEXTS[0]), (long, TEXTS[1])]
    seen, found = rows_of(explainer, pairs)
    windows = len(explainer.encoder.tokenize([long], long_text="windows")[0].rows)
    assert windows > 1
    assert seen == windows + 2
    for pair, one in zip(pairs, found, strict=True):
        alone = explainer.explain(*pair)
        assert one.similarity == pytest.approx(alone.similarity, abs=1e-6)
        saliency, expected = ([w.saliency for w in e.left.words] for e in (one, alone))
        np.testing.assert_allclose(saliency, expected, atol=1e-5)


def test_texts_with_other_prompts_are_other_texts(rows_of):
    explainer = Explainer(
        tiny("bert").parts, method="bti_activations", prompts=("warm: ", "cold: ")
    )
    assert rows_of(explainer, [(QUERY, QUERY)])[0] == 2
