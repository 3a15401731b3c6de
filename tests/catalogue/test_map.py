"""Items in two dimensions: as the formula has it, kept with the index, gone with its items."""

import importlib.util
import json

import numpy as np
import pytest
from typer.testing import CliRunner

from whyalike import Explainer
from whyalike.catalogue import CatalogueIndex, Item
from whyalike.catalogue.map import make_map, read_map, write_map
from whyalike.cli.app import app
from whyalike.errors import FormatError, MissingExtraError, OptionError

VECTORS = np.random.default_rng(5).normal(size=(40, 6)) * (9, 4, 1, 1, 0.5, 0.1) + 3
TEXTS = [f"text number {n}" for n in range(len(VECTORS))]


def embed(texts):
    known = dict(zip(TEXTS, VECTORS, strict=True))
    return np.array([known.get(text, np.arange(1.0, 7.0)) for text in texts])


def build(folder, count=None):
    items = [Item(f"i{n}", "", text, {"n": n}) for n, text in enumerate(TEXTS[:count])]
    return CatalogueIndex.build(items, folder, model=Explainer(embed=embed))


def by_hand(vectors):
    """The first two principal components of directions, by the eigenvectors of their covariance."""
    unit = np.float32(vectors)
    unit = unit / np.linalg.norm(unit, axis=1, keepdims=True)
    centred = np.float64(unit) - np.float64(unit).mean(0)
    values, axes = np.linalg.eigh(centred.T @ centred / (len(centred) - 1))
    places = centred @ axes[:, [-1, -2]]
    return places, values[[-1, -2]] / values.sum()


def test_it_is_made_of_the_directions_in_which_items_differ_most(tmp_path):
    index = build(tmp_path / "idx")
    made = make_map(index.reader)
    places, shares = by_hand(VECTORS)
    low, high = places.min(0), places.max(0)
    expected = (places - (low + high) / 2) / ((high - low).max() / 2)
    for axis in (0, 1):
        sign = np.sign(expected[:, axis] @ made.places[:, axis])
        assert made.places[:, axis] == pytest.approx(sign * expected[:, axis], abs=1e-4)
    assert made.shares == pytest.approx(shares, abs=1e-5)
    assert f"{shares.sum():.0%}" in made.said
    assert np.abs(made.places).max() == pytest.approx(1.0, abs=1e-6)


def test_of_more_items_than_fit_some_choose_the_axes(tmp_path, monkeypatch):
    index = build(tmp_path / "idx")
    monkeypatch.setattr("whyalike.catalogue.map.NUMBERS_FITTED", 6 * 20)
    monkeypatch.setattr("whyalike.catalogue.map.ROWS_AT_ONCE", 7)
    made = make_map(index.reader)
    places, _ = by_hand(VECTORS)
    assert abs(np.corrcoef(made.places[:, 0], places[:, 0])[0, 1]) > 0.9
    # Each second one, whatever batches they come in.
    unit = np.float32(VECTORS) / np.linalg.norm(np.float32(VECTORS), axis=1, keepdims=True)
    axes = np.linalg.eigh(np.cov(unit[::2].T))[1][:, [-1, -2]]
    alone = unit @ axes
    for axis in (0, 1):
        assert abs(np.corrcoef(made.places[:, axis], alone[:, axis])[0, 1]) > 0.9999


def test_it_is_kept_with_the_index_and_ends_with_its_items(tmp_path):
    index = build(tmp_path / "idx")
    assert read_map(index.reader) is None
    made = write_map(tmp_path / "idx")
    opened = CatalogueIndex.open(tmp_path / "idx", model=Explainer(embed=embed))
    found = read_map(opened.reader)
    assert np.array_equal(found.places, made.places)
    assert (found.kind, found.shares) == ("pca", pytest.approx(made.shares, abs=1e-7))
    assert opened.info()["maps"] == ["pca"]
    opened.verify()
    # Removed items keep their places; what is added has none.
    less = opened.remove(["i3"])
    assert np.array_equal(read_map(less.reader).places, made.places)
    more = less.add([Item("new", "", "another text")])
    assert read_map(more.reader) is None
    assert more.info()["maps"] == []


def test_a_damaged_map_is_none_and_verify_says_so(tmp_path):
    build(tmp_path / "idx")
    write_map(tmp_path / "idx")
    (file,) = (tmp_path / "idx" / "graphs").iterdir()
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(bytes(content))
    opened = CatalogueIndex.open(tmp_path / "idx", model=Explainer(embed=embed))
    assert read_map(opened.reader) is None
    with pytest.raises(FormatError, match="damaged"):
        opened.verify()


def test_equal_items_lie_on_one_point(tmp_path):
    items = [Item(f"i{n}", "", "the same text") for n in range(5)]
    index = CatalogueIndex.build(items, tmp_path / "idx", model=Explainer(embed=embed))
    made = make_map(index.reader)
    assert np.array_equal(made.places, np.zeros((5, 2)))
    assert made.shares == (0.0, 0.0)
    with pytest.raises(OptionError, match="three or more"):
        write_map_of_two(tmp_path)


def write_map_of_two(tmp_path):
    build(tmp_path / "two", count=2)
    write_map(tmp_path / "two")


def test_umap_keeps_neighbours_together(tmp_path):
    build(tmp_path / "idx")
    if importlib.util.find_spec("umap") is None:
        with pytest.raises(MissingExtraError, match="umap-learn"):
            write_map(tmp_path / "idx", kind="umap")
        pytest.skip("umap-learn is not installed: pip install 'whyalike[map]'")
    made = write_map(tmp_path / "idx", kind="umap")
    assert np.array_equal(made.places, make_map(open_reader_of(tmp_path), kind="umap").places)
    assert made.places.shape == (40, 2)


def open_reader_of(tmp_path):
    return CatalogueIndex.open(tmp_path / "idx", model=Explainer(embed=embed)).reader


@pytest.mark.weights
def test_on_the_command_line(tmp_path):
    (tmp_path / "shop.csv").write_text(
        "id,title,text\n1,Gloves,Warm gloves\n2,Hat,A hat\n3,Boots,Leather boots\n4,Zip,A zip\n"
    )
    run = CliRunner()
    out = tmp_path / "idx"
    made = run.invoke(app, ["index", str(tmp_path / "shop.csv"), "-o", str(out), "--map", "--json"])
    assert made.exit_code == 0, made.output
    assert '"maps": [\n    "pca"\n  ]' in made.stdout
    plain = tmp_path / "plain"
    assert run.invoke(app, ["index", str(tmp_path / "shop.csv"), "-o", str(plain)]).exit_code == 0
    later = run.invoke(app, ["index", "map", str(plain), "--json"])
    assert later.exit_code == 0
    assert "of what tells the items apart" in later.stderr
    assert json.loads(later.stdout)["maps"] == ["pca"]
    places = [read_map(CatalogueIndex.open(one).reader).places for one in (out, plain)]
    assert np.array_equal(*places)
