"""A server of the Explorer with small models, an index and a finished run, for the tests of it."""

import json
from itertools import pairwise

import numpy as np

from whyalike import Explainer
from whyalike.catalogue import CatalogueIndex, Item
from whyalike.evaluation.leaderboard import Entry, Leaderboard
from whyalike.evaluation.results import write_pair_texts
from whyalike.statistics import mean_interval
from whyalike.web.api.service import Service
from whyalike.web.serving import create_explorer_app

ITEMS = [
    ("g1", "Touch gloves", "Knit gloves with touchscreen fingertips.", "gloves", 12.5, True),
    ("g2", "Leather gloves", "Lined leather gloves for winter.", "gloves", 40.0, True),
    ("g3", "Work gloves", "Sturdy gloves for the garden.", "gloves", 9.0, False),
    ("s1", "Wool scarf", "A long scarf of soft wool.", "scarves", 25.0, True),
    ("s2", "Silk scarf", "A light scarf of silk for summer.", "scarves", 30.0, False),
    ("h1", "Knit hat", "A warm hat that covers the ears.", "hats", 15.0, True),
]


def count_letters(texts):
    """An embedding that is quick: how often each letter stands in a text, and a constant."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    return np.array([[0.3, *(text.lower().count(c) for c in letters)] for text in texts])


def open_explainer():
    return Explainer(embed=count_letters)


def make_items():
    return [
        Item(i, title, text, {"kind": kind, "price": price, "in stock": stock})
        for i, title, text, kind, price, stock in ITEMS
    ]


def make_results(folder):
    """Write a leaderboard of two methods on four samples, and their texts."""
    values = {"bti": (0.1, 0.4, 0.2, None), "random": (0.0, 0.1, -0.1, 0.05)}
    entries = tuple(
        Entry(
            dataset="fashion <b>",
            method=method,
            metric="comprehensiveness",
            figure=mean_interval([v for v in known if v is not None]),
            values=known,
            curve=((0.0, 0.5, 1.0), (0.0, 0.2, 0.3)),
        )
        for method, known in values.items()
    )
    board = Leaderboard(
        entries=entries,
        model="tiny",
        pooling="model",
        version="0",
        items={"fashion <b>": 4},
        failures={"ig on fashion": "too long"},
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "leaderboard.json").write_text(json.dumps(board.to_dict()))
    texts = [text for _, _, text, *_ in ITEMS]
    write_pair_texts({"fashion <b>": list(pairwise(texts[:5]))}, folder)
    return folder


def make_service(folder, *, explainer=None, name="letters"):
    explainer = explainer or open_explainer()
    index = CatalogueIndex.build(
        make_items(), folder / "shop", model=explainer, name="shop", fields=("description",)
    )
    results = make_results(folder / "run")
    return Service({name: explainer}, indexes={"shop": index}, results={"run": results})


def make_app(service):
    return create_explorer_app(service)


def counted(service, name, **labels):
    """What the service counted under this name, over all labels but those that are given."""
    metrics = list(service.metrics.registry.collect())
    # What was never counted has no sample, and looks like what is not there at all.
    assert any(f"whyalike_{name}".startswith(metric.name) for metric in metrics), name
    return sum(
        sample.value
        for metric in metrics
        for sample in metric.samples
        if sample.name == f"whyalike_{name}" and labels.items() <= sample.labels.items()
    )
