"""Collections that whyalike did not make: searched in the real stores, explained here."""

import importlib.util
from contextlib import contextmanager
from itertools import count

import numpy as np
import pytest
from indexed_items import draw_items, open_tiny

from raising import assert_says, raises
from stored_items import fill_milvus, fill_postgresql
from whyalike.catalogue import AttachedCatalogue, CatalogueIndex, Item
from whyalike.catalogue.similar_page import page_of, search_to_dict
from whyalike.catalogue.stores.store import is_address, register_store, without_password
from whyalike.errors import OptionError, StorageError, TextError, WhyalikeError

NUMBERS = count()
FIELDS = {"text_field": "body", "vector_field": "embedding", "title_field": "title"}
FILTERS = [
    None,
    "price < 10",
    "not (price < 10)",
    "price is null",
    "price is not null and kind = 'glove'",
    "kind in ('glove', 'scarf')",
    "kind != 'glove'",
    "not (kind = 'glove' or price >= 12)",
    "id in ('i1', 'i2', 'nobody')",
    "title is null",
    "body contains '1'",
]
"""Each is asked of the store, and of our own index of the same items."""


@pytest.fixture(scope="module")
def explainer():
    return open_tiny()


@pytest.fixture(scope="module")
def items():
    items = draw_items(60)
    return [*items, Item("twin", "other title", f" {items[3].description.upper()} ", {})]


@pytest.fixture(scope="module")
def vectors(explainer, items):
    return explainer.model.embed([item.description for item in items]).astype(np.float32)


@pytest.fixture(scope="module", params=["milvus", "milvus server", "postgresql"])
def address(request, items, vectors, tmp_path_factory):
    """Where the items are, in a store of each kind."""
    if request.param == "milvus server":
        url = request.getfixturevalue("milvus_server")
        address = url.replace("http://", "milvus://")
        fill(address, items, vectors)
        return address
    if request.param == "milvus":
        for name in ("pymilvus", "milvus_lite"):
            if importlib.util.find_spec(name) is None:
                pytest.skip(f"{name} is not installed: pip install 'whyalike[milvus]'")
        path = tmp_path_factory.mktemp("milvus") / "goods.db"
        fill(f"milvus://{path}", items, vectors)
        return f"milvus://{path}"
    url = request.getfixturevalue("postgresql")
    fill(url, items, vectors)
    return url


def is_server(address):
    return address.startswith("milvus://127.0.0.1")


def fill(address, items, vectors, *, by="cosine", **more):
    """Put items into the store of an address."""
    if address.startswith("milvus"):
        where = address.removeprefix("milvus://")
        metric = {"cosine": "COSINE", "dot": "IP"}[by]
        if is_server(address):
            where, more = f"http://{where}", {"nullable": False, **more}
        fill_milvus(where, items, vectors, metric=metric, **more)
    else:
        operators = {"cosine": "vector_cosine_ops", "dot": "vector_ip_ops"}[by]
        fill_postgresql(address, items, vectors, operators=operators, **more)


def skip_what_milvus_2_3_lacks(address, where):
    """Its LIKE finds beginnings alone, and its fields are never empty, so that prices have none."""
    said = str(where)
    if is_server(address) and ("contains" in said or "price < 'dear'" in said or "= '12" in said):
        pytest.skip("the server that the wheel `milvus` brings is 2.3, which can't do that")


@pytest.fixture(scope="module")
def attached(address, explainer):
    with CatalogueIndex.attach(address, collection="goods", model=explainer, **FIELDS) as found:
        yield found


@pytest.fixture(scope="module")
def own(items, explainer, tmp_path_factory):
    """Our own index of the same items, which compares descriptions alone."""
    folder = tmp_path_factory.mktemp("built") / "idx"
    return CatalogueIndex.build(items, folder, model=explainer, fields=("description",))


@pytest.mark.parametrize("where", FILTERS)
def test_a_store_finds_what_our_own_index_finds(address, attached, own, where):
    skip_what_milvus_2_3_lacks(address, where)
    # No title or description of the items is blank, and a filter of ours says the same there.
    for asked in ({"text": "warm wool gloves"}, {"id": "i3"}):
        found = attached.similar(**asked, k=100, where=where)
        ours = None if where is None else where.replace("body", "description")
        wanted = own.similar(**asked, k=100, where=ours)
        assert [hit.item.id for hit in found] == [hit.item.id for hit in wanted]
        assert [hit.similarity for hit in found] == pytest.approx(
            [hit.similarity for hit in wanted], abs=2e-7
        )
    assert [hit.rank for hit in found] == list(range(1, len(found) + 1))


