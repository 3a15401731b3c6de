"""Every format gives the same items; values keep their kinds; memory does not grow with rows."""

import datetime
import gzip
import json
import sys
import tracemalloc

import pytest

from raising import raises
from whyalike.catalogue import Catalogue, ReadReport, stream_items
from whyalike.errors import FormatError, MissingExtraError, OptionError

ROWS = [
    {"id": "a1", "title": "Scarf", "description": "Warm", "price": 12.5, "size": 3, "colour": None},
    {
        "id": "a2",
        "title": "Hat",
        "description": "Felt, grey",
        "price": 7.25,
        "size": 4,
        "colour": "grey",
    },
]


def as_csv(rows, delimiter):
    lines = [delimiter.join(rows[0])]
    for row in rows:
        cells = ("" if value is None else str(value) for value in row.values())
        lines.append(delimiter.join(f'"{cell}"' if delimiter in cell else cell for cell in cells))
    return ("\r\n".join(lines) + "\r\n").encode()


def as_lines(rows):
    return "\n".join(map(json.dumps, rows)).encode()


def as_parquet(rows, path):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pa.Table.from_pylist(rows), path)


@pytest.fixture
def dataset():
    return pytest.importorskip("datasets").Dataset.from_list(ROWS)


def told(catalogue):
    return [(i.id, i.title, i.description, dict(i.metadata)) for i in catalogue]


EXPECTED = [
    ("a1", "Scarf", "Warm", {"price": 12.5, "size": 3, "colour": None}),
    ("a2", "Hat", "Felt, grey", {"price": 7.25, "size": 4, "colour": "grey"}),
]


def test_all_text_formats_give_the_same_items(tmp_path):
    bom = b"\xef\xbb\xbf"
    files = {
        "a.csv": as_csv(ROWS, ","),
        "a.csv.gz": gzip.compress(as_csv(ROWS, ",")),
        "bom.CSV": bom + as_csv(ROWS, ","),
        "semicolons.csv": as_csv(ROWS, ";"),
        "tabs.csv": as_csv(ROWS, "\t"),
        "a.tsv": as_csv(ROWS, "\t"),
        "a.jsonl": as_lines(ROWS),
        "bom.jsonl": bom + as_lines(ROWS),
        "a.ndjson.gz": gzip.compress(as_lines(ROWS)),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        catalogue = Catalogue.read(tmp_path / name)
        assert told(catalogue) == EXPECTED, name
        assert catalogue.report.bad == []
        assert catalogue.name == name.split(".")[0]
    assert "semicolons" in str(Catalogue.read(tmp_path / "semicolons.csv").report)
    (tmp_path / "unnamed").write_bytes(files["a.tsv"])
    assert told(Catalogue.read(tmp_path / "unnamed", format="tsv")) == EXPECTED


def test_a_spreadsheets_semicolons_come_with_commas_in_numbers(tmp_path):
    path = tmp_path / "excel.csv"
    path.write_text('id;title;"price, EUR";sizes\r\n1;Hat;12,50;3,4,5\r\n2;Scarf;9;-0,5\r\n')
    catalogue = Catalogue.read(path)
    assert catalogue["1"].metadata == {"price, EUR": 12.5, "sizes": "3,4,5"}
    assert catalogue["2"].metadata == {"price, EUR": 9, "sizes": -0.5}
    assert "12,50 is a number" in str(catalogue.report)
    path.write_text('id,title,price\n1,Hat,"12,50"\n')
    assert Catalogue.read(path)["1"].metadata == {"price": "12,50"}


def test_keys_that_come_late_are_told(tmp_path):
    path = tmp_path / "late.jsonl"
    rows = [{"id": n, "title": f"Hat {n}"} for n in range(105)]
    rows[102]["colour"] = rows[104]["colour"] = "red"
    path.write_bytes(as_lines(rows))
    catalogue = Catalogue.read(path)
    assert len(catalogue) == 105
    assert "no key of the first 100 objects: 'colour' (line 103)." in str(catalogue.report)
    rows[0]["colour"] = None
    path.write_bytes(as_lines(rows))
    again = Catalogue.read(path)
    assert again["104"].metadata == {"colour": "red"}
    assert "Left out" not in str(again.report)


def test_parquet_and_data_sets_give_the_same_items(tmp_path, dataset):
    as_parquet(ROWS, tmp_path / "a.parquet")
    assert told(Catalogue.read(tmp_path / "a.parquet")) == EXPECTED
    assert told(Catalogue.from_dataset(dataset)) == EXPECTED
    assert told(Catalogue.from_dataset(dataset.to_iterable_dataset())) == EXPECTED
    dataset.save_to_disk(tmp_path / "saved")
    assert told(Catalogue.read(tmp_path / "saved")) == EXPECTED
    assert Catalogue.from_dataset(str(tmp_path / "saved")).name == "saved"


def test_splits_of_a_data_set(dataset):
    datasets = pytest.importorskip("datasets")
    both = datasets.DatasetDict({"train": dataset, "test": dataset.select([1])})
    assert len(Catalogue.from_dataset(both, split="test")) == 1
    assert len(Catalogue.from_dataset(datasets.DatasetDict({"train": dataset}))) == 2
    with pytest.raises(OptionError, match="'train', 'test'"):
        Catalogue.from_dataset(both)
    with pytest.raises(OptionError, match="leave it out"):
        Catalogue.from_dataset(dataset, split="train")
    with raises(OptionError, "list", "data set"):
        Catalogue.from_dataset(ROWS)


def test_classes_of_a_data_set_are_named_and_pictures_left_out():
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {
            "title": datasets.Value("string"),
            "kind": datasets.ClassLabel(names=["red", "white"]),
            "raw": datasets.Value("binary"),
        }
    )
    rows = {"title": ["a", "b", "c"], "kind": [1, 0, -1], "raw": [b"1", b"2", b"3"]}
    made = datasets.Dataset.from_dict(rows, features=features)
    for dataset in (made, made.to_iterable_dataset()):
        catalogue = Catalogue.from_dataset(dataset)
        assert [item.metadata for item in catalogue] == [
            {"kind": "white"},
            {"kind": "red"},
            {"kind": None},
        ]
        assert [item.id for item in catalogue] == ["1", "2", "3"]
        assert "left out: 'raw'" in str(catalogue.report)


