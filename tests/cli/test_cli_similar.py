"""``whyalike similar``: each hit with its reason, as text, JSON and a page; and what is refused."""

import json
from copy import deepcopy

import pytest
import torch
from transformers import AutoModelForSequenceClassification

from tiny_models import tiny_reranker
from whyalike.catalogue import Catalogue, CatalogueIndex, Item
from whyalike.explanation import Explanation

ITEMS = [
    Item("g1", "Knit gloves", "Warm knit gloves for cold hands", {"kind": "gloves", "price": 12.5}),
    Item("g2", "Leather gloves", "Leather gloves for warm hands", {"kind": "gloves", "price": 40}),
    Item(
        "g3", "knit GLOVES", "warm knit gloves   for COLD hands", {"kind": "gloves", "price": None}
    ),
    Item(
        "w1", "Rioja", "A red wine with plums and smoke", {"kind": "wine", "price": 9, "new": True}
    ),
    Item("w2", "Viura", "A white wine with lemon", {"kind": "wine"}),
]


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("indexes") / "idx"
    catalogue = Catalogue.from_items(ITEMS, name="shop")
    CatalogueIndex.build(catalogue, path, model=model, fields=("title", "description"))
    return path


def told(result):
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_hits_of_an_item_with_their_reasons(run, folder):
    content = told(run("similar", folder, "--id", "g1", "--json"))
    assert (content["format"], content["version"]) == ("whyalike/similar", 1)
    assert (content["index"], content["similarity_function"]) == ("shop", "cosine")
    assert (content["score"], content["compared"], content["k"]) == ("cosine", "description", 10)
    assert (content["method"], content["where"]) == ("whyalike", None)
    assert content["query"]["id"] == "g1"
    assert content["items"] == len(ITEMS)
    assert content["query"]["text"] == ITEMS[0].description
    # The item itself and its twin are not there; the notes say so.
    assert {hit["id"] for hit in content["hits"]} == {"g2", "w1", "w2"}
    assert content["notes"] == [
        "The item itself is left out, and 1 item with the same text but for case and white space: "
        "twins=True (--twins) shows it.",
        "3 found of 10 asked for: there are no more.",
    ]
    scores = [hit["similarity"] for hit in content["hits"]]
    assert scores == sorted(scores, reverse=True)
    for rank, hit in enumerate(content["hits"], start=1):
        assert hit["rank"] == rank
        explanation = Explanation.from_dict(hit["explanation"])
        assert explanation.left.text == ITEMS[0].description
        assert explanation.right.text == hit["description"]
        assert explanation.similarity == pytest.approx(hit["similarity"], abs=1e-5)
        assert hit["parts"] is None
    found = {hit["id"]: hit["metadata"] for hit in content["hits"]}
    assert found["w1"] == {"kind": "wine", "price": 9, "new": True}


def test_the_terminal_shows_the_same_hits(run, folder):
    content = told(run("similar", folder, "--id", "g1", "--json", "--no-explain"))
    result = run("similar", folder, "--id", "g1", "-k", "2", "--method", "token_similarity")
    assert result.exit_code == 0
    assert result.stdout.startswith("Of 2 found the first is *Leather gloves*: ")
    assert "\nsimilar to Knit gloves  g1\n" in result.stdout
    assert "Method token_similarity" in " ".join(result.stdout.split())
    for hit in content["hits"][:2]:
        assert f"{hit['rank']:>2}  {hit['similarity']:.4f}  {hit['title']}  {hit['id']}" in (
            result.stdout
        )
    assert content["hits"][2]["id"] not in result.stdout.split("pairs:")[0].split()
    assert "pairs  " in result.stdout
    assert "! The item itself" in result.stdout


