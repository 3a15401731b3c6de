"""Sentences of verdict on searches, traces and several methods, on constructed cases."""

from dataclasses import replace

import pytest
from test_similar_page import make_hit, make_page
from test_verdict import checked, made

from pair_tables import PairTable
from raising import assert_says
from whyalike import Explainer, Item, Trace
from whyalike.explanation import BackgroundScore
from whyalike.render import (
    render_methods,
    render_similar,
    render_similar_text,
    say_methods,
    say_similar,
    terminal_methods_view,
)
from whyalike.render.parts import plain_text

# Searches


def hit(rank=1, similarity=0.496, explanation=None, **changes):
    found = made(similarity=similarity) if explanation is None else explanation
    return make_hit(rank, (("", found),), similarity=similarity, **changes)


def test_a_search_says_what_is_first_and_why():
    page = make_page(hit(), hit(2, 0.4), hit(3, 0.31))
    assert say_similar(page) == (
        "Of 3 found the first is *Mittens 1*: fairly alike (0.496); whyalike names *gloves – "
        "gloves* and *phones – screens* first; the last has 0.310."
    )
    carried = hit(explanation=checked(made(), 0.4, 0.41, together=0.21))
    assert say_similar(make_page(carried)) == (
        "One item was found: *Mittens 1*: fairly alike (0.496), mainly through *gloves – gloves* "
        "and *phones – screens*: without these the score is 0.210."
    )


def test_a_search_without_hits_or_without_reasons():
    assert say_similar(make_page()) == "Nothing was found."
    bare = make_hit(1, (), similarity=0.7)
    assert say_similar(make_page(bare)) == "One item was found: *Mittens 1* (0.700)."
    assert say_similar(make_page(bare, make_hit(2, (), similarity=0.5))) == (
        "Of 2 found the first is *Mittens 1* (0.700); the last has 0.500."
    )
    four = replace(bare, parts=(("title-title", 0.9), ("text-text", 0.5)))
    assert say_similar(make_page(four)) == "One item was found: *Mittens 1* (0.700)."


@pytest.mark.parametrize(
    ("explanation", "says"),
    [
        (made(similarity=0.02), "the model sees almost nothing in common (0.020)."),
        (made(similarity=-0.6), "the model sees the texts as opposed (−0.600)."),
        (made("a b", "a b", (), similarity=1.0), "both texts are the same (score 1.000)."),
        (
            made("glove", "手袋", ((0, 0),)),
            "fairly alike (0.496); whyalike names *glove – 手* first.",
        ),
        (
            made(similarity=31.5, similarity_function="dot"),
            "dot similarity 31.500; whyalike names ",
        ),
        (made(pooling="paper"), "cosine similarity 0.496; whyalike names "),
        (made("", "x", (), similarity=0.1), "nothing can be matched, as the left text has no "),
        (
            made(background=BackgroundScore(texts=50, percentile=97.0)),
            "more alike than 97 % of random pairs of your texts (0.496); ",
        ),
    ],
)
def test_a_search_says_of_the_first_what_its_score_means(explanation, says):
    one = hit(similarity=explanation.similarity, explanation=explanation)
    assert f"*Mittens 1*: {says}" in say_similar(make_page(one))


def test_hits_that_are_level_are_said_to_be():
    level = make_page(hit(), hit(2, 0.49), hit(3, 0.31))
    assert "; the next is level with it (0.490); the last has 0.310." in say_similar(level)
    dots = [
        hit(n, value, made(similarity=value, similarity_function="dot"))
        for n, value in ((1, 31.5), (2, 31.495), (3, 20.0))
    ]
    assert "level" not in say_similar(make_page(*dots))


def test_an_item_without_title_is_called_by_its_text_and_a_reranked_one_by_its_way():
    assert "*gloves of wool*" in say_similar(make_page(hit(title="", text="gloves of\nwool")))
    assert "*M1*" in say_similar(make_page(hit(title="", text=" ")))
    long = hit(title="w" * 99)
    assert f"*{'w' * 59}…*" in say_similar(make_page(long))
    way = (
        ("bert puts it 4th of 9; reranker lifts it to 1st through ", False),
        ("a – b", True),
        (".", False),
    )
    again = hit(reranked=(5.25, 4), way=way)
    assert say_similar(make_page(again, hit(2))) == (
        "Of 2 found the first is *Mittens 1*: bert puts it 4th of 9; reranker lifts it to 1st "
        "through *a – b*."
    )


def test_every_view_of_a_search_begins_with_it():
    page = make_page(hit(title="<b>x\x1b"), hit(2, 0.4))
    html = render_similar(page).partition("<body")[2]
    assert html.index("Of 2 found the first is") < html.index("Similar to")
    assert "<b>x" not in html
    text = render_similar_text(page)
    assert text.startswith("Of 2 found the first is *<b>x")
    assert "\x1b" not in text


