"""No row is lost for a letter: encodings and line ends are found, said, or taken as asked."""

import csv
import gzip
import io
import json
import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raising import raises
from whyalike.batch.source import PairSource
from whyalike.catalogue import Catalogue, reading_in
from whyalike.data.passages import read_passages
from whyalike.data.queries import read_queries
from whyalike.data.text_columns import read_pairs, read_texts, read_texts_or_pairs
from whyalike.errors import FormatError, OptionError

TEXTS = {
    "cp1252": "Kaffeemühle, größer und schöner – für “frischen” Kaffee, 12 €",
    "cp1250": "Ciepłe rękawiczki z wełny na zimne dni, żółte i śliczne",
    "cp1251": "Шерстяные перчатки для холодных зимних дней, тёплые и мягкие",
    "koi8_r": "Шерстяные перчатки для холодных зимних дней, тёплые и мягкие",
    "cp1253": "Ζεστά μάλλινα γάντια για κρύες μέρες",
    "cp932": "暖かいウールの手袋、寒い冬の日に",
    "gb18030": "寒冷冬日的温暖羊毛手套，非常柔软",
    "euc_kr": "추운 겨울날을 위한 따뜻한 울 장갑",
    "utf-16": "Kaffeemühle 暖かい",
    "utf-16-le": "Kaffeemühle for the morning, 暖かい",
    "utf-16-be": "Kaffeemühle for the morning, 暖かい",
    "utf-32": "Kaffeemühle 暖かい",
}


def table(text, end="\n"):
    return end.join(["id,title,description", f'1,Scarf,"{text}"', "2,Hat,Warm felt", ""])


@pytest.mark.parametrize("encoding", TEXTS)
def test_an_encoding_is_found_and_said(tmp_path, encoding):
    path = tmp_path / "a.csv"
    path.write_bytes(table(TEXTS[encoding]).encode(encoding))
    catalogue = Catalogue.read(path)
    assert [item.description for item in catalogue] == [TEXTS[encoding], "Warm felt"]
    name = encoding.upper() if encoding.startswith("utf") else encoding
    assert f"The file is read as {name}" in str(catalogue.report)
    assert catalogue.report.bad == []
    path.write_bytes(gzip.compress(path.read_bytes()))
    assert Catalogue.read(path)["1"].description == TEXTS[encoding]


def test_one_letter_after_a_megabyte_is_enough(tmp_path):
    path = tmp_path / "a.csv"
    rows = [f"{n},Scarf {n},{'warm ' * 20}" for n in range(12_000)]
    path.write_bytes("\n".join(["id,title,description", *rows, "x,Café,Soft"]).encode("cp1252"))
    catalogue = Catalogue.read(path)
    assert catalogue["x"].title == "Café"
    assert len(catalogue) == 12_001
    assert "cp1252" in str(catalogue.report)


