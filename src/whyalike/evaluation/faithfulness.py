"""Does the score fall when the words that an explanation names are taken away?"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from math import floor
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from whyalike.arrays import Floats
from whyalike.errors import OptionError
from whyalike.evaluation.measures import METRICS, checked_metrics
from whyalike.evaluation.metrics import PairValues, plain
from whyalike.evaluation.perturbed import (
    Replacement,
    Subsets,
    WordOrder,
    explanations_of,
    method_of,
    order_matches,
    order_words,
    says_nothing,
    subset_similarities,
)
from whyalike.explainer import Explainer
from whyalike.explanation import Explanation, WordPair
from whyalike.options import check_whole

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
    """The words of both texts of a pair, its matches, and the selected of them, in their order."""

    left: WordOrder
    right: WordOrder
    matches: Sequence[WordPair]
    selected: Sequence[WordPair]

    @classmethod
    def of(cls, explanation: Explanation, *, marks: bool, seed: int) -> "Ranking":
        """Rank what the explanation has; see ``order_words`` for ties."""
        left, right = (
            order_words(side, marks=marks, seed=seed)
            for side in (explanation.left, explanation.right)
        )
        matches = order_matches(explanation, marks=marks, seed=seed)
        return cls(left, right, matches, explanation.pairs)

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
    - shown_pairs: the same without those of the k-th selected pair alone, marks or not
    - interaction_pairs: I_ij = f - f(without i) - f(without j) + f(without both) of match k

    At least one word that could go stays: the similarity of empty texts says nothing (two of them
    have a cosine of 1 in a model with special tokens). So k is at most N - 1 where words go, and
    from 1 to N where they stay.
    """
    if curve == "interaction_pairs":
        return _interactions(ranking, len(points))
    if curve == "without_pairs":
        return Questions(_without_pairs(ranking, len(points)), _falls)
    if curve == "shown_pairs":
        return _shown(ranking, len(points))
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


def _shown(ranking: Ranking, count: int) -> Questions:
    shown = ranking.selected[:count]
    left, right = ranking.left.whole(len(shown)), ranking.right.whole(len(shown))
    for k, pair in enumerate(shown):
        left[k, pair.left] = right[k, pair.right] = False

    def read(whole: float, answers: Floats) -> Floats:
        found = np.full(count, np.nan)
        found[: len(shown)] = whole - answers
        return found

    return Questions(Subsets(left, right), read)


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


CURVES: dict[str, str] = {
    "aopc_deletion": "without_words",
    "aopc_insertion": "only_words",
    "comprehensiveness": "without_parts",
    "sufficiency": "only_parts",
    "deletion_area": "deletion_area",
    "insertion_area": "insertion_area",
    "pair_deletion": "without_pairs",
    "pair_checked": "shown_pairs",
    "pair_interaction": "interaction_pairs",
}

Progress = Callable[[int, int], None]

