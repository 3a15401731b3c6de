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
BY_CHANCE = "jaccard_words"
"""The agreement that is above 0 by chance; that of the others is 0."""

WEIGHTS = {
    "random": "all weights random",
    "kept": "all weights random but the embeddings",
}
HEADINGS = {"spearman": "rank", "spearman_plain": "rank plain", "jaccard_words": "top words"}

RANDOMIZATION: dict[str, Metric] = {
    f"{name}_{weights}": replace(
        randomization_agreement.METRICS[name],
        name=f"{name}_{weights}",
        summary=f"{randomization_agreement.METRICS[name].summary} ({said})",
        heading=f"{HEADINGS[name]} {weights}",
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
