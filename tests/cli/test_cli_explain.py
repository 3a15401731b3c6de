"""``whyalike explain``: what it prints and which files it writes."""

import json
import re

import jsonschema
import pytest

from whyalike import BTIOptions, Explainer

LEFT = "Keep hands warm with these knit gloves featuring touchscreen-compatible fingertips."
RIGHT = "These smartphone-friendly gloves are cut from stretch wool."
ESCAPE = "\x1b"
COLOUR = {"FORCE_COLOR": "1", "TERM": "xterm-256color", "COLORTERM": "truecolor", "NO_COLOR": None}


@pytest.fixture
def explain(run, model):
    def explain(*arguments, **settings):
        result = run("explain", "--model", model, *arguments, LEFT, RIGHT, **settings)
        assert result.exit_code == 0, result.output
        return result

    return explain


def library(model, *, check=3, **options):
    return Explainer(model, options=BTIOptions(**options)).explain(LEFT, RIGHT, check=check)


def test_json_is_that_of_the_library(explain, model):
    assert json.loads(explain("--json").stdout) == library(model).to_dict()


@pytest.mark.parametrize("check", [0, 1, 7])
def test_as_many_pairs_are_checked_as_asked_for(explain, model, check):
    content = json.loads(explain("--json", "--check", check).stdout)
    assert content == library(model, check=check).to_dict()
    assert ("checks" in content) == (check > 0)


def test_pairs_are_checked_by_default_where_a_pass_is_cheap(explain):
    printed = explain().stdout
    assert re.search(r"^without \*.*\* in .* text.*: [\d.]+ → [\d.]+$", printed, re.MULTILINE)
    assert "→" not in explain("--check", 0).stdout


def test_with_methods_each_is_checked_where_that_is_asked_for(explain):
    names = "--methods", "bti,occlusion", "--json"
    plain = json.loads(explain(*names).stdout)["explanations"]
    checked = json.loads(explain(*names, "--check", 2).stdout)["explanations"]
    assert not any("checks" in one for one in plain)
    assert [len(one["checks"]["pairs"]) for one in checked] == [2, 2]


def test_a_number_of_checks_below_0_is_refused(run, model):
    result = run("explain", "--model", model, "--check", -1, LEFT, RIGHT)
    assert result.exit_code == 2
    assert "--check" in result.stderr


def test_markdown_is_that_of_the_library(explain, model):
    assert explain("--md").stdout == library(model).to_markdown()


@pytest.mark.parametrize("other", [["--json"], ["--methods", "all"]])
def test_markdown_is_of_one_explanation_and_nothing_else(run, model, other):
    result = run("explain", "--model", model, "--md", *other, LEFT, RIGHT)
    assert result.exit_code == 2
    assert not result.stdout
    assert "--md" in result.stderr


def test_json_validates_against_the_schema(explain, request):
    schema = json.loads((request.config.rootpath / "docs" / "explanation.schema.json").read_text())
    jsonschema.validate(json.loads(explain("--json").stdout), schema)


def test_what_is_printed_is_the_plain_view_of_the_library(explain, model):
    printed = [line.rstrip() for line in explain().stdout.splitlines()]
    assert printed == str(library(model)).splitlines()


def test_nothing_else_is_printed(explain):
    assert explain().stderr == ""
    assert explain("--json").stderr == ""


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        (["--top-k", "1"], {"top_k": 1}),
        (["--top-k", "9"], {"top_k": 9}),
        (["--words", "token"], {"words": "token"}),
        (["--words", "pretoken"], {"words": "pretoken"}),
        (["--long-text", "windows"], {"long_text": "windows"}),
        # A flag and an option that say together how texts are read.
        (
            ["--long-text", "chunks", "-O", "chunk_size=4"],
            {"long_text": "chunks", "chunk_size": 4},
        ),
    ],
)
def test_options_reach_the_library(explain, model, arguments, options):
    content = json.loads(explain("--json", *arguments).stdout)
    assert content == library(model, **options).to_dict()
    (name, value), *_ = options.items()
    assert content["options"][name] == value


def test_top_k_shows_more_pairs(explain):
    usual = ("--json", "--check", "0", "--method", "bti")
    few = json.loads(explain(*usual, "--top-k", "1").stdout)
    more = json.loads(explain(*usual, "--top-k", "9").stdout)
    assert len(few["pairs"]) < len(more["pairs"])
    assert few["matches"] == more["matches"]


def test_another_method(explain):
    assert (
        json.loads(explain("--json", "--method", "bti_gradients").stdout)["method"]
        == "bti_gradients"
    )


@pytest.mark.parametrize("pooling", ["paper", "cls", "last"])
def test_another_pooling(explain, pooling):
    assert json.loads(explain("--json", "--pooling", pooling).stdout)["pooling"] == pooling


def test_files_are_written_and_named(explain, tmp_path):
    page, picture, drawing = (tmp_path / f"out.{kind}" for kind in ("html", "png", "svg"))
    result = explain("--html", page, "--png", picture, "--svg", drawing)
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert picture.read_bytes().startswith(b"\x89PNG\r\n")
    assert "<svg" in drawing.read_text(encoding="utf-8")
    assert result.stderr == f"Wrote {page}\nWrote {picture}\nWrote {drawing}\n"
    assert "\ncosine similarity " in result.stdout


def test_the_page_is_that_of_the_library(explain, model, tmp_path):
    explain("--html", tmp_path / "out.html")
    assert (tmp_path / "out.html").read_text(encoding="utf-8") == library(model).to_html()


def test_a_file_beside_json_leaves_standard_output_to_json(explain, tmp_path):
    result = explain("--json", "--html", tmp_path / "out.html")
    assert json.loads(result.stdout)["format"] == "whyalike/explanation"


def test_colour_where_it_is_asked_for(explain):
    drawn = explain(env=COLOUR).stdout
    assert "48;2;" in drawn
    assert re.search(r"\w\[\d+\]", drawn)


@pytest.mark.parametrize("setting", [{"NO_COLOR": "1"}, {"FORCE_COLOR": None}, {"TERM": "dumb"}])
def test_no_escapes_without_colour(explain, setting):
    assert ESCAPE not in explain(env=COLOUR | setting).stdout


def test_json_is_never_coloured(explain):
    assert ESCAPE not in explain("--json", env=COLOUR).stdout


def test_stars_stand_in_for_colour(explain):
    assert "*word* adds" in explain().stdout
    assert "*word* adds" not in explain(env=COLOUR).stdout


@pytest.mark.weights
def test_the_packaged_model_is_the_default(run):
    result = run("explain", "--json", LEFT, RIGHT)
    content = json.loads(result.stdout)
    assert content == Explainer().explain(LEFT, RIGHT, check=3).to_dict()
    assert content["model"] == "all-MiniLM-L6-v2"
    assert content["pooling"] == "model"
    best = content["pairs"][0]
    words = content["left"]["words"][best["left"]], content["right"]["words"][best["right"]]
    assert [word["text"] for word in words] == ["gloves", "gloves"]
