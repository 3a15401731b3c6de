"""Files of pairs in every form, with every kind of bad row, and what the rows of the output say."""

import json
import string
import tracemalloc
from dataclasses import replace
from itertools import repeat

import pytest
from fake_pairs import draw_pairs, open_fake, overlap, read_rows, write_pairs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from raising import raises
from tiny_models import tiny
from whyalike import CatalogueIndex, Explainer, Explanation, Item
from whyalike.batch.rows import output_names
from whyalike.batch.run import explain_file
from whyalike.batch.source import PairSource
from whyalike.errors import FormatError, ModelError, OptionError

FORMS = ["csv", "tsv", "jsonl", "parquet", "csv.gz", "jsonl.gz"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_every_form_gives_the_same_rows(tmp_path, form, ending):
    drawn = draw_pairs(5)
    out = tmp_path / f"out.{ending}"
    report = explain_file(write_pairs(tmp_path / f"p.{form}", drawn), out, model=open_fake())
    assert (report.rows, report.explained, report.bad) == (5, 5, 0)
    rows = read_rows(out)
    explained = list(open_fake().explain_many(drawn))
    for n, (row, pair, explanation) in enumerate(zip(rows, drawn, explained, strict=True)):
        assert (row["row"], row["id"], row["left"], row["right"]) == (n + 1, n, *pair)
        assert (row["price"], row["error"]) == (n / 2, None)
        assert row["warnings"] == list(explanation.warnings)
        assert row["score"] == pytest.approx(explanation.similarity, abs=1e-9)
        assert row["verdict"] == explanation.verdict
        words = explanation.left.words
        assert [word["text"] for word in row["left_words"]] == [word.text for word in words]
        assert [word["contribution"] for word in row["left_words"]] == pytest.approx(
            [word.contribution for word in words], abs=1e-9
        )
        assert [(pair["left"], pair["right"]) for pair in row["pairs"]] == [
            (words[p.left].text, explanation.right.words[p.right].text) for p in explanation.pairs
        ]
        for found in row["pairs"]:
            assert row["left"][found["left_start"] : found["left_end"]] == found["left"]
            assert row["right"][found["right_start"] : found["right_end"]] == found["right"]


def test_the_whole_explanation_can_be_asked_for_and_read(tmp_path):
    file = write_pairs(tmp_path / "p.csv", draw_pairs(2))
    for out in (tmp_path / "out.jsonl", tmp_path / "out.parquet"):
        explain_file(file, out, model=open_fake(), fields=["all"], keep=["ID"])
        row = read_rows(out)[1]
        said = row["explanation"]
        found = (Explanation.from_dict if out.suffix == ".jsonl" else Explanation.from_json)(said)
        assert found == open_fake().explain(*draw_pairs(2)[1])
        assert (row["left_text"], row["right_text"]) == draw_pairs(2)[1]
        assert "left" not in row
        assert row["id"] == 1


def test_pandas_and_duckdb_read_nested_columns(tmp_path):
    pandas = pytest.importorskip("pandas")
    out = tmp_path / "out.parquet"
    explain_file(write_pairs(tmp_path / "p.csv", draw_pairs(3)), out, model=open_fake())
    frame = pandas.read_parquet(out)
    assert frame["pairs"][0][0]["left"] in frame["left"][0]
    assert str(frame["id"].dtype) == "int64"
    duckdb = pytest.importorskip("duckdb", reason="DuckDB is not installed")
    found = duckdb.sql(
        f"SELECT id, p.left FROM (SELECT id, unnest(pairs) AS p FROM '{out}') ORDER BY p.score DESC"
    ).fetchall()
    assert found[0][1] in [pair["left"] for row in frame["pairs"] for pair in row]


BAD = {
    "empty": (b'{"left": "", "right": "wool"}', "no text in 'left'"),
    "blank": (b'{"left": " ", "right": "wool"}', "no text in 'left'"),
    "null": (b'{"left": "wool", "right": null}', "no text in 'right'"),
    "missing": (b'{"left": "wool"}', "no column 'right'"),
    "list": (b'{"left": "wool", "right": {"a": 1}}', "text in 'right' is no text, but a dict"),
    "surrogate": (b'{"left": "wool \\ud800", "right": "b"}', "broken encoding"),
    "nul": (b'{"left": "wool\\u0000", "right": "b"}', "a NUL character"),
    "json": (b'{"left": ', "not JSON"),
    "number": (b"17", "a JSON int, not an object"),
    "model": (b'{"left": "BROKEN", "right": "wool"}', "returned NaN"),
}


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_a_bad_row_is_a_row_with_its_reason(tmp_path, ending):
    good = b'{"left": "warm wool", "right": "wool", "tags": ["a", "b"]}'
    lines = [good, *(line for line, _ in BAD.values()), good]
    file = tmp_path / "p.jsonl"
    file.write_bytes(b"\n\n".join(lines))
    out = tmp_path / f"out.{ending}"
    report = explain_file(file, out, model=open_fake())
    assert (report.rows, report.explained, report.bad) == (len(lines), 2, len(BAD))
    rows = read_rows(out)
    assert len(rows) == len(lines)
    assert [bool(row["error"]) for row in rows] == [False, *repeat(True, len(BAD)), False]
    for place, (row, (name, (_, reason))) in enumerate(zip(rows[1:], BAD.items(), strict=False)):
        # A blank line stands between any two.
        assert row["error"].startswith(f"line {2 * place + 3}: "), name
        assert reason in row["error"], name
        assert (row["score"], row["pairs"], row["verdict"]) == (None, None, None)
    assert rows[0]["score"] == rows[-1]["score"] == 1.0
    assert rows[0]["tags"] == (["a", "b"] if ending == "jsonl" else '["a", "b"]')
    assert rows[6]["left"] == "wool \ufffd"
    said = str(report)
    assert f"{len(lines)} rows, 2 explained, {len(BAD)} bad" in said
    assert "line 3: no text in 'left'" in said


def test_a_broken_line_of_csv_and_columns_that_keep_what_they_say(tmp_path):
    file = tmp_path / "p.csv"
    file.write_bytes(
        b"id,code,size,left,right,score\n"
        b"1,007,1.5,warm wool,wool,9\n"
        b"2,8,2,one field too few,9\n"
        b"3,9,,w\xe4rm,wool,8\n"
    )
    for out in (tmp_path / "out.jsonl", tmp_path / "out.parquet"):
        report = explain_file(file, out, model=open_fake())
        assert (report.explained, report.bad) == (2, 1)
        assert "'score' as 'input_score'" in str(report)
        one, short, other = read_rows(out)
        assert (one["id"], one["code"], one["size"], one["input_score"]) == (1, "007", 1.5, 9)
        assert short["id"] is None
        assert "line 3: 5 fields where the first line has 6: 2,8,2,one" in short["error"]
        assert (other["left"], other["size"]) == ("wärm", None)


def test_texts_beyond_the_limit_are_bad_rows_where_they_are_errors(tmp_path):
    pairs = [("warm gloves", "wool"), ("gloves " * 300, "wool"), ("warm", "wool gloves")]
    file = write_pairs(tmp_path / "p.csv", pairs)
    explainer = Explainer(tiny("bert").parts)
    from whyalike import BTIOptions

    strict = Explainer(tiny("bert").parts, options=BTIOptions(long_text="error"))
    report = explain_file(file, tmp_path / "out.jsonl", model=strict)
    assert (report.explained, report.bad) == (2, 1)
    rows = read_rows(tmp_path / "out.jsonl")
    assert rows[1]["error"].startswith("line 3: A text has more than")
    for row, pair in zip(rows, pairs, strict=True):
        if not row["error"]:
            alone = explainer.explain(*pair)
            assert row["score"] == pytest.approx(alone.similarity, abs=1e-6)


def test_a_model_that_can_explain_none_is_no_bad_row(tmp_path):
    file = write_pairs(tmp_path / "p.csv", [("BROKEN", f"n{n}") for n in range(20)])
    with raises(ModelError, "NaN"):
        explain_file(file, tmp_path / "out.jsonl", model=open_fake())
    assert not (tmp_path / "out.jsonl").exists()


def test_pairs_by_the_ids_of_an_index(tmp_path):
    explainer = Explainer(tiny("bert").parts, prompts=("query: ", "item: "))
    items = [
        Item(str(n), f"title {n}", text) for n, text in enumerate(("warm wool", "knit gloves"))
    ]
    index = CatalogueIndex.build(items, tmp_path / "idx", model=explainer, fields=("description",))
    file = tmp_path / "p.csv"
    file.write_text("left_id,right_id,query\n0,1,warm\n1,9,cold\n,1,red\n")
    out = tmp_path / "both.jsonl"
    report = explain_file(file, out, index=index, fields=["score", "texts"])
    assert (report.explained, report.bad) == (1, 2)
    one, unknown, none = read_rows(out)
    assert (one["left_text"], one["right_text"]) == ("warm wool", "knit gloves")
    documents = explainer.between_documents().explain("warm wool", "knit gloves")
    assert one["score"] == pytest.approx(documents.similarity, abs=1e-6)
    assert "no item with the id '9'" in unknown["error"]
    assert "no id in 'left_id'" in none["error"]
    out = tmp_path / "right.jsonl"
    explain_file(
        file, out, index=index, model=explainer, ids="right", columns=["query", "right_id"]
    )
    one = read_rows(out)[0]
    asked = explainer.explain("warm", "knit gloves")
    assert one["score"] == pytest.approx(asked.similarity, abs=1e-6)
    assert (
        abs(
            asked.similarity
            - explainer.between_documents().explain("warm", "knit gloves").similarity
        )
        > 1e-4
    )
    index.add([Item("9", "", "red boots")])
    with raises(OptionError, "index"):
        explain_file(
            file,
            out,
            index=tmp_path / "idx",
            model=explainer,
            ids="right",
            columns=["query", "right_id"],
        )


def test_what_is_wrong_is_said_before_a_model_is_loaded(tmp_path):
    file = write_pairs(tmp_path / "p.csv", draw_pairs(3))
    out = tmp_path / "out.jsonl"
    missing = {"model": "no-such-model"}
    with raises(OptionError, "'nothing'", "'left'"):
        explain_file(file, out, columns=["left", "nothing"], **missing)
    with raises(OptionError, "columns", "two"):
        explain_file(file, out, columns=["left"], **missing)
    with raises(OptionError, "out.csv", ".jsonl", ".parquet"):
        explain_file(file, tmp_path / "out.csv", **missing)
    with raises(OptionError, "fields", "word", "words"):
        explain_file(file, out, fields=["word"], **missing)
    with raises(OptionError, "a.csv", "columns"):
        explain_file(write_pairs(tmp_path / "a.csv", [], header=("a", "b")), out, **missing)
    with raises(FormatError, "e.csv", "no rows"):
        explain_file(write_pairs(tmp_path / "e.csv", []), out, **missing)
    with raises(OptionError, "itself"):
        same = write_pairs(tmp_path / "same.jsonl", draw_pairs(1))
        explain_file(same, same, **missing)


TEXT = st.text(alphabet=string.ascii_lowercase[:4] + " ", max_size=6)
VALUE = st.one_of(
    TEXT, st.none(), st.integers(), st.just("BROKEN"), st.lists(st.integers(), max_size=1)
)
ROW = st.one_of(
    st.fixed_dictionaries({}, optional={"left": VALUE, "right": VALUE}).map(json.dumps),
    st.sampled_from(["{", "[]", "\ud800"]),
)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(rows=st.lists(ROW, max_size=30), ending=st.sampled_from(["jsonl", "parquet"]))
def test_counts_add_up(tmp_path_factory, rows, ending):
    folder = tmp_path_factory.mktemp("counts")
    file, out = folder / "p.jsonl", folder / f"out.{ending}"
    good = '{"left": "a b", "right": "b"}'
    text = "\n".join([good, *rows])
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    report = explain_file(file, out, model=open_fake())
    found = read_rows(out)
    assert report.rows == len(found) == len(rows) + 1
    assert report.explained + report.bad == report.rows
    assert report.bad == sum(row["error"] is not None for row in found)
    assert report.explained == sum(row["score"] is not None for row in found)
    assert [row["row"] for row in found] == [*range(1, len(found) + 1)]


class SameExplainer(Explainer):
    """Explains every pair as the first: an answer costs nothing, and is as large as any."""

    known = None

    def explain_many(self, pairs, *, start=0, check=0):
        for left, right in pairs:
            if self.known is None:
                self.known = super().explain(left, right)
            yield replace(self.known, similarity=float(len(left)))


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_memory_does_not_grow_with_the_file(tmp_path, ending):
    count, peaks = 10_000, []
    file = write_pairs(tmp_path / "p.csv", draw_pairs(count))

    def tell(done, total):
        """Note the peak of each 2,500 rows."""
        if done >= 2_500 * (len(peaks) + 1) or done == total:
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.reset_peak()

    tracemalloc.start()
    try:
        explain_file(
            file,
            tmp_path / f"out.{ending}",
            model=SameExplainer(score=overlap, method="occlusion"),
            fields=["score", "pairs", "words"],
            progress=tell,
        )
    finally:
        tracemalloc.stop()
    assert len(peaks) == 4
    # A part has as many rows all along, and of earlier ones only the parts' names are held. What
    # 7,500 rows take, were they held, is beyond 5 MB, as bytes alone.
    assert max(peaks[1:]) < peaks[0] + 1e6, peaks
    if ending == "jsonl":
        assert (tmp_path / "out.jsonl").stat().st_size > 5e6


def test_names_of_kept_columns_are_never_ours():
    assert output_names(["row", "input_row", "a"]) == {
        "row": "input_input_row",
        "input_row": "input_row",
        "a": "a",
    }


def test_a_survey_keeps_no_rows_and_knows_the_kinds(tmp_path):
    file = tmp_path / "p.jsonl"
    file.write_text(
        '{"left": "a", "right": "b", "n": 1, "x": true, "y": 1, "z": [1]}\n'
        '{"left": "a", "right": "b", "n": 1.5, "x": false, "y": "1", "z": null}\n'
    )
    survey = PairSource(file).survey()
    assert survey.rows == 2
    assert survey.kept == {
        "left": "text", "right": "text", "n": "number", "x": "boolean", "y": "text", "z": "text",
    }  # fmt: skip
    assert (
        survey.digest != PairSource(write_pairs(tmp_path / "q.csv", draw_pairs(2))).survey().digest
    )
