"""``whyalike audit`` and ``whyalike diff``: what is printed, stored and refused."""

import json

import pytest

from whyalike.diagnosing import Audit, Difference


@pytest.fixture
def items(tmp_path):
    path = tmp_path / "items.jsonl"
    texts = ["warm knit gloves", "knit wool gloves", "red wine", "white wine", "lemon zest"]
    rows = [{"id": f"i{n}", "description": text} for n, text in enumerate(texts)]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def test_an_audit(run, items, model, tmp_path):
    index, page = tmp_path / "idx", tmp_path / "page.html"
    assert run("index", "build", items, "--model", model, "-o", index).exit_code == 0
    done = run("audit", index, "--html", page, "--sample", 4, "--neighbours", 2)
    assert done.exit_code == 0, done.output
    assert "4 of 5 items, drawn at random" in " ".join(done.stdout.split())
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    found = Audit.from_json(run("audit", index, "--json").stdout)
    assert (found.items, found.sampled) == (5, 5)


def test_a_difference(run, items, model, tmp_path):
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("left,right\nwarm gloves,knit gloves\nwine,red wine\nlemon,zest\nbroken\n")
    both = ("--model", model, "--model", model)
    done = run("diff", pairs, *both)
    assert done.exit_code == 0, done.output
    assert "Of 3 pairs 0 move" in done.stdout
    assert "1 bad" in done.stderr
    found = Difference.from_json(run("diff", pairs, *both, "--json").stdout)
    assert all(pair.moved == 0 for pair in found.pairs)
    queries = tmp_path / "queries.jsonl"
    queries.write_text(json.dumps({"query": "gloves of wool", "right": "i1"}), encoding="utf-8")
    done = run("diff", queries, "--passages", items, *both, "--json")
    assert done.exit_code == 0, done.output
    assert Difference.from_json(done.stdout).kind == "queries"


def test_one_model_is_too_few(run, model):
    done = run("diff", "pairs.csv", "--model", model)
    assert done.exit_code == 2
    assert "--model is given once; give it twice" in done.stderr
