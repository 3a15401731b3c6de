"""``whyalike`` and ``gradient_x_activation`` a second time: layers by hand, finite differences, loops."""

import copy

import numpy as np
import pytest
import torch
from captum.attr import LayerGradientXActivation
from sentence_transformers import SentenceTransformer

from raising import raises
from tiny_models import ARCHITECTURES, TEXTS, tiny
from whyalike import BTIOptions, Explainer
from whyalike.errors import OptionError
from whyalike.models.installed import Pooling, Transformer

LEFT = "Keep hands warm with knit gloves, touchscreen-compatible."
RIGHT = "Smartphone-friendly gloves are cut from stretch wool."


def double_bert():
    return copy.deepcopy(tiny("bert").model).double(), tiny("bert").tokenizer


def _state(output):
    """What a layer gives; before transformers 5, the first of a tuple."""
    return output[0] if isinstance(output, tuple) else output


def layers_of(model, tokenizer, text):
    """The hidden states h_0 .. h_3 of one text, each layer called by hand."""
    encoded = tokenizer(text, return_offsets_mapping=True)
    ids = torch.tensor([encoded["input_ids"]])
    with torch.no_grad():
        states = [model.embeddings(input_ids=ids)]
        for layer in model.encoder.layer:
            states.append(_state(layer(states[-1])))
    return states, encoded["offset_mapping"]


def half_product(vector, other, length):
    """Half the cosine, and half the product by the lengths as they were."""
    cosine = torch.cosine_similarity(vector, other, dim=0)
    return float(0.5 * cosine + 0.5 * vector @ other / (length * other.norm()))


def slopes_at_last_layer(model, state, other, step=1e-5, *, own_method):
    """dC/dh at the input of the last layer, by central differences."""

    def vector_of(h):
        with torch.no_grad():
            return _state(model.encoder.layer[-1](h))[0, 1:-1].mean(0)

    length = vector_of(state).norm()

    def score(h):
        if own_method:
            return half_product(vector_of(h), other, length)
        return float(torch.cosine_similarity(vector_of(h), other, dim=0))

    slopes = np.zeros(tuple(state.shape[1:]))
    for t in range(1, state.shape[1] - 1):
        for k in range(state.shape[2]):
            moved = [state.clone(), state.clone()]
            moved[0][0, t, k] += step
            moved[1][0, t, k] -= step
            slopes[t, k] = (score(moved[0]) - score(moved[1])) / (2 * step)
    return slopes


def presence_by_hand(model, states, other, step=1e-5):
    """How the score changes as a token counts as more than one: in layer 3 and in the mean."""
    length = states[3][0, 1:-1].mean(0).norm()

    def score(weights):
        with torch.no_grad():
            last = _state(model.encoder.layer[2](states[2], weights.log()[None, None, None]))[
                0, 1:-1
            ]
        vector = (last * weights[1:-1, None]).sum(0) / weights[1:-1].sum()
        return half_product(vector, other, length)

    slopes = []
    for t in range(1, states[2].shape[1] - 1):
        moved = torch.ones(2, states[2].shape[1], dtype=torch.double)
        moved[0, t] += step
        moved[1, t] -= step
        slopes.append((score(moved[0]) - score(moved[1])) / (2 * step))
    return slopes


def by_hand(*, own_method):
    """Return, for each text, (start, end) of its tokens and their raw scores, and the cosine."""
    model, tokenizer = double_bert()
    states, offsets = zip(
        *(layers_of(model, tokenizer, text) for text in (LEFT, RIGHT)), strict=True
    )
    vectors = [s[-1][0, 1:-1].mean(0) for s in states]
    scores = []
    for side in (0, 1):
        slopes = slopes_at_last_layer(
            model, states[side][-2], vectors[1 - side], own_method=own_method
        )
        h = states[side][-2][0].numpy()
        mean = h[1:-1].mean(0) if own_method else np.zeros(h.shape[1])
        scores.append([float((h[t] - mean) @ slopes[t]) for t in range(1, len(h) - 1)])
        if own_method:
            presence = presence_by_hand(model, states[side], vectors[1 - side])
            scores[-1] = [(a + b) / 2 for a, b in zip(scores[-1], presence, strict=True)]
    cosine = float(torch.cosine_similarity(*vectors, dim=0))
    return [o[1:-1] for o in offsets], scores, cosine, [s[2][0, 1:-1].numpy() for s in states]


def explain(method, **options):
    model, tokenizer = double_bert()
    return Explainer((model, tokenizer), method=method, options=BTIOptions(**options)).explain(
        LEFT, RIGHT
    )


def tokens_of(word, offsets):
    return [t for t, (a, b) in enumerate(offsets) if a < word.end and b > word.start]


