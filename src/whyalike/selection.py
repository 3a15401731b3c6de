"""Which of the matches explain the similarity: pairs of content words, or TopWords.

TopWords are the highest clusters of exact MeanShift: one-dimensional, with a flat kernel, for the
scores of word pairs. It gives the labels and centers of scikit-learn's ``MeanShift`` on its
``estimate_bandwidth``, for 120
values five hundred times faster. Where the two differ (rates: bandwidth estimated, quantile 0.3,
up to 150 values; every difference found is of one of these kinds, and the tests pin one of each):

* Equal values at bandwidth 0 (always up to 6 values, or where each has its k-th neighbour at
  distance 0). The reference's mean of k equal values can be a last bit off; it then finds nobody
  around and drops them, or raises if none are left. Here they are a cluster. 16% of samples drawn
  from N/4 numbers.
* Ties that rounding decides: a value at bandwidth from a mean, two modes at bandwidth, a value
  midway between two centers. Below 12 values, below 12 modes and up to 3 centers the reference
  rounds x^2 - 2xy + y^2; its means have other last bits. Here differences are compared, so that
  the place of zero does not matter. 0 of 39,510 samples of continuous scores, 0.04% on dyadic
  lattices, 1.1% on hundredths, 5.4% on tenths.
* Exactly midway among more than 60 centers: the reference takes whichever its tree visits first,
  here it is the better ranked one, as in the reference up to 60.
* Differences below 1e-154 or above 1e154, whose squares the reference under- or overflows.
* A quantile with ``int(N * quantile) >= N // 2`` (about 0.5): the reference takes the distances
  from the same expansion, and the bandwidths differ by about 1e-11 of their size.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from typing import Self

import numpy as np
from numpy.typing import NDArray

from whyalike.arrays import Floats
from whyalike.errors import OptionError
from whyalike.explanation import WordPair
from whyalike.options import BTIOptions, Selection
from whyalike.stop_words import function_words_of
from whyalike.texts import is_mark

Indices = NDArray[np.intp]
_MAX_ITER = 300
_STOP = 1e-3
_BATCH = 500

IN_A_TABLE = 2**16
"""Distances of values and means that are compared as one table: for those of two texts' matches
that is a fifth of the calls that bisecting takes."""


@dataclass(frozen=True, eq=False)
class Clusters:
    """What MeanShift found. labels: (N,), indices into centers. centers: (K,), densest first."""

    labels: Indices
    centers: Floats
    bandwidth: float


def estimate_bandwidth(values: Floats, *, quantile: float = 0.3) -> float:
    """Return the mean distance from each of the (N,) values to its k-th nearest, itself included.

    k is ``max(1, int(N * quantile))``: up to N = 6 the default gives 0. O(N log N).

    Source: ``sklearn.cluster.estimate_bandwidth``.
    Raises OptionError on values that are not finite or not one-dimensional, or on a quantile
    outside [0, 1].
    """
    return _bandwidth_of(_checked(values), quantile)


def mean_shift(
    values: Floats, *, bandwidth: float | None = None, quantile: float = 0.3
) -> Clusters:
    """Cluster the (N,) values by the mode that each climbs to; a bandwidth overrides the quantile.

    Sources: Fukunaga and Hostetler 1975, "The estimation of the gradient of a density function";
    Comaniciu and Meer 2002, "Mean shift"; ``sklearn.cluster.MeanShift`` is the reference for
    the stopping rule, the merging of modes and the order of the centers.
    Raises OptionError on values that are not finite or not one-dimensional, on a quantile
    outside [0, 1], or on a negative or NaN bandwidth.
    """
    checked = _checked(values)
    if bandwidth is None:
        bandwidth = _bandwidth_of(checked, quantile)
    elif not bandwidth >= 0:
        raise OptionError(f"bandwidth is {bandwidth}; give 0 or more, or None.")
    centers = _merged(*_climb(_Points.of(checked), bandwidth), bandwidth)
    return Clusters(_nearest(checked, centers), centers, float(bandwidth))


@dataclass(frozen=True, eq=False)
class _Points:
    """The U distinct values, ascending, with what a window of them needs.

    values: (U,). counts_to: (U + 1,), the number of points below each. sums_to: (U + 1,), their
    running sum, 0 at the number zero and summed outwards from there: then tiny values next to
    large ones keep their digits.
    """

    values: Floats
    counts_to: Indices
    sums_to: NDArray[np.longdouble]

    @classmethod
    def of(cls, values: Floats) -> Self:
        """Group the (N,) values."""
        distinct, counts = np.unique(values, return_counts=True)
        counts_to = np.append(0, np.cumsum(counts))
        weighted = distinct * counts.astype(np.longdouble)
        zero = np.searchsorted(distinct, 0.0)
        sums_to = np.zeros(counts_to.size, dtype=np.longdouble)
        sums_to[zero + 1 :] = np.cumsum(weighted[zero:])
        sums_to[:zero] = -np.cumsum(weighted[:zero][::-1])[::-1]
        return cls(distinct, counts_to, sums_to)

    def window(self, means: Floats, bandwidth: float) -> tuple[Indices, Indices]:
        """Return first and end, each (M,), of the values with ``|value - mean| <= bandwidth``.

        The reference compares squares; the root of a rounded square is the number itself, so
        both say the same unless the square under- or overflows. ``mean - bandwidth`` is rounded,
        hence the correction of what searchsorted finds.
        """
        x, size = self.values, self.values.size
        if 0 < means.size * size <= IN_A_TABLE:
            inside = np.abs(x - means[:, None]) <= bandwidth
            starts = inside.argmax(axis=1)
            return starts, starts + np.count_nonzero(inside, axis=1)
        first = np.searchsorted(x, means - bandwidth, side="left")
        end = np.searchsorted(x, means + bandwidth, side="right")
        while (grow := (first > 0) & (means - x[first - 1] <= bandwidth)).any():
            first -= grow
        while (shrink := (first < end) & (means - x.take(first, mode="clip") > bandwidth)).any():
            first += shrink
        while (grow := (end < size) & (x.take(end, mode="clip") - means <= bandwidth)).any():
            end += grow
        while (shrink := (first < end) & (x[end - 1] - means > bandwidth)).any():
            end -= shrink
        return first, end

    def mean(self, first: Indices, end: Indices) -> tuple[Floats, Indices]:
        """Return mean and number of points, each (M,), of non-empty windows.

        A mean lies between the outermost points, and rounding must not carry it out: so the one
        that it moves towards stays within reach, and the next window is never empty.
        """
        counts = self.counts_to[end] - self.counts_to[first]
        means = ((self.sums_to[end] - self.sums_to[first]) / counts).astype(np.float64)
        return np.clip(means, self.values[first], self.values[end - 1]), counts


def _checked(values: Floats) -> Floats:
    checked = np.asarray(values, dtype=np.float64)
    if checked.ndim != 1:
        raise OptionError(f"the values have shape {checked.shape}; give one dimension.")
    bad = checked[~np.isfinite(checked)]
    if bad.size:
        raise OptionError(
            f"{bad.size} of {checked.size} values are not finite, the first is {bad[0]}; "
            "only finite numbers can be clustered: drop or replace the others."
        )
    return checked


def _bandwidth_of(values: Floats, quantile: float) -> float:
    if not 0 <= quantile <= 1:
        raise OptionError(f"quantile is {quantile}; give a number from 0 to 1.")
    if not values.size:
        return 0.0
    order = np.argsort(values)
    distances = np.empty_like(values)
    distances[order] = _kth_distances(values[order], max(1, int(values.size * quantile)))
    # The reference sums in the order of the input and in batches; so the last bit is the same.
    total = 0.0
    for start in range(0, values.size, _BATCH):
        total += float(distances[start : start + _BATCH].sum())
    return total / values.size


def _kth_distances(x: Floats, k: int) -> Floats:
    """Return, (N,), the distance of each of the ascending (N,) values to its k-th nearest.

    The k nearest are neighbours in x. Over the windows of k that hold the point, from left to
    right, the reach to the left falls and the reach to the right grows: bisect for the crossing.
    """
    here = np.arange(x.size)
    leftmost = np.maximum(here - k + 1, 0)
    low, high = leftmost, np.minimum(here, x.size - k)
    for _ in range(k.bit_length()):
        middle = (low + high) // 2
        crossed = x[middle + k - 1] - x >= x - x[middle]
        low = np.where(crossed, low, np.minimum(middle + 1, high))
        high = np.where(crossed, middle, high)

    def reach(start: Indices) -> Floats:
        return np.maximum(x - x[start], x[start + k - 1] - x)

    return np.minimum(reach(low), reach(np.maximum(low - 1, leftmost)))


def _climb(points: _Points, bandwidth: float) -> tuple[Floats, Indices]:
    """Move every distinct value to its mode; return the V modes, ascending, and their intensities.

    Both are (V,). Points of equal value climb alike, so each value climbs once. Windows of one
    radius are ordered, and their means with them: who reaches a mode, reaches it from one window.
    """
    means = points.values.copy()
    counts = np.ones(means.size, dtype=np.intp)
    moving = np.arange(means.size)
    for _ in range(_MAX_ITER + 1):
        old = means[moving]
        new, inside = points.mean(*points.window(old, bandwidth))
        means[moving], counts[moving] = new, inside
        moving = moving[np.abs(new - old) > _STOP * bandwidth]
        if not moving.size:
            break
    modes, reached_by = np.unique(means, return_index=True)
    return modes, counts[reached_by]


def _merged(modes: Floats, intensities: Indices, bandwidth: float) -> Floats:
    """Return, (K,), the modes by falling intensity, then value, without those near a better one."""
    ranked = modes[np.lexsort((modes, intensities))[::-1]]
    kept = np.ones(ranked.size, dtype=bool)
    for rank, mode in enumerate(ranked):
        if kept[rank]:
            kept[rank + 1 :] &= np.abs(ranked[rank + 1 :] - mode) > bandwidth
    return ranked[kept]


def _nearest(values: Floats, centers: Floats) -> Indices:
    """Return, (N,), the index of the nearest center; of two as near, the one that comes first."""
    if not values.size:
        return np.empty(0, dtype=np.intp)
    order = np.argsort(centers)
    ascending = centers[order]
    right = np.searchsorted(ascending, values).clip(max=centers.size - 1)
    left = np.maximum(right - 1, 0)
    to_left, to_right = np.abs(values - ascending[left]), np.abs(values - ascending[right])
    tie_to_left = (to_left == to_right) & (order[left] < order[right])
    nearest: Indices = np.where((to_left < to_right) | tie_to_left, order[left], order[right])
    return nearest


def top_words(matches: Sequence[WordPair], *, options: BTIOptions) -> tuple[WordPair, ...]:
    """Return the selected pairs, best first.

    Malkiel et al. 2022, Algorithm 1 (TopWords); rows 5, 6, 8 and 17 of the reading: MeanShift on
    the scores, clusters ranked by centroid from the highest (index 0), those with an index below
    ``options.top_k`` are kept. Equal scores are one cluster, so all pairs are selected.
    """
    if not matches:
        return ()
    scores = np.array([pair.score for pair in matches])
    clusters = mean_shift(
        np.square(scores) if options.square_scores else scores,
        bandwidth=options.bandwidth,
        quantile=options.quantile,
    )
    rank = np.empty(len(clusters.centers), dtype=np.intp)
    rank[np.argsort(-clusters.centers, kind="stable")] = np.arange(len(clusters.centers))
    limit = options.top_k + 1 if options.top_k_inclusive else options.top_k
    chosen = np.flatnonzero(rank[clusters.labels] < limit).tolist()
    return best_first([matches[index] for index in chosen])


TEXTS_KEPT = 64
"""Texts of which is kept in memory where their marks are."""

LEAST_PART = 0.04
"""Of what all matches add together: a pair that adds less is not shown, at the default top_k."""

FEWEST = 3
"""Content pairs that are shown where fewer add that much, as in long texts all words add little."""

MOST_HALVINGS = 6
"""A slider has so many steps at most; a pair that adds less than their last is as good as nothing.
"""

LEAST_SIMILARITY = 0.2
"""Of two words. Below it are 3 % of the pairs of different content words that people align on
MTRef's development data, and 17 % of the pairs that matching finds besides."""


