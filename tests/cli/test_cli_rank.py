"""``whyalike rank``: files and tables of passages, and the forms in which it answers."""

import csv
import json

import pytest

from whyalike import Explainer, Ranking

QUERY = "warm gloves for cold hands"
TEXTS = {
    "gloves": "We sell many things. Warm knit gloves for cold hands. The shop opens at nine.",
    "wine": "A red wine with plums and smoke.",
    "scarf": "A scarf for the neck. It is warm.",
}


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "passages.jsonl"
    lines = [json.dumps({"id": id, "text": text}) for id, text in TEXTS.items()]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def files(tmp_path):
    paths = [tmp_path / f"{id}.md" for id in TEXTS]
    for path, text in zip(paths, TEXTS.values(), strict=True):
        path.write_text(text + "\n")
    return paths


def test_it_is_what_the_library_gives(run, model, table):
    result = run(
        "rank",
        QUERY,
        "--jsonl",
        table,
        "--model",
        model,
        "--right",
        "scarf",
        "--sizes",
        "8,whole",
        "--json",
    )
    assert result.exit_code == 0, result.output
    own = Explainer(str(model)).rank(
        QUERY, list(TEXTS.values()), ids=list(TEXTS), right="scarf", sizes=(8, "whole")
    )
    assert Ranking.from_json(result.stdout) == own


def test_files_are_called_by_their_paths(run, model, files):
    right = str(files[2])
    result = run("rank", QUERY, *files, "--model", model, "--right", right, "--json")
    found = Ranking.from_json(result.stdout)
    assert {each.id for each in found.passages} == set(map(str, files))
    assert found.right == right


def test_chunks_and_bm25_over_the_passages(run, model, table):
    result = run(
        "rank",
        QUERY,
        "--jsonl",
        table,
        "--model",
        model,
        "--long-text",
        "chunks",
        "--chunk-size",
        "8",
        "--json",
    )
    assert Ranking.from_json(result.stdout).long_text == "chunks of 8 tokens, max"
    result = run("rank", QUERY, "--jsonl", table, "--model", "bm25", "--json")
    assert Ranking.from_json(result.stdout).first.id == "gloves"


def test_forms_by_their_endings(run, model, table, tmp_path):
    asked = ("rank", QUERY, "--jsonl", table, "--model", model, "--right", "scarf")
    found = Ranking.from_json(run(*asked, "--json").stdout)
    for ending, content in ((".md", found.to_markdown()), (".html", found.to_html())):
        path = tmp_path / f"out{ending}"
        result = run(*asked, "-o", path)
        assert result.exit_code == 0, result.output
        assert path.read_text() == content
        assert not result.stdout.strip()
    assert run(*asked, "--md").stdout == found.to_markdown()
    path = tmp_path / "out.csv"
    run(*asked, "-o", path)
    with path.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["id"] for row in rows] == [each.id for each in found.passages]
    formulas = tmp_path / "formulas.jsonl"
    formulas.write_text('{"id": "@a", "text": "=1+1 warm gloves"}\n{"id": "b", "text": "hats"}\n')
    run("rank", QUERY, "--jsonl", formulas, "--model", model, "-o", path)
    with path.open(newline="") as stream:
        assert {row["id"] for row in csv.DictReader(stream)} == {"'@a", "b"}
    page = tmp_path / "page.html"
    shown = run(*asked, "--html", page).stdout
    assert page.read_text() == found.to_html()
    assert "← right" in shown
    assert found.first.id in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "There are no passages"),
        (("a.txt", "--jsonl", "b.jsonl"), "not both"),
        (("nowhere.txt",), "Could not read the passage nowhere.txt"),
        (("--jsonl", "TABLE", "--right", "hat"), "right is 'hat'"),
        (("--jsonl", "TABLE", "--right", "scarf", "--sizes", "8,ten"), "--sizes has 'ten'"),
        (("--jsonl", "TABLE", "-o", "out.txt"), "its ending must be one of"),
        (("--jsonl", "TABLE", "--md", "--json"), "give one of them"),
        (("TABLE",), "is a table, and a file is one passage here: --jsonl FILE"),
        (
            ("--jsonl", "TABLE", "--right", "scarf", "--sizes", "8", "-o", "out.csv"),
            "--sizes is no part of a table",
        ),
        (("--jsonl", "TABLE", "--chunk-size", "8"), "chunk_size is 8"),
    ],
)
def test_what_is_refused(run, model, table, arguments, said):
    given = [table if one == "TABLE" else one for one in arguments]
    result = run("rank", QUERY, *given, "--model", model)
    assert result.exit_code != 0
    assert said in " ".join(result.output.split())


def test_a_blank_file_and_one_that_is_no_text(run, model, tmp_path):
    blank, other = tmp_path / "blank.txt", tmp_path / "other.bin"
    blank.write_text(" \n")
    other.write_bytes(b"\xff\xfe\x00")
    result = run("rank", QUERY, blank, "--model", model)
    assert "is blank: leave it out" in " ".join(result.output.split())
    result = run("rank", QUERY, other, "--model", model)
    assert "is not UTF-8" in " ".join(result.output.split())
