"""Each cause on a corpus where it is the truth, by scores that are worked out by hand."""

import math

import pytest

from whyalike import Explainer, Item
from whyalike.diagnosing import LabelledQuery, diagnose
from whyalike.reports.diagnosis import CAUSES
from word_counter import MARK, WordCounter

NEAR_TIE = ("modem lights?", {"r": "modem lights thing", "w": "modem lights word?"})
CASES = {
    "duplicate": ("reset the modem", {"r": "Reset the modem twice", "a": "reset the  MODEM twice"}),
    "unread": (
        "hold reset ten seconds",
        {
            "r": "Remarks on the housing and on the cover. Hold reset ten seconds.",
            "a": "reset seconds of a display",
        },
    ),
    "near tie": NEAR_TIE,
    "diluted": (
        "unplug modem",
        {
            "r": "Lids are blue and cables lie below wide desks near doors. Unplug modem.",
            "w": "unplug lamp",
        },
    ),
    "vocabulary": ("frobnicate modem reset", {"r": "modem reset steps", "w": "frobnicate modem"}),
    "rival word": (
        "modem reset",
        {"r": "modem reset steps button menu panel", "w": "modem modem modem light"},
    ),
    "unknown": (
        "modem reset now",
        {"r": "router thing", "w": "modem reset now", "x": "modem", "y": "reset", "z": "now"},
    ),
}


def diagnosed(cause, **arguments):
    query, passages = CASES[cause]
    items = [Item(id, "", text) for id, text in passages.items()]
    explainer = Explainer(WordCounter(limit=8 if cause == "unread" else None))
    return diagnose([(query, "r")], passages=items, model=explainer, k=1, **arguments)


def evidence(cause):
    miss = diagnosed(cause, remedies=False).misses[0]
    return miss, {test.cause: test for test in miss.tests}


def test_every_cause_has_a_case():
    assert set(CASES) == set(CAUSES)


@pytest.mark.parametrize("cause", CAUSES)
def test_the_cause_is_found(cause):
    diagnosis = diagnosed(cause, remedies=False)
    assert diagnosis.counts == {cause: 1}
    # Nothing else holds, but that a copy is as near as can be.
    assert diagnosis.misses[0].also == (("near tie",) if cause == "duplicate" else ())


def test_a_copy_with_an_earlier_id_stands_before_it():
    miss, tests = evidence("duplicate")
    assert miss.item.rank == 2
    assert miss.gap == 0
    assert tests["duplicate"].items == ("a",)
    assert tests["duplicate"].rank == 1


def test_copies_of_each_other_leave_no_place_for_the_right_one():
    texts = ["reset modem now", "Reset modem now", "reset modem now.", "reset button of modem lies"]
    passages = [Item(id, "", text) for id, text in zip("abcr", texts, strict=True)]
    found = diagnose(
        [("reset modem now", "r")], passages=passages, model=Explainer(WordCounter()), k=2
    )
    assert found.counts == {"duplicate": 1}
    assert found.misses[0].evidence.rank == 2
    assert found.misses[0].evidence.items == ("b", "c")
    fold = next(each for each in found.remedies if each.kind == "copies folded")
    assert fold.turned == ("1",)


def test_the_sentence_beyond_the_limit_is_the_evidence():
    miss, tests = evidence("unread")
    start, end = tests["unread"].span
    assert miss.item.text[start:end] == "Hold reset ten seconds."
    assert miss.item.read_until == miss.item.text.index(". Hold")
    # Four words of the query and a full stop, of which it has the four.
    assert tests["unread"].score == pytest.approx(4 / math.sqrt(4 * (4 + MARK**2)))
    assert tests["unread"].needed == pytest.approx(2 / math.sqrt(4 * 5))


@pytest.mark.parametrize(
    ("answer", "cause"), [("Hold reset", "unread"), ("housing", "unknown"), ("not there", "unread")]
)
def test_where_the_answer_is_known_it_says_whether_it_is_read(answer, cause):
    query, passages = CASES["unread"]
    items = [Item(id, "", text) for id, text in passages.items()]
    asked = LabelledQuery("q", query, ("r",), answer)
    found = diagnose(
        [asked], passages=items, model=Explainer(WordCounter(limit=8)), k=1, remedies=False
    )
    own = {test.cause: test.holds for test in found.misses[0].tests}
    assert own["unread"] is (cause == "unread")


