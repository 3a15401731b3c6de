"""The audit of catalogues whose words, boilerplate and hubs are known."""

import json
import math
from dataclasses import replace

import pytest

from raising import raises
from whyalike import CatalogueIndex, Explainer, Item
from whyalike.diagnosing import Audit, audit
from whyalike.errors import FormatError, OptionError
from word_counter import WordCounter


def build(folder, texts, **settings):
    items = [Item(f"i{n}", f"T{n}", text) for n, text in enumerate(texts)]
    explainer = Explainer(WordCounter(**settings))
    return CatalogueIndex.build(
        items, folder, model=explainer, name="things", fields=("description",)
    )


TEXTS = [
    "brand glove wool",
    "brand glove silk",
    "brand wine plum",
    "brand wine smoke",
    "brand lamp oak",
    "brand lamp brass",
]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return audit(build(tmp_path_factory.mktemp("i") / "x", TEXTS), neighbours=2)


def test_words_of_neighbours_by_hand(found):
    # Each is nearest to the other of its kind: three pairs, of cosine 2/3, by brand and the kind.
    assert found.explained == 3
    assert found.similarity == pytest.approx(2 / 3)
    pairs = {(pair.left, pair.right): pair for pair in found.pairs}
    assert pairs["brand", "brand"].pairs == 3
    assert pairs["glove", "glove"].pairs == 1
    assert pairs["brand", "brand"].adds == pytest.approx(3 * pairs["glove", "glove"].adds)
    assert sum(pair.share for pair in found.pairs) == pytest.approx(1)
    assert (found.pairs[0].left, found.pairs[0].right) == ("brand", "brand")


def test_boilerplate_is_frequent_and_heavy(found):
    words = {word.text: word for word in found.words}
    assert words["brand"].frequency == 1
    assert words["glove"].frequency == pytest.approx(2 / 6)
    assert words["brand"].share == pytest.approx(0.5, abs=0.05)
    assert next(word.text for word in found.boilerplate) == "brand"
    assert "wool" not in words or not words["wool"].is_boilerplate


def test_a_pair_of_words_is_one(tmp_path):
    texts = ["wool", "silk", "wool silk"]
    found = audit(build(tmp_path / "x", texts))
    pair = replace(found.pairs[0], left="silk", right="wool")
    assert "“silk” with “wool” carries most" in str(replace(found, pairs=(pair,)))


def test_a_word_of_one_item_or_two_is_no_boilerplate(tmp_path):
    texts = ["brand glove wool", "brand glove silk", "brand plum", "sauce plum"]
    found = audit(build(tmp_path / "x", texts))
    words = {word.text: word for word in found.words}
    assert (words["brand"].items, words["glove"].items) == (3, 2)
    assert words["glove"].frequency == 0.5
    assert words["glove"].share > 0.1
    assert [word.text for word in found.boilerplate] == ["brand"]
    assert Audit.from_json(found.to_json()) == found


def test_a_hub_and_the_word_that_makes_it(tmp_path):
    # All have a colour of their own and "soft"; the hub has "soft" alone, with "zebra".
    texts = ["soft soft soft soft zebra", *(f"soft {c} {c}{c}" for c in "abcdefghijklmnop")]
    found = audit(build(tmp_path / "x", texts), neighbours=1)
    hub = found.hubs[0]
    assert (hub.id, hub.neighbour_of) == ("i0", 16)
    # By hand: 4/√17/√3 = .56 with each, which have 1/3 among them.
    assert hub.words[0].text == "soft"
    assert hub.words[0].without == 0
    assert {word.text: word.without for word in hub.words}["zebra"] == 16
    counts = [16] + [0] * 16
    counts[1] += 1  # The hub's own nearest is the first of equals.
    mean = sum(counts) / 17
    deviation = math.sqrt(sum((c - mean) ** 2 for c in counts) / 17)
    assert found.skewness == pytest.approx(sum(((c - mean) / deviation) ** 3 for c in counts) / 17)


def test_copies_are_passed_over_and_counted(tmp_path):
    found = audit(build(tmp_path / "x", [*TEXTS, "Brand  glove wool"]), neighbours=2)
    assert found.copies == 2
    assert found.similarity < 0.7


def test_a_sample_is_said_with_its_number(tmp_path):
    index = build(tmp_path / "x", TEXTS)
    found = audit(index, sample=4, explain=1, neighbours=2, seed=3)
    assert (found.sampled, found.explained, found.items) == (4, 1, 6)
    assert "those of 4 of 6 items, drawn at random (seed 3)" in found.notes[0]
    assert "were explained" in found.notes[1]
    assert audit(index, sample=4, explain=1, neighbours=2, seed=3) == found


def test_what_is_refused(tmp_path):
    with raises(OptionError, "three or more"):
        audit(build(tmp_path / "x", TEXTS[:2]))
    with raises(OptionError, "sample is 0"):
        audit(build(tmp_path / "y", TEXTS), sample=0)


def test_json_text_and_page(found):
    assert Audit.from_json(found.to_json()) == found
    content = json.loads(found.to_json())
    assert content["boilerplate"][0] == "brand"
    content["pairs"][0]["adds"] = "much"
    with raises(FormatError, "adds"):
        Audit.from_json(json.dumps(content))
    for said in (str(found), found.to_html()):
        assert "brand – brand" in said.replace("<bdi>", "").replace("</bdi>", "")
        assert "boilerplate" in said
