"""TopWords against scikit-learn's MeanShift and a naive ranking of clusters by centroid."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import MeanShift
from sklearn.cluster import estimate_bandwidth as reference_bandwidth

from whyalike.explanation import WordPair
from whyalike.options import BTIOptions
from whyalike.selection import best_first, top_words


def pairs_of(scores):
    """Pairs with these scores, whose positions say where they were in the list."""
    return tuple(WordPair(n, 2 * n, 0.5, float(score)) for n, score in enumerate(scores))


def scores_of(pairs):
    return [pair.score for pair in pairs]


def select_slowly(scores, options):
    """The positions that Algorithm 1 keeps, by scikit-learn's clusters."""
    values = np.array(scores) ** 2 if options.square_scores else np.array(scores)
    points = values.reshape(-1, 1)
    bandwidth = options.bandwidth
    if bandwidth is None:
        bandwidth = reference_bandwidth(points, quantile=options.quantile)
    shifted = MeanShift(bandwidth=bandwidth).fit(points)
    centers = shifted.cluster_centers_[:, 0]
    kept = set()
    for position, label in enumerate(shifted.labels_):
        index = sum(1 for center in centers if center > centers[label])
        if index < options.top_k or (options.top_k_inclusive and index == options.top_k):
            kept.add(position)
    return kept


OPTIONS = {
    "default": BTIOptions(),
    "first": BTIOptions(top_k=1),
    "first five": BTIOptions(top_k=5),
    "inclusive": BTIOptions(top_k_inclusive=True),
    "squared": BTIOptions(square_scores=True),
    "low quantile": BTIOptions(quantile=0.2),
    "high quantile": BTIOptions(quantile=0.6, top_k=1),
    "bandwidth": BTIOptions(bandwidth=0.08),
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(12, 40), signed=st.booleans())
def test_the_selection_is_that_of_scikit_learn_and_a_naive_ranking(options, seed, count, signed):
    random = np.random.default_rng(seed)
    scores = random.uniform(-1 if signed else 0, 1, size=count) ** 3
    matches = pairs_of(scores)
    selected = top_words(matches, options=options)
    assert {pair.left for pair in selected} == select_slowly(scores, options)
    assert scores_of(selected) == sorted(scores_of(selected), reverse=True)
    assert set(selected) <= set(matches)


GROUPS = [0.9, 0.05, 0.91, 0.5, 0.06, 0.49, 0.92, 0.04, 0.51, 0.05, 0.9, 0.5]


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        (BTIOptions(bandwidth=0.1, top_k=1), {0.9, 0.91, 0.92}),
        (BTIOptions(bandwidth=0.1), {0.9, 0.91, 0.92, 0.49, 0.5, 0.51}),
        (
            BTIOptions(bandwidth=0.1, top_k=1, top_k_inclusive=True),
            {0.9, 0.91, 0.92, 0.49, 0.5, 0.51},
        ),
        (BTIOptions(bandwidth=0.1, top_k=3), set(GROUPS)),
        (BTIOptions(bandwidth=0.1, top_k=99), set(GROUPS)),
        (BTIOptions(bandwidth=5.0, top_k=1), set(GROUPS)),
    ],
)
def test_top_k_counts_clusters_from_the_highest(options, kept):
    assert set(scores_of(top_words(pairs_of(GROUPS), options=options))) == kept


def test_squares_bring_negative_scores_to_the_top():
    scores = [-0.9, -0.91, 0.1, 0.11, 0.12, 0.1]
    plain = top_words(pairs_of(scores), options=BTIOptions(bandwidth=0.05, top_k=1))
    squared = top_words(
        pairs_of(scores), options=BTIOptions(bandwidth=0.05, top_k=1, square_scores=True)
    )
    assert set(scores_of(plain)) == {0.1, 0.11, 0.12}
    assert set(scores_of(squared)) == {-0.9, -0.91}


@pytest.mark.parametrize("count", [1, 2, 7, 30])
@pytest.mark.parametrize("score", [0.0, 0.5, -0.25])
@pytest.mark.parametrize("top_k", [1, 2])
def test_equal_scores_are_one_cluster_so_all_are_kept(count, score, top_k):
    matches = pairs_of([score] * count)
    assert top_words(matches, options=BTIOptions(top_k=top_k)) == matches


def test_without_matches_nothing_is_selected():
    assert top_words((), options=BTIOptions()) == ()


def test_pairs_that_are_listed_twice_stay_listed_twice():
    pair = WordPair(0, 0, 0.5, 0.5)
    assert top_words((pair, pair), options=BTIOptions()) == (pair, pair)


def test_best_first_breaks_ties_in_reading_order():
    pairs = [
        WordPair(2, 0, 0, 0.5),
        WordPair(0, 1, 0, 0.5),
        WordPair(0, 0, 0, 0.5),
        WordPair(9, 9, 0, 0.7),
    ]
    assert [(pair.left, pair.right) for pair in best_first(pairs)] == [
        (9, 9),
        (0, 0),
        (0, 1),
        (2, 0),
    ]