PAIRS_AT_ONCE = 16
"""Pairs whose perturbed texts go to the model together: several hundred each."""


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Faithfulness(PairValues):
    """Faithfulness of one method on P pairs; see PairValues.

    points: of each curve, K of them. curves: curve, then side, then (P, K); see ``questions`` in
    ``faithfulness_curves`` for what each holds.
    """

    points: Mapping[str, tuple[float, ...]]
    curves: Mapping[str, Mapping[str, Floats]]

    def mean_curve(self, curve: str, *, side: str = "both") -> Floats:
        """(K,): the mean of a curve over the pairs for which it is defined; NaN where none is."""
        values = self.curves[curve][side]
        defined = ~np.isnan(values)
        sums = np.where(defined, values, 0.0).sum(axis=0)
        counts = defined.sum(axis=0)
        found: Floats = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON: metrics by pair, and the mean of each curve."""
        return {
            **super().to_dict(),
            "curves": {
                curve: {
                    "points": list(self.points[curve]),
                    **{side: plain(self.mean_curve(curve, side=side)) for side in sides},
                }
                for curve, sides in self.curves.items()
            },
        }


def measure_faithfulness(
    explainer: Explainer,
    pairs: Sequence[tuple[str, str]],
    *,
    metrics: Sequence[str] = tuple(METRICS),
    explanations: Sequence[Explanation] | None = None,
    counts: Sequence[int] = tuple(range(1, 11)),
    fractions: Sequence[float] = (0.05, 0.1, 0.2, 0.5),
    top_pairs: int = 5,
    replacement: Replacement | None = None,
    marks: bool = False,
    seed: int = 0,
    progress: Progress | None = None,
) -> Faithfulness:
    """Measure what taking words away does to the similarity, by the order of a method.

    Words go from the left text, from the right one, or the same number (or part) from both. Each
    metric is the mean over its curve's points, or the area under it. Areas are not divided by the
    similarity of the whole pair, nor is that of the empty texts taken off: neither is a scale that
    every pair has. Signed methods are ordered by the signed value: what pulls the texts apart goes
    last. Words of equal saliency go in a random order.

    Parameters
    ----------
    explainer : Explainer
        The model and, unless ``explanations`` are given, the method.
    pairs : Sequence[tuple[str, str]]
        P pairs of texts.
    metrics : sequence of str, optional
        Names from ``METRICS``; only what they need is computed.
    explanations : sequence of Explanation, optional
        Of these pairs by one method, in their order; without them, the pairs are explained here.
    counts : sequence of int, optional
        How many words go or stay in ``aopc_deletion`` and ``aopc_insertion``.
    fractions : sequence of float, default=(0.05, 0.1, 0.2, 0.5)
        Which parts go or stay in ``comprehensiveness`` and ``sufficiency``; ERASER's own bins have
        0.01 too, which in texts of this length is the same word as 0.05.
    top_pairs : int, default=5
        How many matches ``pair_deletion`` and ``pair_interaction`` look at, and how many selected
        pairs ``pair_checked`` does.
    replacement : Replacement, optional
        What stands for a word that is taken away; by default nothing.
    marks : bool, default=False
        Whether punctuation may be taken away. If not, it always stays.
    seed : int, default=0
        Of the order of words of equal saliency.
    progress : Progress, optional
        Called with how many pairs are done, and P.

    Raises
    ------
    OptionError
        An option that is not allowed, or explanations of something else.
    TextError, ModelError
        As ``Explainer.explain_many``.
    """
    pairs, chosen = list(pairs), checked_metrics(metrics)
    points = _checked_points(counts, fractions, top_pairs)
    replacement = replacement or Replacement()
    curves = [CURVES[name] for name in chosen]
    stream = explanations_of(explainer, pairs, explanations)
    similarity: list[float] = []
    constant: list[bool] = []
    rows: dict[str, dict[Side, list[Floats]]] = {c: {s: [] for s in _sides(c)} for c in curves}
    while block := list(islice(stream, PAIRS_AT_ONCE)):
        found = _measure(
            explainer, block, rows, points, replacement=replacement, marks=marks, seed=seed
        )
        similarity += found
        constant += [says_nothing(explanation, marks=marks) for explanation in block]
        if progress is not None:
            progress(len(similarity), len(pairs))
    stacked: dict[str, dict[str, Floats]] = {
        curve: {
            side: np.array(values, dtype=np.float64).reshape(-1, len(points.of(curve)))
            for side, values in sides.items()
        }
        for curve, sides in rows.items()
    }
    return Faithfulness(
        method=method_of(explainer, explanations),
        model=explainer.model.name,
        similarity=np.array(similarity),
        values={
            name: {
                side: _reduce(curve, points.of(curve), values)
                for side, values in stacked[curve].items()
            }
            for name, curve in zip(chosen, curves, strict=True)
        },
        constant=np.array(constant, dtype=bool),
        settings={"replacement": replacement.to_dict(), "marks": marks, "seed": seed},
        points={curve: points.of(curve) for curve in curves},
        curves=stacked,
    )


def _measure(
    explainer: Explainer,
    block: Sequence[Explanation],
    rows: Mapping[str, Mapping[Side, list[Floats]]],
    points: Points,
    *,
    replacement: Replacement,
    marks: bool,
    seed: int,
) -> list[float]:
    """Add each pair's curves to ``rows``, and return the similarities of the whole pairs."""
    asked: list[dict[tuple[str, Side], Questions]] = []
    subsets: list[Subsets] = []
    for explanation in block:
        ranking = Ranking.of(explanation, marks=marks, seed=seed)
        asked.append(
            {
                (curve, side): questions(curve, side, ranking, points.of(curve))
                for curve, sides in rows.items()
                for side in sides
                if ranking.defined(side) and (ranking.matches or not curve.endswith("_pairs"))
            }
        )
        subsets.append(_whole_and(ranking, [q.subsets for q in asked[-1].values()]))
    answers = subset_similarities(explainer, block, subsets, replacement=replacement)
    for own, found in zip(asked, answers, strict=True):
        ends = np.cumsum([1, *(len(q.subsets.left) for q in own.values())])
        read = {
            key: q.read(float(found[0]), part)
            for (key, q), part in zip(own.items(), np.split(found, ends)[1:], strict=False)
        }
        for curve, sides in rows.items():
            nothing = np.full(len(points.of(curve)), np.nan)
            for side, values in sides.items():
                values.append(read.get((curve, side), nothing))
    return [float(found[0]) for found in answers]


def _whole_and(ranking: Ranking, parts: Sequence[Subsets]) -> Subsets:
    """Put the whole pair before all that is asked."""
    left = [ranking.left.whole(1), *(part.left for part in parts)]
    right = [ranking.right.whole(1), *(part.right for part in parts)]
    return Subsets(np.concatenate(left), np.concatenate(right))


def _sides(curve: str) -> Iterable[Side]:
    return ("both",) if curve.endswith("_pairs") else SIDES


def _reduce(curve: str, points: Sequence[float], values: Floats) -> Floats:
    """(P,): one number for each pair's curve (P, K), NaN where the pair has none."""
    if curve.endswith("_area"):
        return np.array([area(points, row) for row in values], dtype=np.float64)
    # A pair may have fewer matches than asked for: the mean is over those that there are.
    kept = [row[~np.isnan(row)] for row in values]
    return np.array([row.mean() if len(row) else np.nan for row in kept], dtype=np.float64)


def _checked_points(counts: Sequence[int], fractions: Sequence[float], top_pairs: int) -> Points:
    if not counts or any(type(count) is not int or count < 1 for count in counts):
        raise OptionError(f"counts is {counts!r}; give whole numbers from 1 on.")
    if not fractions or any(not 0 < fraction < 1 for fraction in fractions):
        raise OptionError(f"fractions is {fractions!r}; give numbers between 0 and 1.")
    check_whole("top_pairs", top_pairs)
    return Points(tuple(counts), tuple(fractions), top_pairs)