@dataclass(frozen=True, slots=True)
class SortedMatches:
    """Matches by what their words are, each best first.

    content: of two content words that are like each other, or of two negations. function: those
    with a stop word or a mark, of a negation with a word that is none, and with a common word of a
    background where there is no content. Pairs of negative word similarity are in neither.
    """

    content: tuple[WordPair, ...]
    function: tuple[WordPair, ...]


def sort_matches(
    matches: Sequence[WordPair],
    left: Sequence[str],
    right: Sequence[str],
    *,
    common: Collection[str] = (),
) -> SortedMatches:
    """Tell pairs of content words from pairs with a stop word or a mark; see ``function_words_of``.

    Parameters
    ----------
    matches : sequence of WordPair
        All that the matching found.
    left : sequence of str
        The words of the left text, W of them.
    right : sequence of str
        The words of the right text.
    common : collection of str, default=()
        Words, in lower case, that tell as little as a stop word, as most texts of a catalogue have
        them.
    """
    known = function_words_of(left, right)
    empty = [own.stops | _marks_of(own.words) for own in known]
    if common:
        empty = [
            own | {n for n, word in enumerate(words) if word.lower() in common}
            for own, words in zip(empty, (left, right), strict=True)
        ]
    negations = known[0].negations, known[1].negations
    full: list[WordPair] = []
    rest: list[WordPair] = []
    for p in best_first(matches):
        if p.similarity > 0:
            telling = p.left not in empty[0] and p.right not in empty[1]
            of_one_kind = (p.left in negations[0]) == (p.right in negations[1])
            (full if telling and of_one_kind else rest).append(p)
    alike = [pair for pair in full if pair.similarity >= LEAST_SIMILARITY]
    content = alike or full
    if content and common:
        rest = [p for p in rest if not {left[p.left].lower(), right[p.right].lower()} & {*common}]
    return SortedMatches(tuple(content), tuple(rest))


