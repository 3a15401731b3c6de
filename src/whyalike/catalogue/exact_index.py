"""Search that looks at every vector: nothing is missed."""

from collections.abc import Iterator, Sequence

import numpy as np

from whyalike.catalogue.vector_index import Block, Bools, Floats, Ints
from whyalike.encoder.similarity_matrix import is_bilinear
from whyalike.types import SimilarityFunction

CHUNK = 16384
"""Vectors compared at once: what a distance needs beside the vectors stays in tens of megabytes."""


class ExactIndex:
    """Every vector is compared with the query, chunk by chunk.

    Args:
        blocks: the vectors, in order; memory maps stay on the disk.
        function: how vectors are compared. For a cosine they must have length 1.
    """

    def __init__(self, blocks: Sequence[Block], *, function: SimilarityFunction = "cosine") -> None:
        self.blocks = tuple(blocks)
        self.function: SimilarityFunction = function

    def __len__(self) -> int:
        """Return how many vectors there are."""
        return sum(block.shape[0] for block in self.blocks)

    def search(self, queries: Floats, k: int, allowed: Bools | None = None) -> tuple[Ints, Floats]:
        """See VectorIndex; the recall is perfect."""
        positions = np.full((len(queries), k), -1, dtype=np.intp)
        found = np.full((len(queries), k), -np.inf, dtype=np.float32)
        for start, chunk in self._chunks():
            scores = self._compare(queries, chunk)
            if allowed is not None:
                scores[:, ~allowed[start : start + len(chunk)]] = -np.inf
            for row in range(len(queries)):
                best = best_of(scores[row], k)
                # What was found before stands first, so that of equal scores it stays first.
                merged = np.concatenate([found[row], scores[row, best]])
                places = np.concatenate([positions[row], best + start])
                order = np.argsort(-merged, kind="stable")[:k]
                found[row], positions[row] = merged[order], places[order]
        positions[np.isneginf(found)] = -1
        return positions, found

    def scores(self, query: Floats) -> Floats:
        """Return the similarity (N,) of every vector with one query (H,)."""
        parts = [self._compare(query[None], chunk)[0] for _, chunk in self._chunks()]
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.float32)

    def _chunks(self) -> Iterator[tuple[int, Floats]]:
        first = 0
        for block in self.blocks:
            for start in range(0, block.shape[0], CHUNK):
                yield first + start, np.asarray(block[start : start + CHUNK], dtype=np.float32)
            first += block.shape[0]

    def _compare(self, queries: Floats, chunk: Floats) -> Floats:
        if is_bilinear(self.function):
            products: Floats = queries @ chunk.T
            return products
        order = 2 if self.function == "euclidean" else 1
        # Minus zero becomes zero by subtracting from 0.
        rows = [0.0 - np.linalg.norm(chunk - query, ord=order, axis=1) for query in queries]
        return np.asarray(rows, dtype=np.float32).reshape(len(queries), len(chunk))


def best_of(scores: Floats, k: int) -> Ints:
    """Return the places of the k greatest scores, in no order; of equal ones the first."""
    if k >= len(scores):
        return np.arange(len(scores))
    least = np.partition(scores, len(scores) - k)[len(scores) - k]
    above = np.flatnonzero(scores > least)
    # argpartition would take any of the scores that are equal to the k-th.
    return np.sort(np.concatenate([above, np.flatnonzero(scores == least)[: k - len(above)]]))
