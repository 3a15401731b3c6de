"""``whyalike compare``."""

import csv
import json

import pytest

from raising import assert_says
from whyalike import BTIOptions, Comparison, Explainer

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


def test_texts_from_files_stand_for_arguments(run, model, tmp_path):
    files = {}
    for name, text in zip(("query", "better", "worse"), TEXTS, strict=True):
        files[name] = tmp_path / f"{name}.txt"
        files[name].write_text(f"{text}\n", encoding="utf-8")
    whole = [part for name, file in files.items() for part in (f"--file-{name}", file)]
    expected = Explainer(model).compare(*TEXTS)
    for arguments in (
        whole,
        ["--file-better", files["better"], TEXTS[0], TEXTS[2]],
        ["--file-query", files["query"], "--file-worse", files["worse"], TEXTS[1]],
    ):
        result = run("compare", "--model", model, "--json", *arguments)
        assert result.exit_code == 0, result.output
        assert Comparison.from_json(result.stdout) == expected


@pytest.fixture
def index(run, model, tmp_path):
    table = tmp_path / "items.csv"
    rows = [f'{name},Title {name},"{text}"' for name, text in zip("abc", TEXTS, strict=True)]
    table.write_text("\n".join(["id,title,description", *rows]) + "\n", encoding="utf-8")
    folder = tmp_path / "index"
    made = run(
        *("index", "build", table, "--model", model, "-o", folder, "--fields", "description")
    )
    assert made.exit_code == 0, made.output
    return folder


def test_items_of_an_index_by_their_ids(run, model, index):
    own = Explainer(model)
    mixed = run("compare", "--index", index, "--id-better", "b", "--id-worse", "c", "--json", "hat")
    assert mixed.exit_code == 0, mixed.output
    assert Comparison.from_json(mixed.stdout).better.right.text == TEXTS[1]
    margin = own.compare("hat", *TEXTS[1:]).margin
    assert Comparison.from_json(mixed.stdout).margin == pytest.approx(margin, abs=1e-6)
    ids = [
        part
        for name, id_ in zip(("query", "better", "worse"), "abc", strict=True)
        for part in (f"--id-{name}", id_)
    ]
    found = Comparison.from_json(run("compare", "--index", index, *ids, "--json").stdout)
    assert found.query.text == TEXTS[0]
    assert found.margin == pytest.approx(own.compare(*TEXTS).margin, abs=1e-6)


LONG = f"{'Pale straw, lemon zest. ' * 8}Warm wool gloves for cold hands."


def test_chunks_as_explain_has_them(run, model):
    asked = ("compare", "warm gloves", LONG, TEXTS[2], "--model", model, "--json", "--check", "2")
    flags = ("--long-text", "chunks", "--chunk-size", "20", "--chunk-overlap", "4")
    result = run(*asked, *flags)
    assert result.exit_code == 0, result.output
    options = BTIOptions(long_text="chunks", chunk_size=20, chunk_overlap=4)
    own = Explainer(model, options=options).compare("warm gloves", LONG, TEXTS[2], check=2)
    assert Comparison.from_json(result.stdout) == own
    assert own.better.right.chunk is not None
    mixed = ("--long-text", "chunks", "-O", "chunk_size=20", "--chunk-overlap", "4")
    assert run(*asked, *mixed).stdout == result.stdout
    refused = run(*asked, "--chunk-size", "20")
    assert refused.exit_code != 0
    assert "choose long_text='chunks'" in " ".join(refused.output.split())
    apart = run("compare", LONG, LONG[-33:], TEXTS[2], "--model", model, *flags)
    assert apart.exit_code == 2, apart.output
    assert "other chunk" in apart.stderr or "The query is read in chunks" in apart.stderr


def test_items_of_an_index_are_compared_by_their_chunks(run, model, tmp_path):
    table, folder = tmp_path / "items.csv", tmp_path / "index"
    rows = [["id", "title", "description"], ["long", "L", LONG], ["pale", "P", TEXTS[2]]]
    with table.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows(rows)
    made = run(
        *("index", "build", table, "--model", model, "-o", folder, "--fields", "description")
    )
    assert made.exit_code == 0, made.output
    asked = ("compare", "warm gloves", "--index", folder, "--id-better", "long")
    asked = (*asked, "--id-worse", "pale", "--json")
    whole = Comparison.from_json(run(*asked).stdout)
    assert whole.better.right.chunk is None
    result = run(*asked, "--long-text", "chunks", "--chunk-size", "20")
    assert result.exit_code == 0, result.output
    found = Comparison.from_json(result.stdout)
    options = BTIOptions(long_text="chunks", chunk_size=20)
    own = Explainer(model, options=options).compare("warm gloves", LONG, TEXTS[2])
    assert found.better.right.chunk == own.better.right.chunk is not None
    assert found.margin == pytest.approx(own.margin, abs=1e-6)
    same = run(*asked, "-O", "long_text=chunks", "-O", "chunk_size=20")
    assert Comparison.from_json(same.stdout) == found
    cut = run(*asked, "--long-text", "error")
    assert cut.exit_code == 0, cut.output
    assert Comparison.from_json(cut.stdout).better.options.long_text == "error"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--id-better", "b", "q", "w"], "--id-better | --index INDEX"),
        (["--index", "INDEX", "--id-better", "nine", "q", "w"], "nine"),
        (["--index", "INDEX", "--pooling", "paper", "q", "b", "w"], "--index | --pooling"),
        (["q", "b"], "worse | --file-worse FILE | --id-worse ITEM"),
        ([], "query | missing"),
        (["--file-query", "x", "q", "b", "w"], "3 texts as arguments | 2: better, worse"),
        (["--file-query", "x", "--id-query", "b", "b", "w"], "twice | --id-query"),
        (["--file-query", "nowhere.txt", "b", "w"], "query text | nowhere.txt"),
        (["--file-query", "-", "-", "w"], "one of | query, better, worse"),
        (["--json", "--md", "q", "b", "w"], "--md | --json"),
    ],
)
def test_what_cannot_be_read_is_wrong_use(run, index, arguments, says):
    given = [index if argument == "INDEX" else argument for argument in arguments]
    result = run("compare", *given)
    assert result.exit_code == 2, result.output
    assert_says(" ".join(result.stderr.split()), *says.split(" | "))


def test_how_many_are_checked_and_markdown(compare, model):
    assert Comparison.from_json(compare("--check", "0", "--json").stdout).checks is None
    few = Comparison.from_json(compare("--check", "1", "--json").stdout)
    assert sum(row.is_checked for row in few.query_rows) == 1
    assert compare("--md").stdout == Explainer(model).compare(*TEXTS).to_markdown()