def test_gradient_x_activation_is_the_sum_over_features_at_the_last_layers_input():
    offsets, scores, cosine, _ = by_hand(own_method=False)
    explanation = explain("gradient_x_activation")
    assert explanation.similarity == pytest.approx(cosine)
    for side, own, values in zip(
        (explanation.left, explanation.right), offsets, scores, strict=True
    ):
        expected = [sum(values[t] for t in tokens_of(word, own)) for word in side.words]
        np.testing.assert_allclose([w.contribution for w in side.words], expected, atol=1e-6)
        greatest = max(map(abs, expected))
        np.testing.assert_allclose(
            [w.saliency for w in side.words], [v / greatest for v in expected], atol=1e-5
        )


@pytest.mark.parametrize("name", ["bert", "mpnet", "electra"])
@pytest.mark.parametrize("layer", [1, 2])
def test_gradient_x_activation_equals_captums(name, layer):
    model, tokenizer = tiny(name).parts
    options = BTIOptions(words="token", layer=layer)
    explainer = Explainer((model, tokenizer), method="gradient_x_activation", options=options)
    explanation = explainer.explain(LEFT, RIGHT)
    modules = getattr(model, "layers", None) or model.encoder.layer
    ids = [tokenizer(text, return_tensors="pt")["input_ids"] for text in (LEFT, RIGHT)]

    def vector(given):
        return model(given)[0][:, 1:-1].mean(1)

    for index, side in enumerate((explanation.left, explanation.right)):
        other = vector(ids[1 - index]).detach()
        captums = LayerGradientXActivation(
            lambda given, other=other: torch.cosine_similarity(vector(given), other),
            # A layer of BERT gives a tuple before transformers 5, its last part never.
            getattr(modules[layer - 1], "output", modules[layer - 1]),
        ).attribute(ids[index])
        captums = captums[0] if isinstance(captums, tuple) else captums
        expected = captums.sum(-1)[0, 1:-1].detach().numpy()
        found = [w.contribution for w in side.words]
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_whyalike_a_second_time():
    offsets, scores, cosine, middle = by_hand(own_method=True)
    explanation = explain("whyalike", matching="mutual")
    contributions, vectors = [], []
    for side, own, values, states in zip(
        (explanation.left, explanation.right), offsets, scores, middle, strict=True
    ):
        raw = [sum(values[t] for t in tokens_of(word, own)) for word in side.words]
        rest = (cosine - sum(raw)) / len(raw)
        contributions.append([value + rest for value in raw])
        np.testing.assert_allclose([w.raw_contribution for w in side.words], raw, atol=1e-6)
        vectors.append([states[tokens_of(word, own)].mean(0) for word in side.words])
        np.testing.assert_allclose(
            [w.contribution for w in side.words], contributions[-1], atol=1e-6
        )
        assert sum(w.contribution for w in side.words) == pytest.approx(cosine)
    cosines = [
        [float(u @ v / np.linalg.norm(u) / np.linalg.norm(v)) for v in vectors[1]]
        for u in vectors[0]
    ]
    expected = {}
    for i, row in enumerate(cosines):
        for j, value in enumerate(row):
            if value == max(row) == max(other[j] for other in cosines) and value > 0:
                expected[i, j] = (value, (contributions[0][i] + contributions[1][j]) / 2)
    found = {(p.left, p.right): (p.similarity, p.score) for p in explanation.matches}
    assert found.keys() == expected.keys()
    for place, numbers in expected.items():
        assert found[place] == pytest.approx(numbers, abs=1e-6)
    assert explanation.completeness_gap == pytest.approx(0, abs=1e-12)
    softly = explain("whyalike")
    assert softly.matches == explain("whyalike", matching="soft", latent_layer=2).matches
    assert [w.contribution for w in softly.left.words] == [
        w.contribution for w in explanation.left.words
    ]


def test_pairs_and_words_without_a_partner_sum_to_the_similarity():
    explanation = Explainer(tiny("roberta").parts, method="whyalike").explain(TEXTS[0], TEXTS[1])
    left, right = explanation.left.words, explanation.right.words
    alone = [
        w.contribution for n, w in enumerate(left) if n not in {p.left for p in explanation.matches}
    ]
    alone += [
        w.contribution
        for n, w in enumerate(right)
        if n not in {p.right for p in explanation.matches}
    ]
    assert explanation.remainder == pytest.approx(sum(alone) / 2, abs=1e-6)
    whole = sum(p.score for p in explanation.matches) + explanation.remainder
    assert whole == pytest.approx(explanation.similarity)


@pytest.mark.parametrize("objective", ["similarity", "dot"])
def test_contributions_are_in_units_of_the_similarity_whatever_was_differentiated(objective):
    """Two equal texts, or the product: scaled to the cosine, of which no word has more than all."""
    explainer = Explainer(
        tiny("bert").parts, method="whyalike", options=BTIOptions(objective=objective)
    )
    for pair in ((LEFT, LEFT), (LEFT, RIGHT)):
        explanation = explainer.explain(*pair)
        for side in (explanation.left, explanation.right):
            total = sum(w.contribution for w in side.words)
            assert total == pytest.approx(explanation.similarity, abs=1e-6)
            assert max(abs(w.contribution) for w in side.words) < 1


