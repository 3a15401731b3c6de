"""Occlusion and Shapley values, against loops over all coalitions of words written out here."""

import copy
from itertools import combinations, permutations
from math import factorial
from zlib import crc32

import numpy as np
import pytest

from raising import raises
from tiny_models import TEXTS, tiny
from whyalike import BTIOptions, Explainer
from whyalike.errors import OptionError
from whyalike.methods.method import PreparedText
from whyalike.methods.shapley import orders_of
from whyalike.texts import find_words
from whyalike.words import align

LEFT, RIGHT = "warm knit wool gloves here", "soft warm hats"
FUNCTIONS = ["cosine", "dot", "euclidean", "manhattan"]


def embed(texts):
    """Vectors in which words depend on each other and on their order; also without any word."""
    vectors = []
    for text in texts:
        total = np.array([0.3, -0.2, 0.5, 0.1])
        for place, word in enumerate(text.split()):
            own = np.random.default_rng(crc32(word.encode())).normal(size=4)
            total = np.tanh(total + own * (1 + 0.1 * place)) + 0.2 * own
        vectors.append(total)
    return np.array(vectors)


def score(function, left, right):
    """Four similarities with plain numbers; a text without words has the zero vector."""
    one, other = ([0.0] * 4 if not t else embed([t])[0].tolist() for t in (left, right))
    if function == "euclidean":
        return -(sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5)
    if function == "manhattan":
        return -sum(abs(a - b) for a, b in zip(one, other, strict=True))
    product = sum(a * b for a, b in zip(one, other, strict=True))
    if function == "dot":
        return product
    lengths = [sum(a * a for a in v) ** 0.5 for v in (one, other)]
    return product / (lengths[0] * lengths[1]) if all(lengths) else 0.0


def some(text, kept):
    return " ".join(word for n, word in enumerate(text.split()) if n in kept)


def explain(method, left=LEFT, right=RIGHT, function="cosine", **options):
    explainer = Explainer(
        embed=embed, method=method, similarity_function=function, options=BTIOptions(**options)
    )
    return explainer.explain(left, right)


def contributions(side):
    return [word.contribution for word in side.words]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_occlusion_is_the_fall_of_the_score_and_pairs_are_what_only_both_explain(function):
    explanation = explain("occlusion", function=function)
    whole = score(function, LEFT, RIGHT)
    assert explanation.similarity == pytest.approx(whole, abs=1e-12)
    for i in range(5):
        left = some(LEFT, set(range(5)) - {i})
        expected = whole - score(function, left, RIGHT)
        assert explanation.left.words[i].contribution == pytest.approx(expected, abs=1e-12)
        for j in range(3):
            right = some(RIGHT, set(range(3)) - {j})
            expected = (
                whole
                - score(function, left, RIGHT)
                - score(function, LEFT, right)
                + score(function, left, right)
            )
            assert explanation.matrix[i, j] == pytest.approx(expected, abs=1e-12)
    for j in range(3):
        expected = whole - score(function, LEFT, some(RIGHT, set(range(3)) - {j}))
        assert explanation.right.words[j].contribution == pytest.approx(expected, abs=1e-12)
    greatest = max(abs(c) for c in contributions(explanation.left))
    for word in explanation.left.words:
        assert word.saliency == pytest.approx(word.contribution / greatest)
    assert explanation.remainder is None
    assert explanation.completeness_gap is None


def weighted_coalitions(count, joining):
    """Each set of other words, with the part of all orders in which it stands before a word."""
    others = [n for n in range(count) if n != joining]
    for size in range(count):
        weight = factorial(size) * factorial(count - size - 1) / factorial(count)
        for chosen in combinations(others, size):
            yield weight, set(chosen)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_shapley_over_all_orders_is_the_sum_over_all_coalitions(function):
    explanation = explain("shapley", function=function, permutations=60)
    for i in range(5):
        expected = sum(
            weight
            * (
                score(function, some(LEFT, before | {i}), RIGHT)
                - score(function, some(LEFT, before), RIGHT)
            )
            for weight, before in weighted_coalitions(5, i)
        )
        assert explanation.left.words[i].contribution == pytest.approx(expected, abs=1e-12)
        for j in range(3):
            expected = sum(
                weight
                * other_weight
                * (
                    score(function, some(LEFT, before | {i}), some(RIGHT, other | {j}))
                    - score(function, some(LEFT, before), some(RIGHT, other | {j}))
                    - score(function, some(LEFT, before | {i}), some(RIGHT, other))
                    + score(function, some(LEFT, before), some(RIGHT, other))
                )
                for weight, before in weighted_coalitions(5, i)
                for other_weight, other in weighted_coalitions(3, j)
            )
            assert explanation.matrix[i, j] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("sampled", [1, 7])
