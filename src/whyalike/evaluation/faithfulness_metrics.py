"""The metrics of faithfulness, and the curve that each is read from."""

from whyalike.evaluation.metric import Metric

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
            "pair_interaction",
            "mean interaction f - f(without i) - f(without j) + f(without both) of the top 5 "
            "matches",
            "Grabisch and Roubens 1999, of two words in the presence of all others",
            True,
            "similarity",
        ),
    )
}

CURVES: dict[str, str] = {
    "aopc_deletion": "without_words",
    "aopc_insertion": "only_words",
    "comprehensiveness": "without_parts",
    "sufficiency": "only_parts",
    "deletion_area": "deletion_area",
    "insertion_area": "insertion_area",
    "pair_deletion": "without_pairs",
    "pair_interaction": "interaction_pairs",
}
