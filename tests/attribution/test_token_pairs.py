"""token_similarity: the exact sum over token pairs, and what all methods of this kind share."""

import copy
import pickle

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

import whyalike.methods.contribution_vectors as module
from other_modules import pooling_by
from raising import raises
from tiny_models import ARCHITECTURES, TEXTS, tiny
from whyalike import BTIOptions, Explainer
from whyalike.errors import ModelError, OptionError
from whyalike.methods.method import get_method, list_methods
from whyalike.models.installed import Dense, LayerNorm, Normalize, Transformer

LEFT, RIGHT = TEXTS[0], TEXTS[1]
VECTOR_METHODS = ["token_similarity", "integrated_jacobians", "bilrp"]


def explainer_of(name="bert", method="token_similarity", **options):
    return Explainer(
        tiny(name).parts,
        pooling="paper" if method == "token_similarity" else tiny(name).pooling,
        method=method,
        options=BTIOptions(**{"ig_steps": 2, **options}),
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("token-pairs")
    tiny("bert").model.save_pretrained(path)
    tiny("bert").tokenizer.save_pretrained(path)
    return path


def pipeline(folder, *behind, pooling="mean", **kwargs):
    modules = [Transformer(str(folder)), pooling_by(32, pooling), *behind]
    return SentenceTransformer(modules=modules, device="cpu", **kwargs)


def dense(*, bias=False, activation=None):
    with torch.random.fork_rng():
        torch.manual_seed(5)
        layer = Dense(32, 24, bias=bias, activation_function=activation or torch.nn.Identity())
        if bias:
            layer.linear.bias.data.normal_()
    return layer


def hidden_states(name, text):
    """Last hidden states, which tokens are the text's own, and the characters of each."""
    model, tokenizer = tiny(name).parts
    inputs = tokenizer(text, return_tensors="pt", return_offsets_mapping=True)
    spans = inputs["offset_mapping"][0].tolist()
    inputs = {key: inputs[key] for key in ("input_ids", "attention_mask")}
    special = tokenizer.get_special_tokens_mask(
        inputs["input_ids"][0].tolist(), already_has_special_tokens=True
    )
    with torch.no_grad():
        hidden = model(**inputs).last_hidden_state[0].double().numpy()
    return hidden, [n for n, flag in enumerate(special) if not flag], spans


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_against_the_formula_and_complete(name):
    """Sum of B_i . B_j / (q1 q2 |F1| |F2|), by loops."""
    sides = []
    for text in (LEFT, RIGHT):
        hidden, own, spans = hidden_states(name, text)
        parts = {n: hidden[n] / len(own) for n in own}
        sides.append((parts, spans, sum(parts.values())))
    (left, left_spans, first), (right, right_spans, second) = sides
    lengths = np.sqrt((first**2).sum()) * np.sqrt((second**2).sum())
    explanation = explainer_of(name, words="token").explain(LEFT, RIGHT)
    everything = sum(sum(a * b) / lengths for a in left.values() for b in right.values())
    assert everything == pytest.approx(explanation.similarity, abs=1e-4)

    def inside(span, word):
        return span[0] < word.end and word.start < span[1]

    # A blank that is a token of its own is in no word.
    for i, word in enumerate(explanation.left.words):
        for j, other in enumerate(explanation.right.words):
            expected = sum(
                sum(a * b) / lengths
                for n, a in left.items()
                for m, b in right.items()
                if inside(left_spans[n], word) and inside(right_spans[m], other)
            )
            assert explanation.matrix[i, j] == pytest.approx(expected, abs=1e-6)
    assert explanation.completeness_gap < 1e-4
    assert explanation.matrix.sum() + explanation.remainder == pytest.approx(
        explanation.similarity, abs=1e-12
    )


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("function", ["cosine", "dot"])
@pytest.mark.parametrize("pooling", ["mean", "max", "weightedmean"])
def test_every_pooling_over_all_tokens_is_complete(folder, pooling, normalize, function):
    """All tokens, special ones included, carry the score; so the matrix and those pairs do."""
    behind = [Normalize()] if normalize else []
    model = pipeline(folder, *behind, pooling=pooling, similarity_fn_name=function)
    explanation = Explainer(model, method="token_similarity").explain(LEFT, RIGHT)
    assert explanation.completeness_gap < 1e-4
    vectors, tokens = [], []
    for text in (LEFT, RIGHT):
        hidden, own, _ = hidden_states("bert", text)
        count = len(hidden)
        shares = {
            "mean": np.full((count, 32), 1 / count),
            "weightedmean": (np.arange(1, count + 1) / np.arange(1, count + 1).sum())[:, None]
            * np.ones(32),
            "max": np.array([[float(h == column.max()) for h, column in zip(row, hidden.T, strict=True)] for row in hidden]),
        }[pooling]  # fmt: skip
        parts = shares * hidden
        vector = parts.sum(0)
        length = np.linalg.norm(vector)
        scale = 1 / length if normalize or function == "cosine" else 1.0
        vectors.append(parts * scale)
        tokens.append(own)
    everything = vectors[0] @ vectors[1].T
    assert everything.sum() == pytest.approx(explanation.similarity, rel=1e-4)
    words_only = everything[np.ix_(*tokens)].sum()
    assert explanation.matrix.sum() == pytest.approx(words_only, rel=1e-4, abs=1e-6)
    assert explanation.remainder == pytest.approx(
        explanation.similarity - words_only, rel=1e-4, abs=1e-5
    )


def test_what_follows_the_pooling(folder):
    """Linear: complete. A norm: its scale is constant. A bias or a tanh: the gap says so."""
    plain = Explainer(pipeline(folder, dense(), Normalize()), method="token_similarity")
    assert plain.explain(LEFT, RIGHT).completeness_gap < 1e-4
    norm = LayerNorm(32)
    assert (
        Explainer(pipeline(folder, norm), method="token_similarity")
        .explain(LEFT, RIGHT)
        .completeness_gap
        < 1e-4
    )
    biased = pipeline(folder, dense(bias=True))
    explanation = Explainer(biased, method="token_similarity").explain(LEFT, RIGHT)
    first, second = biased.encode([LEFT, RIGHT]).astype(np.float64)
    bias = biased[2].linear.bias.detach().double().numpy()
    expected = 1 - (first - bias) @ (second - bias) / (first @ second)
    assert explanation.completeness_gap == pytest.approx(abs(expected), rel=1e-3)
    assert "miss" in explanation.warnings[0]
    curved = pipeline(folder, dense(activation=torch.nn.Tanh()))
    explanation = Explainer(curved, method="token_similarity").explain(LEFT, RIGHT)
    assert 0 < explanation.completeness_gap < 1


def test_a_words_contribution_is_its_product_with_the_other_text():
    explanation = explainer_of(words="token").explain(LEFT, RIGHT)
    words = [
        [word.contribution for word in side.words] for side in (explanation.left, explanation.right)
    ]
    # Paper pooling leaves special tokens out: rows and columns of the matrix hold everything.
    np.testing.assert_allclose(words[0], explanation.matrix.sum(1), atol=1e-6)
    np.testing.assert_allclose(words[1], explanation.matrix.sum(0), atol=1e-6)
    assert sum(words[0]) == pytest.approx(explanation.similarity, abs=1e-5)


def test_a_pooling_of_one_token_is_refused_and_of_one_and_all_is_not(folder):
    """One token's state is the vector, and no pair of words would carry anything."""
    for pooling in ("cls", "lasttoken", ("cls", "lasttoken")):
        model = pipeline(folder, pooling=pooling, similarity_fn_name="cosine")
        with raises(OptionError, "'token_similarity'", "pooling over all tokens", "whyalike"):
            Explainer(model, method="token_similarity")
        assert not get_method("token_similarity").works_with(Explainer(model).model)
    for pooling in ("cls", "last"):
        for name in ("bert", "qwen3"):
            with raises(OptionError, "pooling over all tokens"):
                Explainer(tiny(name).parts, pooling=pooling, method="token_similarity")
    # A model that is pickled for another process is as it was.
    model = pickle.loads(pickle.dumps(Explainer(tiny("bert").parts, pooling="cls").model))
    assert "pooled tokens" not in model.capabilities
    both = pipeline(folder, pooling=("cls", "mean"))
    explanation = Explainer(both, method="token_similarity").explain(LEFT, RIGHT)
    assert explanation.matrix.any()
    assert explanation.completeness_gap < 1e-4


@pytest.mark.parametrize("pooling", ["cls", "last"])
@pytest.mark.parametrize("method", [m.name for m in list_methods()])
def test_no_method_gives_a_pooling_of_one_token_zeros_in_silence(method, pooling):
    """Whatever works with such a model says something of some word, or that it can't."""
    explainer = Explainer(
        tiny("bert").parts, pooling=pooling, options=BTIOptions(ig_steps=2, permutations=2)
    )
    if not get_method(method).works_with(explainer.model):
        return
    explanation = explainer.with_method(method).explain(LEFT, RIGHT)
    words = [*explanation.left.words, *explanation.right.words]
    found = np.array([(w.saliency, w.contribution or 0.0) for w in words])
    said = any("saliency 0, so that" in warning for warning in explanation.warnings)
    assert said or len(set(found[:, 0])) > 2
    assert said or explanation.matrix is None or np.abs(explanation.matrix).max() > 1e-6


def test_a_layer_of_which_no_word_reaches_the_vector_is_refused():
    options = BTIOptions(ig_steps=2, layer=-1)
    explainer = Explainer(
        tiny("bert").parts, pooling="cls", method="integrated_jacobians", options=options
    )
    with raises(OptionError, "special tokens alone", "layer"):
        explainer.explain(LEFT, RIGHT)
    # A text without words has nothing that could reach it.
    assert explainer.explain("", "").matches == ()


@pytest.mark.parametrize("method", [*VECTOR_METHODS, "maxsim"])
def test_batch_equals_single_and_swapped_is_transposed(method):
    explainer = explainer_of(method=method)
    pairs = [(LEFT, RIGHT), (TEXTS[2], LEFT), ("Wool.", TEXTS[3]), (LEFT, LEFT)]
    for together, (left, right) in zip(explainer.explain_many(pairs), pairs, strict=True):
        alone, swapped = explainer.explain(left, right), explainer.explain(right, left)
        np.testing.assert_allclose(together.matrix, alone.matrix, atol=1e-5)
        np.testing.assert_allclose(alone.matrix, swapped.matrix.T, atol=1e-5)
        assert [w.saliency for w in together.left.words] == pytest.approx(
            [w.saliency for w in swapped.right.words], abs=1e-4
        )


@pytest.mark.parametrize("method", VECTOR_METHODS)
def test_the_model_is_left_as_it_was(method):
    model = copy.deepcopy(tiny("albert").model).train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with torch.no_grad():
        # transformers leaves hooks of its own once hidden states were asked for.
        model(torch.tensor([[0, 5, 2]]), output_hidden_states=True)
    hooks = [(dict(m._forward_hooks), dict(m._forward_pre_hooks)) for m in model.modules()]
    explainer = Explainer(
        (model, tiny("albert").tokenizer), method=method, options=BTIOptions(ig_steps=2)
    )
    assert explainer.explain(LEFT, RIGHT) == explainer.explain(LEFT, RIGHT)
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert all(module_.training for module_ in model.modules())
    assert all(p.requires_grad and p.grad is None for p in model.parameters())
    assert [(dict(m._forward_hooks), dict(m._forward_pre_hooks)) for m in model.modules()] == hooks
    assert not any("forward" in vars(m) for m in model.modules())


@pytest.mark.parametrize("method", [*VECTOR_METHODS, "maxsim"])
def test_texts_without_tokens_or_words(method):
    for name in ("qwen3", "bert"):
        for left, right in (("", LEFT), ("", ""), (LEFT, "\u200b")):
            explanation = explainer_of(name, method).explain(left, right)
            assert np.isfinite(explanation.matrix).all()
            assert explanation.matrix.shape == (
                len(explanation.left.words),
                len(explanation.right.words),
            )
            assert np.isfinite(explanation.remainder or 0.0)


@pytest.mark.parametrize("method", VECTOR_METHODS)
def test_windows_sum_like_one_row(method):
    """A long text's vector is the mean of its windows': so are the contributions."""
    text = "wool gloves warm hands " * 60
    explainer = explainer_of(method=method, long_text="windows")
    explanation = explainer.explain(text, RIGHT)
    assert len(explanation.left.words) == 240
    values = [word.contribution for word in explanation.left.words]
    assert all(values)
    if method == "token_similarity":
        assert explanation.matrix.sum() == pytest.approx(explanation.similarity, abs=1e-4)
    assert explanation.matrix.sum() + explanation.remainder == pytest.approx(explanation.similarity)


@pytest.mark.parametrize("method", VECTOR_METHODS)
def test_a_distance_is_no_product(folder, method):
    model = pipeline(folder, similarity_fn_name="euclidean")
    with raises(OptionError, "euclidean", "product"):
        Explainer(model, method=method).explain(LEFT, RIGHT)


def test_directions_in_parts_equal_all_at_once(monkeypatch):
    whole = explainer_of(method="bilrp").explain(LEFT, RIGHT)
    monkeypatch.setattr(module, "TOKENS_AT_ONCE", 50)
    np.testing.assert_allclose(
        explainer_of(method="bilrp").explain(LEFT, RIGHT).matrix, whole.matrix, atol=1e-6
    )


def test_a_model_without_forward_mode_says_so():
    """A custom function with a backward only, as fused kernels have."""

    class OneWay(torch.autograd.Function):
        @staticmethod
        def forward(ctx, hidden):
            return hidden * 2

        @staticmethod
        def backward(ctx, gradient):
            return gradient * 2

    model = copy.deepcopy(tiny("bert").model)

    def through(_module, _given, output):
        # A tuple before transformers 5.
        if isinstance(output, tuple):
            return OneWay.apply(output[0]), *output[1:]
        return OneWay.apply(output)

    model.encoder.layer[2].register_forward_hook(through)
    explainer = Explainer((model, tiny("bert").tokenizer), method="bilrp")
    with pytest.raises(ModelError, match="token by token"):
        explainer.explain(LEFT, RIGHT)


@pytest.mark.weights
def test_real_weights_sum_to_the_models_own_score():
    explanation = Explainer("all-MiniLM-L6-v2", method="token_similarity").explain(LEFT, RIGHT)
    assert explanation.completeness_gap < 1e-4
    assert 0.5 < explanation.matrix.sum() / explanation.similarity < 1.0
    best = explanation.matches[0]
    assert {explanation.left.words[best.left].text, explanation.right.words[best.right].text} <= {
        "gloves", "touchscreen-compatible", "smartphone-friendly"
    }  # fmt: skip