def test_sampled_shapley_sums_exactly(function, sampled):
    explanation = explain("shapley", function=function, permutations=sampled)
    whole = score(function, LEFT, RIGHT)
    left_gone, right_gone = score(function, "", RIGHT), score(function, LEFT, "")
    assert sum(contributions(explanation.left)) == pytest.approx(whole - left_gone, abs=1e-12)
    assert sum(contributions(explanation.right)) == pytest.approx(whole - right_gone, abs=1e-12)
    expected = whole - left_gone - right_gone + score(function, "", "")
    assert explanation.matrix.sum() == pytest.approx(expected, abs=1e-12)
    assert explanation.remainder == pytest.approx(whole - expected, abs=1e-12)
    assert explanation.completeness_gap < 1e-9


def test_sampled_shapley_is_the_mean_over_its_orders():
    options = {"permutations": 3, "seed": 4}
    explanation = explain("shapley", **options)
    prepared = [
        PreparedText(tokens, align(tokens.text, find_words(tokens.text), tokens.offsets))
        for tokens in Explainer(embed=embed).model.tokenize([LEFT, RIGHT])
    ]
    lefts, rights = (orders_of(text, options=BTIOptions(**options)).tolist() for text in prepared)
    assert (len(lefts), len(rights)) == (6, 6)
    matrix, mean = np.zeros((5, 3)), np.zeros(5)
    for order in lefts:
        for place, i in enumerate(order):
            before, after = set(order[:place]), set(order[: place + 1])
            rise = [score("cosine", some(LEFT, kept), RIGHT) for kept in (before, after)]
            mean[i] += (rise[1] - rise[0]) / 6
            for other in rights:
                for spot, j in enumerate(other):
                    for sign, kept in ((-1, before), (1, after)):
                        for also, shown in ((-1, other[:spot]), (1, other[: spot + 1])):
                            value = score("cosine", some(LEFT, kept), some(RIGHT, shown))
                            matrix[i, j] += sign * also * value / 36
    np.testing.assert_allclose(contributions(explanation.left), mean, atol=1e-12)
    np.testing.assert_allclose(explanation.matrix, matrix, atol=1e-12)


def text_of(count, tail=""):
    text = " ".join(f"w{n}" for n in range(count)) + tail
    (tokens,) = Explainer(embed=embed).model.tokenize([text])
    return PreparedText(tokens, align(text, find_words(text), tokens.offsets))


def test_orders_come_with_their_reverses_and_from_seed_and_text_alone():
    options = BTIOptions(permutations=4)
    orders = orders_of(text_of(9), options=options)
    assert orders.shape == (8, 9)
    np.testing.assert_array_equal(orders[4:], orders[:4, ::-1])
    assert all(sorted(order) == list(range(9)) for order in orders.tolist())
    np.testing.assert_array_equal(orders, orders_of(text_of(9), options=options))
    assert (orders != orders_of(text_of(9), options=BTIOptions(permutations=4, seed=1))).any()
    assert (orders != orders_of(text_of(9, tail=" "), options=options)).any()


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_few_words_get_every_order_once(count):
    orders = orders_of(text_of(count), options=BTIOptions(permutations=3)).tolist()
    assert sorted(map(tuple, orders)) == sorted(permutations(range(count)))