@lru_cache(maxsize=TEXTS_KEPT)
def _marks_of(words: tuple[str, ...]) -> frozenset[int]:
    return frozenset([n for n, word in enumerate(words) if is_mark(word)])


def content_pairs(
    matches: Sequence[WordPair],
    left: Sequence[str],
    right: Sequence[str],
    *,
    options: BTIOptions,
    common: Collection[str] = (),
) -> tuple[WordPair, ...]:
    """Return the selected pairs, best first: content words that add a part of the score.

    A pair is shown where it adds LEAST_PART of what all matches add that add anything (twice that
    for ``options.top_k`` 1, half of it for 3, and so on), but never fewer than FEWEST that add
    something. Pairs with a stop word or a mark are shown where there is no other.

    Parameters
    ----------
    matches : sequence of WordPair
        All that the matching found.
    left : sequence of str
        The words of the left text.
    right : sequence of str
        The words of the right text.
    options : BTIOptions
        Their ``top_k``.
    common : collection of str, default=()
        As ``sort_matches`` has it.
    """
    found = sort_matches(matches, left, right, common=common)
    pairs = found.content or found.function
    whole = sum(pair.score for pair in matches if pair.score > 0)
    top_k = options.top_k + options.top_k_inclusive
    least = LEAST_PART * whole * 2.0 ** (2 - top_k)
    kept = [pair for pair in pairs if pair.score > 0 and pair.score >= least]
    if len(kept) < FEWEST:
        adding = [pair for pair in pairs if pair.score > 0]
        kept = list((adding or pairs)[:FEWEST])
    return tuple(kept)


