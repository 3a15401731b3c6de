"""Texts and pairs of texts from files of every format: the same rows, the same texts."""

import gzip
import json

import pytest

from whyalike.catalogue import Catalogue, ReadReport
from whyalike.data.text_columns import read_pairs, read_texts, read_texts_or_pairs
from whyalike.errors import FormatError, OptionError

ROWS = [
    {
        "id": "a",
        "left": 'warm, "soft"\ngloves',
        "right": "mittens; wool",
        "description": "été | 12",
    },
    {"id": "b", "left": "red\twine", "right": "7", "description": " a hat "},
    {"id": "c", "left": "\u2028 odd", "right": "one", "description": "a scarf\u0085"},
]
PAIRS = [(row["left"], row["right"]) for row in ROWS]
TEXTS = [row["description"] for row in ROWS]


def write_delimited(path, delimiter, *, encoding="utf-8", end="\n"):
    def field(value):
        return '"' + value.replace('"', '""') + '"'

    lines = [list(ROWS[0]), *(list(row.values()) for row in ROWS)]
    text = "".join(delimiter.join(map(field, line)) + end for line in lines)
    path.write_bytes(text.encode(encoding))


def write_csv(path):
    write_delimited(path, ",")


def write_json_lines(path):
    rows = [{**row, "right": 7} if row["right"] == "7" else row for row in ROWS]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def write_parquet(path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist(ROWS), path)


def write_gzipped(write):
    def write_gz(path):
        write(path)
        path.write_bytes(gzip.compress(path.read_bytes()))

    return write_gz


FORMATS = {
    "a.csv": write_csv,
    "semicolons.csv": lambda path: write_delimited(path, ";"),
    "bom.csv": lambda path: write_delimited(path, ",", encoding="utf-8-sig", end="\r\n"),
    "bars.csv": lambda path: write_delimited(path, "|"),
    "a.tsv": lambda path: write_delimited(path, "\t"),
    "A.TAB": lambda path: write_delimited(path, "\t"),
    "a.jsonl": write_json_lines,
    "a.ndjson": write_json_lines,
    "a.parquet": write_parquet,
    "a.csv.gz": write_gzipped(write_csv),
    "a.jsonl.gz": write_gzipped(write_json_lines),
}


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_rows_are_the_same_texts_in_every_format(tmp_path, name):
    path = tmp_path / name
    FORMATS[name](path)
    assert [item.id for item in Catalogue.read(path)] == ["a", "b", "c"]
    assert read_texts(path) == TEXTS
    assert read_texts(path, column="LEFT") == [left for left, _ in PAIRS]
    assert read_pairs(path) == read_texts_or_pairs(path) == PAIRS
    assert read_pairs(path, columns=("right", "left")) == [(right, left) for left, right in PAIRS]
    assert read_texts_or_pairs(path, columns=["description"]) == TEXTS


def test_a_saved_data_set_is_read_too(tmp_path):
    datasets = pytest.importorskip("datasets")
    datasets.Dataset.from_list(ROWS).save_to_disk(tmp_path / "saved")
    assert read_texts(tmp_path / "saved") == TEXTS
    assert read_pairs(tmp_path / "saved") == PAIRS


@pytest.mark.parametrize(
    ("name", "content", "texts"),
    [
        ("a.txt", "\ufeffone \u2028 \x0c line\n\n \ntwo", ["one \u2028 \x0c line", "two"]),
        ("a.TXT", "one, 1\r\ntwo\r\n", ["one, 1", "two"]),
        ("lines", "one\ttwo\n", ["one\ttwo"]),
    ],
)
def test_lines_are_texts(tmp_path, name, content, texts):
    path = tmp_path / name
    path.write_bytes(content.encode())
    assert read_texts(path) == read_texts_or_pairs(path) == texts
    items = Catalogue.read(path, format="txt")
    assert [item.description for item in items] == [text.strip() for text in texts]
    with pytest.raises(FormatError, match=r"lines of text, no columns such as 'text'.*\.csv"):
        read_texts(path, column="text")
    with pytest.raises(FormatError, match=r"no columns such as 'left' and 'right'"):
        read_pairs(path)
    path.write_bytes(gzip.compress(content.encode()))
    assert read_texts(path) == texts


