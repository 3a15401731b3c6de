"""What is embedded of an item, what is left out, one result for each product, and diverse ones."""

import json

import numpy as np
import pytest

from raising import raises
from whyalike import Explainer
from whyalike.catalogue import Catalogue, CatalogueIndex, Item
from whyalike.catalogue.grouping import most_diverse
from whyalike.catalogue.item_store import field_text, one_text
from whyalike.catalogue.reader import find_facets
from whyalike.catalogue.similar_page import page_of, search_to_dict
from whyalike.errors import FormatError, OptionError

COLOURS = ("red", "blue", "green", "black")


def letters(texts):
    """Counts of a few letters: near enough to a meaning to be ranked."""
    return np.array(
        [[text.lower().count(c) + 0.1 for c in "abcdefghijklmnopqrstuvwxyz"] for text in texts]
    )


@pytest.fixture
def explainer():
    return Explainer(embed=letters)


def shop():
    """Four colours of one shirt, with one text; two trousers; three hats that stand alone."""
    shirts = [
        Item(
            f"T{n}",
            "Shirt",
            "Soft cotton with a crew neck",
            {"parent_sku": "T", "colour": c, "price": 9 + n},
        )
        for n, c in enumerate(COLOURS)
    ]
    trousers = [
        Item(
            f"J{n}",
            "Jeans",
            f"Blue denim, cut {n}",
            {"parent_sku": "J", "colour": "blue", "price": 40},
        )
        for n in range(2)
    ]
    hats = [
        Item("H1", "Cotton cap", "Soft cotton for the neck", {"parent_sku": None, "colour": "red"}),
        Item("H2", "Felt hat", "Grey felt with a brim", {"parent_sku": None, "colour": "grey"}),
        Item("H3", "Beanie", "Soft cotton, a crew's own", {"parent_sku": None, "colour": "red"}),
    ]
    return [*shirts, *trousers, *hats]


def build(tmp_path, explainer, items=None, **options):
    return CatalogueIndex.build(items or shop(), tmp_path / "idx", model=explainer, **options)


def cosine(explainer, left, right):
    one, other = explainer.model.embed([left, right])
    return float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other)))


@pytest.mark.parametrize(
    ("title", "description", "text"),
    [
        ("Hat", "Warm felt", "Hat\nWarm felt"),
        ("Hat", "", "Hat"),
        ("", "Warm felt", "Warm felt"),
        ("Hat", "hat of felt", "hat of felt"),
        (" Hat ", " Warm ", "Hat\nWarm"),
    ],
)
def test_a_title_and_a_description_are_one_text(title, description, text):
    assert one_text(title, description) == text
    assert field_text(Item("1", title, description), "title+description") == text


def test_titles_count_by_default_and_the_papers_setting_is_one_option_away(tmp_path, explainer):
    index = build(tmp_path, explainer)
    assert index.reader.manifest.fields == ("title+description",)
    hit = index.similar("felt", k=1)[0]
    assert (hit.item.id, hit.text) == ("H2", "Felt hat\nGrey felt with a brim")
    assert hit.similarity == pytest.approx(cosine(explainer, "felt", hit.text), abs=1e-6)
    explanation = hit.explain(method="occlusion")
    assert explanation.right.text == hit.text
    alone = CatalogueIndex.build(shop(), tmp_path / "b", model=explainer, fields=("description",))
    hit = alone.similar("felt", k=1)[0]
    assert hit.text == "Grey felt with a brim"
    assert hit.similarity == pytest.approx(cosine(explainer, "felt", hit.text), abs=1e-6)


def test_weights_of_titles_and_descriptions_are_recorded_and_counted(tmp_path, explainer):
    weights = {"title": 1, "description": 3}
    build(tmp_path, explainer, fields=("title", "description"), weights=weights)
    manifest = json.loads((tmp_path / "idx" / "manifest.json").read_bytes())
    assert (manifest["fields"], manifest["weights"]) == (["title", "description"], weights)
    index = CatalogueIndex.open(tmp_path / "idx", model=explainer)
    query, found = shop()[7], index.similar(id="H2", k=3)
    for hit in found:
        shares = {"title": 0.25, "description": 0.75}
        slow = sum(
            shares[mine]
            * shares[theirs]
            * cosine(explainer, field_text(query, mine), field_text(hit.item, theirs))
            for mine in shares
            for theirs in shares
        )
        assert hit.similarity == pytest.approx(slow, abs=1e-5)
        assert set(hit.parts) >= {"title-title", "title-description"}
    assert "titles weighted 0.25" in str(found)
    assert index.similar(id="H2", k=1, score="cosine")[0].parts is None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"weights": {"title": 1, "description": 2}}, "title+description"),
        ({"fields": ("title", "description"), "weights": {"title": 1}}, "'description'"),
        (
            {"fields": ("title", "description"), "weights": {"title": 0, "description": 0}},
            "one is more",
        ),
        ({"fields": ("title+text",)}, "title+description"),
    ],
)
def test_weights_that_mean_nothing_are_refused(tmp_path, explainer, options, said):
    with raises(OptionError, said):
        build(tmp_path, explainer, **options)


