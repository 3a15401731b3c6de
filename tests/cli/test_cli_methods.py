"""``whyalike explain --methods``: several methods on one loaded model."""

import json

import pytest
from markupsafe import escape

from raising import assert_says
from whyalike import Explainer, Explanation, explainer
from whyalike.errors import MissingExtraError
from whyalike.methods.method import get_method, list_methods
from whyalike.models.kinds import encoder as opening
from whyalike.render import say_methods

LEFT = "Keep hands warm with knit gloves."
RIGHT = "These gloves are cut from wool."


@pytest.fixture
def explain(run, model):
    def explain(*arguments):
        return run("explain", "--model", model, *arguments, LEFT, RIGHT)

    return explain


@pytest.fixture
def without_bti_gradients(monkeypatch):
    """One method that finds its extra missing."""
    whole = explainer.Explainer.explain

    def explain(self, left, right, **settings):
        if self.method.name == "bti_gradients":
            raise MissingExtraError("bti_gradients", "abacus", "methods")
        return whole(self, left, right, **settings)

    monkeypatch.setattr(explainer.Explainer, "explain", explain)


def test_json_has_what_the_library_gives_in_the_order_asked_for(explain, model):
    result = explain("--methods", "vanilla_gradients, bti,bti", "--json")
    assert result.exit_code == 0, result.output
    expected = [
        Explainer(model, method=name).explain(LEFT, RIGHT).to_dict()
        for name in ("vanilla_gradients", "bti")
    ]
    assert json.loads(result.stdout) == {
        "format": "whyalike/explanations",
        "version": 1,
        "verdict": say_methods([Explanation.from_dict(one) for one in expected]),
        "explanations": expected,
        "left_out": {},
    }


def test_the_model_is_loaded_once(explain, monkeypatch):
    calls = []
    load = opening.load
    monkeypatch.setattr(opening, "load", lambda *a, **k: calls.append(a) or load(*a, **k))
    assert explain("--methods", "bti,bti_gradients,vanilla_gradients").exit_code == 0
    assert len(calls) == 1


def test_all_gives_every_method_its_place(explain):
    result = explain("--methods", "all", "--json")
    assert result.exit_code == 0, result.output
    left_out = [
        line.split()[2].rstrip(":")
        for line in result.stderr.splitlines()
        if line.startswith("Left out")
    ]
    said = json.loads(result.stdout)
    assert list(said["left_out"]) == left_out
    assert all(said["left_out"].values())
    found = [one["method"] for one in said["explanations"]]
    names = [method.name for method in list_methods()]
    assert sorted(found + left_out) == sorted(names)
    assert found == [name for name in names if name in found]


def test_the_page_names_every_method_with_its_source_and_cost(explain, tmp_path):
    file = tmp_path / "f.html"
    result = explain("--methods", "bti,vanilla_gradients", "--html", file)
    assert result.stderr == f"Wrote {file}\n"
    page = file.read_text("utf-8")
    for name in ("bti", "vanilla_gradients"):
        method = get_method(name)
        note = f"{method.summary} · {method.source} · 1 forward, 1 backward"
        assert str(escape(note)) in page
    assert page.count("1 forward, 1 backward") == 2
    assert page.count("<article") == 2


def test_the_terminal_shows_each_in_turn(explain):
    said = explain("--methods", "bti,bti_gradients").stdout
    assert said.count(LEFT) == 1
    assert said.index("\nbti  ") < said.index("\nbti_gradients  ")
    assert max(map(len, said.splitlines())) <= 80


def test_a_method_that_cannot_run_is_named_with_its_reason(
    explain, without_bti_gradients, tmp_path
):
    reason = "bti_gradients needs the package 'abacus'"
    result = explain("--methods", "bti,bti_gradients", "--html", tmp_path / "f.html")
    assert result.exit_code == 0
    assert "left out" in result.stdout
    assert reason in " ".join(result.stdout.split())
    assert "abacus" in (tmp_path / "f.html").read_text("utf-8")
    result = explain("--methods", "bti,bti_gradients", "--json")
    said = json.loads(result.stdout)
    assert [one["method"] for one in said["explanations"]] == ["bti"]
    assert said["left_out"]["bti_gradients"].startswith(reason)
    assert result.stderr.startswith(f"Left out bti_gradients: {reason}")


def test_if_none_can_run_that_is_an_error(explain, without_bti_gradients):
    result = explain("--methods", "bti_gradients")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert_says(result.stderr, "whyalike:", "bti_gradients", "package 'abacus'")


@pytest.mark.parametrize("names", ["bti,magic", "magic", "all,bti"])
def test_an_unknown_name_is_wrong_use(explain, names):
    result = explain("--methods", names)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert_says(result.stderr, "method", "all" if names == "all,bti" else "'magic'")


@pytest.mark.parametrize("names", ["", " , "])
def test_no_name_is_wrong_use(explain, names):
    result = explain("--methods", names)
    assert result.exit_code == 2
    assert_says(result.stderr, "names", "commas", "all")


@pytest.mark.parametrize("more", [("--method", "shapley"), ("--png", "x.png"), ("--svg", "x.svg")])
def test_what_is_for_one_method_does_not_go_with_several(explain, more):
    result = explain("--methods", "bti", *more)
    assert result.exit_code == 2
    assert "leave out --methods" in result.stderr