def test_a_near_tie_is_smaller_than_what_a_question_mark_moves():
    miss, _ = evidence("near tie")
    wrong, right = (2 + MARK**2) / math.sqrt(3 + MARK**2), 2 / math.sqrt(3)
    length = math.sqrt(2 + MARK**2)
    assert miss.gap == pytest.approx((wrong - right) / length)
    bare = (2 / math.sqrt(3) - 2 / math.sqrt(3 + MARK**2)) / math.sqrt(2)
    # Without the mark, the right one is ahead by ``bare``.
    assert miss.noise >= miss.gap + bare - 1e-9


def test_the_best_sentence_is_named():
    miss, tests = evidence("diluted")
    start, end = tests["diluted"].span
    assert miss.item.text[start:end] == "Unplug modem."
    assert tests["diluted"].needed == pytest.approx(0.5)
    assert tests["diluted"].score == pytest.approx(2 / math.sqrt(2 * (2 + MARK**2)))


def test_the_word_that_matches_nothing_is_named():
    miss, tests = evidence("vocabulary")
    assert tests["vocabulary"].words == ("frobnicate",)
    assert tests["vocabulary"].score == pytest.approx(2 / math.sqrt(2 * 3))
    word = next(word for word in miss.words if word.text == "frobnicate")
    assert word.right == pytest.approx(2 / 3 - 2 / math.sqrt(6))
    assert word.rival == pytest.approx(2 / math.sqrt(6) - 1 / 2)
    assert word.rank == 1


def test_usual_words_are_not_named():
    passages = [Item("r", "", "modem reset steps"), Item("w", "", "how modem")]
    passages += [Item(f"f{n}", "", f"how lamp{n} lamp") for n in range(8)]
    model = Explainer(WordCounter())
    found = diagnose([("how modem reset", "r")], passages=passages, model=model, k=1)
    # By hand: .667 for the right one, .816 for the other; "how" stands in 9 of 10 items.
    assert found.counts == {"rival word": 1}
    own = {word.text: word for word in found.misses[0].words}
    assert own["how"].usual
    assert own["how"].rank == 1
    assert not own["modem"].usual


def test_the_word_of_the_rival_is_named_and_its_deletion_is_measured():
    _, tests = evidence("rival word")
    assert tests["rival word"].words == ("modem",)
    assert tests["rival word"].items == ("w",)
    assert tests["rival word"].rank == 1


def test_too_many_rivals_are_not_tested_and_it_is_said():
    passages = [Item("r", "", "modem reset steps button menu panel")]
    passages += [Item(f"w{n}", "", f"modem modem modem light lamp{n}") for n in range(12)]
    found = diagnose([("modem reset", "r")], passages=passages, model=Explainer(WordCounter()), k=1)
    own = {test.cause: test for test in found.misses[0].tests}
    assert own["rival word"].holds is None
    assert "more than 10 stand before it" in own["rival word"].note


def test_of_several_that_hold_the_first_is_the_cause():
    text = CASES["unread"][1]["r"]
    passages = [Item("r", "", text), Item("a", "", text), Item("b", "", "reset seconds")]
    model = Explainer(WordCounter(limit=8))
    miss = diagnose([("hold reset ten seconds", "r")], passages=passages, model=model, k=2).misses[
        0
    ]
    holding = [test.cause for test in miss.tests if test.holds]
    assert {"duplicate", "unread"} <= set(holding)
    assert miss.cause == "duplicate"
    assert miss.also[0] == "unread"


def test_texts_are_embedded_once():
    query, passages = CASES["diluted"]
    model = WordCounter()
    items = [Item(id, "", text) for id, text in passages.items()]
    diagnose(
        [(query, "r"), (f"{query} please", "r")],
        passages=items,
        model=Explainer(model),
        k=1,
        remedies=False,
    )
    whole = [text for _, text in model.embedded if text in passages.values()]
    # Once to be searched; explaining the misses embeds the two texts of each pair once more.
    assert len(whole) <= 2 * len(passages)
