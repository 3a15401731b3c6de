"""The diagnosis as a whole: ranks and measures by hand, remedies, runs, and how it is stored."""

import json
import math

import pytest

from raising import raises
from whyalike import CatalogueIndex, Explainer, Item
from whyalike.diagnosing import Diagnosis, LabelledQuery, diagnose
from whyalike.errors import FormatError, OptionError
from word_counter import WordCounter

ITEMS = [
    Item("lid", "Lids", "Lids are blue and cables lie below wide desks near doors. Unplug modem."),
    Item("lamp", "Lamps", "unplug lamp"),
    Item("wool", "Modem wool", "warm wool"),
    Item("wine", "Wine", "red wine"),
]
QUERIES = [
    LabelledQuery("miss", "unplug modem", ("lid",)),
    LabelledQuery("hit", "red wine", ("wine",)),
    LabelledQuery("both", "warm wool", ("wine", "wool")),
]


@pytest.fixture(scope="module")
def found():
    return diagnose(QUERIES, passages=ITEMS, model=Explainer(WordCounter()), k=1, chunks=(4,))


def test_ranks_and_measures_by_hand(found):
    assert found.found == ("hit", "both")
    miss = found["miss"]
    assert (miss.item.rank, miss.rival.id, miss.right) == (2, "lamp", ("lid",))
    # Thirteen words once, and two full stops that count a tenth of one: together .2 squared.
    assert miss.item.score == pytest.approx(2 / math.sqrt(2 * 13.04))
    assert miss.bar == pytest.approx(0.5)
    # Ranks of right ones: 2; 1; 1 and, of a score of 0 as the two others, "lamp", "lid", "wine".
    assert found.measures["Recall@1"] == pytest.approx((0 + 1 + 1 / 2) / 3)
    assert found.measures["MRR@10"] == pytest.approx((1 / 2 + 1 + 1) / 3)
    ideal = 1 + 1 / math.log2(3)
    ndcg = [1 / math.log2(3), 1, (1 + 1 / math.log2(5)) / ideal]
    assert found.measures["nDCG@10"] == pytest.approx(sum(ndcg) / 3)


def test_remedies_say_what_they_turn_and_what_they_lose(found):
    by_name = {each.name: each for each in found.remedies}
    assert by_name["chunks of 4 tokens"].turned == ("miss",)
    assert by_name["chunks of one sentence"].turned == ("miss",)
    assert by_name["chunks of 4 tokens"].lost == ()
    assert by_name["chunks of one sentence"].measures["Recall@1"] == pytest.approx(2.5 / 3)
    # With its title before it, "warm wool" has the word modem: it passes the right one, not "lamp".
    assert by_name["title before the text"].turned == ()
    assert found.turned_by(by_name["chunks of 4 tokens"]) == {"diluted": 1}
    assert found.suggested_turn == 1
    assert [each.kind for each in found.remedies_of("diluted")] == ["chunks", "chunks"]


def test_a_remedy_can_lose_hits():
    # As whole texts .71 and .45; the second sentence of "b" is .995.
    items = [Item("a", "", "modem reset"), Item("b", "", "plug in lamp now. Modem.")]
    found = diagnose(
        [("modem", "a"), ("modem", "b")], passages=items, model=Explainer(WordCounter()), k=1
    )
    assert [miss.id for miss in found.misses] == ["2"]
    sentence = next(each for each in found.remedies if each.name == "chunks of one sentence")
    assert sentence.turned == ("2",)
    assert sentence.lost == ("1",)


def test_an_index_gives_what_its_items_give(tmp_path, found):
    index = CatalogueIndex.build(
        ITEMS, tmp_path / "idx", model=Explainer(WordCounter()), fields=("description",)
    )
    again = diagnose(QUERIES, index=index, k=1, chunks=(4,))
    assert again.counts == found.counts
    assert [each.turned for each in again.remedies] == [each.turned for each in found.remedies]
    assert again["miss"].item.score == pytest.approx(found["miss"].item.score, abs=1e-6)
    assert index.rank_of("lid", text="unplug modem").rank == again["miss"].item.rank


def test_a_reranker_is_tried_on_what_was_found():
    class Longest(WordCounter):
        name = "longest"
        capabilities = frozenset()

        def score(self, pairs, **settings):
            return super().score([(text, text) for _, text in pairs]) * [
                len(text) for _, text in pairs
            ]

    found = diagnose(
        QUERIES, passages=ITEMS, model=Explainer(WordCounter()), k=1, reranker=Longest()
    )
    remedy = next(each for each in found.remedies if each.kind == "reranker")
    assert remedy.turned == ("miss",)
    assert remedy.lost == ("hit", "both")


def test_one_right_item_that_is_away_is_one():
    asked = [LabelledQuery("q", "red wine", right=("wine", "nowhere"))]
    found = diagnose(asked, passages=ITEMS, model=Explainer(WordCounter()), k=1)
    assert "1 right item is not among the items." in found.notes


