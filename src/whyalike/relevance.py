"""How likely a pair of some score is relevant, by scores that people have labelled.

Bounds of the probability are those of the inductive Venn-Abers predictor (Vovk and Petej 2014): the
pair is put among the labelled ones as irrelevant and as relevant, and isotonic regression (Ayer et
al. 1955) gives its probability in both; one of the two is calibrated. What can be said at a level
is label-conditional conformal prediction (Vovk et al. 2005, section 4.5): a label is ruled out
where fewer of its own pairs than the level lets pass are as far out as this one. Both ask for no
more than that new pairs are drawn as the labelled ones are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whyalike.arrays import Floats
from whyalike.errors import OptionError

FEWEST_LABELLED = 20
"""Pairs of each label that are needed: of fewer, a level of 95 % rules nothing out."""


@dataclass(frozen=True, slots=True)
class Relevance:
    """What labelled scores say of a new one.

    low, high: bounds of the probability that the pair is relevant. relevant, irrelevant: whether
    each label stays possible at the level that was asked for; both where the score does not say.
    """

    low: float
    high: float
    relevant: bool
    irrelevant: bool


class LabelledScores:
    """Scores of pairs that people called relevant or not.

    Parameters
    ----------
    scores : sequence of float
        N finite scores, higher being more alike.
    relevant : sequence of bool
        N labels.

    Raises
    ------
    OptionError
        Not one label for each score, or fewer than FEWEST_LABELLED of a label.
    """

    def __init__(self, scores: Sequence[float], relevant: Sequence[bool]) -> None:
        values = np.asarray(scores, dtype=np.float64)
        labels = np.asarray(relevant)
        if values.ndim != 1 or values.shape != labels.shape or not np.isfinite(values).all():
            raise OptionError(
                f"There are scores of shape {values.shape} and labels of shape {labels.shape}: "
                "give one finite score and one label for each pair."
            )
        if not np.isin(labels, (0, 1)).all():
            raise OptionError("A label is neither True nor False: give whether a pair is relevant.")
        labels = labels.astype(bool)
        counts = int(labels.sum()), int((~labels).sum())
        if min(counts) < FEWEST_LABELLED:
            raise OptionError(
                f"There are {counts[0]} relevant pairs and {counts[1]} others: give "
                f"{FEWEST_LABELLED} or more of each."
            )
        order = np.lexsort((labels, values))
        self._scores, self._labels = values[order], labels[order]
        self._relevant, self._others = values[labels], values[~labels]

    def at(self, score: float, *, level: float = 0.9) -> Relevance:
        """Return what the labels say of a pair with this score.

        Of new relevant pairs, and of new irrelevant ones, a part of ``level`` or more keep their
        own label, in the mean over what was labelled.

        Raises
        ------
        OptionError
            A level that is not between 0 and 1, or a score that is no finite number.
        """
        if not 0 < level < 1 or not np.isfinite(score):
            raise OptionError(
                f"level is {level!r} and score {score!r}; give a number between 0 and 1, and a "
                "finite one."
            )
        farther = (self._relevant <= score).sum(), (self._others >= score).sum()
        sizes = len(self._relevant), len(self._others)
        kept = [(1 + n) / (1 + size) > 1 - level for n, size in zip(farther, sizes, strict=True)]
        low, high = (self._fitted(score, label) for label in (False, True))
        return Relevance(low, high, bool(kept[0]), bool(kept[1]))

    def _fitted(self, score: float, label: bool) -> float:
        """Return the isotonic regression at a score that is put among the others with a label."""
        place = int(np.searchsorted(self._scores, score))
        scores = np.insert(self._scores, place, score)
        labels = np.insert(self._labels, place, label)
        unique, which, counts = np.unique(scores, return_inverse=True, return_counts=True)
        means = np.bincount(which, weights=labels) / counts
        return float(isotonic(means, counts)[np.searchsorted(unique, score)])


def isotonic(values: Floats, weights: NDArray[np.generic]) -> Floats:
    """Return the rising values that are nearest in weighted squares, by pooling violators."""
    blocks: list[tuple[float, float, int]] = []
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        mean, total, count = value, float(weight), 1
        while blocks and blocks[-1][0] >= mean:
            other, more, places = blocks.pop()
            mean = (mean * total + other * more) / (total + more)
            total, count = total + more, count + places
        blocks.append((mean, total, count))
    return np.repeat([mean for mean, _, _ in blocks], [count for _, _, count in blocks])