def test_the_query_itself_and_its_twins_are_left_out(attached):
    ids = [hit.item.id for hit in attached.similar(id="i3", k=100)]
    assert len(ids) == 59
    assert not {"i3", "twin"} & set(ids)


def test_a_hit_is_explained_as_the_pair_is(attached, explainer, items):
    hit = attached.similar("warm wool gloves", k=3)[0]
    found, wanted = hit.explain(), explainer.explain("warm wool gloves", hit.item.description)
    assert found.similarity == pytest.approx(hit.similarity, abs=1e-6)
    assert found.to_dict() == wanted.to_dict()
    assert hit.item.title == next(item.title for item in items if item.id == hit.item.id)


def test_an_item_has_its_fields(attached, items):
    found = attached["i5"]
    assert (found.title, found.description) == (items[5].title, items[5].description)
    kept = {name: found.metadata.get(name) for name in ("kind", "price")}
    assert kept == {name: items[5].metadata[name] for name in ("kind", "price")}
    assert "embedding" not in found.metadata
    assert len(attached) == len(items)


def test_ranks_are_those_of_the_search(attached):
    hits = attached.similar("warm wool gloves", k=100)
    for hit in (hits[0], hits[7], hits[-1]):
        found = attached.rank_of(hit.item.id, text="warm wool gloves")
        assert (found.rank, found.similarity) == (hit.rank, pytest.approx(hit.similarity))
    own = attached.rank_of("i3", id="i3")
    assert own.rank is None
    assert_says(own.left_out, "query itself")


def test_a_page_and_json_name_the_store(attached):
    hits = attached.similar("warm wool gloves", k=2)
    page = page_of(attached, "warm wool gloves", hits, k=2)
    assert_says(dict(page.facts)["Index"], "goods")
    found = search_to_dict(attached, "warm wool gloves", hits, k=2)
    assert (found["items"], len(found["hits"])) == (61, 2)
    assert "warm wool gloves" in str(hits)


def test_another_models_vectors_are_refused_with_the_figure(address):
    other = open_tiny("mpnet")
    with raises(OptionError, "cosine", "0.999", "text_field"):
        CatalogueIndex.attach(address, collection="goods", model=other, **FIELDS)


def test_vectors_of_another_text_are_refused(address, explainer):
    with raises(OptionError, "cosine", "prompts"):
        CatalogueIndex.attach(
            address,
            collection="goods",
            model=explainer,
            text_field=["title", "body"],
            vector_field="embedding",
        )


def test_texts_of_several_fields_are_joined_as_they_were_embedded(address, explainer, items):
    joined = [f"{item.title} | {item.description}" for item in items]
    vectors = explainer.model.embed(joined).astype(np.float32)
    name = f"joined_{next(NUMBERS)}"
    fill(address, items, vectors, name=name)
    with CatalogueIndex.attach(
        address,
        collection=name,
        model=explainer,
        text_field=["title", "body"],
        separator=" | ",
        vector_field="embedding",
    ) as found:
        hit = found.similar("warm wool gloves", k=1)[0]
        assert hit.text in joined


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"collection": "good"}, ["good"]),
        ({"text_field": "bodi"}, ["bodi", "text_field"]),
        ({"vector_field": "embeddings"}, ["embeddings", "embedding"]),
        ({"vector_field": "body"}, ["body", "type"]),
    ],
)
def test_what_is_not_there_is_named(address, explainer, changed, words):
    asked = {"collection": "goods", "model": explainer, **FIELDS, **changed}
    with raises(OptionError, *words):
        CatalogueIndex.attach(address, **asked)


@pytest.mark.parametrize(
    ("asked", "kind", "words"),
    [
        ({}, OptionError, ["text", "id"]),
        ({"text": "a", "id": "i1"}, OptionError, ["text", "id"]),
        ({"text": " "}, OptionError, ["blank"]),
        ({"text": 7}, TextError, ["int"]),
        ({"id": "nobody"}, OptionError, ["nobody"]),
        ({"text": "a", "where": "price <"}, OptionError, ["column"]),
        ({"text": "a", "where": "price < 'dear'"}, OptionError, ["price", "number"]),
        ({"text": "a", "where": "price contains '1'"}, OptionError, ["price", "number"]),
        ({"text": "a", "k": 0}, OptionError, ["k"]),
    ],
)
def test_what_cant_be_searched_is_said(address, attached, asked, kind, words):
    skip_what_milvus_2_3_lacks(address, asked.get("where"))
    with raises(kind, *words):
        attached.similar(**asked)


