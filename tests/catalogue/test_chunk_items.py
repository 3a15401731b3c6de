"""Items indexed chunk by chunk: each found once, by its best chunk; the same bytes after a kill."""

import numpy as np
import pytest

from raising import raises
from tiny_models import tiny
from whyalike import BTIOptions, CatalogueIndex, Explainer, Item
from whyalike.catalogue import chunk_items
from whyalike.errors import OptionError

FILLER = "red wine with plums and smoke. "
ITEMS = [
    Item("long", "Long", f"{FILLER * 6}knit gloves keep hands warm. {FILLER * 6}", {"price": 3.0}),
    Item("wine", "Wine", FILLER * 3),
    Item("short", "Short", "warm hands"),
    Item("title", "Only a title", ""),
]


@pytest.fixture(scope="module")
def explainer():
    return Explainer(tiny("bert").parts)


@pytest.fixture(scope="module")
def index(explainer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("chunks") / "index"
    items = chunk_items(ITEMS, explainer, size=12, overlap=2)
    return CatalogueIndex.build(
        items, folder, model=explainer, fields=("description",), group_by="item"
    )


def test_chunks_say_where_they_are_from(explainer):
    found = list(chunk_items(ITEMS, explainer, size=12))
    own = [one for one in found if one.metadata["item"] == "long"]
    assert [one.id for one in own] == [f"long#{n}" for n in range(1, len(own) + 1)]
    for one in own:
        place = one.metadata
        assert ITEMS[0].description[int(place["start"]) : int(place["end"])] == one.description
        assert (place["chunks"], place["price"]) == (len(own), 3.0)
        assert one.title == "Long"
    assert [one.id for one in found if one.metadata["item"] in ("short", "title")] == [
        "short",
        "title",
    ]
    assert found[-1].description == "Only a title"


def test_an_item_is_found_once_by_its_best_chunk(index, explainer):
    hits = index.similar("hands warm gloves", k=3)
    assert [hit.rank for hit in hits] == [1, 2, 3]
    names = [hit.item.metadata["item"] for hit in hits]
    assert len(set(names)) == 3
    scores = {
        item.id: Explainer(
            tiny("bert").parts,
            options=BTIOptions(long_text="chunks", chunk_size=12, chunk_overlap=2),
        ).explain("hands warm gloves", item.text)
        for item in ITEMS
    }
    for hit in hits:
        best = scores[hit.item.metadata["item"]]
        assert hit.similarity == pytest.approx(best.similarity, abs=1e-5)
        if best.right.chunk is not None:
            assert hit.item.metadata["chunk"] == best.right.chunk.number
    order = sorted(scores, key=lambda id: -scores[id].similarity)
    assert names == order[:3]
    assert len(index.similar("hands warm gloves", k=100)) == len(ITEMS)
    assert len(index.similar("hands warm gloves", k=100, group_by="")) == len(index)


def test_an_index_that_was_cut_off_goes_on_to_the_same_bytes(
    explainer, index, tmp_path, monkeypatch
):
    monkeypatch.setattr("whyalike.catalogue.embedding.CHUNK", 4)
    whole = CatalogueIndex.build(
        chunk_items(ITEMS, explainer, size=12, overlap=2), tmp_path / "whole", model=explainer
    )

    class StoppedError(Exception):
        pass

    def stop(done, total):
        if done >= 8:
            raise StoppedError

    again = tmp_path / "again"
    with pytest.raises(StoppedError):
        CatalogueIndex.build(
            chunk_items(ITEMS, explainer, size=12, overlap=2), again, model=explainer, progress=stop
        )
    told = []
    CatalogueIndex.build(
        chunk_items(ITEMS, explainer, size=12, overlap=2),
        again,
        model=explainer,
        progress=lambda *at: told.append(at),
    )
    assert told[0][0] > 0  # It went on from there.
    for file in ("title+description.float32",):
        paths = [next(folder.rglob(file)) for folder in (tmp_path / "whole", again)]
        assert np.array_equal(*(np.fromfile(path, dtype=np.float32) for path in paths))
    assert len(whole) == len(index)


def test_hits_of_whole_items_are_reranked_by_chunks(explainer, tmp_path):
    index = CatalogueIndex.build(ITEMS, tmp_path / "index", model=explainer)
    by_chunks = explainer.with_options(BTIOptions(long_text="chunks", chunk_size=12))
    hits = index.similar("hands warm gloves", k=4).rerank(by_chunks)
    for hit in hits:
        alone = by_chunks.explain("hands warm gloves", hit.text)
        assert hit.reranked.score == pytest.approx(alone.similarity, abs=1e-6)


def test_what_is_refused(explainer, tmp_path):
    with raises(OptionError, "size is 0"):
        chunk_items(ITEMS, explainer, size=0)
    with raises(OptionError, "chunk_overlap is 9", "smaller"):
        list(chunk_items(ITEMS, explainer, size=9, overlap=9))
    by_chunks = explainer.with_options(BTIOptions(long_text="chunks", chunk_size=12))
    with raises(OptionError, "chunk_items(items, explainer)"):
        CatalogueIndex.build(ITEMS, tmp_path / "index", model=by_chunks)
