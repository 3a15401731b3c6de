"""TopWords: the pairs in the highest clusters of scores are the explanation."""

from collections.abc import Sequence

import numpy as np

from whyalike.selection.meanshift import mean_shift
from whyalike.types import BTIOptions, WordPair


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


def best_first(pairs: Sequence[WordPair]) -> tuple[WordPair, ...]:
    """Sort by score, highest first; ties in reading order."""
    return tuple(sorted(pairs, key=lambda pair: (-pair.score, pair.left, pair.right)))