def test_a_manifest_with_impossible_weights_is_damaged(tmp_path, explainer):
    from whyalike.catalogue.manifest import sealed

    build(tmp_path, explainer, fields=("title", "description"))
    path = tmp_path / "idx" / "manifest.json"
    for weights in ({"title": 1.0}, {"title": -1.0, "description": 2.0}):
        content = json.loads(path.read_bytes())
        path.write_bytes(sealed({**content, "weights": weights}))
        with raises(FormatError, "damaged", "weights"):
            CatalogueIndex.open(tmp_path / "idx", model=explainer)


TWINS = [
    Item("a", "Rug", "Woven of wool"),
    Item("b", "RUG", "woven  of wool"),
    Item("c", "Blanket", "Woven of wool"),
    Item("d", "Rug", "Woven of jute"),
]


@pytest.mark.parametrize(
    ("fields", "left_out"),
    [
        (("title+description",), ["b"]),
        (("title", "description"), ["b"]),
        (("description",), ["b", "c"]),
        (("title",), ["b", "d"]),
    ],
)
def test_twins_are_equal_in_all_that_is_embedded(tmp_path, explainer, fields, left_out):
    index = build(tmp_path, explainer, TWINS, fields=fields)
    hits = index.similar(id="a")
    assert sorted(hits.twins) == left_out
    assert {hit.item.id for hit in hits} == {"b", "c", "d"} - set(left_out)
    number = f"{len(left_out)} item{'s' if len(left_out) > 1 else ''} with the same text"
    assert number in " ".join(str(hits).split())
    shown = index.similar(id="a", twins=True)
    assert {hit.item.id for hit in shown} == {"b", "c", "d"}
    assert shown.twins == ()
    assert index.rank_of(left_out[0], id="a").rank is None


def test_one_result_for_each_product_and_the_others_counted(tmp_path, explainer):
    index = build(tmp_path, explainer, Catalogue.from_items(shop()), group_by="parent_sku")
    assert index.info()["group_by"] == "parent_sku"
    hits = index.similar("soft cotton shirt with a crew neck", k=9)
    assert sorted(hit.item.id[0] for hit in hits) == ["H", "H", "H", "J", "T"]
    shirt = next(hit for hit in hits if hit.item.title == "Shirt")
    assert (shirt.group.field, shirt.group.value) == ("parent_sku", "T")
    # Of equal ones the first id stands for all, and nothing is lost.
    assert (shirt.item.id, sorted(shirt.group.others)) == ("T0", ["T1", "T2", "T3"])
    assert [hit.group for hit in hits if hit.item.id[0] == "H"] == [None, None, None]
    assert "3 more of this parent_sku" in " ".join(str(hits).split())
    single = index.similar("soft cotton shirt with a crew neck", k=9, group_by="")
    assert len(single) == 9
    # As a slow search over all that keeps the first of each group.
    first = list(
        {
            hit.item.metadata["parent_sku"] or hit.item.id: hit.item.id for hit in reversed(single)
        }.values()
    )
    assert {hit.item.id for hit in hits} == set(first)
    assert [hit.similarity for hit in hits] == sorted((h.similarity for h in hits), reverse=True)
    content = search_to_dict(index, "shirt", hits)
    groups = [hit.group and list(hit.group.others) for hit in hits]
    assert [hit["group"] and list(hit["group"]["others"]) for hit in content["hits"]] == groups


def test_the_group_of_the_query_is_left_out_and_said(tmp_path, explainer):
    index = build(tmp_path, explainer, group_by="parent_sku")
    hits = index.similar(id="T1", k=9)
    assert "Shirt" not in {hit.item.title for hit in hits}
    assert sorted([*hits.variants, *hits.twins]) == ["T0", "T2", "T3"]
    hits = index.similar(id="J0", k=9)
    assert (
        hits.variants,
        "1 item of the query's own group is left out" in " ".join(str(hits).split()),
    ) == (("J1",), True)
    only = index.similar(id="T1", k=9, where='colour = "blue"')
    assert [hit.item.id[0] for hit in only] == ["J"]
    assert len(only[0].group.others) == 1


