"""How far two explanations of the same words agree: ranks, sets, and the entropy of each."""

from collections.abc import Hashable, Set
from math import ceil, nan

import numpy as np
from numpy.typing import NDArray
from scipy.stats import hypergeom, rankdata

from whyalike.errors import OptionError

Floats = NDArray[np.float64]


def spearman(first: Floats, second: Floats, *, signed: bool = True) -> float:
    """Return the rank correlation of two saliencies (W,): -1 to 1, ties with their mean rank.

    NaN where it is undefined: fewer than two words, or all the same on one side. Without the sign,
    magnitudes are ranked (Adebayo et al. 2018 report both).
    """
    if not signed:
        first, second = np.abs(first), np.abs(second)
    if len(first) < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return nan
    ranks = [rank - rank.mean() for rank in (rankdata(first), rankdata(second))]
    scale = np.linalg.norm(ranks[0]) * np.linalg.norm(ranks[1])
    return float(np.clip(ranks[0] @ ranks[1] / scale, -1.0, 1.0))


def jaccard(first: Set[Hashable], second: Set[Hashable]) -> float:
    """Return what two sets share of all that is in either: 0 to 1; NaN where both are empty."""
    either = len(first | second)
    return len(first & second) / either if either else nan


def count_top(words: int, top: float) -> int:
    """Return how many of a text's words are its top: a number of them, or below 1 a part, up.

    Raises:
        OptionError: neither a whole number from 1 on, nor a part above 0.
    """
    if not 0 < top < 1 and not (top >= 1 and float(top).is_integer()):
        raise OptionError(f"top is {top!r}; give a number of words, or a part of them like 0.1.")
    return min(words, ceil(top * words) if top < 1 else int(top))


def top_words(saliency: Floats, count: int, *, random: np.random.Generator) -> frozenset[int]:
    """Return the ``count`` words of highest saliency; among equal ones, chance decides.

    By position, two explanations that say nothing would agree.
    """
    order = np.lexsort((random.random(len(saliency)), -saliency))
    return frozenset(order[:count].tolist())


def top_agreement(
    first: Floats, second: Floats, *, top: float, random: np.random.Generator
) -> float:
    """Return the Jaccard index of the top words of two saliencies (W,): 0 to 1.

    NaN where it says nothing: all words alike on one side, or no word outside the top.
    """
    count = count_top(len(first), top)
    if count >= len(first) or np.ptp(first) == 0 or np.ptp(second) == 0:
        return nan
    return jaccard(top_words(first, count, random=random), top_words(second, count, random=random))


def agreement_by_chance(words: int, top: float) -> float:
    """Return the Jaccard index that two random choices of the top words have on average.

    The number that they share is hypergeometric. NaN where every word is in the top.
    """
    count = count_top(words, top)
    if count >= words:
        return nan
    shared = np.arange(count + 1)
    share = hypergeom.pmf(shared, words, count, count)
    return float((share * shared / (2 * count - shared)).sum())


def histogram_entropy(saliency: Floats, *, bins: int) -> float:
    """Return the entropy, in nats, of a saliency's histogram over its own range.

    The complexity of an explanation in Hedström et al. 2024 (eMPRT): 0 where all words fall into
    one bin, log(bins) where they fill them evenly. A scale or a shift changes nothing.
    """
    if not len(saliency) or np.ptp(saliency) == 0:
        return 0.0
    counts = np.histogram(saliency, bins=bins)[0]
    shares = counts[counts > 0] / len(saliency)
    return float(-(shares * np.log(shares)).sum()) + 0.0
