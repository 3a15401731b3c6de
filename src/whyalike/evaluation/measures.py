"""What can be measured on pairs of texts: parts of a suite, metrics of faithfulness.

It is known without a model, so that a wrong name is refused before one is loaded.
"""

from collections.abc import Sequence
from typing import Literal, get_args

from whyalike.errors import OptionError
from whyalike.evaluation.metrics import Metric

_ERASER = "DeYoung et al. 2020 (ERASER), section 4"
_PETSIUK = "Petsiuk et al. 2018 (RISE), section 4.2"

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            "aopc_deletion",
            "mean fall of the similarity without the top k words, k = 1..10",
            "Samek et al. 2017, Eq. 12, without its term k = 0, which is 0",
            True,
            "similarity",
        ),
        Metric(
            "aopc_insertion",
            "mean fall of the similarity with only the top k words, k = 1..10",
            "Samek et al. 2017, Eq. 12, on what ERASER calls sufficiency",
            False,
            "similarity",
        ),
        Metric(
            "comprehensiveness",
            "mean fall of the similarity without the top 5, 10, 20, 50 % of the words",
            f"{_ERASER}, Eq. 1, over its bins",
            True,
            "similarity",
        ),
        Metric(
            "sufficiency",
            "mean fall of the similarity with only the top 5, 10, 20, 50 % of the words",
            f"{_ERASER}, Eq. 2, over its bins",
            False,
            "similarity",
        ),
        Metric(
            "deletion_area",
            "area under the similarity as words go, most salient first",
            f"{_PETSIUK}, deletion",
            False,
            "similarity",
        ),
        Metric(
            "insertion_area",
            "area under the similarity as words come, most salient first",
            f"{_PETSIUK}, insertion",
            True,
            "similarity",
        ),
        Metric(
            "pair_deletion",
            "mean fall of the similarity without the words of the top k matches, k = 1..5",
            "as aopc_deletion, with both words of each match",
            True,
            "similarity",
        ),
        Metric(
            "pair_checked",
            "mean fall of the similarity without the words of one selected pair, of the first 5",
            "what explain(check=5) shows of each pair alone",
            True,
            "similarity",
        ),
        Metric(
            "pair_interaction",
            "mean interaction f - f(without i) - f(without j) + f(without both) of the top 5 "
            "matches",
            "Grabisch and Roubens 1999, of two words in the presence of all others",
            True,
            "similarity",
        ),
    )
}

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


def checked_parts(parts: Sequence[str]) -> tuple[str, ...]:
    """Return the parts to measure on pairs, each once.

    Raises
    ------
    OptionError
        None, or an unknown one.
    """
    names = tuple(dict.fromkeys(parts))
    allowed = get_args(PairPart)
    if not names or (wrong := [name for name in names if name not in allowed]):
        said = repr(wrong[0]) if names else "nothing"
        raise OptionError(f"There is no part {said} of a suite; there are: {', '.join(allowed)}.")
    return names
