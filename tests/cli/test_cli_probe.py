"""``whyalike probe`` as a user runs it."""

import json

import pytest

from whyalike.cli.probe import read_items
from whyalike.errors import FormatError, OptionError
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
        ([], "nothing to probe"),
        (["a", "--file", "b.txt"], "not both"),
        (["a", "--limit", "2"], "go with --file"),
        (["a", "--tolerance", "much"], "--tolerance is 'much'"),
        (["a", "--rules", "nope"], "There is no rule 'nope'"),
        (["a", "--method", "bti"], "does not say what a word adds"),
    ],
)
def test_wrong_use_is_one_sentence(run, model, arguments, says):
    result = run("probe", *arguments, "--model", model)
    assert result.exit_code == 2
    assert says in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_file_without_texts_is_told(run, model, tmp_path):
    (tmp_path / "blank.txt").write_text("\n\n")
    result = run("probe", "--file", tmp_path / "blank.txt", "--model", model)
    assert result.exit_code == 2
    assert "blank.txt has no texts to probe" in result.stderr
    assert run("probe", "a", "--seed", "-1", "--model", model).exit_code == 2


@pytest.mark.parametrize(
    ("name", "content", "columns", "items"),
    [
        ("a.txt", "one\n\ntwo\n", None, ["one", "two"]),
        ("a.csv", 'id,text\n1,"one, two"\n2,\n', None, ["one, two"]),
        ("a.csv", "id,query,passage\n1,q,p\n", None, [("q", "p")]),
        ("a.csv", "\ufeffa,b\nx,y\n", ["b", "a"], [("y", "x")]),
        ("a.csv", 'text\n"two\nlines"\n', None, ["two\nlines"]),
        ("a.csv", "text,n\none \u2028 \x85 line,1\n", None, ["one \u2028 \x85 line"]),
        ("a.txt", "one \u2028 \x0c line\ntwo\n", None, ["one \u2028 \x0c line", "two"]),
        ("a.csv", "text\n", None, []),
        ("a.tsv", 'query\ttext\n"q, \t1"\tp\n\n', None, [("q, \t1", "p")]),
        ("a.TSV", "id\tbody\n1\tone, two\n", ["body"], ["one, two"]),
        ("lines", "one\ttwo\n", None, ["one\ttwo"]),
        ("a.jsonl", '{"text": "one"}\n\n{"text": "zwei \u2028"}\n', None, ["one", "zwei \u2028"]),
        ("a.jsonl", '{"left": "l", "right": "r"}\n', None, [("l", "r")]),
    ],
)
def test_files_of_each_kind(tmp_path, name, content, columns, items):
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert read_items(tmp_path / name, columns=columns) == items


@pytest.mark.parametrize(
    ("name", "content", "columns", "error", "says"),
    [
        ("a.csv", "id,body\n1,x\n", None, FormatError, "has the columns id, body; name with"),
        ("a.csv", "id,body\n", None, FormatError, "has the columns id, body; name with"),
        ("a.csv", "", None, FormatError, r"has the columns \(none\)"),
        ("a.csv", "id,text\n1,x\n", ["title"], FormatError, "has the columns id, text"),
        ("a.csv", 'text\n"open', None, FormatError, "no CSV that can be read"),
        ("a.csv", "query,text\nq,p\n\nq\n", None, FormatError, "row 2 has 1 field where .* has 2"),
        ("a.csv", "text\nwarm, soft\n", None, FormatError, "1 has 2 fields .* holds a comma"),
        ("a.tsv", "text\nwarm\tsoft\n", None, FormatError, "1 has 2 fields .* holds a tab"),
        ("a.tsv", 'text\n"open', None, FormatError, "no TSV that can be read"),
        ("a.parquet", "PAR1", None, OptionError, r"ends in '\.parquet'; give a \.csv, \.tsv or"),
        ("a.jsonl", '{"text": 3}\n', None, FormatError, "row 1: text must be text"),
        ("a.jsonl", "{\n", None, FormatError, "line 1 is no JSON"),
        ("a.jsonl", "[1]\n", None, FormatError, "line 1 is no JSON object"),
        ("a.txt", "x\n", ["text"], OptionError, "has no columns"),
        ("a.csv", "a,b,c\n", ["a", "b", "c"], OptionError, "names 3"),
    ],
)
def test_files_that_cannot_be_read_are_told(tmp_path, name, content, *, columns, error, says):
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(error, match=says):
        read_items(tmp_path / name, columns=columns)


def test_a_file_that_is_not_utf8_is_told(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"caf\xe9\n")
    with pytest.raises(FormatError, match=r"not UTF-8 \(byte 3\)"):
        read_items(tmp_path / "a.txt")
