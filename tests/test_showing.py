"""What users hold shows itself by one mechanism, each as it says."""

import json
import pkgutil
from importlib import import_module

import pytest

import whyalike
from whyalike import Differences, render
from whyalike.showing import Shown, Tabulated


def kinds_of(base):
    for package in ("reports", "probing", "study", "catalogue", "evaluation", "training"):
        folder = import_module(f"whyalike.{package}").__path__
        for module in pkgutil.iter_modules(folder, f"whyalike.{package}."):
            import_module(module.name)
    for name in whyalike.__all__:
        getattr(whyalike, name)
    return {kind.__name__: kind for kind in base.__subclasses__()}


def test_each_has_its_three_renderers():
    kinds = kinds_of(Shown)
    assert {"Audit", "Comparison", "Diagnosis", "Difference", "Differences", "Highlights", "Hit",
            "ProbeResult", "Ranking", "StudyReport", "Trace"} <= kinds.keys()  # fmt: skip
    for kind in kinds.values():
        for form in ("", "_text", "_fragment"):
            assert callable(getattr(render, f"render_{kind._shown_as}{form}"))


def test_figures_print_as_markdown():
    assert {"PairValues", "GoldScores", "RandomizationTable", "RandomizationResult",
            "TrainingResult"} <= kinds_of(Tabulated).keys()  # fmt: skip

    class Figures(Tabulated):
        def to_markdown(self):
            return "| a |"

    assert str(Figures()) == Figures()._repr_markdown_() == "| a |"


@pytest.mark.parametrize("name", ["a\ud800b", "\udfff"])
def test_half_a_character_in_a_name_is_shown_and_stored(name):
    found = Differences(
        left="warm hat", right="warm cap", model=name, similarity=0.5,
        places=(),
    )  # fmt: skip
    replaced = name.replace("\ud800", "\ufffd").replace("\udfff", "\ufffd")
    for said in (found.to_html(), found._repr_html_()):
        assert replaced in said.encode().decode()
    assert str(found).encode()
    stored = found.to_json()
    assert Differences.from_json(stored.encode()) == found
    assert json.loads(stored)["model"] == name
