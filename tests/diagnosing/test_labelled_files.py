"""Queries and TREC's files, read to the end: what is wrong is left out, and said with its line."""

import gzip

import pytest

from raising import raises
from whyalike.data.queries import LabelledQuery, read_queries
from whyalike.data.stream import ReadReport
from whyalike.data.trec import read_qrels, read_run
from whyalike.errors import FormatError, TextError


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def bad(report):
    return [(row.line, row.reason) for row in report.bad]


def test_queries_with_mistakes_are_read_to_the_end(tmp_path):
    lines = [
        '{"query": "reset", "right": "a"}',
        "{broken",
        '{"query": "  ", "right": "a"}',
        '{"query": "lights", "right": ["a", "b", "a"], "answer": "green"}',
        '{"query": "no label", "right": null}',
        '{"query": 7, "right": 12}',
        "[1, 2]",
        '{"query": "nested", "right": {"id": 1}}',
    ]
    report = ReadReport()
    found = read_queries(write(tmp_path / "q.jsonl", "\n".join(lines)), report=report)
    assert found == [
        LabelledQuery("1", "reset", ("a",)),
        LabelledQuery("4", "lights", ("a", "b"), "green"),
        LabelledQuery("6", "7", ("12",)),
    ]
    assert [line for line, _ in bad(report)] == [2, 3, 5, 7, 8]
    reasons = [reason for _, reason in bad(report)]
    assert "not JSON" in reasons[0]
    assert reasons[1] == "no query"
    assert reasons[2] == "no id of a right item in 'right'"
    assert reasons[3] == "a JSON list, not an object"
    assert reasons[4] == "the id of a right item is no text, but a dict"


def test_an_id_alone_is_the_right_items(tmp_path):
    report = ReadReport()
    path = write(tmp_path / "q.csv", "query,id\nreset,a7\nlights,b8\n")
    found = read_queries(path, report=report)
    assert [(query.id, query.right) for query in found] == [("1", ("a7",)), ("2", ("b8",))]
    assert report.notes == ["'id' is taken for the id of the right item."]


def test_an_id_beside_a_label_is_the_querys(tmp_path):
    path = write(tmp_path / "q.csv", "id,question,doc_id\nq1,reset,a7\nq1,again,a8\n")
    report = ReadReport()
    assert read_queries(path, report=report) == [LabelledQuery("q1", "reset", ("a7",))]
    assert bad(report) == [(3, "duplicate id 'q1', first in line 2")]


def test_columns_that_are_missing_are_named(tmp_path):
    path = write(tmp_path / "q.csv", "a,b\n1,2\n")
    with raises(FormatError, "no columns such as 'query' and 'right'"):
        read_queries(path)
    with raises(FormatError, "no columns such as 'query'; it has 'a', 'b'"):
        read_queries(path, labelled=False)


def test_a_query_without_words_is_refused():
    with raises(TextError, "is blank"):
        LabelledQuery("1", " ", ("a",))


RUN = """\
q1 Q0 a 1 9.5 mine
q1 Q0 b 2 9.5 mine
q1 Q0 c 3 11 mine
q1 Q0 a 4 1 mine

q2 Q0 a 1 mine
q2 Q0 a one 3.0 mine
q2 Q0 a 1 nan mine
q2\tQ0\tb\t1\t-2e-3\tmine
"""


def test_a_run_is_ordered_by_its_scores_and_mistakes_are_said(tmp_path):
    report = ReadReport()
    run = read_run(write(tmp_path / "run.trec", RUN), report=report)
    # Of equal scores the rank decides; c has the best score, whatever its rank says.
    assert run == {"q1": [("c", 11.0), ("a", 9.5), ("b", 9.5)], "q2": [("b", -0.002)]}
    assert bad(report) == [
        (4, "'a' is there for query 'q1' already"),
        (6, "5 fields, where a line of a run has 6"),
        (7, "the rank is 'one', not a whole number"),
        (8, "the score is 'nan', not a finite number"),
    ]


def test_qrels_with_mistakes(tmp_path):
    path = tmp_path / "qrels.gz"
    path.write_bytes(gzip.compress(b"q1 0 a 1\nq1 0 b 0\nq1 0 a 2\nq2 0 x\nq2 0 y high\nq1\n"))
    report = ReadReport()
    assert read_qrels(path, report=report) == {"q1": {"a": 1, "b": 0}}
    assert [line for line, _ in bad(report)] == [3, 4, 5, 6]


@pytest.mark.parametrize("read", [read_run, read_qrels])
def test_a_file_without_any_line_is_refused(tmp_path, read):
    with raises(FormatError, "holds no"):
        read(write(tmp_path / "empty", "\n\n"))
    with raises(FormatError, "strict allows none"):
        read(write(tmp_path / "bad", "one\n"), strict=True)