def test_a_run_says_what_is_missed_and_the_model_why():
    run = {
        "miss": [("lamp", 2.0), ("wool", 1.0), ("lid", 0.5)],
        "hit": [("lamp", 3.0)],
        "other": [("nowhere", 1.0)],
    }
    qrels = {"miss": {"lid": 2, "lamp": 0}, "hit": {"wine": 1}, "gone": {"wine": 1}}
    asked = [LabelledQuery("miss", "unplug modem"), LabelledQuery("hit", "red wine")]
    found = diagnose(
        asked, passages=ITEMS, model=Explainer(WordCounter()), run=run, qrels=qrels, k=1
    )
    assert found.source == "run"
    assert found["miss"].item.rank == 3
    assert found["miss"].cause == "diluted"
    # The model itself finds it, so that nothing of the model's is the cause.
    assert found["hit"].cause == "unknown"
    assert found["hit"].item.rank is None
    assert "itself places it at 1" in found["hit"].tests[0].note
    assert found.measures["Recall@1"] == 0
    said = " ".join(found.notes)
    assert "1 query of the qrels is not among the queries" in said
    assert "1 item of the run is not among the passages, such as 'nowhere'" in said
    assert "finds 1 of 2" in said


def test_queries_without_their_items_are_left_out_and_said():
    asked = [*QUERIES, LabelledQuery("x", "red", ("nothing",)), LabelledQuery("y", "red", ())]
    found = diagnose(asked, passages=ITEMS, model=Explainer(WordCounter()), k=1, remedies=False)
    assert found.queries == 3
    assert [(one.id, one.reason) for one in found.skipped] == [
        ("x", "no item has the id 'nothing'"),
        ("y", "no item is called right for it"),
    ]
    with raises(OptionError, "none has a right item"):
        diagnose([("red", "nothing")], passages=ITEMS, model=Explainer(WordCounter()))


def test_bad_rows_are_in_the_diagnosis(tmp_path):
    path = tmp_path / "q.jsonl"
    path.write_text('{"query": "unplug modem", "right": "lid"}\n{oh\n', encoding="utf-8")
    found = diagnose(path, passages=ITEMS, model=Explainer(WordCounter()), k=1, remedies=False)
    assert [(one.id, one.query) for one in found.skipped] == [("q.jsonl, line 2", "{oh")]
    with raises(FormatError, "strict allows none"):
        diagnose(path, passages=ITEMS, model=Explainer(WordCounter()), strict=True)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({}, "either an index"),
        ({"passages": ITEMS, "k": 0}, "k is 0"),
        ({"passages": ITEMS, "chunks": (1,)}, "from 2 on"),
        ({"passages": [ITEMS[0], ITEMS[0]]}, "the id 'lid'"),
    ],
)
def test_what_is_refused(arguments, says):
    with raises(OptionError, says):
        diagnose(QUERIES[:1], **{"k": 1, **arguments}, model=Explainer(WordCounter()))


def test_json_gives_an_equal_diagnosis(found):
    content = json.loads(found.to_json())
    assert content["causes"] == {"diluted": 1}
    assert content["first"] == ["miss"]
    assert content["misses"][0]["gap"] == found["miss"].gap
    again = Diagnosis.from_json(found.to_json(indent=1))
    assert again == found
    assert again.to_json() == found.to_json()
    content["misses"][0]["cause"] = "weather"
    with raises(FormatError, "cause"):
        Diagnosis.from_dict(content)


def test_words_behind_misses_are_counted_by_query():
    items = [Item("r", "", "modem reset steps"), Item("s", "", "modem lights green")]
    items += [Item("w", "", "frobnicate modem")]
    asked = [("frobnicate modem reset", "r"), ("frobnicate modem lights", "s")]
    found = diagnose(asked, passages=items, model=Explainer(WordCounter()), k=1, remedies=False)
    word = found.words[0]
    assert (word.text, word.misses, word.turns, word.queries) == ("frobnicate", 2, 2, ("1", "2"))


HOSTILE = "<script>alert(1)</script> | `rm` **bold** \x1b[31m @user [x](http://a.b) \u202e"


def test_hostile_texts_command_nothing():
    items = [
        Item("<b>", HOSTILE, f"{HOSTILE} modem"),
        Item("w", "", "modem"),
    ]
    found = diagnose(
        [(f"modem {HOSTILE}", "w")], passages=items, model=Explainer(WordCounter()), k=1
    )
    assert len(found.misses) == 1
    for said in (found.to_html(), found._repr_html_()):
        assert "<script>alert" not in said
    assert "\x1b" not in str(found)
    markdown = found.to_markdown()
    assert "<script>" not in markdown.replace("\\<", "")
    assert "](http://" not in markdown
    assert "\x1b" not in markdown


def test_text_page_and_markdown_say_the_same(found):
    for said in (str(found), found.to_html(), found.to_markdown()):
        assert "1 of 3 queries misses" in said
        assert "its best sentence alone would be found" in said
        assert "Unplug modem." in said
    assert "<mark>Unplug modem.</mark>" in found.to_html()
    assert repr(found) == "Diagnosis(1 of 3 queries missed at k=1: diluted: 1)"


def test_nothing_missed_is_said():
    found = diagnose([("red wine", "wine")], passages=ITEMS, model=Explainer(WordCounter()))
    assert not found.misses
    assert not found.remedies
    assert "All 1 queries find a right item" in str(found)
    assert Diagnosis.from_json(found.to_json()) == found
    assert found.to_html()


def test_progress_is_told():
    told = []
    diagnose(
        QUERIES,
        passages=ITEMS,
        model=Explainer(WordCounter()),
        k=1,
        progress=lambda *said: told.append(said),
    )
    assert ("searching", 3, 3) in told
    assert ("finding causes", 1, 1) in told
    assert all(0 <= done <= total for _, done, total in told)