def test_a_stray_letter_in_utf8_is_read_and_counted(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(
        "id,title\n1,Crème brûlée\n2,Café\n".encode() + b"3,Caf\xe9 na\xefve\n4,\x81\n"
    )
    catalogue = Catalogue.read(path)
    assert [item.title for item in catalogue] == ["Crème brûlée", "Café", "Café naïve"]
    assert "2 places are not UTF-8 in a file that is" in str(catalogue.report)
    # 0x81 is a letter of neither.
    assert [bad.line for bad in catalogue.report.bad] == [5]


def test_an_encoding_that_is_asked_for_is_taken(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(table("Soğuk kış günleri için şık").encode("cp1254"))
    assert Catalogue.read(path, encoding="cp1254")["1"].description == "Soğuk kış günleri için şık"
    assert "guessed: encoding" not in str(Catalogue.read(path, encoding="cp1254").report)
    with raises(OptionError, "'cp9999'", "utf-16"):
        Catalogue.read(path, encoding="cp9999")
    with raises(OptionError, "'hex'"):
        Catalogue.read(path, encoding="hex")
    path.write_bytes(table("plain").encode("utf-16"))
    assert Catalogue.read(path, encoding="utf-16")["1"].description == "plain"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_line_ends_of_every_system(tmp_path, encoding, end):
    path = tmp_path / "a.csv"
    path.write_bytes(table("Größer", end).encode(encoding))
    catalogue = Catalogue.read(path)
    assert [(i.id, i.description) for i in catalogue] == [("1", "Größer"), ("2", "Warm felt")]
    assert ("Lines end as on old Macs" in str(catalogue.report)) == (end == "\r")
    lines = tmp_path / "a.jsonl"
    lines.write_bytes(end.join(json.dumps({"title": t}) for t in "abc").encode(encoding))
    assert [item.title for item in Catalogue.read(lines)] == ["a", "b", "c"]


LETTERS = st.text(st.sampled_from("ab ,;\"\n\r'é€üß&<"), max_size=12)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(LETTERS, LETTERS), min_size=1, max_size=8),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-be", "utf-32"]),
    asked=st.booleans(),
)
def test_what_is_written_in_any_encoding_comes_back(rows, encoding, asked):
    stream = io.StringIO(newline="")
    writer = csv.writer(stream)
    writer.writerow(["id", "title", "description"])
    # A few words, by which an encoding can be guessed.
    writer.writerow(["first", "Für größere Mengen Kaffee geeignet", "schöne, hübsche Mühle"])
    for number, row in enumerate(rows):
        writer.writerow([number, *row])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        path.write_bytes(stream.getvalue().encode(encoding))
        catalogue = Catalogue.read(path, encoding=encoding if asked else None)
    texts = [(t.strip(), d.strip()) for t, d in rows if t.strip() or d.strip()]
    assert [(i.title, i.description) for i in catalogue][1:] == texts
    report = catalogue.report
    assert report.rows == report.kept + len(report.bad) == len(rows) + 1


ROWS = [{"id": f"A{n}", "title": f"Scarf {n}", "size": {"cm": n}} for n in range(3)]
SHAPES = {
    "lines": "\n".join(json.dumps(row) for row in ROWS),
    "array": json.dumps(ROWS),
    "array, indented": json.dumps(ROWS, indent=2),
    "under a key": json.dumps({"products": ROWS}),
    "under a key, indented": json.dumps({"products": ROWS}, indent=1),
    "objects over lines": "\n".join(json.dumps(row, indent=2) for row in ROWS),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "name", ["a.json", "a.jsonl", "a.ndjson", "a.json.gz", "a.json.zst", "a.zip"]
)
def test_arrays_and_lines_are_told_apart_by_what_they_are(tmp_path, shape, name):
    path, content = tmp_path / name, SHAPES[shape].encode()
    if name.endswith(".gz"):
        content = gzip.compress(content)
    if name.endswith(".zst"):
        content = pytest.importorskip("pyarrow").compress(content, codec="zstd", asbytes=True)
    path.write_bytes(content)
    if name.endswith(".zip"):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("export/items.json", SHAPES[shape])
            archive.writestr("__MACOSX/._items.json", "x")
    catalogue = Catalogue.read(path)
    assert [(i.id, i.title, dict(i.metadata)) for i in catalogue] == [
        (f"A{n}", f"Scarf {n}", {"size.cm": n}) for n in range(3)
    ]
    assert catalogue.report.unit == ("line" if shape == "lines" else "row")


def test_a_line_with_a_list_of_objects_is_a_row(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"images": [{"src": "x"}]}\n{"title": "Hat"}\n')
    catalogue = Catalogue.read(path)
    assert [item.title for item in catalogue] == ["Hat"]
    assert [bad.line for bad in catalogue.report.bad] == [1]
    path.write_text('{"images": [{"src": "x"}], "title": "Hat"}\n')
    assert [item.title for item in Catalogue.read(path)] == ["Hat"]


