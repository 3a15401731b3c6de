"""A search that another model reorders: both scores, both ranks, and why an item moved."""

import json

import pytest

from pair_tables import PairTable
from raising import raises
from tiny_models import tiny
from whyalike import Catalogue, CatalogueIndex, Explainer, Item
from whyalike.catalogue import explain_reranked
from whyalike.catalogue.similar_page import explain_all, page_of, search_to_dict
from whyalike.errors import ModelError, OptionError
from whyalike.render import render_similar, render_similar_text

QUERY = "touch gloves"
ITEMS = [
    Item("a", "Liners", "smart gloves"),
    Item("b", "Mitts", "warm mitts"),
    Item("c", "Screens", "touch screen gloves"),
    Item("d", "Mitts", "warm mitts"),
    Item("e", "Wine", "lemon zest"),
]
TABLE = {
    ("touch", "smart"): 5.0,
    ("touch", "touch"): 2.0,
    ("gloves", "mitts"): 4.0,
    ("touch", "lemon"): -1.0,
}
SCORES = {"a": 5.0, "b": 4.0, "d": 4.0, "c": 2.0, "e": -1.0}


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    folder = tmp_path_factory.mktemp("index") / "idx"
    catalogue = Catalogue.from_items(ITEMS, name="shop")
    explainer = Explainer(tiny("bert").parts)
    fields = ("title", "description")
    return CatalogueIndex.build(catalogue, folder, model=explainer, fields=fields)


@pytest.fixture
def reranker():
    return Explainer(PairTable("table", TABLE))


def test_hits_stand_in_the_order_of_the_reranker(index, reranker):
    hits = index.similar(QUERY, k=5)
    before = {hit.item.id: (hit.rank, hit.similarity) for hit in hits}
    found = hits.rerank(reranker)
    assert {hit.item.id: hit.reranked.score for hit in found} == SCORES
    # b and d are level, and stay as the search had them.
    level = sorted("bd", key=lambda id: before[id][0])
    assert [hit.item.id for hit in found] == ["a", *level, "c", "e"]
    assert [hit.rank for hit in found] == [1, 2, 3, 4, 5]
    assert [hit.reranked.tied for hit in found] == [1, 2, 2, 1, 1]
    for hit in found:
        assert (hit.reranked.before, hit.similarity) == before[hit.item.id]
        assert hit.reranked.of == 5
    # The search itself stays as it was, and copies were scored once.
    assert [hit.rank for hit in hits] == [1, 2, 3, 4, 5]
    assert all(hit.reranked is None for hit in hits)
    assert len(reranker.model.asked) == 4


def test_a_reranker_takes_what_an_explainer_takes_and_returns_fewer(index):
    hits = index.similar(QUERY, k=5)
    found = hits.rerank(PairTable("table", TABLE), k=2)
    assert [hit.item.id for hit in found] == [
        hit.item.id for hit in hits.rerank(Explainer(PairTable("table", TABLE)))
    ][:2]
    assert "there are no more" not in str(found)
    assert list(index.similar(QUERY, where='title = "None"').rerank(PairTable("t", {}))) == []


@pytest.mark.parametrize("score", ["cosine", "four"])
def test_the_words_of_both_models_stand_beside_each_other(index, reranker, score):
    hits = index.similar(QUERY, k=4, score=score).rerank(reranker, k=3)
    reasons = explain_all(hits)
    why = explain_reranked(hits)
    for hit, own, then in zip(hits, reasons, why, strict=True):
        assert own["reranker"] == then
        assert then.similarity == pytest.approx(hit.reranked.score)
        assert (then.left.text, then.right.text) == (QUERY, hit.item.description)
        if score == "cosine":
            assert own[""].similarity == pytest.approx(hit.similarity, abs=1e-5)
    content = json.loads(json.dumps(search_to_dict(index, QUERY, hits, reasons, k=3, score=score)))
    assert content["reranker"] == {
        "model": "table", "similarity_function": "score", "prompts": ["", ""], "candidates": 4,
        "method": "exact",
    }  # fmt: skip
    first = content["hits"][0]
    again = first["reranked"]
    assert (first["id"], first["rank"], again["score"]) == ("a", 1, 5.0)
    assert again["lifted"] == again["before"] - 1 == hits[0].reranked.before - 1
    assert again["moved_by"][0]["left"] == "touch"
    assert again["explanation"]["similarity"] == 5.0
    assert "“touch – smart”" in again["sentence"]
    page = page_of(index, QUERY, hits, reasons, k=3, score=score)
    for render in (render_similar, render_similar_text):
        said = render(page)
        assert "Reranker" in said
        assert "table, explained by exact" in " ".join(said.split())
    assert "touch – smart" in said


def test_a_search_that_is_not_reranked_says_so(index):
    hits = index.similar(QUERY, k=2)
    content = search_to_dict(index, QUERY, hits, explain_all(hits), k=2)
    assert "reranker" not in content
    assert all("reranked" not in hit for hit in content["hits"])
    assert "reranker" not in render_similar(page_of(index, QUERY, hits))


def test_an_item_as_the_query(index, reranker):
    found = index.similar(id="b", k=4).rerank(reranker)
    assert {left for left, _ in reranker.model.asked} == {"warm mitts"}
    assert {hit.item.id for hit in found} == {"a", "c", "e"}


class Failing(PairTable):
    def score(self, pairs, **_):
        raise ModelError("The reranker is out.")


def test_what_is_refused(index, reranker):
    hits = index.similar(QUERY, k=3)
    with raises(OptionError, "reranked already"):
        hits.rerank(reranker).rerank(reranker)
    with raises(OptionError, "k is 0; give a whole number from 1 on"):
        hits.rerank(reranker, k=0)
    with raises(OptionError, "An Explainer has a label of its own"):
        hits.rerank(reranker, label=1)
    with raises(OptionError, "were not reranked", "hits.rerank(model)"):
        explain_reranked(hits)
    with raises(ModelError, "The reranker is out."):
        hits.rerank(Failing("x", {}))
