"""Which words are taken away at each point of each curve of faithfulness, and what that tells."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import floor
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from whyalike.evaluation.perturbed import Subsets
from whyalike.evaluation.perturbed_words import WordOrder, order_matches, order_words
from whyalike.explanation import Explanation, WordPair

Floats = NDArray[np.float64]
Side = Literal["left", "right", "both"]
SIDES: tuple[Side, ...] = ("left", "right", "both")

AREA_POINTS = tuple(n / 10 for n in range(11))


@dataclass(frozen=True, slots=True)
class Points:
    """Where the curves are measured: numbers of words, parts of the words, numbers of pairs."""

    counts: tuple[int, ...]
    fractions: tuple[float, ...]
    pairs: int

    def of(self, curve: str) -> tuple[float, ...]:
        """Return the points of a curve."""
        return {
            "words": self.counts,
            "parts": self.fractions,
            "area": AREA_POINTS,
            "pairs": tuple(range(1, self.pairs + 1)),
        }[curve.rpartition("_")[2]]


@dataclass(frozen=True, eq=False)
class Ranking:
    """The words of both texts of a pair, and its matches, in a method's order."""

    left: WordOrder
    right: WordOrder
    matches: Sequence[WordPair]

    @classmethod
    def of(cls, explanation: Explanation, *, marks: bool, seed: int) -> "Ranking":
        """Rank what the explanation has; see ``order_words`` for ties."""
        left, right = (
            order_words(side, marks=marks, seed=seed)
            for side in (explanation.left, explanation.right)
        )
        return cls(left, right, order_matches(explanation, marks=marks, seed=seed))

    def defined(self, side: Side) -> bool:
        """Return whether a word can go and one that could stays, in each text that is changed."""
        enough = {"left": self.left.total > 1, "right": self.right.total > 1}
        return all(enough.values()) if side == "both" else enough[side]


@dataclass(frozen=True, eq=False)
class Questions:
    """What to ask the model of one side of one pair, and how its answers become a curve.

    subsets: Q choices of words. read: from the similarity of the whole pair and the Q similarities
    to the values at the curve's points, (K,).
    """

    subsets: Subsets
    read: Callable[[float, Floats], Floats]


def questions(curve: str, side: Side, ranking: Ranking, points: Sequence[float]) -> Questions:
    """Return what to ask for a curve, where ``ranking`` defines it on that side.

    - without_words, without_parts: fall of the similarity without the top k words
    - only_words, only_parts: fall of the similarity with only the top k words
    - deletion_area, insertion_area: the similarity itself, at parts of the words from 0 to 1
    - without_pairs: fall of the similarity without the words of the top k matches
    - interaction_pairs: I_ij = f - f(without i) - f(without j) + f(without both) of match k

    At least one word that could go stays: the similarity of empty texts says nothing (two of them
    have a cosine of 1 in a model with special tokens). So k is at most N - 1 where words go, and
    from 1 to N where they stay.
    """
    if curve == "interaction_pairs":
        return _interactions(ranking, len(points))
    if curve == "without_pairs":
        return Questions(_without_pairs(ranking, len(points)), _falls)
    read = _as_it_is if curve.endswith("_area") else _falls
    left, right = (
        _kept(curve, order, points, changed=side in ("both", own))
        for own, order in (("left", ranking.left), ("right", ranking.right))
    )
    return Questions(Subsets(left, right), read)


def area(points: Sequence[float], values: Floats) -> float:
    """Return the area under a curve over [0, 1] by the trapezoid rule."""
    return float(((values[1:] + values[:-1]) / 2 * np.diff(points)).sum())


def _kept(
    curve: str, order: WordOrder, points: Sequence[float], *, changed: bool
) -> NDArray[np.bool_]:
    if not changed:
        return order.whole(len(points))
    parts = not curve.endswith("_words")
    counts = [floor(p * order.total + 0.5) if parts else int(p) for p in points]
    # A part above 0 is a word at least.
    counts = [max(k, 1) if p > 0 else k for k, p in zip(counts, points, strict=True)]
    if curve.startswith(("only", "insertion")):
        return order.only([max(1, min(k, order.total)) for k in counts])
    return order.without([min(k, order.total - 1) for k in counts])


def _without_pairs(ranking: Ranking, count: int) -> Subsets:
    """Keep, for k = 1..count, all but the words of the top k matches; a last word stays."""
    left, right = ranking.left.whole(count), ranking.right.whole(count)
    gone: tuple[set[int], set[int]] = (set(), set())
    for k in range(count):
        for match in ranking.matches[k : k + 1]:
            more = gone[0] | {match.left}, gone[1] | {match.right}
            if len(more[0]) < ranking.left.total and len(more[1]) < ranking.right.total:
                gone = more
        left[k, list(gone[0])] = False
        right[k, list(gone[1])] = False
    return Subsets(left, right)


def _interactions(ranking: Ranking, count: int) -> Questions:
    top = ranking.matches[:count]
    left, right = ranking.left.whole(3 * len(top)), ranking.right.whole(3 * len(top))
    for k, match in enumerate(top):
        left[[3 * k, 3 * k + 2], match.left] = False
        right[[3 * k + 1, 3 * k + 2], match.right] = False

    def read(whole: float, answers: Floats) -> Floats:
        without_left, without_right, without_both = answers.reshape(-1, 3).T
        found = np.full(count, np.nan)
        found[: len(top)] = whole - without_left - without_right + without_both
        return found

    return Questions(Subsets(left, right), read)


def _falls(whole: float, answers: Floats) -> Floats:
    return whole - answers


def _as_it_is(_whole: float, answers: Floats) -> Floats:
    return answers
