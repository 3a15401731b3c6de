"""Build, open, search: what is found, what is left out, and why."""

from functools import cache

import numpy as np
import pytest
from indexed_items import draw_items, open_tiny

from raising import raises
from tiny_models import tiny
from whyalike import Explainer
from whyalike.catalogue import Catalogue, Item
from whyalike.catalogue.index import CatalogueIndex
from whyalike.catalogue.search import explain_hit_parts, explain_hits
from whyalike.catalogue.similar_page import page_of, search_to_dict
from whyalike.errors import ModelNotFoundError, OptionError, TextError

BOTH = ("title", "description")


@pytest.fixture(scope="module")
def explainer():
    return open_tiny()


@pytest.fixture(scope="module")
def items():
    items = draw_items(40)
    twin = Item("twin", items[3].title, f"  {items[3].description.upper()} ", {"kind": "glove"})
    bare = Item("bare", "stretch wool gloves", "")
    return [*items, twin, bare]


@pytest.fixture(scope="module")
def index(items, explainer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("built") / "idx"
    return CatalogueIndex.build(items, folder, model=explainer, fields=BOTH)


@cache
def vector(explainer, text):
    return explainer.model.embed([text])[0]


def cosine(explainer, left, right):
    one, other = (vector(explainer, text) for text in (left, right))
    return float(sum(one * other) / (sum(one**2) * sum(other**2)) ** 0.5)


def ranked_slowly(explainer, items, query, score, skip=()):
    """By loops, with no index: (similarity, id), best first."""
    found = []
    for item in items:
        if item.id in skip:
            continue
        texts = (item.title or item.description, item.description or item.title)
        if score == "cosine":
            value = cosine(explainer, query[1], texts[1])
        else:
            value = sum(cosine(explainer, q, t) for q in query for t in texts) / 4
        found.append((value, item.id))
    return sorted(found, reverse=True)


def assert_ordered_as(found, slow):
    """Best first by the slow values; what is nearer than a processor rounds may change places."""
    value = {id_: similarity for similarity, id_ in slow}
    assert sorted(found) == sorted(value)
    least = np.minimum.accumulate([value[id_] for id_ in found])
    assert all(value[id_] <= low + 1e-5 for id_, low in zip(found, least, strict=True))


@pytest.mark.parametrize("score", ["cosine", "four"])
def test_an_item_finds_what_a_slow_search_finds_but_not_itself_and_its_twin(
    index, items, explainer, score
):
    query = items[3]
    slow = ranked_slowly(
        explainer, items, (query.title, query.description), score, skip=("i3", "twin")
    )
    hits = index.similar(id="i3", k=5, score=score)
    assert [hit.item.id for hit in hits] == [id_ for _, id_ in slow[:5]]
    assert [hit.similarity for hit in hits] == pytest.approx([v for v, _ in slow[:5]], abs=1e-5)
    assert [hit.rank for hit in hits] == [1, 2, 3, 4, 5]
    assert hits[0].query.id == "i3"
    assert hits[0].item == next(item for item in items if item.id == slow[0][1])


def test_a_text_and_its_title_find_what_a_slow_search_finds(index, items, explainer):
    texts = "knit gloves", "warm stretch wool"
    slow = ranked_slowly(explainer, items, texts, "four")
    hits = index.similar(texts[1], title=texts[0], score="four", k=100)
    assert_ordered_as([hit.item.id for hit in hits], slow)
    # The twins' equal vectors come out in the order of their ids.
    slow = ranked_slowly(explainer, items, texts, "cosine", skip=("twin",))
    plain = [hit.item.id for hit in index.similar(texts[1], k=100)]
    assert plain.index("twin") == plain.index("i3") + 1
    assert_ordered_as([id_ for id_ in plain if id_ != "twin"], slow)


def test_the_query_text_itself_is_left_out_whatever_its_case(index, items):
    hits = index.similar(items[3].description.title(), k=100)
    assert {"i3", "twin"}.isdisjoint(hit.item.id for hit in hits)
    assert len(hits) == 40


def test_four_parts_are_the_scores_that_their_explanations_tell(index):
    hits = index.similar(id="i3", k=3, score="four")
    for hit, explained in zip(hits, explain_hit_parts(hits), strict=True):
        assert hit.similarity == pytest.approx(sum(hit.parts.values()) / 4, abs=1e-6)
        for part, explanation in explained.items():
            assert hit.parts[part] == pytest.approx(explanation.similarity, abs=1e-5)
            left, right = part.split("-")
            assert explanation.left.text == hit.query.texts[left]
            assert explanation.right.text == getattr(hit.item, right)
    alone, among = (e["title-title"] for e in (hits[0].explain_parts(), explain_hit_parts(hits)[0]))
    assert alone.similarity == pytest.approx(among.similarity, abs=1e-6)
    for one, other in zip(alone.left.words, among.left.words, strict=True):
        assert (one.text, one.saliency) == (other.text, pytest.approx(other.saliency, abs=1e-4))


def test_explanations_are_of_the_compared_texts_and_the_same_batched(index, items):
    hits = index.similar(id="i5", k=4)
    together = explain_hits(hits)
    for hit, explanation in zip(hits, together, strict=True):
        assert explanation.left.text == items[5].description == hit.query_text
        assert explanation.right.text == hit.text == (hit.item.description or hit.item.title)
        assert explanation.similarity == pytest.approx(hit.similarity, abs=1e-5)
        alone = hit.explain()
        assert alone.similarity == pytest.approx(explanation.similarity, abs=1e-6)
    assert hits[0].explain(method="token_similarity").method == "token_similarity"
    with pytest.raises(OptionError, match="have no parts"):
        hits[0].explain_parts()
    assert explain_hits([]) == explain_hit_parts([]) == []


def test_more_hits_than_memory_holds_can_be_asked_for(index, items):
    assert len(index.similar(id="i3", k=10**15)) == len(items) - 2
    assert len(index.similar("warm wool", k=10**15, score="four")) == len(items)


def test_an_item_without_description_is_compared_by_its_title(index, explainer):
    hits = index.similar("knit gloves", k=100)
    bare = next(hit for hit in hits if hit.item.id == "bare")
    assert bare.text == "stretch wool gloves"
    assert bare.similarity == pytest.approx(
        cosine(explainer, "knit gloves", "stretch wool gloves"), abs=1e-5
    )


def test_a_filter_leaves_the_order_of_the_rest(index, items):
    where = 'kind = "glove" and price < 15'
    passing = {i.id for i in items if i.metadata.get("kind") == "glove"}
    passing &= {i.id for i in items if (i.metadata.get("price") or 99) < 15}
    everything = [hit.item.id for hit in index.similar("warm wool", k=100)]
    found = [hit.item.id for hit in index.similar("warm wool", k=100, where=where)]
    assert found == [id_ for id_ in everything if id_ in passing]
    assert 0 < len(found) < 40
    assert index.similar("warm wool", where="price > 1000") == []


def test_values_that_a_filter_can_not_be_compared_with_are_counted(explainer, tmp_path):
    years = [1850, 1900, "about 1860", "before the war", None, "unknown"]
    items = [Item(str(n), "", f"warm wool {n}", {"year": year}) for n, year in enumerate(years)]
    index = CatalogueIndex.build(
        items, tmp_path / "idx", model=explainer, fields=("description",)
    ).remove(["5"])
    hits = index.similar("knit gloves", where="not year > 1870")
    assert {hit.item.id for hit in hits} == {"0", "4"}
    # That of the removed item is none any more.
    assert hits.not_compared == 2
    assert index.rank_of("0", text="knit gloves", where="not year > 1870").not_compared == 2
    assert index.similar("knit gloves", where="year != 1900").not_compared == 0
    assert index.similar("knit gloves").not_compared == 0
    assert "2 values could not be compared" in page_of(index, "knit gloves", hits).notes[-1]
    assert index.reader.allowed("not year > 1870").sum() == 2


@pytest.mark.parametrize("score", ["cosine", "four"])
def test_the_rank_of_an_item_is_its_place_in_the_whole_search(index, score):
    where = "not price is null"
    hits = index.similar(id="i3", k=100, score=score, where=where)
    for hit in hits[::7]:
        standing = index.rank_of(hit.item.id, id="i3", score=score, where=where)
        assert (standing.rank, standing.of) == (hit.rank, len(hits))
        assert standing.similarity == pytest.approx(hit.similarity, abs=1e-6)
    assert index.rank_of("i3", id="i3").left_out == "it is the query itself"
    assert index.rank_of("twin", id="i3").left_out == "its text is the query's"
    out = index.rank_of("bare", id="i3", where=where)
    assert (out.rank, out.left_out) == (None, "the filter leaves it out")


def prompted(explainer, left, right, prompts):
    one = explainer.model.embed([left], prompt=prompts[0])[0]
    other = explainer.model.embed([right], prompt=prompts[1])[0]
    return one @ other / np.linalg.norm(one) / np.linalg.norm(other)


QUERY, ITEM = "glove: ", "wool: "


@pytest.mark.parametrize("score", ["cosine", "four"])
def test_a_text_is_a_query_and_an_item_a_document(items, tmp_path, score):
    explainer = open_tiny(prompts=(QUERY, ITEM))
    fields = BOTH if score == "four" else ("description",)
    folder = tmp_path / "idx"
    index = CatalogueIndex.build(items[:8], folder, model=explainer, fields=fields)
    text = items[0].description
    for asked, prompts in (({"text": text}, (QUERY, ITEM)), ({"id": "i0"}, (ITEM, ITEM))):
        hits = index.similar(**asked, k=3, score=score)
        if score == "cosine":
            for hit in hits:
                expected = prompted(explainer, text, hit.text, prompts)
                assert hit.similarity == pytest.approx(expected, abs=1e-5)
        for hit in hits:
            reasons = hit.explain_parts() if score == "four" else {"": hit.explain()}
            for part, reason in reasons.items():
                known = hit.similarity if score == "cosine" else hit.parts[part]
                assert reason.similarity == pytest.approx(known, abs=1e-5)
                assert reason.prompts == prompts
            standing = index.rank_of(hit.item.id, **asked, score=score)
            assert standing.similarity == pytest.approx(hit.similarity, abs=1e-6)
        query = index["i0"] if "id" in asked else text
        assert search_to_dict(index, query, hits)["prompts"] == list(prompts)
        said = dict(page_of(index, query, hits).facts)["Prompts"]
        assert said == (
            f"{ITEM!r} before both texts"
            if "id" in asked
            else f"{QUERY!r} before the query, {ITEM!r} before an item"
        )
    assert CatalogueIndex.open(folder, model=explainer).info()["prompts"] == [QUERY, ITEM]


def test_a_search_may_have_another_prompt_before_its_query(items, tmp_path):
    tiny("bert").model.save_pretrained(tmp_path / "model")
    tiny("bert").tokenizer.save_pretrained(tmp_path / "model")
    explainer = Explainer(str(tmp_path / "model"), prompts=(QUERY, ITEM))
    folder = tmp_path / "idx"
    CatalogueIndex.build(items[:8], folder, model=explainer, fields=("description",))
    text = items[0].description
    other = CatalogueIndex.open(folder, prompts=("hand: ", ITEM))
    for hit in other.similar(text, k=3):
        expected = prompted(explainer, text, hit.text, ("hand: ", ITEM))
        assert hit.similarity == pytest.approx(expected, abs=1e-5)
        assert hit.explain().prompts == ("hand: ", ITEM)
    as_before = CatalogueIndex.open(folder)
    assert [h.similarity for h in other.similar(id="i0")] == [
        h.similarity for h in as_before.similar(id="i0")
    ]
    more = other.add([Item(id="more", title="", description="knit wool gloves")])
    assert more.info()["prompts"] == [QUERY, ITEM], "what the index notes stays"
    with raises(OptionError, "prompts", "'wool: '"):
        CatalogueIndex.open(folder, prompts=("hand: ", "glove: ")).similar(text)
    with raises(OptionError, "Explainer", "prompts"):
        CatalogueIndex.open(folder, model=explainer, prompts=("", ""))


@pytest.mark.parametrize("function", ["dot", "euclidean", "manhattan"])
def test_the_models_own_similarity_is_searched_by(items, tmp_path, function):
    def embed(texts):
        return [[len(t), t.count("a") / 2, t.count("e") - 3.0] for t in texts]

    explainer = Explainer(embed=embed, similarity_function=function)
    index = CatalogueIndex.build(items, tmp_path / "idx", model=explainer, fields=BOTH)
    left = np.array(embed(["warm wool gloves"])[0])
    slow = {}
    for item in items:
        difference = left - embed([item.description or item.title])[0]
        slow[item.id] = {
            "dot": left @ embed([item.description or item.title])[0],
            "euclidean": -((difference**2).sum() ** 0.5),
            "manhattan": -sum(abs(difference)),
        }[function]
    hits = index.similar("warm wool gloves", k=100)
    for hit in hits:
        assert hit.similarity == pytest.approx(slow[hit.item.id], rel=1e-5)
    values = [hit.similarity for hit in hits]
    assert values == sorted(values, reverse=True)
    if function != "dot":
        with pytest.raises(OptionError, match="mean of products"):
            index.similar("warm", score="four")
    with raises(ModelNotFoundError, "model="):
        CatalogueIndex.open(tmp_path / "idx").similar("warm")


def test_half_precision_rounds_and_finds_the_same(index, items, explainer, tmp_path):
    half = CatalogueIndex.build(
        items, tmp_path / "idx", model=explainer, dtype="float16", fields=("description",)
    )
    for query in ("warm wool", "keep hands"):
        exact, rounded = index.similar(query, k=5), half.similar(query, k=5)
        assert [hit.similarity for hit in rounded] == pytest.approx(
            [hit.similarity for hit in exact], abs=2e-3
        )
    size = (tmp_path / "idx" / "segments" / "000001" / "description.float16").stat().st_size
    assert size == 42 * 32 * 2


def test_numbers_too_large_for_half_precision_are_refused(items, tmp_path):
    explainer = Explainer(embed=lambda texts: [[1e6, 1.0]] * len(texts), similarity_function="dot")
    from whyalike.errors import ModelError

    with pytest.raises(ModelError, match="choose dtype='float32'"):
        CatalogueIndex.build(
            items, tmp_path / "idx", model=explainer, dtype="float16", fields=("description",)
        )


def test_only_titles_can_be_indexed(items, explainer, tmp_path):
    index = CatalogueIndex.build(items[:6], tmp_path / "idx", model=explainer, fields=("title",))
    hit = index.similar(id="i0")[0]
    assert hit.query_text == items[0].title
    assert hit.explain().right.text == hit.item.title
    with raises(OptionError, "vectors", "title"):
        index.similar(id="i0", score="four")


def test_what_can_not_be_meant_is_refused(index, items, explainer, tmp_path):
    refused = {
        "either a text or an id": {},
        "either a text": {"text": "a", "id": "i1"},
        "whole number": {"text": "a", "k": 0},
        "is blank": {"text": " "},
        "no item with the id 'nowhere'": {"id": "nowhere"},
        "title goes with": {"text": "a", "title": "b"},
        "score is 'best'": {"text": "a", "score": "best"},
        "no field 'colour'": {"text": "a", "where": "colour = 1"},
    }
    for reason, arguments in refused.items():
        with pytest.raises(OptionError, match=reason):
            index.similar(**arguments)
    with pytest.raises(TextError):
        index.similar(7)
    for reason, arguments in {
        "no items": {"source": []},
        "id 'i0'": {"source": [items[0], items[0]]},
        "dtype is": {"source": items, "dtype": "int8"},
        "fields is": {"source": items, "fields": ("price",)},
        "give one or several": {"source": items, "fields": ()},
    }.items():
        source = arguments.pop("source")
        with pytest.raises(OptionError, match=reason):
            CatalogueIndex.build(source, tmp_path / "idx", model=explainer, **arguments)


def test_texts_that_the_model_does_not_read_to_the_end_are_counted(explainer, tmp_path):
    items = [Item("a", "", "gloves " * 200), Item("b", "", "gloves"), Item("c", "", "wool " * 300)]
    index = CatalogueIndex.build(items, tmp_path / "idx", model=explainer, fields=("description",))
    assert index.reader.manifest.segments[0].cut == 2


def test_a_catalogue_and_a_file_can_be_indexed(tmp_path, explainer):
    file = tmp_path / "things.csv"
    file.write_text("id,title,description\n1,Gloves,warm wool\n2,Scarf,stretch wool\n")
    index = CatalogueIndex.build(file, tmp_path / "a", model=explainer, fields=("description",))
    assert [hit.item.title for hit in index.similar(id="1")] == ["Scarf"]
    assert index.reader.manifest.name == "things"
    again = CatalogueIndex.build(
        Catalogue.read(file), tmp_path / "b", model=explainer, fields=("description",)
    )
    assert len(again) == 2
    assert again["2"].description == "stretch wool"
    assert tiny("bert").model.training is False
