"""Equal texts are embedded once and found in the order of their ids, whatever a machine rounds."""

import numpy as np
import pytest
from indexed_items import draw_items, open_tiny

from whyalike import Explainer
from whyalike.catalogue import Item, embedding
from whyalike.catalogue.embedding import representatives
from whyalike.catalogue.index import CatalogueIndex
from whyalike.catalogue.similar_page import page_of
from whyalike.models.black_box import BlackBox

BOTH = ("title", "description")


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(embedding, "CHUNK", 4)
    monkeypatch.setattr(embedding, "EMBEDDED_AT_ONCE", 3)


@pytest.fixture
def unsteady():
    """A tiny model whose vectors depend on their batch far more than any processor's do."""
    explainer = open_tiny()
    model, noise, embedded = explainer.model, np.random.default_rng(0), []
    plain = model.embed_and_tell

    def embed_and_tell(texts, **options):
        embedded.extend(texts)
        vectors, cut = plain(texts, **options)
        return vectors + noise.normal(size=vectors.shape) * 1e-4, cut

    model.embed_and_tell = embed_and_tell
    explainer.embedded = embedded
    return explainer


def vector_of(index, id_, field="description"):
    return index.reader.vector(field, index.reader.position_of(id_)).tolist()


def test_equal_texts_are_embedded_once_in_all_chunks_fields_and_segments(unsteady, tmp_path):
    text = "warm stretch wool"
    items = [
        *draw_items(3),
        Item("b", "knit gloves", text),
        *draw_items(6, start=3),
        Item("a", text, "keep hands warm"),
        Item("case", "a b", f" {text.upper()}  "),
        Item("bare", text, ""),
    ]
    index = CatalogueIndex.build(items, tmp_path / "idx", model=unsteady, fields=BOTH)
    one = vector_of(index, "b")
    assert vector_of(index, "a", "title") == vector_of(index, "case") == one
    assert vector_of(index, "bare") == vector_of(index, "bare", "title") == one
    unsteady.embedded.clear()
    index.remove(["b"])
    more = index.add([Item("c", "new wool", text), *draw_items(5, start=20), Item("d", text, text)])
    assert vector_of(more, "c") == vector_of(more, "d") == vector_of(more, "d", "title") == one
    assert text not in unsteady.embedded
    assert len(unsteady.embedded) == len(set(unsteady.embedded))
    assert vector_of(more, "i20") != one


def test_a_function_without_tokens_gets_equal_texts_once(tmp_path):
    calls = []

    def embed(texts):
        calls.extend(texts)
        return [[len(t) + len(calls) * 1e-3, t.count("a"), 1.0] for t in texts]

    explainer = Explainer(embed=BlackBox(embed, cache_size=0))
    items = [Item(f"{n}", "t", ["a cap", "A cap", "a hat"][n % 3]) for n in range(20)]
    index = CatalogueIndex.build(
        items, tmp_path / "idx", model=explainer, fields=("description",)
    ).add([Item("new", "t", "A cap")])
    assert [text for text in calls if "cap" in text] == ["a cap", "A cap"]
    vectors = {text: set() for text in ("a cap", "A cap", "a hat")}
    for item in items:
        vectors[item.description].add(tuple(vector_of(index, item.id)))
    assert [len(one) for one in vectors.values()] == [1, 1, 1]
    assert tuple(vector_of(index, "new")) in vectors["A cap"]
    assert vectors["a cap"] != vectors["A cap"]


def test_texts_that_a_model_tells_apart_by_their_case_have_their_own_vectors(tmp_path):
    explainer = open_tiny("roberta")
    lower, upper = "warm wool", "WARM WOOL"
    texts = [explainer.model.tokenize([text])[0].rows[0].input_ids for text in (lower, upper)]
    assert texts[0] != texts[1]
    items = [Item("1", "t", lower), *draw_items(5), Item("2", "t", upper), Item("3", "t", lower)]
    index = CatalogueIndex.build(items, tmp_path / "idx", model=explainer, fields=("description",))
    assert vector_of(index, "1") == vector_of(index, "3") != vector_of(index, "2")


def test_twins_of_one_chunk_that_read_alike_are_one_text():
    from whyalike.catalogue.embedding import Reading

    def read(texts):
        return [Reading((tuple(map(ord, text.replace(" ", ""))),), False) for text in texts]

    texts = ["a b", "A b", "ab", "a  b", "A  b", "c"]
    found = representatives(texts, read)
    assert found == {**{t: t for t in texts}, "a  b": "a b", "A  b": "A b"}
    assert representatives(texts, None) == {text: text for text in texts}


def test_cut_texts_are_counted_where_their_vector_is_known_too(tmp_path):
    long = "gloves " * 200
    items = [Item("1", "wool", long), *draw_items(5), Item("2", "wool", long)]
    items.append(Item("3", "wool", long.upper()))
    index = CatalogueIndex.build(
        items, tmp_path / "idx", model=open_tiny(), fields=("description",)
    )
    more = index.add([Item("4", "t", long)])
    assert [segment.cut for segment in more.reader.manifest.segments] == [3, 1]


@pytest.mark.parametrize("engine", ["exact", "hnsw"])
@pytest.mark.parametrize("score", ["cosine", "four"])
def test_of_equal_similarities_the_first_id_comes_first(unsteady, tmp_path, engine, score):
    if engine == "hnsw":
        pytest.importorskip("faiss")
    ids = [f"{n:02}" for n in np.random.default_rng(1).permutation(30)]
    texts = ["warm wool", "knit gloves", "keep hands warm"]
    items = [Item(id_, "hat", texts[int(id_) % 3]) for id_ in ids]
    CatalogueIndex.build(items[:20], tmp_path / "idx", model=unsteady, fields=BOTH).add(items[20:])
    index = CatalogueIndex.open(tmp_path / "idx", model=unsteady, engine=engine)
    hits = index.similar("a new scarf", k=30, score=score)
    assert len({hit.similarity for hit in hits}) == 3
    assert hits == sorted(hits, key=lambda hit: (-hit.similarity, hit.item.id))
    for k in (1, 4, 15):
        some = index.similar("a new scarf", k=k, score=score)
        assert [hit.item.id for hit in some] == [hit.item.id for hit in hits[:k]]
    page = page_of(index, "a new scarf", hits)
    assert [hit.id for hit in page.hits] == [hit.item.id for hit in hits]


@pytest.mark.parametrize("score", ["cosine", "four"])
def test_ranks_of_twins_are_those_of_the_search(tmp_path, score):
    explainer = open_tiny()
    ids = [f"{n:02}" for n in np.random.default_rng(2).permutation(30)]
    items = [Item(id_, "hat", ["warm wool", "knit gloves"][int(id_) % 2]) for id_ in ids]
    index = CatalogueIndex.build(items, tmp_path / "idx", model=explainer, fields=BOTH)
    for hit in index.similar("a new scarf", k=30, score=score):
        standing = index.rank_of(hit.item.id, text="a new scarf", score=score)
        assert (standing.rank, standing.similarity) == (hit.rank, hit.similarity)
