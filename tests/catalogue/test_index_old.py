"""An index of format 1, made before the manifest had a checksum and named graphs, is still good."""

import json
import shutil
from pathlib import Path

import pytest

from raising import raises
from whyalike import Explainer
from whyalike.catalogue import Item
from whyalike.catalogue.index import CatalogueIndex
from whyalike.errors import FormatError

OLD = Path(__file__).parent / "index_format_1"
TEXT = [("s1", 0.99773890), ("s2", 0.88204980), ("g0", 0.82924509)]
TEXT += [("g1", 0.53466231), ("g2", 0.37106150), ("g3", 0.28591290)]
FOUR = [("g0", 0.91459268), ("g2", 0.89303875), ("g3", 0.86948192)]
FOUR += [("s2", 0.73552459), ("s1", 0.61301070)]
GRAPH = "graphs/description-000001-000002.faiss"


def count_letters(texts):
    return [[len(t) / 9, t.count("a") + 1.0, t.count("e") + 1.0, t.count("o")] for t in texts]


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(OLD, tmp_path / "idx")


@pytest.fixture
def explainer():
    return Explainer(embed=count_letters)


def found(hits):
    return [hit.item.id for hit in hits], [hit.similarity for hit in hits]


def test_it_opens_and_finds_what_it_found(folder, explainer):
    index = CatalogueIndex.open(folder, model=explainer)
    for hits, expected in (
        (index.similar("a hat", k=9), TEXT),
        (index.similar(id="g1", k=9, score="four"), FOUR),
    ):
        ids, similarities = found(hits)
        assert ids == [id_ for id_, _ in expected]
        assert similarities == pytest.approx([value for _, value in expected], abs=1e-6)
    index.verify()
    assert json.loads((folder / "manifest.json").read_bytes())["format"] == 1


def test_its_graph_has_no_checksum_and_is_made_anew(folder, explainer):
    pytest.importorskip("faiss")
    (folder / GRAPH).write_bytes(b"not read" * 100)
    index = CatalogueIndex.open(folder, model=explainer, engine="hnsw")
    assert found(index.similar("a hat", k=9))[0] == [id_ for id_, _ in TEXT]
    manifest = json.loads((folder / "manifest.json").read_bytes())
    assert (manifest["format"], manifest["generation"]) == (3, 3)
    assert manifest["graphs"]["description-000001-000002.faiss"]["size"] == len(
        (folder / GRAPH).read_bytes()
    )
    CatalogueIndex.open(folder).verify()


def test_it_can_be_added_to_and_its_texts_are_known(folder, explainer):
    index = CatalogueIndex.open(folder, model=explainer)
    calls = explainer.model.texts_embedded
    more = index.add([Item("s3", "a scarf", "long scarf"), Item("n", "t", "a new one")])
    assert len(more) == 8
    # "t" and "a new one", and the two texts that tell one model from others.
    assert explainer.model.texts_embedded <= calls + 4
    reader = more.reader
    one, other = (reader.vector("title", reader.position_of(id_)) for id_ in ("s2", "s3"))
    assert one.tolist() == other.tolist()
    assert found(more.similar(id="s2", k=2))[0] != []
    damaged = (folder / "manifest.json").read_bytes().replace(b'"gloves"', b'"glovez"')
    (folder / "manifest.json").write_bytes(damaged)
    with raises(FormatError, "checksum"):
        CatalogueIndex.open(folder)


def test_a_table_of_files_that_lacks_one_is_no_manifest(folder):
    content = json.loads((folder / "manifest.json").read_bytes())
    for files in ({}, {"items.sqlite": content["segments"][0]["files"]["items.sqlite"]}):
        content["segments"][0]["files"] = files
        (folder / "manifest.json").write_text(json.dumps(content))
        with raises(FormatError, "damaged", "files"):
            CatalogueIndex.open(folder)
