"""``whyalike similar`` on stores of other people: the command line of ``CatalogueIndex.attach``."""

import json

import numpy as np
import pytest

from raising import assert_says
from stored_items import fill_milvus
from whyalike.catalogue import Item

pytestmark = pytest.mark.weights

ITEMS = [
    Item("a", "Gloves", "Warm wool gloves with a lining", {"price": 20, "kind": "glove"}),
    Item("b", "Scarf", "A long soft scarf of wool", {"price": 35, "kind": "scarf"}),
    Item("c", "Mug", "A mug for coffee, dishwasher safe", {"price": 9, "kind": "mug"}),
]


@pytest.fixture(scope="module")
def address(minilm, tmp_path_factory):
    for name in ("pymilvus", "milvus_lite"):
        pytest.importorskip(name, reason="pip install 'whyalike[milvus]'")
    path = tmp_path_factory.mktemp("stores") / "shop.db"
    vectors = minilm.model.embed([item.description for item in ITEMS]).astype(np.float32)
    fill_milvus(path, ITEMS, vectors)
    return f"milvus://{path}"


@pytest.fixture
def asked(address):
    return (
        "similar",
        address,
        "--collection",
        "goods",
        "--text-field",
        "body",
        "--vector-field",
        "embedding",
        "--title-field",
        "title",
    )


def test_a_collection_is_searched_and_its_hits_explained(run, asked):
    result = run(*asked, "--text", "woollen gloves for winter", "-k", "2", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert [hit["id"] for hit in found["hits"]] == ["a", "b"]
    assert found["hits"][0]["title"] == "Gloves"
    words = found["hits"][0]["explanation"]["right"]["words"]
    assert "gloves" in [word["text"] for word in words]


def test_a_filter_is_put_to_the_store(run, asked):
    result = run(
        *asked, "--text", "woollen gloves", "--where", "price < 30", "--no-explain", "--json"
    )
    assert [hit["id"] for hit in json.loads(result.stdout)["hits"]] == ["a", "c"]


def test_the_page_in_the_terminal_names_the_store(run, asked):
    result = run(*asked, "--id", "a", "-k", "1", "--metadata", "kind")
    assert result.exit_code == 0, result.output
    assert_says(result.stdout, "goods", "Scarf", "kind")
    assert "price" not in result.stdout


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("--diverse",), ["--diverse"]),
        (("--group-by", "kind"), ["--group-by"]),
        (("--score", "four"), ["--score"]),
        (("--engine", "hnsw"), ["--engine"]),
        (("--where", "price <"), ["column"]),
    ],
)
def test_what_a_store_does_not_know_is_refused(run, asked, change, words):
    result = run(*asked, "--text", "gloves", *change)
    assert result.exit_code != 0
    assert_says(result.output, *words)


def test_an_address_needs_a_collection_and_a_collection_an_address(run, tmp_path):
    result = run("similar", "milvus:///nowhere.db", "--text", "gloves")
    assert result.exit_code != 0
    assert_says(result.output, "--collection")
    result = run("similar", tmp_path, "--collection", "goods", "--text", "gloves")
    assert result.exit_code != 0
    assert_says(" ".join(result.output.split()), "--collection", "address")