# Traces

ITEMS = [
    Item("a", "Liners", "smartphone gloves"),
    Item("b", "", "hat"),
    Item("c", "Wool", "gloves gloves"),
]
FIRST = {("gloves", "gloves"): 1.0}
SECOND = {("touchscreen", "smartphone"): 2.0, ("gloves", "gloves"): 0.5}


def test_a_trace_says_what_is_first_by_what_and_what_was_cut():
    first = Explainer(PairTable("words", FIRST))
    found = first.trace(
        "touchscreen gloves", ITEMS, keep=2, stages=[PairTable("meaning", SECOND)], named=["b"]
    )
    assert found.verdict == (
        "Of 3 passages the first is *Liners*, by meaning (2.500), up from 2nd, most of "
        "all through *touchscreen – smartphone*; *hat* is cut by words, as 3rd of 3."
    )
    assert found.to_dict()["verdict"] == found.verdict
    assert Trace.from_json(found.to_json()) == found
    assert " ".join(str(found).split()).startswith(found.verdict)
    html = found.to_html().partition("<body")[2]
    assert html.index("Of 3 passages the first is") < html.index("Rank after each stage")


def test_a_trace_of_one_stage_of_one_passage_of_equals_or_of_none():
    words = Explainer(PairTable("words", FIRST))
    one = words.trace("gloves", ITEMS[:1])
    assert (
        one.verdict
        == "The one passage is *Liners*, by words (1.000), most of all through *gloves – gloves*."
    )
    bare = words.trace("gloves", ITEMS[:1], top=0)
    assert bare.verdict == "The one passage is *Liners*, by words (1.000)."
    equal = words.trace("glove", [*ITEMS, "other"])
    assert_says(equal.verdict, "Of 4 passages", "*Liners*", "(0.000)", "level with 3 others")
    assert "through" not in equal.verdict
    assert words.trace("gloves", []).verdict == "There is no passage to rank."


# Several methods


def by(method, pairs=((1, 0), (3, 3)), **changes):
    return made(pairs=pairs, method=method, **changes)


def test_methods_that_agree_and_whose_words_take_most():
    both = [
        checked(by("bti"), 0.4, 0.4, together=0.3),
        checked(by("whyalike"), 0.4, 0.4, together=0.21),
    ]
    assert say_methods(both) == (
        "Fairly alike (0.496); all 2 methods name *gloves – gloves* first; deleted, what whyalike "
        "names takes most (0.496 → 0.210)."
    )
    assert say_methods([both[0], replace(both[0], method="occlusion")]) == (
        "Fairly alike (0.496); all 2 methods name *gloves – gloves* first; deleted, what each of "
        "them names takes as much."
    )


def test_methods_that_do_not_agree():
    three = [by("bti"), by("whyalike"), by("occlusion", ((0, 1),))]
    assert say_methods(three) == (
        "Fairly alike (0.496); 2 of 3 methods name *gloves – gloves* first."
    )
    assert say_methods(three[1:]) == (
        "Fairly alike (0.496); each of the 2 methods names another pair first."
    )
    assert say_methods([by("bti"), by("idf", ())]) == (
        "Fairly alike (0.496); one method names *gloves – gloves* first."
    )
    assert say_methods([by("bti", ()), by("idf", ())]) == (
        "Fairly alike (0.496); no method selects a pair of words."
    )


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"similarity": 0.02}, "The model sees almost nothing in common (0.020)."),
        ({"similarity": -0.6}, "The model sees the texts as opposed (−0.600)."),
        (
            {"similarity": -4.25, "similarity_function": "score"},
            "Score −4.250; all 2 methods name ",
        ),
        ({"left": "a b", "right": "a b", "pairs": ()}, "Both texts are the same (score 0.496)."),
        ({"left": "", "pairs": ()}, "Nothing can be matched, as the left text has no words "),
        ({"left": "כפפות", "right": "手袋", "pairs": ((0, 0),)}, "all 2 methods name *כפפות – 手*"),
    ],
)
def test_methods_on_pairs_of_every_kind(changes, says):
    assert says in say_methods([by(method, **changes) for method in ("bti", "whyalike")])


def test_one_method_is_a_pair_and_a_blind_study_says_nothing():
    assert say_methods([by("bti")]) == by("bti").verdict
    assert say_methods([]) == ""
    assert say_methods([by(""), by("")]) == ""


def test_every_view_of_methods_begins_with_it():
    both = [by("bti"), by("whyalike")]
    html = render_methods(both).partition("<body")[2]
    assert html.index("all 2 methods name") < html.index("wa-card")
    text = plain_text(terminal_methods_view(both, failures={}), width=80)
    assert " ".join(text.split()).startswith(say_methods(both))
