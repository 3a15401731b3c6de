"""How far two explanations agree: ranks, sets, matches; and explanations of noisy texts."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil, nan

import numpy as np
from numpy.typing import NDArray
from scipy.stats import hypergeom, rankdata
from torch import Tensor

from whyalike.arrays import Floats
from whyalike.errors import OptionError
from whyalike.evaluation.changed_models import disturbed_embeddings
from whyalike.evaluation.metrics import Metric
from whyalike.explainer import Explainer
from whyalike.explanation import ExplainedText, Explanation, WordPair
from whyalike.models.encoder import Encoder
from whyalike.options import check_whole


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

    Raises
    ------
    OptionError
        Neither a whole number from 1 on, nor a part above 0.
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


Sides = tuple[Floats, Floats]

PIXELS = 0.1 * 12**0.5
"""A tenth of the range of values spread evenly over it, in standard deviations: 0.35."""


def saliency_of(side: ExplainedText) -> Floats:
    """Return the saliency (W,) of a text's words."""
    return np.array([word.saliency for word in side.words], dtype=np.float64)


@contextmanager
def noisy_embeddings(encoder: Encoder, *, noise: float, seed: int) -> Iterator[None]:
    """Put Gaussian noise on the token embeddings (B, T, D) of every pass inside.

    The noise of a text depends on the seed and its tokens alone, and not on what it is batched
    with; padding gets none.

    Parameters
    ----------
    encoder : Encoder
        The model; its weights are not touched.
    noise : float
        Standard deviation of the noise, in standard deviations of the text's embeddings.
    seed : int
        Of the noise.
    """

    def draw(ids: list[int], embeddings: Tensor) -> Floats:
        drawn = np.random.default_rng([seed, *ids]).standard_normal(tuple(embeddings.shape))
        spread = float(embeddings.float().std()) if embeddings.numel() > 1 else 0.0
        return drawn * (noise * spread)

    with disturbed_embeddings(encoder, draw):
        yield


def smooth_saliency(
    explainer: Explainer,
    pairs: Sequence[tuple[str, str]],
    *,
    samples: int = 50,
    noise: float = PIXELS,
    seed: int = 0,
    progress: Callable[[], None] | None = None,
) -> list[Sides]:
    """Return each pair's word saliency (W,), (W'), averaged over noisy copies of both texts.

    Hedström et al. 2024, Smooth MPRT: the mean of Φ(x + η) over N samples, the last without noise,
    as their implementation has it. They add noise to pixels, a tenth of an image's range; a text is
    discrete, so the noise is added to its token embeddings, and since these have long tails (their
    range is some 20 standard deviations, a picture's 3.5) it is measured in their standard
    deviation: 0.35, which for evenly spread values is the same tenth.

    Parameters
    ----------
    explainer : Explainer
        A model and a method.
    pairs : Sequence[tuple[str, str]]
        P pairs of texts.
    samples : int, default=50
        N.
    noise : float, default=PIXELS
        See ``noisy_embeddings``.
    seed : int, default=0
        Of the noise; each sample has its own.
    progress : Callable[[], None], optional
        Called after each sample.

    Raises
    ------
    OptionError
        ``samples`` or ``noise`` is no such number; or there is no model.
    """
    check_whole("samples", samples)
    check_whole("seed", seed, least=0)
    if not noise >= 0:
        raise OptionError(f"noise is {noise!r}; give 0 or more, in standard deviations.")
    encoder = explainer.encoder
    sums: list[Sides] | None = None
    for sample in range(samples):
        last = sample == samples - 1
        with noisy_embeddings(encoder, noise=0.0 if last else noise, seed=seed * samples + sample):
            found = [
                (saliency_of(explanation.left), saliency_of(explanation.right))
                for explanation in explainer.explain_many(pairs)
            ]
        if sums is None:
            sums = found
        else:
            sums = [(a + c, b + d) for (a, b), (c, d) in zip(sums, found, strict=True)]
        if progress is not None:
            progress()
    return [(left / samples, right / samples) for left, right in sums or ()]


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
