"""MatchWords against a second, slow implementation written from Algorithm 1."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whyalike import matching as nearest
from whyalike.arrays import ON_ONE_THREAD, WordSaliency, products
from whyalike.explanation import WordPair
from whyalike.matching import cosine_matrix, match_words


def side(vectors, saliency=None, matchable=None):
    vectors = np.array(vectors, dtype=np.float64)
    count = len(vectors)
    return WordSaliency(
        spans=tuple((2 * n, 2 * n + 1) for n in range(count)),
        saliency=np.ones(count) if saliency is None else np.array(saliency, dtype=np.float64),
        vectors=vectors,
        matchable=np.ones(count, dtype=bool) if matchable is None else np.array(matchable),
    )


NOTHING = side(np.zeros((0, 2)))


def cosine(a, b):
    lengths = math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(x * x for x in b))
    return sum(x * y for x, y in zip(a, b, strict=True)) / lengths if lengths else 0.0


def match_one_way(source, target):
    """Algorithm 1, MatchWords: for each word i the best ĉ so far and the word j that gave it."""
    found = []
    for i in range(len(source.vectors)):
        if not source.matchable[i]:
            continue
        best, best_j = None, None
        for j in range(len(target.vectors)):
            if not target.matchable[j]:
                continue
            c = cosine(source.vectors[i], target.vectors[j])
            # Close cosines are one tie here, however the sum was rounded.
            if best is None or c > best + 1e-9:
                best, best_j = c, j
        if best_j is not None:
            found.append((i, best_j, best))
    return found


def match_slowly(left, right, *, union):
    forward = match_one_way(left, right)
    backward = [(i, j, c) for j, i, c in match_one_way(right, left)]
    result = []
    for i, j, c in forward + backward:
        if union and (i, j) in [(known[0], known[1]) for known in result]:
            continue
        result.append((i, j, c, c * left.saliency[i] * right.saliency[j]))
    return result


# Whole numbers whose squares sum to few different lengths: ties and zero vectors are common.
VECTOR = st.sampled_from(
    [(0, 0, 0), (1, 0, 0), (2, 0, 0), (0, 1, 0), (0, 0, -3), (-1, 0, 0), (3, 4, 0), (0, 3, 4),
     (4, -3, 0), (1, 2, 2), (-2, 1, 2), (1, 1, 1), (5, 0, 12)]
)  # fmt: skip


@st.composite
def sides(draw):
    vectors = draw(st.lists(VECTOR, max_size=6))
    count = len(vectors)
    saliency = draw(st.lists(st.floats(-1, 1), min_size=count, max_size=count))
    matchable = draw(st.lists(st.booleans(), min_size=count, max_size=count))
    return side(np.array(vectors).reshape(-1, 3), saliency, np.array(matchable, dtype=bool))


def with_distinct_cosines(left, right):
    """Whether no two cosines differ by rounding alone: then a tie is exact or there is none."""
    cosines = cosine_matrix(left.vectors, right.vectors)
    for line in [*cosines, *cosines.T]:
        steps = np.diff(np.sort(line))
        if np.any((steps > 0) & (steps < 1e-9)):
            return False
    return True


@settings(deadline=None)
@given(sides(), sides(), st.booleans())
def test_matches_are_those_of_the_slow_algorithm(left, right, union):
    matches = match_words(left, right, union=union)
    expected = match_slowly(left, right, union=union)
    if with_distinct_cosines(left, right):
        assert [(pair.left, pair.right) for pair in matches] == [(i, j) for i, j, _, _ in expected]
    assert len(matches) == len(expected) or not with_distinct_cosines(left, right)
    for pair in matches:
        exact = cosine(left.vectors[pair.left], right.vectors[pair.right])
        assert pair.similarity == pytest.approx(exact, abs=1e-12)
        saliencies = left.saliency[pair.left] * right.saliency[pair.right]
        if left.saliency[pair.left] < 0 and right.saliency[pair.right] < 0:
            saliencies *= -1
        assert pair.score == pytest.approx(exact * saliencies, abs=1e-12)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 9), st.booleans())
def test_random_vectors_have_no_ties_so_both_agree_exactly(seed, rows, columns, union):
    random = np.random.default_rng(seed)
    left = side(random.normal(size=(rows, 4)), random.uniform(size=rows))
    right = side(random.normal(size=(columns, 4)), random.uniform(size=columns))
    expected = match_slowly(left, right, union=union)
    matches = match_words(left, right, union=union)
    assert [(pair.left, pair.right) for pair in matches] == [(i, j) for i, j, _, _ in expected]
    np.testing.assert_allclose(
        [(pair.similarity, pair.score) for pair in matches],
        [(c, score) for _, _, c, score in expected],
        atol=1e-12,
    )


def test_the_score_takes_the_saliency_of_the_matched_word():
    # Left word 0 goes with right word 1; the stale index of the paper would take right word 2.
    left = side([[1, 0]], [0.5])
    right = side([[0, 1], [3, 4], [-1, 0]], [0.9, 0.4, 0.7])
    assert match_words(left, right)[0] == WordPair(0, 1, 0.6, pytest.approx(0.6 * 0.5 * 0.4))


def test_the_first_of_two_equal_words_is_matched():
    left, right = side([[1, 0]]), side([[0, 1], [2, 0], [2, 0]])
    assert [(pair.left, pair.right) for pair in match_words(left, right)] == [
        (0, 1),
        (0, 0),
        (0, 2),
    ]


def test_pairs_come_in_the_order_of_the_algorithm_with_left_first():
    left, right = side([[0, 1], [1, 0]]), side([[1, 0], [1, 1], [0, 1]])
    pairs = [(pair.left, pair.right) for pair in match_words(left, right)]
    assert pairs == [(0, 2), (1, 0), (0, 1)]


def test_a_pair_found_from_both_sides_is_kept_once():
    left, right = side([[1, 0], [0, 1]]), side([[1, 0], [0, 1]])
    assert [(pair.left, pair.right) for pair in match_words(left, right)] == [(0, 0), (1, 1)]


def test_without_union_both_lists_are_kept():
    left, right = side([[1, 0], [0, 1]]), side([[1, 0], [0, 1]])
    pairs = [(pair.left, pair.right) for pair in match_words(left, right, union=False)]
    assert pairs == [(0, 0), (1, 1), (0, 0), (1, 1)]


def test_words_spelt_alike_at_two_positions_are_never_merged():
    # "soft ... soft" against "soft": both positions match the one word, and both pairs stay.
    left, right = side([[1, 0], [1, 0]], [0.9, 0.9]), side([[1, 0]], [0.5])
    assert match_words(left, right) == (WordPair(0, 0, 1.0, 0.45), WordPair(1, 0, 1.0, 0.45))


def test_a_negative_cosine_stays_negative():
    pairs = match_words(side([[1, 0]], [0.5]), side([[-2, 0]], [0.5]))
    assert pairs == (WordPair(0, 0, -1.0, -0.25),)


def test_a_zero_vector_has_cosine_zero_with_everything():
    pairs = match_words(side([[0, 0]]), side([[-1, 0], [1, 0]]))
    assert pairs == (WordPair(0, 0, 0.0, 0.0), WordPair(0, 1, 0.0, 0.0))


def test_a_word_without_tokens_matches_nothing_and_is_matched_by_nothing():
    left = side([[0, 0], [1, 0]], matchable=[False, True])
    right = side([[-1, 0], [0, 0]], matchable=[True, False])
    assert match_words(left, right) == (WordPair(1, 0, -1.0, -1.0),)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (NOTHING, NOTHING),
        (NOTHING, side([[1, 0]])),
        (side([[1, 0]]), NOTHING),
        (side([[1, 0]], matchable=[False]), side([[1, 0]])),
    ],
)
def test_where_a_side_has_no_words_there_are_no_pairs(left, right):
    assert match_words(left, right) == ()


def test_cosines_never_leave_minus_one_to_one():
    random = np.random.default_rng(0)
    vectors = random.normal(size=(60, 7)) * 10.0 ** random.integers(-20, 20, size=(60, 1))
    cosines = cosine_matrix(vectors, np.concatenate([vectors, -vectors]))
    assert cosines.max() == pytest.approx(1.0)
    assert cosines.min() == pytest.approx(-1.0)
    assert np.all(np.abs(cosines) <= 1.0)


@settings(deadline=None)
@given(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
def test_lengths_of_vectors_do_not_matter(a, b):
    vectors = np.array([[1.0, 2.0], [-3.0, 1.0]])
    np.testing.assert_allclose(
        cosine_matrix(a * vectors, b * vectors), cosine_matrix(vectors, vectors), atol=1e-12
    )


def test_blocks_change_nothing(monkeypatch):
    random = np.random.default_rng(4)
    left = side(random.integers(-2, 3, size=(23, 3)).astype(float))
    right = side(random.integers(-2, 3, size=(17, 3)).astype(float))
    whole = match_words(left, right)
    monkeypatch.setattr(nearest, "BLOCK", 4)
    assert match_words(left, right) == whole


@pytest.mark.parametrize(
    "shape", [(0, 3, 5), (3, 0, 5), (7, 4, 384), (90, 150, 384), (3, 900, 384)]
)
def test_products_in_blocks_are_the_products(shape):
    rows, columns, width = shape
    random = np.random.default_rng(0)
    left, right = random.standard_normal((rows, width)), random.standard_normal((columns, width))
    np.testing.assert_allclose(products(left, right), left @ right.T, rtol=0, atol=1e-11)


def test_no_product_of_two_texts_words_wakes_other_threads(monkeypatch):
    vectors = np.random.default_rng(0).standard_normal((150, 384))
    left, right = side(vectors[:60]), side(vectors)
    asked = []

    def watched(one, other, **named):
        asked.append(one.shape[0] * one.shape[1] * other.shape[1])
        return np.einsum("ih,hj->ij", one, other, **named)

    monkeypatch.setattr(np, "matmul", watched)
    assert nearest.match_softly(left, right)
    assert asked
    assert max(asked) <= ON_ONE_THREAD
