"""Every command that reads texts reads the same of the same rows, whatever file they are in."""

import csv
import gzip
import io
import json

import pytest

from whyalike.study.folder import read_study

GLOVES = (
    "Keep hands warm with knit gloves, touchscreen-compatible fingertips and ribbed cuffs all day.",
    "These smartphone-friendly gloves are cut from stretch wool; warm, soft and ribbed at the cuffs.",
    "Pale straw in the glass, this white opens with lemon zest and white flowers on the long palate.",
    "A white wine with lemon and flowers, pale straw in the glass and long on the fresh palate here.",
)
ROWS = [
    {"left": left, "right": right, "description": left}
    for left, right in zip(GLOVES, GLOVES[1:] + GLOVES[:1], strict=True)
]


def delimited(delimiter, encoding="utf-8"):
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, list(ROWS[0]), delimiter=delimiter, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(ROWS)
    return stream.getvalue().encode(encoding)


def json_lines():
    return "".join(json.dumps(row) + "\n" for row in ROWS).encode()


def parquet():
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    stream = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(ROWS), stream)
    return stream.getvalue()


FORMATS = {
    "rows.csv": lambda: delimited(",", "utf-8-sig"),
    "rows.CSV": lambda: delimited(";"),
    "rows.tsv": lambda: delimited("\t"),
    "rows.jsonl": json_lines,
    "rows.parquet": parquet,
    "rows.csv.gz": lambda: gzip.compress(delimited(",")),
}

METHODS = "random,token_similarity"


def evaluate(source):
    def evaluate_source(run, model, path, out):
        options = ("--methods", METHODS, "--metrics", "sufficiency", "--pairs", 2, "--json")
        done = run("evaluate", "--model", model, source, path, *options)
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    return evaluate_source


def create_study(source):
    def create_of_source(run, model, path, out):
        done = run(
            "study", "create", "--model", model, source, path, "--methods", METHODS,
            "--checks", 0, "-o", out,
        )  # fmt: skip
        assert done.exit_code == 0, done.output
        return [stimulus.id for stimulus in read_study(out).stimuli]

    return create_of_source


def probe(*columns):
    def probe_file(run, model, path, out):
        options = ("--rules", "numbers,negation_added", "--explain", 0, "--json")
        done = run("probe", "--model", model, "--file", path, *columns, *options)
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    return probe_file


def explain(run, model, path, out):
    vectors = path.with_name("vectors")
    vectors.write_text("gloves 1 0.5\nwarm 0 1\nwine 1 1\nwhite 1 0\n", "utf-8")
    done = run(
        "explain", "--model", model, "--method", "idf", "--json", "--lexicon", vectors,
        "--corpus", path, "warm gloves of wool", "white wine",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


COMMANDS = {
    "evaluate --texts": evaluate("--texts"),
    "evaluate --own": evaluate("--own"),
    "study create --texts": create_study("--texts"),
    "study create --pairs": create_study("--pairs"),
    "probe, pairs": probe(),
    "probe, texts": probe("--description", "description"),
    "explain --corpus": explain,
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_finds_the_same_in_every_format(run, model, tmp_path, command):
    found = []
    for number, (name, content) in enumerate(FORMATS.items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / name).write_bytes(content())
        found.append(COMMANDS[command](run, model, folder / name, folder / "out"))
    assert found[0]
    for name, other in zip(FORMATS, found, strict=True):
        assert other == found[0], name


@pytest.mark.parametrize(
    "arguments",
    [
        ("evaluate", "--methods", "random", "--metrics", "sufficiency", "--pairs", "1", "--texts"),
        (
            "study",
            "create",
            "--methods",
            METHODS,
            "--checks",
            "0",
            "-n",
            "1",
            "-o",
            "study",
            "--texts",
        ),
        ("probe", "--rules", "numbers", "--column", "body", "--file"),
    ],
)
def test_what_is_left_out_is_said_or_refused(run, model, tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    rows = "".join(f'"{text}"\n' for text in GLOVES)
    (tmp_path / "texts.csv").write_text(f"body\n{rows}one,two\n", "utf-8")
    result = run(*arguments, "texts.csv", "--model", model)
    assert result.exit_code == 0, result.output
    assert "texts.csv: 5 rows, 4 kept, 1 bad" in result.stderr
    assert "line 6: 2 fields where the first line has 1: one,two" in result.stderr
    named = "--column" in arguments
    assert ("Columns guessed: texts from 'body'" in result.stderr) is not named
    refused = run(*arguments, "texts.csv", "--model", model, "--strict")
    assert refused.exit_code == 1
    assert "line 6: 2 fields" in " ".join(refused.stderr.split())
    missing = run(*arguments, "texts.csv", "--model", model, "--description", "titel")
    assert missing.exit_code == 1
    assert "texts.csv: There is no column 'titel'" in " ".join(missing.stderr.split())
    assert "'body'" in missing.stderr


def test_what_is_whole_and_named_is_not_talked_about(run, model, tmp_path):
    (tmp_path / "a.txt").write_text("It is 20 cm long.\n", "utf-8")
    result = run("probe", "--model", model, "--rules", "numbers", "--file", tmp_path / "a.txt")
    assert result.exit_code == 0
    assert result.stderr == ""
