"""How far two explanations of one pair agree: their words, their matches, their pairs."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

from whyalike.evaluation.metric import Metric
from whyalike.evaluation.randomization_noise import Sides, saliency_of
from whyalike.evaluation.rank_agreement import (
    agreement_by_chance,
    histogram_entropy,
    jaccard,
    spearman,
    top_agreement,
)
from whyalike.explanation import Explanation, WordPair

ADEBAYO = "Adebayo et al. 2018, section 3"
HEDSTROM = "Hedström et al. 2024, A Fresh Look at Sanity Checks for Saliency Maps"

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            "spearman",
            "rank correlation of word saliency, trained and randomised; 0 is no relation",
            f"{ADEBAYO}; ranks of words instead of pixels",
            higher_is_better=None,
        ),
        Metric(
            "spearman_abs",
            "the same without the sign of saliency",
            f"{ADEBAYO}; ranks of words instead of pixels",
            higher_is_better=None,
        ),
        Metric(
            "spearman_plain",
            "the same over words of one token that do not stand in the other text",
            f"{ADEBAYO}; the restriction is ours, see Words",
            higher_is_better=None,
        ),
        Metric(
            "jaccard_words",
            "what the top words of both explanations share; the result states what chance gives",
            "Jaccard 1912; top-k words",
            higher_is_better=None,
        ),
        Metric(
            "jaccard_matches",
            "what both explanations' matches share, by position",
            "Jaccard 1912; Malkiel et al. 2022, Algorithm 1 (MatchWords)",
            higher_is_better=None,
        ),
        Metric(
            "jaccard_pairs",
            "what both explanations' selected pairs share, by position",
            "Jaccard 1912; Malkiel et al. 2022, Algorithm 1 (TopWords)",
            higher_is_better=None,
        ),
        Metric(
            "emprt",
            "relative rise of the entropy of word saliency when all weights are random",
            f"{HEDSTROM}, Efficient MPRT",
            higher_is_better=True,
        ),
        Metric(
            "smprt",
            "rank correlation of magnitudes, averaged over noisy copies of the texts",
            f"{HEDSTROM}, Smooth MPRT",
            higher_is_better=None,
        ),
    )
}


Masks = tuple[NDArray[np.bool_], NDArray[np.bool_]]


@dataclass(frozen=True, eq=False)
class Words:
    """Which words of both texts of a pair are compared, (W,) and (W',).

    read: those that the model gave a token; a word without one has saliency 0 whatever the
    weights are. plain: those of one token that do not stand in the other text. With random weights
    a word of several tokens still has their maximum, which is higher the more they are, and a word
    of both texts still makes them alike: so the correlation of all words has a floor above 0
    that says nothing against a method.
    """

    read: Masks
    plain: Masks


@dataclass(frozen=True, eq=False)
class Comparison:
    """What is the same for all comparisons of a test: the words of each of P pairs, the options.

    top, bins: see ``measure_randomization``. seed: of ties.
    """

    words: tuple[Words, ...]
    top: float
    bins: int
    seed: int

    def explanations(
        self, pair: int, trained: Explanation, randomised: Explanation
    ) -> dict[str, float]:
        """Return the metrics of one pair, NaN where undefined; those of words are of both sides.

        A side that is undefined is left out of the mean of both.
        """
        old, new = self.sides(pair, _saliencies(trained)), self.sides(pair, _saliencies(randomised))
        both = list(zip(old, new, strict=True))
        plain = zip(
            self.plain(pair, _saliencies(trained)),
            self.plain(pair, _saliencies(randomised)),
            strict=True,
        )
        random = np.random.default_rng([self.seed, pair])
        return {
            "spearman": _mean(spearman(a, b) for a, b in both),
            "spearman_abs": _mean(spearman(a, b, signed=False) for a, b in both),
            "spearman_plain": _mean(spearman(a, b) for a, b in plain),
            "jaccard_words": _mean(
                top_agreement(a, b, top=self.top, random=random) for a, b in both
            ),
            "jaccard_matches": jaccard(_places(trained.matches), _places(randomised.matches)),
            "jaccard_pairs": jaccard(_places(trained.pairs), _places(randomised.pairs)),
            "emprt": self._rise(old, new),
        }

    def smooth(self, pair: int, trained: Sides, randomised: Sides) -> float:
        """Return sMPRT of one pair, of the mean of both sides; NaN where undefined."""
        both = zip(self.sides(pair, trained), self.sides(pair, randomised), strict=True)
        return _mean(spearman(a, b, signed=False) for a, b in both)

    def chance(self, pair: int) -> float:
        """Return what the top words of two random explanations share (``jaccard_words``)."""
        return _mean(
            agreement_by_chance(int(side.sum()), self.top) for side in self.words[pair].read
        )

    def sides(self, pair: int, saliency: Sides) -> Sides:
        """Return the saliency of the words that the model read."""
        left, right = self.words[pair].read
        return saliency[0][left], saliency[1][right]

    def plain(self, pair: int, saliency: Sides) -> Sides:
        """Return the saliency of the words that neither tokens nor the other text set apart."""
        left, right = self.words[pair].plain
        return saliency[0][left], saliency[1][right]

    def _rise(self, old: Sides, new: Sides) -> float:
        before = np.mean([histogram_entropy(side, bins=self.bins) for side in old])
        after = np.mean([histogram_entropy(side, bins=self.bins) for side in new])
        return float((after - before) / before) if before > 0 else nan


def _saliencies(explanation: Explanation) -> Sides:
    return saliency_of(explanation.left), saliency_of(explanation.right)


def _places(pairs: Iterable[WordPair]) -> frozenset[tuple[int, int]]:
    return frozenset((pair.left, pair.right) for pair in pairs)


def _mean(values: Iterable[float]) -> float:
    defined = [value for value in values if not np.isnan(value)]
    return float(np.mean(defined)) if defined else nan