def test_a_number_in_quotes_is_one_where_the_field_has_numbers(address, attached):
    where = "price = '12.5'"
    skip_what_milvus_2_3_lacks(address, where)
    found = attached.similar("warm", k=100, where=where)
    assert {hit.item.metadata["price"] for hit in found} == {12.5}


def test_values_in_a_filter_are_never_part_of_the_statement(address, attached):
    for text in ("'; DROP TABLE goods; --", '" or 1 == 1 or "', "%", "_", "\\", "ö 🧤"):
        quoted = text.replace("'", "''")
        assert attached.similar("warm", where=f"kind = '{quoted}'") == []
        if not is_server(address):
            assert attached.similar("warm", where=f"body contains '{quoted}'") == []
    assert len(attached) == 61


def test_items_that_are_added_later_are_found(address, explainer, attached):
    # Only where writers are others than readers.
    if address.startswith("milvus") and not is_server(address):
        pytest.skip("a file of Milvus Lite has one process")
    text = "warm wool gloves with a lining"
    late = Item("late", "late", text, {"kind": "glove"})
    vector = explainer.model.embed([text]).astype(np.float32)
    with adding(address, late, vector):
        assert attached.similar(text[:-1], k=1)[0].item.id == "late"


@contextmanager
def adding(address, item, vectors):
    """Add an item to a store, and take it away at the end."""
    if is_server(address):
        from pymilvus import MilvusClient

        client = MilvusClient(address.replace("milvus://", "http://"))
        fill(address, [item], vectors, make=False)
        client.flush("goods")
        yield
        client.delete("goods", ids=[item.id])
        client.close()
        return
    import psycopg

    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO goods VALUES (%s, %s, %s, 1, 'glove', NULL, %s)",
            [item.id, item.title, item.description, str(vectors[0].tolist())],
        )
        try:
            yield
        finally:
            connection.execute("DELETE FROM goods WHERE id = %s", [item.id])


def test_a_lost_connection_is_made_anew(address, attached):
    if address.startswith("milvus"):
        pytest.skip("the client of Milvus makes its connection anew itself")
    import psycopg

    wanted = [hit.item.id for hit in attached.similar("warm wool gloves")]
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid != pg_backend_pid()"
        )
    assert [hit.item.id for hit in attached.similar("warm wool gloves")] == wanted


def test_nothing_can_be_written(attached):
    if not hasattr(attached.store, "_ask"):
        pytest.skip("the client of Milvus has no connection that only reads")
    with raises(StorageError, "read-only"):
        attached.store._ask(lambda cursor: cursor.execute("DELETE FROM goods"))


def test_a_search_by_another_similarity_is_refused_unless_lengths_are_one(
    address, explainer, items, vectors
):
    name = f"products_{next(NUMBERS)}"
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    for scaled, is_refused in (
        (units * np.linspace(1, 3, len(units))[:, None], True),
        (units, False),
    ):
        there = f"{name}_{is_refused}".lower()
        fill(address, items, scaled, by="dot", name=there)
        asked = {"collection": there, "model": explainer, **FIELDS}
        if is_refused:
            with raises(OptionError, "dot", "cosine", "length"):
                CatalogueIndex.attach(address, **asked)
        else:
            with CatalogueIndex.attach(address, **asked) as found:
                assert len(found.similar("warm wool gloves", k=3)) == 3


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("milvus://localhost:1", ["localhost:1"]),
        ("postgresql://me:secret@localhost:1/shop", ["localhost"]),
        ("mysql://localhost/shop", ["mysql", "milvus://", "postgresql://"]),
        ("milvus://", ["milvus://"]),
    ],
)
def test_a_store_that_does_not_answer_is_named_without_its_password(explainer, address, words):
    for name in ("pymilvus", "psycopg"):
        pytest.importorskip(name)
    with raises(WhyalikeError, *words) as caught:
        CatalogueIndex.attach(address, collection="goods", model=explainer)
    assert "secret" not in str(caught.value)


def test_a_password_is_not_shown():
    shown = without_password("postgresql://me:secret@host:5432/shop?sslmode=require")
    assert shown == "postgresql://me:…@host:5432/shop?sslmode=require"
    assert without_password("milvus:///folder/file.db") == "milvus:///folder/file.db"
    assert is_address("milvus://x")
    assert not is_address("folder/idx")


def test_a_kind_of_store_has_a_name_of_its_own():
    with raises(OptionError, "milvus"):
        register_store("milvus")(lambda address, **_: None)


def test_it_says_what_it_is(attached):
    assert isinstance(attached, AttachedCatalogue)
    assert_says(repr(attached), "goods")
    assert "secret" not in repr(attached)