@settings(max_examples=30, deadline=None)
@given(
    rows=st.lists(
        st.one_of(
            st.fixed_dictionaries({"title": st.text(max_size=30)}),
            st.integers(),
            st.lists(st.integers(), max_size=2),
        ),
        max_size=12,
    ),
    indent=st.sampled_from([None, 1]),
    pad=st.integers(0, 3),
)
def test_every_value_of_an_array_is_kept_or_reported(rows, indent, pad):
    # Values that cross the borders of what is read at once.
    filler = {"title": "x" * 65_520}
    content = json.dumps([filler] * pad + rows, indent=indent, ensure_ascii=False)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.json"
        path.write_text(content, "utf-8", "surrogatepass")
        kept = [filler] * pad + [
            row
            for row in rows
            if isinstance(row, dict) and row["title"].strip() and "\0" not in row["title"]
        ]
        if not kept:
            with pytest.raises(FormatError):
                Catalogue.read(path)
            return
        catalogue = Catalogue.read(path)
    assert [item.title for item in catalogue] == [row["title"].strip() for row in kept]
    report = catalogue.report
    assert report.rows == len(rows) + pad == report.kept + len(report.bad)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('[{"title": "a"}, {"title": "b"', "after value 2"),
        ('[{"title": "a"}', "no end"),
        ('[{"title": "a"}, oops]', "after value 2"),
        ("", "empty"),
        ("[]", "empty"),
    ],
)
def test_an_array_that_is_broken_is_no_array(tmp_path, content, said):
    (tmp_path / "a.json").write_text(content)
    with raises(FormatError, said):
        Catalogue.read(tmp_path / "a.json")