def test_a_folder_that_is_no_data_set_is_refused_before_the_package_is_loaded(
    tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "datasets", None)
    for read in (Catalogue.read, Catalogue.from_dataset):
        with raises(FormatError, str(tmp_path), "save_to_disk", "state.json"):
            read(str(tmp_path))
    (tmp_path / "state.json").touch()
    with pytest.raises(MissingExtraError, match="datasets"):
        Catalogue.read(tmp_path)


def test_a_saved_data_set_that_is_damaged(tmp_path):
    pytest.importorskip("datasets")
    (tmp_path / "state.json").touch()
    with pytest.raises(FormatError, match="Could not load the data set"):
        Catalogue.read(tmp_path)


def test_kinds_of_values_in_parquet(tmp_path):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = pa.table(
        {
            "id": pa.array([1.0, 2.0]),
            "title": ["a", "b"],
            "day": pa.array([datetime.date(2026, 1, 2), None]),
            "tags": [["x", "y"], []],
            "ok": [True, None],
            "much": pa.array([float("nan"), 1.5]),
            "picture": pa.array([b"\xff", b""]),
        }
    )
    parquet.write_table(table, tmp_path / "a.parquet")
    catalogue = Catalogue.read(tmp_path / "a.parquet")
    assert catalogue.items[0].id == "1"
    assert catalogue.items[0].metadata == {
        "day": "2026-01-02",
        "tags": ("x", "y"),
        "ok": True,
        "much": None,
    }
    assert "'picture'" in str(catalogue.report)
    assert catalogue.report.unit == "row"


def test_broken_texts_in_parquet_are_bad_rows(tmp_path):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    titles = pa.array([b"a", b"caf\xe9", b"c"]).cast(pa.string(), safe=False)
    parquet.write_table(pa.table({"title": titles}), tmp_path / "a.parquet")
    catalogue = Catalogue.read(tmp_path / "a.parquet")
    assert [item.title for item in catalogue] == ["a", "c"]
    assert [(bad.line, bad.reason) for bad in catalogue.report.bad] == [
        (2, "broken encoding: not UTF-8")
    ]


def test_numbers_are_numbers_and_names_are_not(tmp_path):
    path = tmp_path / "a.csv"
    said = [
        "0012",
        "12",
        "-3.50",
        " 7 ",
        "1e5",
        "12345678901234567890",
        "nan",
        "1,5",
        "True",
        "v2.0",
    ]
    path.write_text("id,title,x\n" + "".join(f'{n},t,"{x}"\n' for n, x in enumerate(said)))
    values = [item.metadata["x"] for item in Catalogue.read(path)]
    assert values == [
        "0012",
        12,
        -3.5,
        7,
        "1e5",
        "12345678901234567890",
        "nan",
        "1,5",
        "True",
        "v2.0",
    ]
    assert [type(value) for value in values[:4]] == [str, int, float, int]


