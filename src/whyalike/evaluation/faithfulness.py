"""Faithfulness: does the similarity fall when the words go that a method calls important?"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whyalike.errors import OptionError
from whyalike.evaluation.faithfulness_curves import (
    SIDES,
    Points,
    Questions,
    Ranking,
    Side,
    area,
    questions,
)
from whyalike.evaluation.faithfulness_metrics import CURVES, METRICS
from whyalike.evaluation.perturbed import Replacement, Subsets, subset_similarities
from whyalike.evaluation.perturbed_values import PairValues, plain
from whyalike.evaluation.perturbed_words import explanations_of, method_of, says_nothing
from whyalike.explainer import Explainer
from whyalike.explanation import Explanation
from whyalike.options import check_whole

Floats = NDArray[np.float64]
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

    Args:
        explainer: the model and, unless ``explanations`` are given, the method.
        pairs: P pairs of texts.
        metrics: names from ``METRICS``; only what they need is computed.
        explanations: of these pairs by one method, in their order; without them, the pairs are
            explained here.
        counts: how many words go or stay in ``aopc_deletion`` and ``aopc_insertion``.
        fractions: which parts go or stay in ``comprehensiveness`` and ``sufficiency``; ERASER's
            own bins have 0.01 too, which in texts of this length is the same word as 0.05.
        top_pairs: how many matches ``pair_deletion`` and ``pair_interaction`` look at.
        replacement: what stands for a word that is taken away; by default nothing.
        marks: whether punctuation may be taken away. If not, it always stays.
        seed: of the order of words of equal saliency.
        progress: called with how many pairs are done, and P.

    Raises:
        OptionError: an option that is not allowed, or explanations of something else.
        TextError, ModelError: as ``Explainer.explain_many``.
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


def checked_metrics(metrics: Sequence[str]) -> list[str]:
    """Return the names, each once. Raises OptionError on an unknown one, or on none."""
    names = [metrics] if isinstance(metrics, str) else list(dict.fromkeys(metrics))
    if not names:
        raise OptionError(f"There are no metrics to measure; there are: {', '.join(METRICS)}.")
    if wrong := [name for name in names if name not in METRICS]:
        raise OptionError(
            f"There is no metric {wrong[0]!r} of faithfulness; there are: {', '.join(METRICS)}."
        )
    return names


def _checked_points(counts: Sequence[int], fractions: Sequence[float], top_pairs: int) -> Points:
    if not counts or any(type(count) is not int or count < 1 for count in counts):
        raise OptionError(f"counts is {counts!r}; give whole numbers from 1 on.")
    if not fractions or any(not 0 < fraction < 1 for fraction in fractions):
        raise OptionError(f"fractions is {fractions!r}; give numbers between 0 and 1.")
    check_whole("top_pairs", top_pairs)
    return Points(tuple(counts), tuple(fractions), top_pairs)
