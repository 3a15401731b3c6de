"""``whyalike probe`` as a user runs it."""

import json

import pytest

from raising import assert_says
from whyalike.probing.edits import list_rules

TEXT = "The gloves are warm and soft, and they do not cost 30 dollars."


def test_a_text_is_probed(run, model):
    result = run("probe", TEXT, "--model", model)
    assert result.exit_code == 0
    assert "changes of meaning are blind spots" in result.stdout
    assert "negation_removed" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_a_query_and_a_text_as_json(run, model):
    result = run("probe", "warm gloves", TEXT, "--model", model, "--json", "--explain", "1")
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert found["format"] == "whyalike/probe"
    assert found["texts"][0]["query"] == "warm gloves"
    assert {score["rule"] for score in found["scores"]} >= {"numbers", "units", "contractions"}
    assert sum(score["explanation"] is not None for score in found["scores"]) <= 1


def test_a_file_gives_rates_and_a_page(run, model, tmp_path):
    file, page = tmp_path / "texts.txt", tmp_path / "page.html"
    file.write_text(f"{TEXT}\n\nIt is cold here.\nIt is new.\n", encoding="utf-8")
    result = run("probe", "--file", file, "--model", model, "--html", page, "--limit", "2")
    assert result.exit_code == 0
    assert "all changes of meaning" in result.stdout
    assert f"Wrote {page}" in result.stderr
    assert "<!doctype html>" in page.read_text(encoding="utf-8")
    assert "texts 2" in " ".join(result.stdout.split())


def test_rules_tolerance_seed_and_words_are_options(run, model, tmp_path):
    (tmp_path / "antonyms.txt").write_text("matt <> glossy\n", encoding="utf-8")
    result = run(
        "probe", "The glossy print is warm.", "--model", model, "--rules", "antonyms", "--words",
        tmp_path, "--edits", "9", "--tolerance", "3", "--seed", "4", "--json",
    )  # fmt: skip
    found = json.loads(result.stdout)
    changes = [score["changes"][0]["new"] for score in found["scores"]]
    assert changes == ["matt"]
    assert found["scores"][0]["blind"] is True
    assert found["seed"] == 4


def test_the_rules_are_listed(run):
    result = run("probe", "--list")
    assert result.exit_code == 0
    said = " ".join(result.stdout.split())
    for rule in list_rules():
        kind = "changes the meaning" if rule.changes_meaning else "harmless"
        assert f"{rule.name} {kind}: {rule.summary}" in said


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "probe"),
        (["a", "--file", "b.txt"], "not both"),
        (["a", "--limit", "2"], "--file"),
        (["a", "--tolerance", "much"], "--tolerance | 'much'"),
        (["a", "--rules", "nope"], "rule | 'nope'"),
        (["a", "--method", "bti"], "'bti' | adds"),
    ],
)
def test_wrong_use_is_one_sentence(run, model, arguments, says):
    result = run("probe", *arguments, "--model", model)
    assert result.exit_code == 2
    assert_says(result.stderr, *says.split(" | "))
    assert result.stderr.count("\n") == 1


def test_a_file_without_texts_is_told(run, model, tmp_path):
    (tmp_path / "blank.txt").write_text("\n\n")
    result = run("probe", "--file", tmp_path / "blank.txt", "--model", model)
    assert result.exit_code == 1
    assert_says(result.stderr, "blank.txt", "no text")
    assert run("probe", "a", "--seed", "-1", "--model", model).exit_code == 2