@pytest.mark.parametrize("name", ["bert", "qwen3", "deberta-v2"])
@pytest.mark.parametrize("perturbation", ["drop", "mask"])
def test_a_models_occlusion_is_the_score_of_texts_cut_by_hand(name, perturbation):
    model = tiny(name)
    options = BTIOptions(perturbation=perturbation)
    by_score = Explainer(model.parts, pooling=model.pooling)
    left, right = TEXTS[0], "These gloves: wool."
    explanation = Explainer(
        model.parts, pooling=model.pooling, method="occlusion", options=options
    ).explain(left, right)
    assert explanation.similarity == pytest.approx(
        by_score.explain(left, right).similarity, abs=1e-6
    )
    mask = model.tokenizer.mask_token
    cut = (
        [
            "gloves: wool.",
            "These: wool.",
            "These gloves wool.",
            "These gloves:.",
            "These gloves: wool",
        ]
        if perturbation == "drop"
        else [
            f"{mask} gloves: wool.",
            f"These {mask}: wool.",
            f"These gloves{mask} wool.",
            f"These gloves: {mask}.",
            f"These gloves: wool{mask}",
        ]
    )
    expected = [
        explanation.similarity - found.similarity
        for found in by_score.explain_many([(left, text) for text in cut])
    ]
    np.testing.assert_allclose(contributions(explanation.right), expected, atol=2e-5)


@pytest.mark.parametrize("method", ["occlusion", "shapley"])
def test_batch_is_single_and_swapping_mirrors(method):
    options = BTIOptions(permutations=2)
    explainer = Explainer(tiny("bert").parts, method=method, options=options, batch_size=3)
    pairs = [
        (TEXTS[0], "soft wool gloves"),
        ("These hats", TEXTS[1]),
        ("", "gloves"),
        ("wool hats", "wool hats"),
    ]
    for batched, (left, right) in zip(explainer.explain_many(pairs), pairs, strict=True):
        single, swapped = explainer.explain(left, right), explainer.explain(right, left)
        for found in (
            (batched.matrix, single.matrix),
            (batched.matrix.T, swapped.matrix),
            (contributions(batched.left), contributions(single.left)),
            (contributions(batched.left), contributions(swapped.right)),
        ):
            np.testing.assert_allclose(*found, atol=1e-5)


@pytest.mark.parametrize("method", ["occlusion", "shapley"])
def test_words_beyond_the_limit_do_not_move_up(method):
    """A cut text is explained as if it ended where the model stops reading."""
    model, tokenizer = tiny("bert").parts
    tokenizer = copy.deepcopy(tokenizer)
    tokenizer.model_max_length = 22
    options = BTIOptions(permutations=1)
    explainer = Explainer((model, tokenizer), method=method, options=options)
    read = "gloves wool " * 9 + "warm hands"  # 20 tokens, and two special ones
    cut = explainer.explain(read + " lemon zest and white flowers", "These warm gloves")
    whole = explainer.explain(read, "These warm gloves")
    assert (cut.left.unread_words, whole.left.unread_words) == (5, 0)
    assert len(cut.left.words) == 20
    assert cut.similarity == pytest.approx(whole.similarity, abs=1e-6)
    if method == "occlusion":
        np.testing.assert_allclose(contributions(cut.left), contributions(whole.left), atol=1e-5)
    else:
        assert cut.completeness_gap < 1e-3


def test_windows_are_read_to_their_end():
    options = BTIOptions(long_text="windows")
    explainer = Explainer(tiny("bert").parts, method="occlusion", options=options)
    explanation = explainer.explain("gloves " * 170 + "wool", "wool hats")
    assert len(explanation.left.words) == 171
    last = explanation.left.words[-1].contribution
    without = explainer.explain("gloves " * 169 + "gloves", "wool hats").similarity
    assert last == pytest.approx(explanation.similarity - without, abs=1e-5)


def test_a_model_without_a_mask_token_can_only_drop():
    with raises(OptionError, "embed", "mask token", "'drop'"):
        explain("occlusion", perturbation="mask")


@pytest.mark.parametrize("method", ["occlusion", "shapley"])
def test_a_models_word_pairs_show_the_cosine_of_latent_vectors(method):
    options = BTIOptions(permutations=1)
    pair = "warm gloves", "wool gloves"
    latent = Explainer(tiny("bert").parts, method="bti").explain(*pair)
    explanation = Explainer(tiny("bert").parts, method=method, options=options).explain(*pair)
    cosines = {(m.left, m.right): m.similarity for m in latent.matches}
    shared = [m for m in explanation.matches if (m.left, m.right) in cosines]
    assert shared
    for match in shared:
        assert match.similarity == pytest.approx(cosines[match.left, match.right], abs=1e-5)
        assert match.score == pytest.approx(explanation.matrix[match.left, match.right])
