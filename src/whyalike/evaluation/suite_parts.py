"""The parts of a suite: what each measures on a dataset, as entries of a leaderboard."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from whyalike.errors import OptionError
from whyalike.evaluation import infidelity, sensitivity
from whyalike.evaluation.alignment import score_alignment
from whyalike.evaluation.faithfulness import checked_metrics, measure_faithfulness
from whyalike.evaluation.faithfulness_metrics import CURVES
from whyalike.evaluation.gold_counts import GoldScores
from whyalike.evaluation.infidelity import measure_infidelity
from whyalike.evaluation.ists import evaluate_ists
from whyalike.evaluation.leaderboard import Entry
from whyalike.evaluation.perturbed_values import PairValues, plain
from whyalike.evaluation.randomization import measure_randomization
from whyalike.evaluation.randomization_result import RandomizationResult
from whyalike.evaluation.sensitivity import measure_sensitivity
from whyalike.evaluation.suite_metrics import AGREEMENTS, BY_CHANCE, RANDOMIZATION, WEIGHTS
from whyalike.explain import Explainer, Explanation
from whyalike.statistics import mean_interval

PairPart = Literal["faithfulness", "randomization", "infidelity", "sensitivity"]
"""What can be measured on pairs of texts without gold."""

FAITHFULNESS = (
    "aopc_deletion",
    "sufficiency",
    "deletion_area",
    "insertion_area",
    "pair_deletion",
    "pair_interaction",
)
GOLD = {
    "alignment": ("alignment_f", "alignment_f_non_identical", "alignment_f_unaligned"),
    "ists": ("ists_f1_ali",),
}

LOOKS_INSIDE = ("randomization", "sensitivity")
"""Parts that change the model's weights or embeddings."""

SEEDS = 2
"""Randomised models of a suite; ``measure_randomization`` by itself takes any number."""


def checked_parts(parts: Sequence[str]) -> tuple[str, ...]:
    """Return the parts to measure on pairs, each once.

    Raises:
        OptionError: none, or an unknown one.
    """
    names = tuple(dict.fromkeys(parts))
    allowed = get_args(PairPart)
    if not names or (wrong := [name for name in names if name not in allowed]):
        said = repr(wrong[0]) if names else "nothing"
        raise OptionError(f"There is no part {said} of a suite; there are: {', '.join(allowed)}.")
    return names


def check_part(part: str, explainer: Explainer) -> None:
    """Refuse what can't be measured before a pair is explained, which may cost hours or money.

    Raises:
        OptionError: the part looks into the model, and that is a function.
    """
    if part in LOOKS_INSIDE:
        explainer.encoder  # noqa: B018


def metrics_of(part: str, faithfulness: Sequence[str]) -> tuple[str, ...]:
    """Return the names of a part's metrics; those of faithfulness are the caller's choice."""
    of_pairs: Mapping[str, Sequence[str]] = {
        "faithfulness": checked_metrics(faithfulness),
        "randomization": tuple(RANDOMIZATION),
        "infidelity": tuple(infidelity.METRICS),
        "sensitivity": tuple(sensitivity.METRICS),
    }
    return tuple(of_pairs.get(part) or GOLD[part])


def measure_part(
    part: str,
    name: str,
    explainer: Explainer,
    items: Sequence[Any],
    *,
    explanations: Sequence[Explanation],
    metrics: Sequence[str],
    seed: int,
) -> list[Entry]:
    """Return an entry for each metric of one part, method and dataset.

    Args:
        part: one of PairPart, "alignment" or "ists".
        name: of the dataset.
        explainer: the model and the method.
        items: pairs of texts, or of gold.
        explanations: of the items, in their order.
        metrics: of ``metrics_of``.
        seed: of what is random, intervals included.

    Raises:
        WhyalikeError: as the measure that the part stands for.
    """
    if part == "alignment":
        return _gold(name, score_alignment(explanations, items), metrics, seed=seed)
    if part == "ists":
        found = evaluate_ists(explainer, items, explanations=explanations)
        return _gold(name, found, metrics, seed=seed)
    if part == "randomization":
        return _randomization(name, explainer, items, explanations, seed=seed)
    if part == "faithfulness":
        faithful = measure_faithfulness(
            explainer, items, metrics=metrics, explanations=explanations, seed=seed
        )
        return [
            replace(
                entry,
                curve=(
                    faithful.points[CURVES[entry.metric]],
                    tuple(plain(faithful.mean_curve(CURVES[entry.metric]))),
                ),
            )
            for entry in _entries(name, faithful, metrics, seed=seed)
        ]
    measure = measure_infidelity if part == "infidelity" else measure_sensitivity
    values = measure(explainer, items, explanations=explanations, seed=seed)
    return _entries(name, values, metrics, seed=seed)


def _entries(name: str, found: PairValues, metrics: Sequence[str], *, seed: int) -> list[Entry]:
    return [
        _entry(
            name,
            found.method,
            metric,
            found.values[metric]["both"],
            constant=int(found.constant.sum()),
            seed=seed,
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
