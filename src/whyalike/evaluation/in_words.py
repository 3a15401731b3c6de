"""A leaderboard in words: what its metrics are called, and which method can be trusted."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from whyalike.evaluation.suite_choice import METRICS, RANDOMIZATION, WEIGHTS
from whyalike.statistics import compare_paired

if TYPE_CHECKING:
    from whyalike.evaluation.leaderboard import Entry, Leaderboard

CHANCE = "random"
"""The method whose explanations are chance."""

SIGNIFICANT = 0.05
ALIKE = 0.5
"""A mean rank correlation, from which on an explanation hardly depends on the model's weights."""

NAMED = 4

NAMES: Mapping[str, str] = {
    "aopc_deletion": "Fall without the first words",
    "aopc_insertion": "Fall with the first words alone",
    "comprehensiveness": "Fall without a part of the words",
    "sufficiency": "Fall with a part of the words alone",
    "deletion_area": "Score as words are deleted",
    "insertion_area": "Score as words come back",
    "pair_deletion": "Fall without the first pairs",
    "pair_checked": "Fall without each shown pair",
    "pair_interaction": "How much two words act together",
    "infidelity": "Error of the sum of words",
    "infidelity_relative": "Part of the change that is not explained",
    "max_sensitivity": "Change under small noise",
    "alignment_f": "Agreement with people’s links",
    "alignment_f_non_identical": "Agreement with people’s links of other words",
    "alignment_f_unaligned": "Agreement on words without a link",
    "alignment_f_macro": "Agreement with people’s links, pair by pair",
    "alignment_f_sure": "Agreement with people’s sure links",
    "alignment_precision": "Links that people see too",
    "alignment_recall": "People’s links that are found",
    "ists_f1_ali": "Agreement with people’s links of chunks",
    "ists_f1_ali_macro": "Agreement with people’s links of chunks, pair by pair",
    "ists_precision": "Links of chunks that people see too",
    "ists_recall": "People’s links of chunks that are found",
    **{
        f"{name}_{weights}": f"{said}, {condition}"
        for name, said in (
            ("spearman", "Rank correlation of words"),
            ("spearman_plain", "Rank correlation of plain words"),
            ("jaccard_words", "Shared top words"),
        )
        for weights, condition in WEIGHTS.items()
    },
}
"""What a metric is called where people read; its own name is that of files and programs."""

WORDS, PARTS, PAIRS = "words", "part of the words", "pairs of words"
FALL, SCORE = "fall of the similarity", "similarity"

AXES: Mapping[str, tuple[str, str]] = {
    "aopc_deletion": (f"{WORDS} deleted", FALL),
    "aopc_insertion": (f"{WORDS} left", FALL),
    "comprehensiveness": (f"{PARTS} deleted", FALL),
    "sufficiency": (f"{PARTS} left", FALL),
    "deletion_area": (f"{PARTS} deleted", SCORE),
    "insertion_area": (f"{PARTS} left", SCORE),
    "pair_deletion": (f"{PAIRS} deleted", FALL),
    "pair_checked": ("number of the pair", FALL),
    "pair_interaction": ("number of the pair", "interaction"),
}
"""What a curve goes along, and what it shows."""


def name_of(metric: str) -> str:
    """Return what a metric is called where people read."""
    return NAMES.get(metric, metric.replace("_", " "))


def answer(board: "Leaderboard", dataset: str) -> str:
    """Return which methods can be trusted on a dataset, in sentences.

    Counted are the metrics by which a method can be best. A method is among the best by one where
    no paired test finds it worse than the best; it is above chance where a test (Wilcoxon,
    corrected by Holm for all methods) finds it better than random explanations.
    """
    metrics = [
        metric
        for metric in board.metrics(dataset)
        if (dataset, metric) in board.tables
        and metric not in RANDOMIZATION
        and METRICS[metric].higher_is_better is not None
    ]
    if not metrics:
        return ""
    ties = {metric: board.ties_with_best(dataset, metric) for metric in metrics}
    told = [metric for metric in metrics if ties[metric]]
    if not told:
        count = board.items.get(dataset, 0)
        pairs = "1 pair" if count == 1 else f"{count:,} pairs"
        return (
            f"These {pairs} are too few to say: no test of so few could find any method worse than "
            "another."
        )
    said = [_best(told, ties), *_above_chance(board, dataset, metrics)]
    said += _independent(board, dataset)
    return " ".join(said)


