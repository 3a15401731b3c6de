"""How well titles find their descriptions, and items others of their kind.

Hit rate at k, MRR and MPR are those of docs/reading-of-the-paper.md. Q queries, N candidates.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from whyalike.arrays import Floats
from whyalike.explanation import SimilarityFunction
from whyalike.similarity import similarity_matrix

CHUNK = 256
"""Queries that are compared with all candidates at once, so that memory stays bounded."""

HITS = (1, 10, 100)


@dataclass(frozen=True, slots=True)
class RetrievalMetrics:
    """What the ranks of the right answers come to.

    Attributes
    ----------
    queries : int
        How many there were.
    candidates : int
        How many each was ranked among.
    mrr : float
        Mean of 1 / rank.
    mpr : float
        Mean of (rank - 1) / (candidates - 1): 0 is best, .5 is chance.
    hit_1 : float
        Share of ranks of at most 1; ``hit_10`` and ``hit_100`` alike.
    """

    queries: int
    candidates: int
    mrr: float
    mpr: float
    hit_1: float
    hit_10: float
    hit_100: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def summarise_ranks(ranks: Floats, candidates: Floats) -> RetrievalMetrics:
    """Return the metrics of ranks.

    Parameters
    ----------
    ranks : Floats
        (Q,), 1 is best; a half stands for a tie.
    candidates : Floats
        (Q,), how many each was ranked among.
    """
    hits = [float(np.mean(ranks <= k)) if len(ranks) else 0.0 for k in HITS]
    beyond = np.maximum(candidates - 1, 1)
    return RetrievalMetrics(
        queries=len(ranks),
        candidates=int(candidates.max(initial=0)),
        mrr=float(np.mean(1 / ranks)) if len(ranks) else 0.0,
        mpr=float(np.mean((ranks - 1) / beyond)) if len(ranks) else 0.0,
        hit_1=hits[0],
        hit_10=hits[1],
        hit_100=hits[2],
    )


def rank_descriptions(
    titles: Floats,
    descriptions: Floats,
    *,
    own: Sequence[int],
    texts: Sequence[int],
    function: SimilarityFunction = "cosine",
) -> RetrievalMetrics:
    """Return how near each title's own description comes among all descriptions.

    A description of equal text is a right answer too, and takes no place of its own. Candidates
    that are exactly as near as the right answer share the places: the expected rank.

    Parameters
    ----------
    titles : Floats
        (Q, H), the queries.
    descriptions : Floats
        (N, H), the candidates.
    own : sequence of int
        (Q,), the place of each title's description.
    texts : sequence of int
        (N,), equal numbers for equal descriptions.
    function : SimilarityFunction, default='cosine'
        How vectors are compared.
    """
    return rank_by(
        lambda rows: similarity_matrix(titles[rows], descriptions, function=function),
        own=own,
        texts=texts,
    )


def rank_by(
    scores: Callable[[slice], Floats], *, own: Sequence[int], texts: Sequence[int]
) -> RetrievalMetrics:
    """Return the same of scores that are computed a few queries at a time.

    Parameters
    ----------
    scores : Callable[[slice], Floats]
        Returns the scores (q, N) of q queries, by their places, with all candidates; higher is
        nearer.
    own : sequence of int
        (Q,), the place of each query's right answer.
    texts : sequence of int
        (N,), equal numbers for equal candidates.
    """
    ranks, counts = [], []
    numbers = np.asarray(texts)
    for start in range(0, len(own), CHUNK):
        chosen = list(own[start : start + CHUNK])
        near = scores(slice(start, start + len(chosen)))
        right = numbers[None, :] == numbers[chosen][:, None]
        best = np.where(right, near, -np.inf).max(1, keepdims=True)
        ahead = ((near > best) & ~right).sum(1)
        level = ((near == best) & ~right).sum(1)
        ranks.append(1 + ahead + level / 2)
        counts.append(1 + (~right).sum(1))
    if not ranks:
        return summarise_ranks(np.zeros(0), np.zeros(0))
    return summarise_ranks(np.concatenate(ranks), np.concatenate(counts).astype(np.float64))


def share_of_kind(
    vectors: Floats,
    kinds: Sequence[object],
    *,
    queries: Sequence[int],
    texts: Sequence[int],
    function: SimilarityFunction = "cosine",
) -> float | None:
    """Return the share of items whose nearest other item is of the same kind.

    Items of an equal text are passed over. Of several that are nearest, each counts for its
    part. Items without a kind are neither asked for nor found. None without any query.

    Parameters
    ----------
    vectors : Floats
        (N, H), of all items.
    kinds : sequence of object
        (N,), such as a category; None where there is none.
    queries : sequence of int
        Which items are asked for.
    texts : sequence of int
        (N,), equal numbers for equal texts.
    function : SimilarityFunction, default='cosine'
        How vectors are compared.
    """
    return share_of_kind_by(
        lambda rows: similarity_matrix(vectors[rows], vectors, function=function),
        kinds,
        queries=queries,
        texts=texts,
    )


def share_of_kind_by(
    scores: Callable[[Sequence[int]], Floats],
    kinds: Sequence[object],
    *,
    queries: Sequence[int],
    texts: Sequence[int],
) -> float | None:
    """Return the same of scores (q, N) that are computed a few items at a time, by their places."""
    known = np.array([kind is not None for kind in kinds])
    asked = [index for index in queries if known[index]]
    names = {kind: number for number, kind in enumerate(dict.fromkeys(kinds))}
    number_of = np.array([names[kind] for kind in kinds])
    text_of = np.asarray(texts)
    shares = []
    for start in range(0, len(asked), CHUNK):
        chosen = asked[start : start + CHUNK]
        near = scores(chosen)
        near[(text_of[None, :] == text_of[chosen][:, None]) | ~known[None, :]] = -np.inf
        best = near.max(1, keepdims=True)
        nearest = (near == best) & np.isfinite(near)
        alike = nearest & (number_of[None, :] == number_of[chosen][:, None])
        found = nearest.sum(1)
        shares += (alike.sum(1)[found > 0] / found[found > 0]).tolist()
    return float(np.mean(shares)) if shares else None
