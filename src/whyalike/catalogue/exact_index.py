"""Search that looks at every vector: nothing is missed.

A matrix product rounds a row's score by where the row stands and by the processor that multiplies.
It is therefore used only to find the rows that may be among the best; these are scored again, each
by itself, so that equal vectors have equal scores and the order is the same on every machine.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import pairwise

import numpy as np

from whyalike.catalogue.vector_index import Block, Bools, Floats, Ints, Scores
from whyalike.explanation import SimilarityFunction
from whyalike.interruption import checkpoint
from whyalike.models.scores import is_bilinear

CHUNK = 16384
"""Vectors compared at once: what a distance needs beside the vectors stays in tens of megabytes."""

UNIT, SMALLEST = float(np.finfo(np.float32).eps), float(np.finfo(np.float32).tiny)

UNIT_LENGTH = 1.01
"""No vector of length 1 is longer, not even in half precision."""

TieOrder = Callable[[Ints], Sequence[str]]
"""Returns the names of some positions; of equal scores the one with the first name comes first."""


class ExactIndex:
    """Every vector is compared with the query, chunk by chunk.

    Args:
        blocks: the vectors, in order; memory maps stay on the disk.
        function: how vectors are compared. For a cosine they must have length 1.
        names: what ties are ordered by; by default the positions.
    """

    def __init__(
        self,
        blocks: Sequence[Block],
        *,
        function: SimilarityFunction = "cosine",
        names: TieOrder | None = None,
    ) -> None:
        self.blocks = tuple(blocks)
        self.function: SimilarityFunction = function
        self.names = names
        self._starts = np.cumsum([0, *(block.shape[0] for block in self.blocks)])

    def __len__(self) -> int:
        """Return how many vectors there are."""
        return int(self._starts[-1])

    def search(self, queries: Floats, k: int, allowed: Bools | None = None) -> tuple[Ints, Scores]:
        """See VectorIndex; the recall is perfect."""
        nothing = np.zeros(0, dtype=np.intp), np.zeros(0)
        found: list[tuple[Ints, Scores]] = [nothing] * len(queries)
        for start, chunk in self._chunks():
            rough = self._compare(queries, chunk)
            may = None if allowed is None else allowed[start : start + len(chunk)]
            for row, query in enumerate(queries):
                places = self._promising(query, rough[row], k, may=may, found=found[row][1])
                fresh = start + places, self._score(query, chunk[places])
                found[row] = _best_of(found[row], fresh, k)
        return padded([best_first(*one, k, self.names) for one in found], k)

    def rank(self, query: Floats, position: int, allowed: Bools) -> tuple[float, int]:
        """Return one vector's score with a query (H,), and how many allowed (N,) come before it."""
        value = float(self.rescore(query, np.array([position]))[0])
        error = self._error(query, value)
        before, level = 0, [np.array([position])]
        for start, chunk in self._chunks():
            beyond = self._compare(query[None], chunk)[0].astype(np.float64) - value
            may = allowed[start : start + len(chunk)]
            unsure = np.flatnonzero(may & ~(np.abs(beyond) > error))
            scores = self._score(query, chunk[unsure])
            before += int((may & (beyond > error)).sum()) + int((scores > value).sum())
            level.append(start + unsure[scores == value])
        tied = np.unique(np.concatenate(level))
        order, _ = best_first(tied, np.zeros(len(tied)), len(tied), self.names)
        ahead = order[: int(np.flatnonzero(order == position)[0])]
        return value, before + int(allowed[ahead].sum())

    def rescore(self, query: Floats, positions: Ints) -> Scores:
        """Return the scores (K,) of some vectors with a query (H,), each computed by itself."""
        scores = np.zeros(len(positions))
        owners = np.searchsorted(self._starts, positions, side="right") - 1
        for number in np.unique(owners):
            mine = owners == number
            scores[mine] = self._score(
                query, self.blocks[number][positions[mine] - self._starts[number]]
            )
        return scores

    def _promising(
        self, query: Floats, rough: Floats, k: int, *, may: Bools | None, found: Scores
    ) -> Ints:
        """Return the places in a chunk of all that may be among the k best, by what was found too.

        rough: the chunk's scores (N,), each off by ``_error`` at most, or NaN. may: (N,).
        """
        places = np.arange(len(rough)) if may is None else np.flatnonzero(may)
        # Comparisons are written so that NaN stays in.
        if len(places) > k:
            least = kth_greatest(np.nan_to_num(rough[places], nan=-np.inf), k)
            places = places[~(rough[places] < least - 2 * self._error(query, least))]
        if len(found) >= k:
            least = float(found.min())
            places = places[~(rough[places] < least - self._error(query, least))]
        return places

    def _chunks(self) -> Iterator[tuple[int, Floats]]:
        for first, block in zip(self._starts, self.blocks, strict=False):
            for start in range(0, block.shape[0], CHUNK):
                checkpoint()
                chunk = np.asarray(block[start : start + CHUNK], dtype=np.float32)
                yield int(first) + start, chunk

    def _compare(self, queries: Floats, chunk: Floats) -> Floats:
        """Return scores (Q, N) fast, each off by ``_error`` at most; NaN for what is not finite."""
        with np.errstate(over="ignore", invalid="ignore"):
            if is_bilinear(self.function):
                rough: Floats = queries @ chunk.T
            else:
                order = 2 if self.function == "euclidean" else 1
                rows = [-np.linalg.norm(chunk - query, ord=order, axis=1) for query in queries]
                rough = np.asarray(rows, dtype=np.float32).reshape(len(queries), len(chunk))
            rough[~np.isfinite(rough)] = np.nan
        return rough

    def _score(self, query: Floats, rows: object) -> Scores:
        """Return the scores (N,) of rows (N, H): sums in double precision, rounded to single.

        Products of single precision are exact in double, and a row's sum depends on nothing else.
        """
        left, right = query.astype(np.float64), np.asarray(rows, dtype=np.float64)
        if is_bilinear(self.function):
            return to_single((right * left).sum(axis=1))
        differences = np.abs(right - left)
        if self.function == "euclidean":
            return to_single(0.0 - np.sqrt((differences**2).sum(axis=1)))
        return to_single(0.0 - differences.sum(axis=1))

    def _error(self, query: Floats, score: float) -> float:
        """Return how far a score of ``_compare`` may be from the one of ``_score``, near ``score``.

        Higham, Accuracy and Stability of Numerical Algorithms, 3.1: in any order, a sum of H
        products is off by H u / (1 - H u) of the sum of their magnitudes at most, which is no more
        than the product of both lengths.
        """
        # Four more roundings: of the difference, of the root, and of both results to single.
        steps = (len(query) + 4) * UNIT / 2
        share = steps / (1 - steps) if steps < 1 else np.inf
        # What is smaller is zero on some processors.
        lost = len(query) * SMALLEST
        if is_bilinear(self.function):
            return share * float(np.linalg.norm(query.astype(np.float64))) * self._longest + lost
        # Twice, for the distance itself is rounded.
        return 2 * share * abs(score) + (lost if self.function == "manhattan" else lost**0.5)

    @cached_property
    def _longest(self) -> float:
        """The length of the longest vector."""
        if self.function == "cosine":
            return UNIT_LENGTH
        lengths = [
            np.linalg.norm(chunk.astype(np.float64), axis=1).max(initial=0.0)
            for _, chunk in self._chunks()
        ]
        return float(max(lengths, default=0.0))


