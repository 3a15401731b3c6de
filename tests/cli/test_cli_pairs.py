"""whyalike explain --pairs, as it is typed."""

import json

import pytest

from whyalike.catalogue import CatalogueIndex, Item
from whyalike.explainer import Explainer

ROWS = "id,query,text\n7,warm gloves,knit gloves\n8,warm gloves,\n9,cold hands,warm hands\n"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_text(ROWS)
    return path


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_file_is_explained_and_its_counts_are_said(run, model, file, tmp_path):
    out = tmp_path / "out.jsonl"
    typed = ["explain", "--pairs", file, "-o", out, "--model", model, "--method", "bti"]
    done = run(*typed)
    assert done.exit_code == 0, done.output
    assert "3 rows, 2 explained, 1 bad" in done.stdout
    assert "line 3: no text in 'text'" in done.stdout
    assert "Explaining by bti" in done.stderr
    assert "3 of 3 rows done" in done.stderr
    assert [row["id"] for row in rows(out)] == [7, 8, 9]
    alone = json.loads(
        run(
            "explain", "warm gloves", "knit gloves", "--model", model, "--method", "bti", "--json"
        ).stdout
    )
    assert rows(out)[0]["score"] == pytest.approx(alone["similarity"], abs=1e-6)
    again = run(*typed, "--json")
    assert json.loads(again.stdout)["resumed"] == 3
    assert "3 of 3 rows are done already" in again.stderr
    other = run(*typed, "-O", "top_k=3")
    assert other.exit_code == 2
    assert "option top_k (2 there, 3 here)" in other.stderr
    assert run(*typed, "-O", "top_k=3", "--force").exit_code == 0


def test_exit_codes(run, model, file, tmp_path):
    out = tmp_path / "out.jsonl"
    typed = ["explain", "--pairs", file, "-o", out, "--model", model]
    strict = run(*typed, "--strict", "--fields", "score")
    assert strict.exit_code == 1
    assert len(rows(out)) == 3
    (tmp_path / "none.csv").write_text("query,text\n,\n")
    none = run(
        "explain", "--pairs", tmp_path / "none.csv", "-o", tmp_path / "n.jsonl", "--model", model
    )
    assert none.exit_code == 1
    assert "1 row, 0 explained, 1 bad" in none.stdout
    no_texts = tmp_path / "numbers.csv"
    no_texts.write_text("size,price\n1,2\n")
    for wrong in (
        ["explain", "--pairs", file],
        ["explain", "--pairs", tmp_path / "away.csv", "-o", out],
        ["explain", "--pairs", file, "-o", tmp_path / "out.xlsx"],
        ["explain", "--pairs", file, "-o", out, "--columns", "query"],
        ["explain", "--pairs", no_texts, "-o", out],
        ["explain", "--pairs", file, "-o", out, "--ids", "right"],
        ["explain", "--pairs", file, "-o", out, "--methods", "all"],
        ["explain", "warm", "cold", "--pairs", file, "-o", out],
        ["explain", "warm", "cold", "-o", out],
        ["explain", "warm", "cold", "--fields", "score"],
        ["explain", "warm", "cold", "--force"],
    ):
        refused = run(*wrong, "--model", "no-such-model")
        assert refused.exit_code == 2, wrong
        assert "no-such-model" not in refused.stderr, wrong


def test_an_interruption_says_that_the_same_command_goes_on(
    run, model, file, tmp_path, monkeypatch
):
    def stop(*_arguments, **_named):
        raise KeyboardInterrupt

    monkeypatch.setattr("whyalike.batch.output.PartedOutput.finish", stop)
    stopped = run("explain", "--pairs", file, "-o", tmp_path / "out.jsonl", "--model", model)
    assert stopped.exit_code == 130
    assert "goes on from there" in stopped.stderr
    monkeypatch.undo()
    on = run("explain", "--pairs", file, "-o", tmp_path / "out.jsonl", "--model", model)
    assert "3 of 3 rows are done already" in on.stderr
    assert len(rows(tmp_path / "out.jsonl")) == 3


def test_ids_of_an_index_are_explained_by_its_model(run, model, tmp_path):
    items = [Item("a", "", "warm wool"), Item("b", "", "knit gloves")]
    CatalogueIndex.build(items, tmp_path / "idx", model=Explainer(model))
    (tmp_path / "ids.csv").write_text("query,doc_id\nwarm gloves,b\nwarm gloves,z\n")
    out = tmp_path / "out.jsonl"
    done = run(
        "explain", "--pairs", tmp_path / "ids.csv", "-o", out, "--index", tmp_path / "idx",
        "--ids", "right", "--fields", "score,texts", "--keep", "doc_id",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    first, unknown = rows(out)
    assert set(first) == {"row", "doc_id", "score", "left_text", "right_text", "error"}
    assert first["right_text"] == "knit gloves"
    assert "'z'" in unknown["error"]
    texts = tmp_path / "texts.txt"
    texts.write_text("\n".join(f"warm wool {n}" for n in range(40)))
    typed = [
        "explain",
        "--pairs",
        tmp_path / "ids.csv",
        "--index",
        tmp_path / "idx",
        "--ids",
        "right",
    ]
    out = tmp_path / "background.jsonl"
    assert run(*typed, "-o", out, "--fields", "full", "--background", texts).exit_code == 0
    assert rows(out)[0]["explanation"]["background"]["texts"] == 40
    refused = run(*typed, "-o", tmp_path / "pooling.jsonl", "--pooling", "cls")
    assert refused.exit_code == 2
    assert "--pooling" in refused.stderr