def test_a_text_a_filter_and_no_explanation(run, folder):
    arguments = ("similar", folder, "--text", "wine with lemon", "--where", 'kind = "wine"')
    content = told(run(*arguments, "--no-explain", "--json"))
    assert {hit["id"] for hit in content["hits"]} == {"w1", "w2"}
    assert content["where"] == 'kind = "wine"'
    assert content["query"] == {"id": None, "title": None, "text": "wine with lemon"}
    assert content["notes"] == ["2 found of 10 asked for: there are no more."]
    assert (content["twins"], content["variants"]) == ([], [])
    assert all(hit["explanation"] is None for hit in content["hits"])
    assert content["method"] is None
    shown = run(*arguments, "--no-explain").stdout
    assert "pairs" not in shown
    assert "kind wine · price 9 · new yes" in shown
    piped = run(
        "similar", folder, "--text", "-", "--no-explain", "--json", input="wine with lemon\n"
    )
    assert told(piped)["query"]["text"] == "wine with lemon"


def test_four_parts_are_each_explained(run, folder):
    content = told(run("similar", folder, "--id", "g1", "-k", "2", "--score", "four", "--json"))
    for hit in content["hits"]:
        assert hit["explanation"] is None
        similarities = [part["similarity"] for part in hit["parts"].values()]
        assert len(similarities) == 4
        assert sum(similarities) / 4 == pytest.approx(hit["similarity"], abs=1e-5)
        texts = {"title": hit["title"], "description": hit["description"]}
        for name, part in hit["parts"].items():
            explanation = Explanation.from_dict(part["explanation"])
            left, right = name.split("-")
            assert explanation.left.text == getattr(ITEMS[0], left)
            assert explanation.right.text == texts[right]
            assert explanation.similarity == pytest.approx(part["similarity"], abs=1e-5)
    shown = run("similar", folder, "--id", "g1", "-k", "1", "--score", "four").stdout
    assert "mean of four cosine similarities" in " ".join(shown.split())
    assert "description-title" in shown


def test_a_page_is_written(run, folder, tmp_path):
    page = tmp_path / "similar.html"
    result = run("similar", folder, "--id", "w1", "-k", "2", "--html", page)
    assert result.exit_code == 0
    content = page.read_text(encoding="utf-8")
    assert content.count('<article class="whyalike"') == 2
    assert "Similar to" in content
    assert "Rioja" in content
    assert f"Wrote {page}" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "--id with an item"),
        (("--id", "g1", "--text", "x"), "either --id"),
        (("--id", "g9"), "g9"),
        (("--text", " "), "blank"),
        (("--text", "x", "--title", "y"), "score='four'"),
        (("--id", "g1", "--where", "kind = "), "kind = "),
        (("--id", "g1", "--where", 'brand = "x"'), "brand"),
        (("--id", "g1", "--method", "magic"), "magic"),
        (("--id", "g1", "-k", "0"), "'-k'"),
    ],
)
def test_wrong_use_exits_with_2(run, folder, arguments, says):
    result = run("similar", folder, *arguments)
    assert result.exit_code == 2
    assert says in result.stderr
    assert result.stdout == ""


def test_a_folder_without_an_index_exits_with_2(run, tmp_path):
    result = run("similar", tmp_path, "--id", "g1")
    assert result.exit_code == 2
    assert "holds no index" in result.stderr


def test_titles_alone_are_named_where_only_they_are_compared(run, model, tmp_path):
    catalogue = Catalogue.from_items(ITEMS, name="shop")
    CatalogueIndex.build(catalogue, tmp_path / "idx", model=model, fields=("title",))
    content = told(run("similar", tmp_path / "idx", "--id", "g1", "--json"))
    assert (content["score"], content["compared"]) == ("cosine", "title")
    assert content["hits"][0]["explanation"]["left"]["text"] == "Knit gloves"
    refused = run("similar", tmp_path / "idx", "--id", "g1", "--score", "four")
    assert "--fields title,description" in refused.stderr


