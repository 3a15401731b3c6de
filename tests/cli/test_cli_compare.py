"""``whyalike compare``."""

import json

import pytest

from raising import assert_says
from whyalike import Comparison, Explainer

TEXTS = ("Warm knit gloves.", "These gloves are cut from wool.", "Pale straw, lemon zest.")


@pytest.fixture
def compare(run, model):
    def compare(*arguments):
        return run("compare", "--model", model, *arguments, *TEXTS)

    return compare


def test_json_is_what_the_library_gives(compare, model):
    result = compare("--json")
    assert result.exit_code == 0, result.output
    assert Comparison.from_json(result.stdout) == Explainer(model).compare(*TEXTS)


def test_the_terminal_shows_the_margin(compare, model):
    result = compare()
    margin = Explainer(model).compare(*TEXTS).margin
    assert f"margin {margin:+.3f}".replace("-", "\N{MINUS SIGN}") in result.stdout


def test_files(compare, tmp_path):
    paths = [tmp_path / f"c.{kind}" for kind in ("html", "png", "svg")]
    result = compare("--html", paths[0], "--png", paths[1], "--svg", paths[2])
    assert result.exit_code == 0, result.output
    starts = [path.read_bytes()[:14] for path in paths]
    assert starts[0].startswith(b"<!doctype html")
    assert starts[1].startswith(b"\x89PNG")
    assert starts[2].startswith(b"<?xml")


@pytest.mark.parametrize(("method", "says"), [("bti", "'bti' | adds"), ("btj", "method | 'btj'")])
def test_a_method_that_cannot_compare_is_wrong_use(compare, method, says):
    result = compare("--method", method)
    assert result.exit_code == 2
    assert_says(" ".join(result.stderr.split()), *says.split(" | "))


def test_another_method(compare):
    assert (
        json.loads(compare("--method", "token_similarity", "--json").stdout)["better"]["method"]
        == "token_similarity"
    )


def test_one_text_may_be_standard_input(run, model):
    result = run("compare", "--model", model, "--json", "-", *TEXTS[1:], input=TEXTS[0])
    assert Comparison.from_json(result.stdout) == Explainer(model).compare(*TEXTS)
    twice = run("compare", "--model", model, "-", "-", TEXTS[2], input=TEXTS[0])
    assert twice.exit_code == 2
    assert_says(" ".join(twice.stderr.split()), "one of", "query, better, worse")
