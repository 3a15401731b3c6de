"""How far methods agree on which words matter."""

from collections.abc import Sequence
from statistics import fmean

from whyalike.explanation import ExplainedText, Explanation

Span = tuple[int, int]


def saliency_by_span(side: ExplainedText) -> dict[Span, float]:
    """Return the saliency of each word by its place in the text, by which methods share words."""
    return {(word.start, word.end): word.saliency for word in side.words}


def rank_agreement(one: Explanation, other: Explanation) -> float | None:
    """Return Spearman's rank correlation of the word saliencies, mean of both texts, -1 to 1.

    Saliency is scaled within a text, so ranks are taken within a text. A text with fewer than two
    words in common, or where a method gives all words the same, does not count; None if both are
    such.
    """
    sides = (one.left, other.left), (one.right, other.right)
    found = [_spearman(*_shared(first, second)) for first, second in sides]
    known = [value for value in found if value is not None]
    return fmean(known) if known else None


def _shared(one: ExplainedText, other: ExplainedText) -> tuple[list[float], list[float]]:
    first, second = saliency_by_span(one), saliency_by_span(other)
    spans = [span for span in first if span in second]
    return [first[span] for span in spans], [second[span] for span in spans]


def _spearman(one: Sequence[float], other: Sequence[float]) -> float | None:
    if len(set(one)) < 2 or len(set(other)) < 2:
        return None
    from scipy.stats import spearmanr

    return float(spearmanr(one, other).statistic)
