"""The parts of a suite: what each measures on a dataset, as entries of a leaderboard."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whyalike.evaluation.alignment import score_alignment
from whyalike.evaluation.faithfulness import CURVES, Side, measure_faithfulness
from whyalike.evaluation.gold_counts import GoldScores
from whyalike.evaluation.infidelity import measure_infidelity
from whyalike.evaluation.ists import evaluate_ists
from whyalike.evaluation.leaderboard import Entry
from whyalike.evaluation.metrics import PairValues, plain
from whyalike.evaluation.perturbed import Replacement, says_nothing
from whyalike.evaluation.randomization import measure_randomization
from whyalike.evaluation.randomization_result import RandomizationResult
from whyalike.evaluation.sensitivity import measure_sensitivity
from whyalike.evaluation.suite_choice import AGREEMENTS, BY_CHANCE, WEIGHTS, Choice
from whyalike.explainer import Explainer
from whyalike.explanation import Explanation
from whyalike.models.scorer import require
from whyalike.statistics import mean_interval

LOOKS_INSIDE = ("randomization", "sensitivity")
"""Parts that change the model's weights or embeddings."""

SEEDS = 2
"""Randomised models of a suite; ``measure_randomization`` by itself takes any number."""


def check_part(part: str, explainer: Explainer) -> None:
    """Refuse what can't be measured before a pair is explained, which may cost hours or money.

    Raises
    ------
    OptionError
        The part looks into the model, and nothing can be seen there.
    """
    if part in LOOKS_INSIDE:
        require(
            explainer.model,
            ("hidden states", "gradients"),
            what=f"The part {part!r}",
            instead="Leave that part out.",
        )


def with_notes(entries: Sequence[Entry], explanations: Sequence[Explanation]) -> tuple[Entry, ...]:
    """Return the entries with the warnings of every explanation: these are of the method."""
    first, *others = explanations
    notes = tuple(note for note in first.warnings if all(note in o.warnings for o in others))
    return tuple(replace(entry, notes=notes) for entry in entries)


def measure_part(
    part: str,
    name: str,
    explainer: Explainer,
    items: Sequence[Any],
    *,
    explanations: Sequence[Explanation],
    choice: Choice,
    replacement: Replacement,
) -> list[Entry]:
    """Return an entry for each metric of one part, method and dataset.

    Parameters
    ----------
    part : str
        One of PairPart, "alignment" or "ists".
    name : str
        Of the dataset.
    explainer : Explainer
        The model and the method.
    items : sequence of Any
        Pairs of texts, or of gold.
    explanations : sequence of Explanation
        Of the items, in their order.
    choice : Choice
        How to measure.
    replacement : Replacement
        What stands for a word that is taken away.

    Raises
    ------
    WhyalikeError
        As the measure that the part stands for.
    """
    metrics, seed = choice.metrics_of(part), choice.seed
    if part == "alignment":
        return _gold(name, score_alignment(explanations, items), metrics, seed=seed)
    if part == "ists":
        found = evaluate_ists(explainer, items, explanations=explanations)
        return _gold(name, found, metrics, seed=seed)
    if part == "randomization":
        return _randomization(name, explainer, items, explanations, seed=seed)
    if part == "faithfulness":
        faithful = measure_faithfulness(
            explainer,
            items,
            metrics=metrics,
            explanations=explanations,
            replacement=replacement,
            seed=seed,
        )
        return [
            replace(
                entry,
                curve=(
                    faithful.points[curve],
                    tuple(plain(faithful.mean_curve(curve, side=_side(curve, choice)))),
                ),
            )
            for entry in _entries(name, faithful, metrics, choice)
            for curve in [CURVES[entry.metric]]
        ]
    if part == "infidelity":
        values: PairValues = measure_infidelity(
            explainer, items, explanations=explanations, replacement=replacement, seed=seed
        )
    else:
        values = measure_sensitivity(explainer, items, explanations=explanations, seed=seed)
    return _entries(name, values, metrics, choice)


def _side(curve: str, choice: Choice) -> Side:
    """Return whose words go; a curve of pairs of words has those of both alone."""
    return "both" if curve.endswith("_pairs") else choice.side


def _entries(name: str, found: PairValues, metrics: Sequence[str], choice: Choice) -> list[Entry]:
    return [
        _entry(
            name,
            found.method,
            metric,
            found.values[metric][_side(CURVES.get(metric, ""), choice)],
            constant=int(found.constant.sum()),
            seed=choice.seed,
        )
        for metric in metrics
    ]


def _randomization(
    name: str,
    explainer: Explainer,
    pairs: Sequence[tuple[str, str]],
    trained: Sequence[Explanation],
    *,
    seed: int,
) -> list[Entry]:
    entries = []
    constant = sum(says_nothing(explanation, marks=True) for explanation in trained)
    for weights in WEIGHTS:
        found = measure_randomization(
            explainer,
            pairs,
            keep_embeddings=weights == "kept",
            seeds=SEEDS,
            seed=seed,
            trained=trained,
        )
        entries += [
            _entry(
                name,
                found.method,
                f"{agreement}_{weights}",
                found.last.per_pair(agreement),
                constant=constant,
                chance=_chance(found) if agreement == BY_CHANCE else None,
                seed=seed,
            )
            for agreement in AGREEMENTS
        ]
    return entries


def _chance(found: RandomizationResult) -> float | None:
    """Return what random explanations agree by, mean of the pairs for which that is defined."""
    defined = found.chance[~np.isnan(found.chance)]
    return float(defined.mean()) if len(defined) else None


def _entry(
    dataset: str,
    method: str,
    metric: str,
    found: NDArray[np.float64],
    *,
    constant: int = 0,
    chance: float | None = None,
    seed: int,
) -> Entry:
    values = tuple(plain(found))
    defined = [value for value in values if value is not None]
    return Entry(
        dataset=dataset,
        method=method,
        metric=metric,
        figure=mean_interval(defined, seed=seed) if defined else None,
        values=values,
        constant=constant,
        chance=chance,
    )


def _gold(name: str, found: GoldScores, metrics: Sequence[str], *, seed: int) -> list[Entry]:
    entries = []
    for metric in metrics:
        counts = found.counts[metric]
        own = tuple(plain(counts.pair_f()))
        entries.append(
            Entry(
                dataset=name,
                method=found.method,
                metric=metric,
                figure=(counts.f_interval(seed=seed) if any(v is not None for v in own) else None),
                values=own,
                counts=tuple(map(tuple, counts.table().tolist())),
            )
        )
    return entries
