"""``whyalike highlight``, and ``explain --unit``: the same as the library, as text, JSON and pages."""

import json

import pytest

from whyalike import Explainer, Highlights

QUERY = "gloves for cold hands"
PASSAGE = "Hats are sold here. Warm gloves keep cold hands warm. Pale wine with lemon zest."


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "passage.txt"
    path.write_text(PASSAGE, encoding="utf-8")
    return path


def test_json_pruned_and_snippets_are_those_of_the_library(run, model, file, tmp_path):
    found = Explainer(str(model)).highlight(QUERY, PASSAGE, budget=6)
    page = tmp_path / "highlight.html"
    common = ("highlight", QUERY, file, "--model", model, "--budget", "6")
    said = Highlights.from_json(run(*common, "--json", "--html", page).stdout)
    assert [s.kept for s in said.sentences] == [s.kept for s in found.sentences]
    assert "<mark" in page.read_text(encoding="utf-8")
    assert run(*common, "--pruned").stdout.strip() == found.pruned
    snippets = json.loads(run(*common, "--elasticsearch", "body").stdout)
    assert snippets == found.to_elasticsearch("body")
    assert "best sentence" in run(*common).stdout


def test_what_does_not_go_together_is_refused(run, model, file):
    result = run("highlight", QUERY, file, "--model", model, "--json", "--pruned")
    assert result.exit_code
    assert "--pruned" in result.stderr


def test_explain_by_sentences(run, model, file):
    result = run(
        "explain", QUERY, "--file-b", file, "--model", model, "--unit", "sentence", "--json"
    )
    units = json.loads(result.stdout)["units"]
    texts = [PASSAGE[unit["start"] : unit["end"]] for unit in units["right"]]
    assert texts == [
        "Hats are sold here.",
        "Warm gloves keep cold hands warm.",
        "Pale wine with lemon zest.",
    ]
    assert all(unit["fall"] is not None for unit in units["right"])


def test_the_language_of_the_passage(run, model, tmp_path):
    file = tmp_path / "german.txt"
    file.write_text("Das gilt für Hüte bzw. Das gilt für Schals. Und so.", encoding="utf-8")
    common = ("highlight", QUERY, file, "--model", model, "--json")
    assert len(Highlights.from_json(run(*common).stdout).sentences) == 3
    found = run(*common, "--language", "de")
    assert len(Highlights.from_json(found.stdout).sentences) == 2
    wrong = run(*common, "--language", "deutsch")
    assert wrong.exit_code
    assert "'deutsch'" in wrong.stderr


def test_a_file_that_is_no_passage_is_refused(run, model, tmp_path):
    contents = {
        "empty.txt": (b" \n", "blank"),
        "old.txt": ("Hände warm".encode("cp1252"), "The passage from"),
        "rows.jsonl": (b'{"text": "gloves"}\n', "is a table"),
        "rows.csv": (b"text\ngloves\n", "is a table"),
    }
    for name, (content, said) in contents.items():
        (tmp_path / name).write_bytes(content)
        result = run("highlight", QUERY, tmp_path / name, "--model", model)
        assert result.exit_code == 2, name
        assert said in result.stderr
        assert not result.stdout
