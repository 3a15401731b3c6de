"""Why the texts are not more alike, and the numbers as they are said."""

from dataclasses import replace

import pytest
from signed_explanations import LEFT, make_large, make_signed

from whyalike.explanation import Word
from whyalike.render.parts import (
    decimals_for,
    describe_gap,
    describe_sum,
    format_signed,
    has_contributions,
)
from whyalike.render.view import PULLING_APART, WORDS_LISTED, why_not_more_alike


def test_both_reasons_with_the_words_of_each_side():
    nothing, apart = why_not_more_alike(make_signed())
    assert nothing.title == "Words that match nothing"
    assert [(words.side, words.words, words.more) for words in nothing.lists] == [
        ("Left", (("not", ""),), 0),
        ("Right", (("but", ""),), 0),
    ]
    assert apart.title == PULLING_APART
    assert [(words.side, words.words) for words in apart.lists] == [
        ("Left", (("not", "−0.068"),)),
    ]


def test_a_word_of_a_selected_pair_is_not_said_to_match_nothing():
    explanation = make_signed(pairs=((2, 1),))
    reasons = {reason.title: reason.lists for reason in why_not_more_alike(explanation)}
    assert [words.side for words in reasons["Words that match nothing"]] == ["Right"]


def test_a_word_of_a_pair_has_one_sign_only():
    """A pair that adds nothing, of a word that adds: it is in the table with its contribution."""
    signed = make_signed(
        "a b", "c d", ((0.1, 0.0), (0.0, 0.0)), ((0, 0), (1, 1)), unmatched=((), ())
    )
    first = signed.left.words[0]
    reasons = {}
    for contribution in (0.02, -0.02):
        word = Word("b", 2, 3, 0.2, contribution, -0.1)
        one = replace(signed, left=replace(signed.left, words=(first, word)))
        reasons[contribution] = [reason.title for reason in why_not_more_alike(one)]
    assert reasons == {0.02: [], -0.02: [PULLING_APART]}


def test_words_that_tell_nothing_are_not_listed():
    """Not a mark, a stop word beside others, what takes a twentieth, or a word of a shown pair."""
    explanation = make_signed(
        matrix=((0.1, 0.0, 0.0), (0.0, -0.2, 0.0), (-0.009, 0.0, 0.0), (-0.3, 0.0, 0.4)),
        left="warm the brim wool",
        right="cosy lid felt",
        pairs=((0, 0), (3, 2)),
        unmatched=((1, 2), (1,)),
    )
    nothing, apart = why_not_more_alike(explanation)
    assert [words.words for words in nothing.lists] == [(("brim", ""),), (("lid", ""),)]
    assert [(words.side, words.words) for words in apart.lists] == [
        ("Left", (("the", "−0.200"),)),
        ("Right", (("lid", "−0.200"),)),
    ]
    shaded = make_signed("a b", "c d", ((0.1, 0.0), (0.0, 0.04)), ((0, 0),), unmatched=((), ()))
    pale, strong = (
        replace(shaded, left=replace(shaded.left, words=(shaded.left.words[0], word)))
        for word in (
            Word("b", 2, 3, 0.2, 0.02, -0.1),
            Word("b", 2, 3, 0.4, 0.04, -0.12),
        )
    )
    shown = [[reason.title for reason in why_not_more_alike(one)] for one in (pale, strong)]
    assert [PULLING_APART in titles for titles in shown] == [True, False]

    marked = make_signed()
    words = marked.left.words
    comma = Word(",", 11, 12, words[2].saliency, words[2].contribution)
    marked = replace(marked, left=replace(marked.left, words=(*words[:2], comma, words[3])))
    assert [reason.title for reason in why_not_more_alike(marked)] == ["Words that match nothing"]


def test_it_is_quiet_where_there_is_nothing_to_say():
    explanation = make_signed(
        matrix=((0.1, 0.0), (0.0, 0.1)),
        left="a b",
        right="c d",
        pairs=((0, 0),),
        unmatched=((), ()),
    )
    assert why_not_more_alike(explanation) == ()


def test_equal_texts_can_be_no_more_alike():
    assert why_not_more_alike(make_signed(right="cosy gloves cut cold", left="cosy cut of wool"))
    assert why_not_more_alike(make_signed(left=LEFT, right=LEFT)) == ()


def test_contributions_that_would_be_written_as_zero_are_not_listed():
    explanation = make_signed(
        matrix=((0.3, 0.0), (0.0, -0.0004)),
        left="a b",
        right="c d",
        pairs=((0, 0),),
        unmatched=((), ()),
    )
    assert why_not_more_alike(explanation) == ()


def test_long_lists_are_cut_and_the_rest_is_counted():
    explanation = make_large(20, 3)
    side = replace(explanation.left, unmatched=tuple(range(1, 19)))
    first, *_ = why_not_more_alike(replace(explanation, left=side))
    assert [word for word, _ in first.lists[0].words] == [
        f"l{n}" for n in range(1, 1 + WORDS_LISTED)
    ]
    assert first.lists[0].more == 18 - WORDS_LISTED


def test_the_sum_is_accounted_for():
    explanation = replace(make_signed(), similarity=0.63, remainder=0.22)
    assert describe_sum(explanation).startswith("Word pairs carry 0.410 of 0.630; 0.220 is left (")
    alone = replace(explanation, pair_contributions=None, remainder=-0.1)
    assert describe_sum(alone).startswith("Matched words carry 0.730 of 0.630; ")
    assert describe_sum(replace(explanation, remainder=None)) == ""


def test_a_gap_is_said_in_percent():
    assert "miss 1.2% of" in describe_gap(replace(make_signed(), completeness_gap=0.0123))
    assert describe_gap(make_signed()) == ""


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.0412, "+0.041"),
        (-0.0412, "−0.041"),
        (0.0004, "0.000"),
        (-0.0004, "0.000"),
        (12.0, "+12.000"),
    ],
)
def test_contributions_have_their_sign_and_zero_has_none(value, said):
    assert format_signed(value, 3) == said


@pytest.mark.parametrize(
    ("values", "decimals"),
    [
        ([], 3),
        ([0.0], 3),
        ([31.5], 3),
        ([0.5, -0.001], 3),
        ([-0.04], 3),
        ([0.004], 4),
        ([1e-12], 6),
    ],
)
def test_small_values_get_more_decimals(values, decimals):
    assert decimals_for(values) == decimals


def test_contributions_are_known_by_any_word_that_has_one():
    explanation = make_signed()
    assert has_contributions(explanation)
    bare = [
        replace(side, words=tuple(replace(w, contribution=None) for w in side.words))
        for side in (explanation.left, explanation.right)
    ]
    assert not has_contributions(replace(explanation, left=bare[0], right=bare[1]))
