"""The metrics of a suite, by name."""

from dataclasses import replace

from whyalike.evaluation import (
    alignment,
    faithfulness_metrics,
    infidelity,
    ists,
    randomization_agreement,
    sensitivity,
)
from whyalike.evaluation.metric import Metric

AGREEMENTS = ("spearman", "spearman_plain", "jaccard_words")
WEIGHTS = {
    "random": "all weights random",
    "kept": "all weights random but the embeddings",
}

RANDOMIZATION: dict[str, Metric] = {
    f"{name}_{weights}": replace(
        randomization_agreement.METRICS[name],
        name=f"{name}_{weights}",
        summary=f"{randomization_agreement.METRICS[name].summary} ({said})",
    )
    for weights, said in WEIGHTS.items()
    for name in AGREEMENTS
}

METRICS: dict[str, Metric] = {
    **faithfulness_metrics.METRICS,
    **RANDOMIZATION,
    **infidelity.METRICS,
    **sensitivity.METRICS,
    **alignment.METRICS,
    **ists.METRICS,
}