def test_an_archive_holds_one_table(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", "id,title\n1,Hat\n")
        archive.writestr("b.csv", "id,title\n1,Scarf\n")
    with raises(FormatError, "2 files", "'a.csv'"):
        Catalogue.read(path)
    path.write_bytes(b"PK\x03\x04 no archive")
    with raises(FormatError, "Could not read"):
        Catalogue.read(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", "id,title\n1," + "x" * (1 << 27))
    with raises(FormatError, "8,388,608"):
        Catalogue.read(path)


@pytest.mark.parametrize(
    ("before", "said"),
    [
        ("\n", "named in line 2: what is before is blank"),
        (",,\n\n", "named in line 3: what is before is blank"),
        ("Products of our shop,,\n", "named in line 2; what stands before is left out: 'Products"),
        ("Export,1 May\n\nAll prices net\n", "named in line 4; what stands before is left out"),
        ("sep=;\n", "Fields are between semicolons"),
    ],
)
def test_what_stands_before_the_header_is_found_and_said(tmp_path, before, said):
    path = tmp_path / "a.csv"
    table = "SKU,Name,Price\nA1,Scarf,3\nA2,Hat,4\n"
    path.write_text(before + (table.replace(",", ";") if "sep" in before else table))
    catalogue = Catalogue.read(path)
    assert [(i.id, i.title, i.metadata) for i in catalogue] == [
        ("A1", "Scarf", {"Price": 3}),
        ("A2", "Hat", {"Price": 4}),
    ]
    assert said in str(catalogue.report)
    assert catalogue.report.rows == 2


def test_a_first_line_that_is_a_header_stays_one(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text\nid\nA red warm scarf\n")
    assert [item.description for item in Catalogue.read(path)] == ["id", "A red warm scarf"]
    path.write_text("code word,meaning\ntitle,description\nid,name\n")
    assert [item.title for item in Catalogue.read(path, title="meaning", id="code word")] == [
        "description",
        "name",
    ]


def write_book(path, rows):
    """A small workbook of our own, as spreadsheet programs write it."""
    if path.suffix == ".xlsx":
        cells = "".join(f"<row>{''.join(_cell(value) for value in row)}</row>" for row in rows)
        space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
        relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
        package = "http://schemas.openxmlformats.org/package/2006"
        parts = {
            "[Content_Types].xml": f'<Types xmlns="{package}/content-types"/>',
            "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
            f'Type="{relations}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
            "xl/workbook.xml": f'<workbook xmlns="{space}" xmlns:r="{relations}"><sheets>'
            '<sheet name="Empty" sheetId="1" r:id="r1"/><sheet name="Items" sheetId="2" '
            'r:id="r2"/></sheets></workbook>',
            "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships">'
            f'<Relationship Id="r1" Type="{relations}/worksheet" Target="worksheets/s1.xml"/>'
            f'<Relationship Id="r2" Type="{relations}/worksheet" Target="worksheets/s2.xml"/>'
            "</Relationships>",
            "xl/worksheets/s1.xml": f'<worksheet xmlns="{space}"><sheetData/></worksheet>',
            "xl/worksheets/s2.xml": f'<worksheet xmlns="{space}"><sheetData>{cells}</sheetData>'
            "</worksheet>",
        }
    else:
        oasis = "urn:oasis:names:tc:opendocument:xmlns"
        cells = "".join(
            f"<table:table-row>{''.join(_ods_cell(value) for value in row)}</table:table-row>"
            for row in rows
        )
        parts = {
            "mimetype": "application/vnd.oasis.opendocument.spreadsheet",
            "META-INF/manifest.xml": f'<manifest:manifest xmlns:manifest="{oasis}:manifest:1.0"/>',
            "content.xml": f'<office:document-content xmlns:office="{oasis}:office:1.0" '
            f'xmlns:table="{oasis}:table:1.0" xmlns:text="{oasis}:text:1.0"><office:body>'
            f'<office:spreadsheet><table:table table:name="Items">{cells}</table:table>'
            "</office:spreadsheet></office:body></office:document-content>",
        }
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def _cell(value):
    if isinstance(value, bool):
        return f'<c t="b"><v>{int(value)}</v></c>'
    if isinstance(value, int | float):
        return f"<c><v>{value}</v></c>"
    return f'<c t="inlineStr"><is><t>{value}</t></is></c>'


def _ods_cell(value):
    if isinstance(value, bool):
        return f'<table:table-cell office:value-type="boolean" office:boolean-value="{str(value).lower()}"/>'
    if isinstance(value, int | float):
        return f'<table:table-cell office:value-type="float" office:value="{value}"/>'
    return (
        f'<table:table-cell office:value-type="string"><text:p>{value}</text:p></table:table-cell>'
    )


@pytest.mark.parametrize("ending", ["xlsx", "ods"])
def test_spreadsheets_are_read(tmp_path, ending):
    pytest.importorskip("python_calamine", reason="the extra sheets is not installed")
    path = tmp_path / f"a.{ending}"
    write_book(
        path,
        [
            ["Our products", "", "", ""],
            ["SKU", "Name", "Price", "New"],
            [101, "Scarf, größer", 12.5, True],
            [102, "Hat", 3, False],
            [103, "", 3, False],
        ],
    )
    catalogue = Catalogue.read(path)
    assert [(i.id, i.title, dict(i.metadata)) for i in catalogue] == [
        ("101", "Scarf, größer", {"Price": 12.5, "New": True}),
        ("102", "Hat", {"Price": 3, "New": False}),
    ]
    report = catalogue.report
    assert "named in row 2" in str(report)
    assert [(bad.line, bad.reason[:7]) for bad in report.bad] == [(5, "no text")]
    assert report.rows == 3
    path.write_bytes(b"no workbook")
    with raises(FormatError, "Could not read"):
        Catalogue.read(path)


WINE = "Wine at 12 € a bottle"
"""In ISO 8859-15, whose sign of the euro stands for another in cp1252, as which it is read."""


def pairs_of(path):
    source = PairSource(path)
    return [row.texts for row in source.rows(source.survey())]


READERS = {
    "read_texts": lambda path: read_texts(path, column="left")[0],
    "read_pairs": lambda path: read_pairs(path)[0][0],
    "read_texts_or_pairs": lambda path: read_texts_or_pairs(path)[0][0],
    "read_passages": lambda path: read_passages(path, column="left")[0].text,
    "read_queries": lambda path: read_queries(path)[0].query,
    "PairSource": lambda path: pairs_of(path)[0][0],
    "Catalogue": lambda path: Catalogue.read(path, description="left").items[0].description,
}


@pytest.mark.parametrize("reader", READERS)
def test_every_reader_of_a_table_reads_in_the_encoding_of_the_block(tmp_path, reader):
    path = tmp_path / "rows.csv"
    path.write_bytes(f"left,right,query\n{WINE},soft,{WINE}\n".encode("iso8859_15"))
    read = READERS[reader]
    assert read(path) != WINE, "else the test shows nothing"
    with reading_in("iso8859_15"):
        assert read(path) == WINE
        with reading_in(None):
            assert read(path) != WINE
    assert read(path) != WINE


def test_an_encoding_of_its_own_comes_before_that_of_the_block(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_bytes(f"title\n{WINE}\n".encode("iso8859_15"))
    with reading_in("cp1251"):
        assert Catalogue.read(path, encoding="iso8859_15").items[0].title == WINE
    with raises(OptionError, "nope", "cp1252"), reading_in("nope"):
        pass
