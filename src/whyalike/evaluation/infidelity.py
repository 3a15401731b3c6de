"""Infidelity: do a method's numbers say by how much the similarity changes?"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whyalike.arrays import Floats
from whyalike.evaluation.faithfulness import SIDES
from whyalike.evaluation.metrics import Metric, PairValues, plain
from whyalike.evaluation.perturbed import (
    Replacement,
    Subsets,
    attributions,
    explanations_of,
    generator_for,
    method_of,
    removable,
    says_nothing,
    subset_similarities,
)
from whyalike.explainer import Explainer
from whyalike.explanation import ExplainedText, Explanation
from whyalike.options import check_whole

Figures = tuple[float, float, float]

PAIRS_AT_ONCE = 16

ROUNDING = 1e-6
"""Changes smaller than that part of the similarity are none: rounding makes them."""

_YEH = "Yeh et al. 2019, Def. 2.1"

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            "infidelity",
            "mean squared error of the scaled attributions' sum against the change of the "
            "similarity when random words go",
            f"{_YEH}, scaled as in its section 5",
            False,
            "squared similarity",
        ),
        Metric(
            "infidelity_relative",
            "infidelity as a part of the mean squared change: 0 is all explained, 1 nothing",
            f"{_YEH}, divided by the infidelity of saying nothing",
            False,
        ),
    )
}


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Infidelity(PairValues):
    """Infidelity of one method on P pairs; see PairValues.

    scales: side, then (P,), by what a pair's attributions were multiplied to fit best.
    """

    scales: Mapping[str, Floats]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        scales = {side: plain(values) for side, values in self.scales.items()}
        return {**super().to_dict(), "scales": scales}


def infidelity(predicted: Floats, changes: Floats) -> tuple[float, float]:
    """Return the infidelity of S statements, and the scale that makes it least.

    min over beta >= 0 of the mean of (beta * predicted - changes)^2 (Yeh et al. 2019, Def. 2.1
    with the scale of section 5). Captum's ``infidelity(normalize=True)`` is the same but lets
    beta be negative, so that attributions of the wrong sign score as well as right ones; here
    they are no better than silence.

    Parameters
    ----------
    predicted : Floats
        (S,), the sum of the attributions of the words that went.
    changes : Floats
        (S,), the fall of the similarity.
    """
    power = float((predicted * predicted).sum())
    scale = max(0.0, float((predicted * changes).sum()) / power) if power > 0 else 0.0
    return float(np.mean((scale * predicted - changes) ** 2)), scale


def measure_infidelity(
    explainer: Explainer,
    pairs: Sequence[tuple[str, str]],
    *,
    explanations: Sequence[Explanation] | None = None,
    samples: int = 32,
    most: int = 10,
    replacement: Replacement | None = None,
    marks: bool = False,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Infidelity:
    """Take random words away, and compare the change with what the method says of those words.

    A text is the vector of which of its words are there, and a perturbation takes 1 to ``most`` of
    them, that number drawn evenly. Attributions are contributions where the method gives them and
    saliency where not, scaled per pair and side: saliency has no units.

    Parameters
    ----------
    explainer : Explainer
        The model and, unless ``explanations`` are given, the method.
    pairs : Sequence[tuple[str, str]]
        P pairs of texts.
    explanations : sequence of Explanation, optional
        Of these pairs by one method; without them, the pairs are explained here.
    samples : int, default=32
        Perturbations of a pair, the same for every method.
    most : int, default=10
        The most words that go from a text; at least one that could go stays.
    replacement : Replacement, optional
        What stands for a word that is taken away; by default nothing.
    marks : bool, default=False
        Whether punctuation may be taken away.
    seed : int, default=0
        Of the perturbations.
    progress : Callable[[int, int], None], optional
        Called with how many pairs are done, and P.

    Raises
    ------
    OptionError
        An option that is not allowed, or explanations of something else.
    TextError, ModelError
        As ``Explainer.explain_many``.
    """
    for name, value in (("samples", samples), ("most", most)):
        check_whole(name, value)
    pairs, replacement = list(pairs), replacement or Replacement()
    stream = explanations_of(explainer, pairs, explanations)
    similarity: list[float] = []
    constant: list[bool] = []
    rows: dict[str, list[Figures]] = {side: [] for side in SIDES}
    while block := list(islice(stream, PAIRS_AT_ONCE)):
        subsets = [
            [
                _random_subsets(text, side, samples, most, marks=marks, seed=seed)
                for side, text in (("left", e.left), ("right", e.right))
            ]
            for e in block
        ]
        asked = [_ask(left, right) for left, right in subsets]
        answers = subset_similarities(explainer, block, asked, replacement=replacement)
        for explanation, kept, found in zip(block, subsets, answers, strict=True):
            for side, figures in _figures_by_side(explanation, kept, found).items():
                rows[side].append(figures)
            similarity.append(float(found[0]))
            constant.append(says_nothing(explanation, marks=marks))
        if progress is not None:
            progress(len(similarity), len(pairs))
    columns = {side: np.array(of_side).reshape(-1, 3).T for side, of_side in rows.items()}
    return Infidelity(
        method=method_of(explainer, explanations),
        model=explainer.model.name,
        similarity=np.array(similarity),
        values={
            name: {side: found[place] for side, found in columns.items()}
            for place, name in enumerate(METRICS)
        },
        constant=np.array(constant, dtype=bool),
        settings={
            "replacement": replacement.to_dict(),
            "marks": marks,
            "samples": samples,
            "most": most,
            "seed": seed,
        },
        scales={side: found[2] for side, found in columns.items()},
    )


def _figures_by_side(
    explanation: Explanation, kept: Sequence[NDArray[np.bool_]], similarities: Floats
) -> dict[str, Figures]:
    """Return the figures of a pair; NaN on a side where nothing could go."""
    falls = similarities[0] - similarities[1:].reshape(len(SIDES), -1)
    left, right = (
        ~own @ attributions(text)
        for own, text in zip(kept, (explanation.left, explanation.right), strict=True)
    )
    can_go = [not own.all() for own in kept]
    least = ROUNDING * abs(float(similarities[0]))
    return {
        side: _figures(predicted, changes, least=least) if defined else (np.nan, np.nan, np.nan)
        for side, predicted, changes, defined in zip(
            SIDES, (left, right, left + right), falls, (*can_go, all(can_go)), strict=True
        )
    }


def _figures(predicted: Floats, changes: Floats, *, least: float) -> Figures:
    """Return infidelity, its part of the mean squared change if above ``least``², and the scale."""
    found, scale = infidelity(predicted, changes)
    silent = float(np.mean(changes**2))
    return found, found / silent if silent > least**2 else float("nan"), scale


def _random_subsets(
    text: ExplainedText, side: str, samples: int, most: int, *, marks: bool, seed: int
) -> NDArray[np.bool_]:
    """(S, W): what stays; everything, where no two words could go."""
    may = removable(text, marks=marks)
    kept = np.ones((samples, len(text.words)), dtype=bool)
    if len(may) > 1:
        # By the side too: equal texts would lose the same words, and stay as alike as they were.
        generator = generator_for("infidelity", seed, side, text.text)
        for row in kept:
            count = int(generator.integers(1, min(most, len(may) - 1) + 1))
            row[generator.choice(may, size=count, replace=False)] = False
    return kept


def _ask(left: NDArray[np.bool_], right: NDArray[np.bool_]) -> Subsets:
    """The whole pair first, then words gone from the left, the right, and both."""
    whole = [np.ones_like(side) for side in (left, right)]
    return Subsets(
        np.concatenate([whole[0][:1], left, whole[0], left]),
        np.concatenate([whole[1][:1], whole[1], right, right]),
    )
