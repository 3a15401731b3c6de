"""``whyalike diagnose``: the same as ``diagnose``, as text, JSON, Markdown and a page."""

import json

import pytest

from whyalike.diagnosing import Diagnosis

ITEMS = [
    {"id": "g1", "title": "Knit gloves", "description": "Warm knit gloves for cold hands."},
    {"id": "w1", "title": "Rioja", "description": "A red wine with plums and smoke."},
    {"id": "w2", "title": "Viura", "description": "A white wine with lemon. Lemon zest."},
]


@pytest.fixture
def files(tmp_path):
    passages, queries = tmp_path / "items.jsonl", tmp_path / "queries.jsonl"
    passages.write_text("\n".join(map(json.dumps, ITEMS)), encoding="utf-8")
    asked = [
        {"query_id": "q1", "query": "warm gloves", "right": "w2"},
        {"query_id": "q2", "query": "lemon zest", "right": "nothing"},
    ]
    queries.write_text("\n".join(map(json.dumps, asked)) + "\n{oh", encoding="utf-8")
    return queries, passages


def test_what_is_printed(run, files, model, tmp_path):
    queries, passages = files
    page = tmp_path / "page.html"
    arguments = ["diagnose", queries, "--passages", passages, "--model", model, "-k", 1]
    done = run(*arguments, "--html", page)
    assert done.exit_code == 0, done.output
    assert "left out: queries.jsonl, line 3: not JSON" in done.stdout
    assert "left out: q2: no item has the id 'nothing'" in done.stdout
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    found = Diagnosis.from_json(run(*arguments, "--json").stdout)
    assert found.queries == 1
    assert len(found.skipped) == 2
    assert run(*arguments, "--markdown").stdout.startswith("**")


def test_a_run_and_qrels(run, files, model, tmp_path):
    queries, passages = files
    trec, qrels = tmp_path / "run.trec", tmp_path / "qrels.txt"
    trec.write_text("q1 Q0 w1 1 2.0 x\nq1 Q0 g1 2 1.0 x\nbroken\n", encoding="utf-8")
    qrels.write_text("q1 0 g1 1\nq1 0 w1 0\n", encoding="utf-8")
    done = run(
        *("diagnose", queries, "--passages", passages, "--model", model, "-k", 1, "--json"),
        *("--run", trec, "--qrels", qrels, "--no-remedies"),
    )
    assert done.exit_code == 0, done.output
    found = Diagnosis.from_json(done.stdout)
    assert found.source == "run"
    assert found["q1"].item.rank == 2
    assert any(one.id == "run.trec, line 3" for one in found.skipped)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "Give either --index, or --passages"),
        (("--passages", "x", "--json", "--markdown"), "not both"),
        (("--passages", "x", "--chunks", "many"), "--chunks is 'many'"),
    ],
)
def test_wrong_use_is_one_sentence(run, words, says):
    done = run("diagnose", "queries.jsonl", *words)
    assert done.exit_code == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
