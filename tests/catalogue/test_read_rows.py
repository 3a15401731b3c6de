"""Bad rows: each is found, placed on its line, told, and nothing else is lost."""

import csv
import gzip
import json

import pytest

from raising import raises
from whyalike.catalogue import Catalogue, Item, ReadReport, stream_items
from whyalike.errors import FormatError, OptionError, TextError


@pytest.fixture
def write(tmp_path):
    def write(content, name="items.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def places(catalogue):
    return places_of(catalogue.report)


def places_of(report):
    return [(bad.line, bad.reason) for bad in report.bad]


def test_every_kind_of_bad_row_in_a_csv(write):
    path = write(
        b"id,title,description,price\n"
        b"1,Scarf,Warm wool,12.5\n"  # 2
        b"2,,  ,3\n"  # 3: no text
        b'3,Mitten,"Two\nlines, ""quoted""",4\n'  # 4 and 5
        b"1,Again,Same id,5\n"  # 6: duplicate
        b"5,Caf\xe9,Latin 1,6\n"  # 7: in cp1252, as the rest may be
        b"6,Ragged\n"  # 8
        b"7,Ragged,too,many,fields\n"  # 9
        b"\n"  # 10: blank, no row
        b"8,Nul,with \0 inside,7\n"  # 11
        b",Nameless,no id,8\n"  # 12
        b"9,Hat,Felt,9\n"  # 13
    )
    catalogue = Catalogue.read(path)
    assert [item.id for item in catalogue] == ["1", "3", "5", "9"]
    assert catalogue["5"].title == "Café"
    assert catalogue["3"].description == 'Two\nlines, "quoted"'
    assert catalogue["1"].metadata == {"price": 12.5}
    assert places(catalogue) == [
        (3, "no text: neither a title nor a description"),
        (6, "duplicate id '1', first in line 2"),
        (8, "2 fields where the first line has 4"),
        (9, "5 fields where the first line has 4"),
        (11, "a NUL character in a text"),
        (12, "no id"),
    ]
    report = catalogue.report
    assert report.rows == report.kept + len(report.bad) == 10
    assert "read as cp1252, which was guessed" in str(report)
    # Who says that it is UTF-8 is believed.
    report = Catalogue.read(path, encoding="utf-8").report
    assert places_of(report)[2] == (7, "broken encoding: not UTF-8")
    assert report.bad[2].excerpt == "5,Caf\ufffd,Latin 1,6"
    assert "1 row is not in the file's encoding: say it" in str(report)


def test_a_quotation_mark_that_is_never_closed_costs_its_own_row_only(write):
    path = write('id,title,description\n1,a,x\n2,"b,y\n3,c,z\n4,d,w\n')
    catalogue = Catalogue.read(path)
    assert [item.id for item in catalogue] == ["1", "3", "4"]
    assert places(catalogue) == [(3, "a quotation mark is never closed")]


def test_a_stray_quotation_mark_that_meets_another_costs_its_own_row_only(write):
    path = write('id,title,description\n1,"a,x\n2,b,"y, y"\n3,c,z\n')
    catalogue = Catalogue.read(path)
    assert [item.id for item in catalogue] == ["2", "3"]
    assert catalogue.report.bad[0].line == 2
    assert "not valid CSV" in catalogue.report.bad[0].reason


def test_a_field_over_the_limit_is_a_bad_row(write):
    long = "x" * (csv.field_size_limit() + 1)
    path = write(f"id,title,description\n1,a,{long}\n2,b,y\n")
    catalogue = Catalogue.read(path)
    assert [item.id for item in catalogue] == ["2"]
    ((line, reason),) = places(catalogue)
    assert line == 2
    assert "too long" in reason
    assert len(catalogue.report.bad[0].excerpt) <= 60


def test_bad_lines_of_json(write):
    good = json.dumps({"id": 1, "title": "A", "description": "B"})
    lines = [
        good.encode(),
        b"",  # 2: blank, no row
        b"{not json",
        b'["an array"]',
        b'{"id": 2, "title": "\xff"}',
        b'{"id": 3, "title": "\\ud800"}',
        b'{"id": 4, "title": {"en": "a mapping"}}',
        b'{"id": 1, "title": "again"}',
        b'{"id": null, "title": "none"}',
        b'{"id": 5, "title": null, "description": ["one", "two"]}',
        b"[" * 100_000,
        b'{"id": ' + b"9" * 5000 + b"}",
    ]
    catalogue = Catalogue.read(write(b"\n".join(lines), "items.jsonl"))
    assert [(i.id, i.title, i.description) for i in catalogue] == [
        ("1", "A", "B"),
        ("2", "ÿ", ""),
        ("5", "", "one\ntwo"),
    ]
    found = dict(places(catalogue))
    assert sorted(found) == [3, 4, 6, 7, 8, 9, 11, 12]
    assert found[3].startswith("not JSON: ")
    assert found[4] == "a JSON list, not an object"
    assert found[6] == "broken encoding: not UTF-8"
    assert found[7] == "the title is no text, but a dict"
    assert found[8] == "duplicate id '1', first in line 1"
    assert found[9] == "no id"
    assert catalogue.report.rows == 11


def test_strict_names_the_first_bad_rows_and_yields_nothing_after_one(write):
    rows = "".join(f"{n},,\n" for n in range(2, 20))
    path = write(f"id,title,description\n1,a,b\n{rows}99,c,d\n")
    report = ReadReport()
    taken = []
    with raises(FormatError, "strict") as caught:
        taken.extend(stream_items(path, strict=True, report=report))
    assert [line in str(caught.value) for line in ("line 3:", "line 7:", "line 8:")] == [
        True,
        True,
        False,
    ]
    assert [item.id for item in taken] == ["1"]
    with pytest.raises(FormatError, match="line 3"):
        Catalogue.read(path, strict=True)


def test_strict_reads_what_is_whole(write):
    assert len(Catalogue.read(write("id,title\n1,a\n2,b\n"), strict=True)) == 2


def test_a_report_tells_the_first_twenty_and_counts_the_rest(write):
    rows = "".join(f"{n},\n" for n in range(2, 40))
    catalogue = Catalogue.read(write(f"sku,name\n1,a\n{rows}"))
    said = str(catalogue.report)
    assert "39 rows, 1 kept, 38 bad" in said
    assert "id from 'sku', title from 'name'" in said
    assert "line 3: no text" in said
    assert "line 22: no text" in said
    assert "line 23" not in said
    assert "and 18 more" in said
    told = catalogue.report.to_dict()
    assert len(told["bad"]) == 38
    assert json.loads(json.dumps(told)) == told


def test_an_excerpt_can_not_command_a_terminal(write):
    catalogue = Catalogue.read(write("id,title,x\n1,a,b\n2,\x1b[31mred\u202e\n"))
    assert catalogue.report.bad[0].excerpt == "2,\ufffd[31mred\ufffd"


def test_missing_texts_are_counted(write):
    catalogue = Catalogue.read(write("id,title,description\n1,a,\n2,,b\n3,a,b\n"))
    assert (catalogue.report.title_only, catalogue.report.description_only) == (1, 1)
    assert catalogue["1"].text == "a"
    assert catalogue["2"].text == "b"


@pytest.mark.parametrize(
    ("content", "name", "match"),
    [
        (b"", "a.csv", "empty"),
        (b"\n\n", "a.csv", "empty"),
        (b'id,"title\n1,a\n', "a.csv", "broken"),
        (b"id,title\n", "a.csv", "holds no item"),
        (b"id,title\n1,\n", "a.csv", "line 2 | text"),
        (b"", "a.jsonl", "JSON | empty"),
        (b"[\n", "a.jsonl", "JSON | no end"),
        (gzip.compress(b"id,title\n1,a\n" * 99, mtime=0)[:-20], "a.csv.gz", "Could not read"),
        (b"PAR1 no", "a.parquet", "Could not read"),
    ],
)
def test_files_that_hold_nothing(write, content, name, match):
    with raises(FormatError, *match.split(" | ")):
        Catalogue.read(write(content, name))


def test_a_file_that_is_not_there(tmp_path):
    for name in ("none.csv", "none.jsonl", "none.parquet"):
        with pytest.raises(FormatError, match="No such file"):
            Catalogue.read(tmp_path / name)


def test_a_catalogue_made_of_items():
    items = [Item("1", "a", ""), Item("2", "", "b", {"x": 1})]
    catalogue = Catalogue.from_items(iter(items), name="mine")
    assert list(catalogue) == items
    assert (len(catalogue), catalogue.name, catalogue.report.kept) == (2, "mine", 2)
    with pytest.raises(OptionError, match="'1'"):
        Catalogue.from_items([*items, Item("1", "again", "")])
    with raises(OptionError, "mine", "'3'"):
        catalogue["3"]


@pytest.mark.parametrize(
    ("values", "match"),
    [
        (("", "a", "b"), "empty id"),
        (("1", " ", ""), "neither"),
        ((1, "a", "b"), "int"),
        (("1", "a\ud800", ""), "surrogate"),
        (("1", "a", "", {"tags": ["red"]}), "metadata | 'tags' | list"),
        (("1", "a", "", {7: "red"}), "metadata | 7"),
        (("1", "a", "", {"tag": "a\ud800"}), "metadata | surrogate"),
    ],
)
def test_items_that_can_not_be(values, match):
    with raises(TextError, *match.split(" | ")):
        Item(*values)
