"""One of each object that users look at in a notebook, small, and made without any weights.

A kernel imports this too, so that it takes nothing from the other tests.
"""

import numpy as np

from whyalike import CatalogueIndex, Explainer, Item
from whyalike.evaluation import (
    GoldScores,
    LinkCounts,
    RandomizationResult,
    RandomizationTable,
    find_blind_spots,
    measure_faithfulness,
    measure_infidelity,
)
from whyalike.evaluation.leaderboard import Entry, Leaderboard
from whyalike.evaluation.randomization_result import RandomizationStep
from whyalike.statistics import mean_interval
from whyalike.study.ratings import table_of
from whyalike.study.report import ReportSettings, make_report
from whyalike.training.result import ModelFigures, TrainingResult
from whyalike.training.retrieval import RetrievalMetrics

LEFT, RIGHT = "Warm knit gloves and a <b>scarf</b>", "Woollen mittens, warm"
MODEL = "embed"


def embed(texts):
    """How often each of ten letters stands in a text: a model of no weights."""
    return [[1.0 + text.lower().count(letter) for letter in "aeinorstlw"] for text in texts]


def explainer():
    return Explainer(embed=embed)


def explanation(folder):
    return explainer().explain(LEFT, RIGHT)


def comparison(folder):
    return explainer().compare("Warm gloves", RIGHT, "Red wine <i>of</i> Rioja", method="occlusion")


def hits(folder):
    items = [
        Item("g1", "Gloves <1>", "Warm knit gloves", {"price": 12.5, "kind": "glove"}),
        Item("g2", "Mittens", "Woollen mittens, warm", {"price": 8.0, "kind": "glove"}),
        Item("w1", "Rioja", "Red wine from Rioja", {"price": 9.0, "kind": "wine"}),
    ]
    index = CatalogueIndex.build(
        items, folder / "index", model=explainer(), overwrite=True, fields=("description",)
    )
    return index.similar(id="g1", k=2)


def hit(folder):
    return hits(folder)[0]


def probe(folder):
    texts = ["The room is warm.", "It is not <b>cheap</b>."]
    return find_blind_spots(explainer(), texts, explain=9, tolerance=1.0)


def leaderboard(folder):
    entries = [
        Entry(
            dataset="own <pairs>",
            method=method,
            metric="aopc_deletion",
            figure=mean_interval(values),
            values=tuple(values),
        )
        for method, values in (("whyalike", [0.3, 0.4, 0.5]), ("random", [0.1, 0.2, 0.1]))
    ]
    return Leaderboard(
        entries=tuple(entries),
        model=MODEL,
        pooling="model",
        version="0.1",
        items={"own <pairs>": 3},
        failures={"bti on own": "no gradient"},
    )


def faithfulness(folder):
    return measure_faithfulness(explainer(), [(LEFT, RIGHT)], metrics=["aopc_deletion"])


def infidelity(folder):
    return measure_infidelity(explainer(), [(LEFT, RIGHT)])


def gold(folder):
    counts = LinkCounts(*(np.array([n, 2.0]) for n in (2.0, 1.0, 3.0, 1.0)))
    return GoldScores(
        method="bti",
        model=MODEL,
        names=("1", "2"),
        counts={"alignment_f": counts},
        values={"alignment_f": counts.f()},
        settings={},
    )


def randomization(folder):
    values = {"spearman": np.array([[0.1, 0.2]]), "emprt": np.array([[1.0, np.nan]])}
    return RandomizationResult(
        method="bti",
        model=MODEL,
        mode="full",
        keep_embeddings=False,
        seeds=(0,),
        top=0.2,
        bins=100,
        samples=0,
        noise=0.0,
        chance=np.array([0.1, 0.2]),
        constant=0,
        steps=(RandomizationStep("all", ("all",), values, np.array([[0.5, 0.7]])),),
    )


def randomizations(folder):
    return RandomizationTable((randomization(folder),))


def study(folder):
    rows = [
        {
            "rater": judge,
            "name": "",
            "simulated": False,
            "position": 2 * sample + place,
            "kind": "item",
            "stimulus": f"{sample}/{place}",
            "sample": sample,
            "method": method,
            "value": 1 + (judge + sample + 2 * place) % 5,
            "low": 0,
            "high": 0,
            "repeat_of": -1,
            "seconds": 9.0,
            "answered_at": "",
            "comment": "",
            "current": True,
        }
        for judge in range(3)
        for sample in range(4)
        for place, method in enumerate(("bti", "random"))
    ]
    return make_report(table_of(rows), settings=ReportSettings(resamples=50))


def training(folder):
    figures = [
        ModelFigures(name, RetrievalMetrics(10, 20, mrr, 0.2, 0.3, 0.4, 0.5), None)
        for name, mrr in (("base, untrained", 0.25), ("ranking loss", 0.75))
    ]
    return TrainingResult(
        folder=None,
        base="tiny-base",
        catalogue="shop",
        items=20,
        trained=10,
        watched=0,
        held_out=10,
        steps=30,
        best_step=20,
        seconds=1.5,
        history=(),
        figures=tuple(figures),
        settings={},
        notes=("2 items lack a title.",),
    )


OBJECTS = {
    made.__name__: made
    for made in (
        explanation,
        comparison,
        hits,
        hit,
        probe,
        leaderboard,
        faithfulness,
        infidelity,
        gold,
        randomization,
        randomizations,
        study,
        training,
    )
}

SHOWS = {
    "explanation": ("knit", "occlusion", "Woollen"),
    "comparison": ("margin", "mittens", "Rioja"),
    "hits": ("Mittens", "Rioja", "price", "glove", "Warm knit gloves"),
    "hit": ("Mittens", "Woollen mittens, warm", "Warm knit gloves"),
    "probe": ("changes of meaning", "occlusion", "room"),
    "leaderboard": ("whyalike", "aopc_deletion", "0.400", "no gradient"),
    "faithfulness": ("aopc_deletion", "left", "both", "occlusion", "1 pair"),
    "infidelity": ("infidelity_relative", "right", "1 pair"),
    "gold": ("alignment_f", "0.6667", "2 pairs"),
    "randomization": ("spearman", "0.150", "emprt", "(1 undefined)", "0.600"),
    "randomizations": ("spearman", "0.150", "emprt", "0.600"),
    "study": ("Table 1", "bti", "random"),
    "training": ("tiny-base", "ranking loss", "0.750", "2 items lack a title."),
}
"""What a reader finds in each of them, on the page and in plain text."""