def kth_greatest(scores: Floats | Scores, k: int) -> float:
    """Return the k-th greatest of more than k scores."""
    return float(np.partition(scores, len(scores) - k)[len(scores) - k])


def _best_of(one: tuple[Ints, Scores], other: tuple[Ints, Scores], k: int) -> tuple[Ints, Scores]:
    """Return the k best of both, with all that are level with the last of them."""
    positions, scores = np.concatenate([one[0], other[0]]), np.concatenate([one[1], other[1]])
    if len(scores) > k:
        kept = scores >= kth_greatest(scores, k)
        positions, scores = positions[kept], scores[kept]
    return positions, scores


def to_single(scores: Scores) -> Scores:
    """Return scores rounded to the precision of float32, but not to its range."""
    parts, exponents = np.frexp(scores)
    rounded: Scores = np.ldexp(parts.astype(np.float32).astype(np.float64), exponents)
    return rounded


def best_first(
    positions: Ints, scores: Scores, k: int, names: TieOrder | None
) -> tuple[Ints, Scores]:
    """Return the k best positions (K,) with their scores (K,); of equal ones the first name first.

    All that are level with the k-th must be among them.
    """
    order = np.lexsort((positions, -scores))
    positions, scores = positions[order], scores[order]
    if names is not None:
        edges = [0, *(np.flatnonzero(np.diff(scores)) + 1).tolist(), len(scores)]
        for start, end in pairwise(edges):
            if start < k and end - start > 1:
                run = positions[start:end]
                named = sorted(zip(names(run), run.tolist(), strict=True))
                positions[start:end] = [position for _, position in named]
    return positions[:k], scores[:k]


def padded(found: Sequence[tuple[Ints, Scores]], k: int) -> tuple[Ints, Scores]:
    """Return positions and scores (Q, K) of Q queries; see VectorIndex for what fills them up."""
    positions = np.full((len(found), k), -1, dtype=np.intp)
    scores = np.full((len(found), k), -np.inf)
    for row, (places, values) in enumerate(found):
        positions[row, : len(places)], scores[row, : len(values)] = places, values
    return positions, scores