def test_values_that_a_filter_can_not_be_compared_with_are_counted(run, model, tmp_path):
    years = [1850, 1900, "about 1860", "before the war", None]
    items = [Item(str(n), "", f"wine {n}", {"year": year}) for n, year in enumerate(years)]
    CatalogueIndex.build(items, tmp_path / "idx", model=model, fields=("description",))
    where = ("--where", "not year > 1870", "--no-explain")
    said = "2 values could not be compared with the filter’s, such as a text among numbers"
    content = told(run("similar", tmp_path / "idx", "--text", "a red wine", "--json", *where))
    assert {hit["id"] for hit in content["hits"]} == {"0", "4"}
    assert content["not_compared"] == 2
    assert said in content["notes"][-1]
    page = tmp_path / "page.html"
    printed = run("similar", tmp_path / "idx", "--text", "a red wine", "--html", page, *where)
    assert said in " ".join(printed.stdout.split())
    assert said in page.read_text(encoding="utf-8")
    content = told(run("similar", tmp_path / "idx", "--text", "a", "--no-explain", "--json"))
    assert content["not_compared"] == 0


def test_a_reranker_says_both_scores_and_how_far_it_moved_an_item(run, folder, reranker, tmp_path):
    page = tmp_path / "page.html"
    given = ("similar", folder, "--text", "gloves for warm hands", "-k", "3", "--rerank", reranker)
    content = told(run(*given, "--json", "--html", page))
    hits = CatalogueIndex.open(folder).similar("gloves for warm hands", k=50)
    found = hits.rerank(reranker, k=3)
    assert [hit["id"] for hit in content["hits"]] == [hit.item.id for hit in found]
    for hit, own in zip(content["hits"], found, strict=True):
        again = hit["reranked"]
        assert again["score"] == pytest.approx(own.reranked.score, abs=1e-6)
        assert hit["similarity"] == pytest.approx(own.similarity, abs=1e-6)
        assert again["lifted"] == again["before"] - hit["rank"]
        why = Explanation.from_dict(again["explanation"])
        assert why.similarity == pytest.approx(again["score"], abs=1e-5)
        assert why.model == reranker
    assert content["reranker"]["candidates"] == len(hits) == 5
    assert "Reranker" in page.read_text()
    said = run(*given, "--no-explain").stdout
    assert f"before  rank {found[0].reranked.before}, similarity" in said
    # A reranker lifts only what it was given.
    few = told(run(*given, "--candidates", "3", "--json", "--no-explain"))
    assert {hit["id"] for hit in few["hits"]} == {hit.item.id for hit in hits[:3]}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (("--candidates", "9"), "--candidates goes with --rerank MODEL"),
        (("--rerank-label", "1"), "--rerank-label goes with --rerank MODEL"),
        (("--rerank", "x", "--candidates", "9"), "--candidates is 9, fewer than the 10 items"),
        (("--rerank", "no/such-model"), "no/such-model"),
    ],
)
def test_a_reranker_that_cannot_be(run, folder, given, says):
    result = run("similar", folder, "--text", "gloves", *given)
    assert result.exit_code != 0
    assert says in " ".join(result.stderr.split())


def test_the_label_of_a_reranker_is_chosen(run, folder, tmp_path):
    made = tiny_reranker("bert")
    config = deepcopy(made.model.config)
    config.num_labels, config.id2label = 3, {0: "against", 1: "neutral", 2: "for"}
    torch.manual_seed(5)
    several = AutoModelForSequenceClassification.from_config(config)
    several.save_pretrained(tmp_path)
    made.tokenizer.save_pretrained(tmp_path)
    given = ("similar", folder, "--text", "gloves", "--rerank", tmp_path, "--no-explain", "--json")
    found = [
        told(run(*given, "--rerank-label", label))["hits"] for label in ("for", "2", "against")
    ]
    scores = [{hit["id"]: hit["reranked"]["score"] for hit in hits} for hits in found]
    assert scores[0] == scores[1] != scores[2]
    own = CatalogueIndex.open(folder).similar("gloves", k=50).rerank(str(tmp_path), label="for")
    assert scores[0] == {hit.item.id: pytest.approx(hit.reranked.score) for hit in own}
    refused = run(*given)
    assert refused.exit_code != 0
    assert "label" in refused.stderr