@pytest.mark.parametrize(
    ("header", "found", "guessed"),
    [
        ("id,description,text", ("description",), False),
        ("id,text", ("text",), True),
        ("id,Body", ("Body",), True),
        ("id,name", ("name",), True),
        ("left,right,text", ("left", "right"), False),
        ("id,query,passage", ("query", "passage"), True),
        ("query,text,description", ("query", "text"), True),
        ("text_a,text_b", ("text_a", "text_b"), True),
    ],
)
def test_what_is_not_named_is_found_and_said(tmp_path, header, found, guessed):
    path, columns = tmp_path / "a.csv", header.split(",")
    path.write_text(f"{header}\n{','.join(f'<{name}>' for name in columns)}\n")
    report = ReadReport()
    cells = tuple(f"<{name}>" for name in found)
    assert read_texts_or_pairs(path, report=report) == [cells if len(cells) == 2 else cells[0]]
    said = f"Columns guessed: texts from {', '.join(map(repr, found))}."
    assert report.notes == ([said] if guessed else [])


def test_what_is_left_out_is_reported_and_strict_allows_none(tmp_path):
    path = tmp_path / "a.csv"
    lines = [
        b"left,right", b"a,b", b"c, ", b"d", b"e,f,g", b"caf\xe9,h", b'"i,j', b"\0,k", b"l,12,50",
        b"m,n",
    ]  # fmt: skip
    path.write_bytes(b"\n".join(lines) + b"\n")
    report = ReadReport()
    assert read_pairs(path, report=report) == [("a", "b"), ("café", "h"), ("m", "n")]
    assert (report.rows, report.kept) == (9, 3)
    assert {bad.line: bad.reason for bad in report.bad} == {
        3: "no text in 'right'",
        4: "1 field where the first line has 2",
        5: "3 fields where the first line has 2",
        7: "a quotation mark is never closed",
        8: "a NUL character in a text",
        9: "3 fields where the first line has 2",
    }
    assert str(path) in str(report)
    assert "line 3: no text in 'right': c," in str(report)
    assert report.say(most=1).count("\n  line") == 1
    with pytest.raises(FormatError, match=r"a\.csv has bad rows.*line 3: no text in 'right'"):
        read_pairs(path, strict=True)
    assert read_texts(path, column="left", strict=False)[:2] == ["a", "c"]


@pytest.mark.parametrize(
    ("name", "content", "columns", "says"),
    [
        ("a.csv", b"id,extra\n1,x\n", None, r"a\.csv has no columns.*it has 'id', 'extra': name"),
        ("a.csv", b"id,text\n1,x\n", ["titel"], r"a\.csv.*no column 'titel'.*'id', 'text'.*--col"),
        ("a.csv", b"", None, r"a\.csv is empty"),
        ("a.csv", b"text\n", None, r"a\.csv holds no text in 'text'"),
        ("a.csv", b"left,right\n", None, r"a\.csv holds no pair of texts in 'left' and 'right'"),
        ("a.csv", b'text\n"open', None, r"a\.csv.*line 2: a quotation mark is never closed"),
        ("a.csv", b"text\nwarm, soft\n", None, r"line 2: 2 fields where the first line has 1"),
        ("a.txt", b" \n", None, r"a\.txt holds no text\."),
        ("a.parquet", b"PAR1", None, r"Could not read .*a\.parquet"),
        ("a.jsonl", b'{"text": {"a": 1}}\n', None, r"no columns such as .*it has 'text\.a'"),
        ("a.jsonl", b'{"text": [[1]]}\n', None, r"line 1: the text in 'text' is no text"),
        ("a.jsonl", b'{"text": "\\ud800"}\n', None, r"line 1: broken encoding"),
        ("a.jsonl", b"{\n", None, r"a\.jsonl holds JSON that is broken in or after value 1"),
        ("a.jsonl", b"[1]\n", None, r"Row 1: a JSON int, not an object"),
        (
            "a.csv.gz",
            gzip.compress(b"text\n" + b"a" * 99, mtime=0)[:-9],
            None,
            r"Could not read .*\.gz",
        ),
    ],
)
def test_files_that_give_nothing_are_told(tmp_path, name, content, columns, says):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FormatError, match=says):
        read_texts_or_pairs(tmp_path / name, columns=columns)


def test_wrong_use_is_told(tmp_path):
    for columns in (["left"], ["a", "b", "c"]):
        with pytest.raises(OptionError, match="name two"):
            read_pairs(tmp_path / "a.csv", columns=columns)
    with pytest.raises(OptionError, match="name one"):
        read_texts_or_pairs(tmp_path / "a.csv", columns=["a", "b", "c"])
    with pytest.raises(OptionError, match=r"a\.pdf does not say what it is: give .* \.csv"):
        read_texts(tmp_path / "a.pdf")
    with pytest.raises(FormatError, match=r"Could not read .*a\.csv"):
        read_texts(tmp_path / "a.csv")


@pytest.mark.realdata
def test_catalogues_can_be_read(catalogues):
    for name, least in (("wine", 10_000), ("fashion", 500), ("sportswear", 100)):
        report = ReadReport()
        assert len(read_texts(catalogues / f"{name}.csv", report=report)) > least
        assert report.kept > 0.99 * report.rows