@pytest.fixture(scope="module")
def distances(tmp_path_factory):
    """A pipeline whose similarity is minus the distance."""
    path = str(tmp_path_factory.mktemp("own-method"))
    tiny("bert").model.save_pretrained(path)
    tiny("bert").tokenizer.save_pretrained(path)
    return SentenceTransformer(
        modules=[Transformer(path), Pooling(32)], device="cpu", similarity_fn_name="euclidean"
    )


def test_the_product_in_the_place_of_a_distance_keeps_its_sign(distances):
    """A word that raises the product adds: the scale to a distance, of minus sign, is not below 0.

    With mean pooling the product's gradient is that of the cosine's objective "dot".
    """
    options = BTIOptions(objective="dot")
    found = Explainer(distances, method="gradient_x_activation", options=options)
    bare = Explainer(tiny("bert").parts, method="gradient_x_activation", options=options)
    other = Explainer(distances, method="gradient_x_activation", options=options, pooling="paper")
    expected = bare.explain(LEFT, RIGHT).left.words
    for explainer, least in ((found, 0.9), (other, 0.999)):
        words = explainer.explain(LEFT, RIGHT).left.words
        values = [[w.contribution for w in of] for of in (words, expected)]
        assert np.corrcoef(values)[0, 1] > least


@pytest.mark.parametrize("method", ["whyalike", "gradient_x_activation"])
def test_no_word_adds_to_a_distance_of_zero_and_the_warning_says_so(distances, method):
    explanation = Explainer(distances, method=method).explain(LEFT, LEFT)
    assert {w.contribution for w in explanation.left.words} == {0.0}
    assert "their distance is 0, and no word adds to it" in explanation.warnings[0]
    assert not any("unnormalised product" in said for said in explanation.warnings)


def test_one_word_has_the_whole_score_and_no_warning_says_that_it_has_nothing():
    """Less the mean of its text's tokens a single token is zero; its even share is everything."""
    explanation = Explainer(tiny("bert").parts, method="whyalike").explain("gloves", "wool")
    for side in (explanation.left, explanation.right):
        assert side.words[0].contribution == pytest.approx(explanation.similarity)
        assert abs(side.words[0].saliency) == 1
    assert explanation.warnings == ()


def test_the_scale_of_a_product_is_that_of_the_similarity():
    """Doubling every vector quadruples the product, and must not change what words add."""
    model, tokenizer = double_bert()
    options = BTIOptions(objective="dot")
    one = Explainer((model, tokenizer), method="gradient_x_activation", options=options)
    before = one.explain(LEFT, RIGHT)
    model.encoder.layer[-1].output.LayerNorm.weight.data *= 2
    model.encoder.layer[-1].output.LayerNorm.bias.data *= 2
    after = one.explain(LEFT, RIGHT)
    assert after.similarity == pytest.approx(before.similarity)
    np.testing.assert_allclose(
        [w.contribution for w in after.left.words], [w.contribution for w in before.left.words]
    )


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("depth", [1, 2, 12])
def test_the_layers_are_chosen_by_the_depth(name, depth):
    """Models of other depths: the last layer's input, and the middle, whatever the number."""
    small = tiny(name)
    config = copy.deepcopy(small.model.config)
    key = {"distilbert": "n_layers", "t5": "num_layers"}.get(name, "num_hidden_layers")
    if getattr(config, "layer_types", None):  # ModernBERT has them from transformers 5 on.
        config.layer_types = (config.layer_types * depth)[:depth]
    setattr(config, key, depth)
    with torch.random.fork_rng():
        torch.manual_seed(2)
        model = type(small.model)(config).eval()
    parts = model, small.tokenizer
    default = Explainer(parts, method="whyalike", pooling=small.pooling)
    chosen = BTIOptions(layer=depth - 1, latent_layer=-(-depth // 2))
    by_name = Explainer(parts, method="whyalike", pooling=small.pooling, options=chosen)
    first, second = default.explain(LEFT, RIGHT), by_name.explain(LEFT, RIGHT)
    assert first.left == second.left
    assert first.matches == second.matches


def test_a_layer_that_is_not_there():
    with raises(OptionError, "layer", "9", "BertModel", "0", "3"):
        explain("gradient_x_activation", layer=9)


def test_mutual_matching_for_any_method():
    nearest, mutual = explain("bti"), explain("bti", matching="mutual")
    assert set(mutual.matches) < set(nearest.matches)
    assert mutual.left.unmatched
    assert explain("whyalike", matching="nearest").remainder is None