def widest_top_k(matches: Sequence[WordPair], left: Sequence[str], right: Sequence[str]) -> int:
    """Return the least ``top_k`` by which ``content_pairs`` returns all that add something."""
    found = sort_matches(matches, left, right)
    adding = [p.score for p in found.content or found.function if p.score > 0]
    whole = sum(pair.score for pair in matches if pair.score > 0)
    if len(adding) <= FEWEST or min(adding) * 2.0**MOST_HALVINGS < LEAST_PART * whole:
        return 1 if len(adding) <= FEWEST else 2 + MOST_HALVINGS
    return max(1, 2 + math.ceil(math.log2(LEAST_PART * whole / min(adding))))


def select_pairs(
    matches: Sequence[WordPair],
    left: Sequence[str],
    right: Sequence[str],
    *,
    selection: Selection,
    options: BTIOptions,
    common: Collection[str] = (),
) -> tuple[WordPair, ...]:
    """Return the selected pairs, best first, by ``content_pairs`` or by ``top_words``."""
    if selection == "content":
        return content_pairs(matches, left, right, options=options, common=common)
    return top_words(matches, options=options)


def best_first(pairs: Sequence[WordPair]) -> tuple[WordPair, ...]:
    """Sort by score, highest first; ties in reading order."""
    # Twice, as a sort keeps the order of equals: quicker than by a key of three numbers.
    reading = sorted(pairs, key=attrgetter("left", "right"))
    return tuple(sorted(reading, key=attrgetter("score"), reverse=True))