def test_the_wine_reviews_of_kaggle_are_read_as_they_are(tmp_path):
    path = tmp_path / "winemag-data-130k-v2.csv"
    path.write_text(
        ",country,description,designation,points,price,province,region_1,region_2,taster_name,"
        "taster_twitter_handle,title,variety,winery\n"
        '0,Elsewhere,"Plums, then smoke.",,87,,Hills,Slope,,A. Nose,@nose,'
        "Old Barn 2013 Red (Slope),Red Blend,Old Barn\n"
        "1,Elsewhere,Lemon.,Reserve,90,15.0,Hills,,,,,New Barn 2014 White,White Blend,New Barn\n"
    )
    catalogue = Catalogue.read(path)
    columns = catalogue.report.columns
    assert (columns.id, columns.title, columns.description) == ("column 1", "title", "description")
    assert columns.guessed == ("id", "title", "description")
    assert catalogue["1"].title == "New Barn 2014 White"
    assert catalogue["0"].description == "Plums, then smoke."
    assert catalogue["1"].metadata["points"] == 90
    assert catalogue["1"].metadata["price"] == 15.0
    assert catalogue["0"].metadata["price"] is None
    assert len(columns.metadata) == 11


def test_html_is_kept_and_said_or_taken_out(tmp_path):
    path = tmp_path / "shop.csv"
    path.write_text(
        "Handle,Title,Body (HTML)\n"
        'a,Hat &amp; scarf,"<p>Warm<br>wool</p><style>p{}</style><ul><li>Soft</li></ul>"\n'
        "b,Two <3 us,a < b & c <waterproof> d\n"
    )
    kept = Catalogue.read(path, markup="keep")
    assert kept["a"].description.startswith("<p>Warm<br>")
    assert "1 item holds HTML" in str(kept.report)
    stripped = Catalogue.read(path, markup="strip")
    assert stripped["a"].title == "Hat & scarf"
    assert stripped["a"].description == "Warm\nwool\nSoft"
    assert stripped["b"].title == "Two <3 us"
    assert stripped["b"].description == "a < b & c <waterproof> d"
    assert stripped.report.with_markup == 0


@pytest.mark.parametrize("options", [{"format": "xml"}, {"markup": "yes"}])
def test_choices_that_do_not_exist(tmp_path, options):
    path = tmp_path / "a.csv"
    path.write_text("id,title\n1,a\n")
    with pytest.raises(OptionError, match="allowed"):
        Catalogue.read(path, **options)
    with raises(OptionError, ".csv"):
        Catalogue.read(tmp_path / "a.docx")
    with pytest.raises(OptionError, match="'fashion', 'wine'"):
        Catalogue.example("cheese")


@pytest.mark.parametrize("package", ["pyarrow", "datasets"])
def test_what_is_not_installed_is_named(tmp_path, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    path = tmp_path / "a.parquet" if package == "pyarrow" else tmp_path
    (tmp_path / "state.json").write_text("{}")  # What the folder of a data set has.
    with pytest.raises(MissingExtraError, match=r"whyalike\[catalogue\]"):
        Catalogue.read(path)


def most_memory(path):
    """The most that reading held at once, in bytes."""
    for _ in stream_items(path):
        break
    report = ReadReport()
    tracemalloc.start()
    try:
        count = sum(1 for _ in stream_items(path, report=report))
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == report.kept
    return most


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_streaming_does_not_hold_the_texts(tmp_path, kind):
    text = "x" * 2000
    rows = [{"id": str(n), "title": "t", "description": f"{n} {text}"} for n in range(4000)]
    path = tmp_path / f"many.{kind}"
    if kind == "parquet":
        as_parquet(rows, path)
    else:
        path.write_bytes(as_csv(rows, ",") if kind == "csv" else as_lines(rows))
    texts = 4000 * 2000
    del rows
    assert most_memory(path) < texts / 2


@pytest.mark.realdata
@pytest.mark.parametrize(("name", "rows"), [("wine", 22135), ("fashion", 977), ("sportswear", 184)])
def test_real_catalogues_are_read_whole(catalogues, name, rows):
    catalogue = Catalogue.read(catalogues / f"{name}.csv", strict=True)
    assert len(catalogue) == rows
    assert catalogue.report.columns.guessed == ("id", "title", "description")
    assert all(item.title and item.description for item in catalogue)
