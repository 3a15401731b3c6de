"""The sentence of verdict on a comparison, on constructed cases."""

from dataclasses import replace

import pytest
from signed_explanations import MATRIX, make_signed
from test_comparison_rendering import checked, make_comparison

from whyalike.comparison import Comparison
from whyalike.explanation import ExplainedText
from whyalike.render import render_comparison, render_comparison_text, say_comparison

GLOVES, WARM = ((1,), (), (), 0.3, 0.25), ((0,), (), (), 0.4, 0.2)
BOTH = ((0, 1), (), (), 0.22, 0.2)


def test_what_was_checked_carries_the_margin():
    assert say_comparison(checked(make_comparison(), GLOVES, WARM, together=BOTH)) == (
        "Scored higher by 0.300 (0.500 against 0.200), mainly through the query’s *gloves* and "
        "*warm*: without these the lead is 0.020."
    )


@pytest.mark.parametrize(
    ("scores", "says"),
    [
        ((0.22, 0.2), "mainly through the query’s *gloves*: without it the lead is 0.020."),
        ((0.4, 0.2), "in part through the query’s *gloves*: without it the lead is 0.200."),
        (
            (0.49, 0.2),
            "not through a few words alone: without the query’s *gloves* the lead is still 0.290.",
        ),
        ((0.2, 0.4), "mainly through the query’s *gloves*: without it the other text leads by "),
    ],
)
def test_how_much_is_lost_is_not_overstated(scores, says):
    said = say_comparison(checked(make_comparison(), ((1,), (), (), *scores)))
    assert said.startswith("Scored higher by 0.300 (0.500 against 0.200), ")
    assert says in said


def test_a_model_that_does_not_agree_is_told_so_by_what_speaks_against():
    other = checked(make_comparison(), GLOVES, WARM, together=BOTH).swapped
    assert say_comparison(other) == (
        "The model does not agree: it scores the second text higher by 0.300 (0.200 against "
        "0.500), mainly through the query’s *gloves* and *warm*: without these the lead is 0.020."
    )
    turned = checked(make_comparison(), ((1,), (), (), 0.2, 0.4)).swapped
    assert say_comparison(turned).endswith("without it the first text leads by 0.200.")


def test_words_of_the_texts_where_the_query_has_none_to_delete():
    one = checked(
        make_comparison(),
        ((1,), (), (), None, None),
        ((), (1,), (), 0.35, 0.2),
        ((), (), (3,), 0.5, 0.3),
        together=((), (1,), (3,), 0.35, 0.3),
    )
    assert say_comparison(one) == (
        "Scored higher by 0.300 (0.500 against 0.200), mainly through *mittens* of the text scored "
        "higher and *Rioja* of the text scored lower: without these the lead is 0.050."
    )


def test_without_checks_it_is_the_method_that_names_words():
    assert say_comparison(make_comparison()) == (
        "Scored higher by 0.300 (0.500 against 0.200); token_similarity names the query’s *gloves* "
        "and *warm* first."
    )


def test_connectors_are_named_only_where_nothing_else_is_left():
    some = checked(make_comparison(query="of gloves the the"), ((0,), (), (), 0.1, 0.2), GLOVES)
    assert "*gloves*" in say_comparison(some)
    assert "*of*" not in say_comparison(some)
    alone = checked(make_comparison(query="of a the and"), ((0,), (), (), 0.2, 0.2))
    assert "the query’s *of*: without it" in say_comparison(alone)


def test_texts_that_are_level_the_same_or_without_words():
    one = make_comparison()
    level = replace(one, worse=replace(one.worse, similarity=0.4951))
    assert say_comparison(level) == "Nearly level: 0.5000 against 0.4951."
    dot = [replace(e, similarity_function="dot") for e in (level.better, level.worse)]
    assert say_comparison(Comparison(better=dot[0], worse=dot[1])).startswith(
        "Scored higher by 0.0049 (0.5000 against 0.4951); "
    )
    same = Comparison(better=one.better, worse=one.better)
    assert say_comparison(same) == "Both texts are the same (score 0.500)."
    other = replace(make_signed(right="red wine from Rioja"), left=one.better.left)
    assert say_comparison(Comparison(better=one.better, worse=other)) == (
        "The model scores both texts the same (0.500)."
    )
    blank = replace(
        make_signed(), left=ExplainedText("", ()), pair_contributions=None, pairs=(), matches=()
    )
    assert say_comparison(Comparison(better=blank, worse=blank)) == (
        "Nothing can be matched, as the query has no words (0.500 against 0.500)."
    )


def test_nothing_that_adds_is_not_said_to_carry():
    first = make_signed("a b c d", "e f g h", tuple((0.0,) * 4 for _ in MATRIX))
    second = replace(
        make_signed("a b c d", "i j k l", tuple((0.0,) * 4 for _ in MATRIX)), similarity=0.1
    )
    assert say_comparison(Comparison(better=first, worse=second)) == (
        "Scored higher by 0.400 (0.500 against 0.100); no word was found that carries this."
    )


def test_words_of_another_script():
    made = make_comparison("כפפות צמר a b", "手 袋 c d", "кашемир перчатки тёплые для")
    assert say_comparison(checked(made, GLOVES)) == (
        "Scored higher by 0.300 (0.500 against 0.200), mainly through the query’s *перчатки*: "
        "without it the lead is 0.050."
    )


def test_every_view_begins_with_it():
    comparison = checked(make_comparison(), GLOVES, WARM, together=BOTH)
    said = say_comparison(comparison)
    assert comparison.verdict == comparison.to_dict()["verdict"] == said
    assert " ".join(str(comparison).split()).startswith(said)
    assert comparison.to_markdown().startswith("Scored higher by 0.300 \\(0.500 against 0.200\\), ")
    page = render_comparison(comparison).partition("<body")[2]
    assert page.index("mainly through") < page.index("wa-number")
    hostile = checked(make_comparison(query="a \x1b gloves <b> d"), GLOVES)
    assert "\x1b" not in render_comparison_text(hostile)


def test_a_picture_has_it(tmp_path):
    heights = []
    for query in ("warm gloves, not cold", "w" * 400 + " gloves not cold"):
        comparison = checked(make_comparison(query=query), ((0,), (), (), 0.1, 0.2))
        comparison.to_svg(tmp_path / "a.svg")
        head = (tmp_path / "a.svg").read_text("utf-8").partition('viewBox="')[2].partition('"')[0]
        heights.append(float(head.split()[3]))
    assert all(height > 200 for height in heights)