def _best(told: Sequence[str], ties: Mapping[str, frozenset[str]]) -> str:
    """Return the sentence on the methods that are among the best most often."""
    counts: dict[str, int] = {}
    for metric in told:
        for method in ties[metric]:
            counts[method] = counts.get(method, 0) + 1
    most = max(counts.values())
    first = sorted(method for method, count in counts.items() if count == most)
    by = f"{most} of {len(told)} {'metric' if len(told) == 1 else 'metrics'}"
    if CHANCE in first:
        return (
            f"Nothing is told apart: explanations by chance are among the best by {by}, as are "
            f"{_listed([one for one in first if one != CHANCE]) or 'no others'}."
        )
    is_are = "is" if len(first) == 1 else "are"
    if 2 * most <= len(told) and len(told) > 1:
        return f"No method leads by most metrics; {_listed(first)} {is_are} among the best by {by}."
    each = "it is" if len(first) == 1 else "each is"
    return (
        f"{_listed(first)} can be trusted most: {each} the best, or not found worse than the best, "
        f"by {by}."
    )


def _above_chance(board: "Leaderboard", dataset: str, metrics: Sequence[str]) -> list[str]:
    """Return the sentence on methods that chance is not found worse than."""
    tested, above = 0, dict[str, int]()
    for metric in metrics:
        values = {entry.method: _values(entry) for entry in board.tables[dataset, metric]}
        if CHANCE not in values or len(values) < 2:
            continue
        tested += 1
        sign = 1 if METRICS[metric].higher_is_better else -1
        for test in compare_paired(values, reference=CHANCE):
            method = test.first if test.second == CHANCE else test.second
            better = test.difference if test.second == CHANCE else -test.difference
            found = test.p_holm < SIGNIFICANT and sign * better > 0
            above[method] = above.get(method, 0) + found
    if not tested:
        return [f"Chance is not measured: the run has no method {CHANCE!r} to compare with."]
    by = "the metric" if tested == 1 else f"all {tested} metrics"
    none = sorted(method for method, count in above.items() if not count)
    some = sorted(method for method, count in above.items() if 0 < count < tested)
    said = []
    if none:
        said.append(f"Not found better than chance by any: {_listed(none)}.")
    if some:
        few = [f"{method} ({above[method]} of {tested})" for method in some]
        said.append(f"Better than chance by some metrics only: {_listed(few)}.")
    if not none and not some:
        said.append(f"Every method is better than chance by {by}.")
    return said


def _independent(board: "Leaderboard", dataset: str) -> list[str]:
    """Return the sentence on methods whose explanations stay when all weights are random."""
    entries = board.tables.get((dataset, "spearman_random"), ())
    stay = [
        entry.method
        for entry in entries
        if entry.figure is not None and entry.figure.mean >= ALIKE and entry.method != CHANCE
    ]
    if not stay:
        return []
    return [
        f"With all weights random, {_listed(sorted(stay))} explain{'s' if len(stay) == 1 else ''} "
        "much the same: such explanations are of the texts, and not of the model."
    ]


def _values(entry: "Entry") -> list[float]:
    return [np.nan if value is None else value for value in entry.values]


def _listed(names: Sequence[str]) -> str:
    shown = list(names[:NAMED])
    if more := len(names) - len(shown):
        return f"{', '.join(shown)} and {more} more"
    return " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1]))) if shown else ""