def test_groups_are_guessed_by_the_name_of_a_column(tmp_path, explainer):
    path = tmp_path / "a.csv"
    rows = "".join(f"S{n},Shirt,Soft cotton {n},G\n" for n in range(3))
    path.write_text(f"sku,title,description,item_group_id\n{rows}H,Hat,Felt,\n")
    index = CatalogueIndex.build(path, tmp_path / "idx", model=explainer)
    assert index.info()["group_by"] == "item_group_id"
    assert len(index.similar("soft hat", k=9)) == 2
    none = CatalogueIndex.build(path, tmp_path / "b", model=explainer, group_by="")
    assert none.info()["group_by"] is None
    assert len(none.similar("soft hat", k=9)) == 4
    assert len(none.similar("soft hat", k=9, group_by="title")) == 2
    with raises(OptionError, "'maker'", "'item_group_id'"):
        none.similar("soft hat", group_by="maker")


def test_marginal_relevance_by_loops():
    draw = np.random.default_rng(3)
    rows = draw.normal(size=(12, 5))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    query = rows[0] + 0.3
    relevance, between = rows @ query, rows @ rows.T
    for diversity in (0.0, 0.3, 0.7, 1.0):
        chosen = []
        while len(chosen) < 6:
            gains = {
                n: (1 - diversity) * relevance[n]
                - diversity * max((between[n][c] for c in chosen), default=0.0)
                for n in range(12)
                if n not in chosen
            }
            chosen.append(max(gains, key=gains.get))
        assert most_diverse(relevance, between, 6, diversity) == chosen
    assert most_diverse(relevance, between, 12, 0.0) == list(np.argsort(-relevance))


def test_diverse_results_differ(tmp_path, explainer):
    index = build(tmp_path, explainer, group_by="")
    plain = index.similar("soft cotton with a crew neck", k=3)
    assert {hit.item.title for hit in plain} == {"Shirt"}
    diverse = index.similar("soft cotton with a crew neck", k=3, diverse=True)
    assert diverse[0].item.id == plain[0].item.id
    assert len({hit.item.title for hit in diverse}) == 3
    assert [hit.rank for hit in diverse] == [1, 2, 3]
    with raises(OptionError, "diverse", "0 to 1"):
        index.similar("a", diverse=2)
    far = Explainer(embed=letters, similarity_function="euclidean")
    other = CatalogueIndex.build(shop(), tmp_path / "far", model=far)
    with raises(OptionError, "diverse", "euclidean"):
        other.similar("a", diverse=True)


def test_pages_hide_what_says_nothing_and_facets_are_of_use(tmp_path, explainer):
    items = [
        Item(
            f"i{n}",
            f"Lamp {n}",
            f"A lamp of kind {n}",
            {
                "brand": f"maker {n % 45}",
                "shop": "ours",
                "image": f"https://example.org/{n}.jpg",
                "notes": f"{n} " + "long text " * 20,
                "tags": ("steel", "desk") if n % 2 else ("oak",),
                "price": f"${n}.50",
                "unique": f"u{n}",
            },
        )
        for n in range(90)
    ]
    index = build(tmp_path, explainer, items, group_by="")
    hits = index.similar("desk lamp", k=2)
    shown = dict(page_of(index, "desk lamp", hits).hits[0].facts)
    assert set(shown) == {"brand", "tags", "price", "unique"}
    assert dict(page_of(index, "x", hits, shown=["shop", "price"]).hits[0].facts).keys() == {
        "shop",
        "price",
    }
    facets = {facet.name: facet for facet in find_facets(index.reader)}
    assert set(facets) == {"brand", "tags", "price"}
    assert (facets["brand"].searched, len(facets["brand"].values)) == (True, 45)
    assert dict(facets["tags"].values) == {"oak": 45, "steel": 45, "desk": 45}
    assert (facets["price"].low, facets["price"].high) == (0.5, 89.5)


def test_an_old_index_shows_its_items_as_before(tmp_path, explainer):
    from test_index_old import OLD, TEXT

    index = CatalogueIndex.open(OLD)
    assert index.info()["fields"] == ["title", "description"]
    assert (index.info()["weights"], index.info()["group_by"]) == ({}, None)
    assert len(TEXT) == len(index)
    assert index.reader.allowed(None).sum() == len(index)
    assert index.reader.groups("title").shape == index.reader.present.shape
