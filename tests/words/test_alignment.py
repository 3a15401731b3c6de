"""Tokens mapped to words by overlap of their offsets in the raw text."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from whyalike.texts import find_words, is_mark
from whyalike.words import align, merge_spans

LETTERS = st.text("ab, .-1é日👍\n", max_size=16)


@st.composite
def texts_with_tokens(draw):
    """A text, its words, and tokens anywhere: overlapping, empty, out of order."""
    text = draw(LETTERS)
    bound = st.integers(0, len(text))
    spans = draw(st.lists(st.tuples(bound, bound), max_size=8))
    offsets = np.array([sorted(span) for span in spans], dtype=np.intp).reshape(-1, 2)
    return text, offsets


def align_slowly(text, spans, offsets):
    """Every token against every word."""
    links = []
    for token, (start, end) in enumerate(offsets.tolist()):
        covered = [
            word
            for word, (word_start, word_end) in enumerate(spans)
            if max(start, word_start) < min(end, word_end)
        ]
        real = [word for word in covered if not is_mark(text[slice(*spans[word])])]
        links += [(word, token) for word in (real or covered)]
    return sorted(links)


def links_of(alignment):
    return list(zip(alignment.link_words.tolist(), alignment.link_tokens.tolist(), strict=True))


def link(text, *tokens):
    """Align tokens given as substrings with their offsets."""
    spans = find_words(text)
    offsets = np.array(tokens, dtype=np.intp).reshape(-1, 2)
    alignment = align(text, spans, offsets)
    return {
        text[start:end]: [token for word, token in links_of(alignment) if word == index]
        for index, (start, end) in enumerate(spans)
    }


@settings(deadline=None)
@given(texts_with_tokens())
@example(("", np.zeros((0, 2), dtype=np.intp)))
@example(("a, b", np.zeros((0, 2), dtype=np.intp)))
@example(("", np.array([[0, 0]])))
def test_links_are_those_of_the_double_loop(case):
    text, offsets = case
    spans = find_words(text)
    alignment = align(text, spans, offsets)
    assert alignment.spans == spans
    assert links_of(alignment) == align_slowly(text, spans, offsets)


@settings(deadline=None)
@given(texts_with_tokens())
def test_has_token_says_which_words_have_a_link(case):
    text, offsets = case
    spans = find_words(text)
    alignment = align(text, spans, offsets)
    linked = {word for word, _ in align_slowly(text, spans, offsets)}
    assert alignment.has_token.tolist() == [word in linked for word in range(len(spans))]


def test_a_token_glued_to_a_mark_belongs_to_the_word_alone():
    assert link("gloves, too", (0, 7), (8, 11)) == {"gloves": [0], ",": [], "too": [1]}


def test_a_token_glued_to_marks_on_both_sides_belongs_to_the_word_alone():
    assert link("(soft)", (0, 6)) == {"(": [], "soft": [0], ")": []}


def test_a_token_that_covers_only_marks_belongs_to_each_of_them():
    assert link("?!", (0, 2)) == {"?": [0], "!": [0]}


def test_a_token_that_covers_one_mark_belongs_to_it():
    assert link("soft, new", (0, 4), (4, 5), (5, 9)) == {"soft": [0], ",": [1], "new": [2]}


def test_a_token_over_two_real_words_belongs_to_both():
    assert link("new york", (0, 8)) == {"new": [0], "york": [0]}


def test_a_token_over_two_real_words_and_a_mark_leaves_out_the_mark():
    assert link("a.b", (0, 3)) == {"a": [0], ".": [], "b": [0]}


def test_the_pieces_of_a_word_all_belong_to_it():
    assert link("touchscreen-compatible", (0, 5), (5, 11), (11, 12), (12, 22)) == {
        "touchscreen-compatible": [0, 1, 2, 3]
    }


def test_a_blank_inside_a_token_is_no_word():
    assert link("two words", (0, 3), (3, 9)) == {"two": [0], "words": [1]}


def test_byte_tokens_of_one_emoji_share_its_word():
    assert link("so 👍", (0, 2), (2, 4), (3, 4), (3, 4)) == {"so": [0], "👍": [1, 2, 3]}


@pytest.mark.parametrize("empty", [(0, 0), (2, 2), (3, 3), (4, 4), (9, 9)])
def test_a_token_with_an_empty_span_belongs_to_no_word(empty):
    assert link("two words", empty, (0, 3)) == {"two": [1], "words": []}


def test_a_token_that_only_touches_a_word_does_not_overlap_it():
    assert link("a b", (1, 2)) == {"a": [], "b": []}


def test_a_word_keeps_its_mark_only_tokens_beside_glued_ones():
    assert link("gloves,", (0, 7), (6, 7)) == {"gloves": [0], ",": [1]}


def merge_slowly(text, spans):
    """Trim each span, then unite spans that share a character."""
    trimmed = []
    for start, end in spans:
        places = [place for place in range(start, end) if not text[place].isspace()]
        if places:
            trimmed.append((places[0], places[-1] + 1))
    merged = []
    for start, end in sorted(trimmed):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)


@settings(deadline=None)
@given(texts_with_tokens())
def test_merged_spans_are_trimmed_sorted_and_apart(case):
    text, offsets = case
    spans = [(start, end) for start, end in offsets.tolist()]
    assert merge_spans(text, spans) == merge_slowly(text, spans)


@pytest.mark.parametrize(
    ("text", "spans", "merged"),
    [
        ("two words", [(0, 3), (3, 9)], ((0, 3), (4, 9))),
        ("👍👍", [(0, 1), (0, 1), (0, 1), (1, 2)], ((0, 1), (1, 2))),
        ("abc", [(1, 3), (0, 2)], ((0, 3),)),
        ("abc", [(0, 1), (1, 2), (2, 3)], ((0, 1), (1, 2), (2, 3))),
        ("a \n b", [(1, 4), (2, 2)], ()),
        ("abc", [], ()),
        ("", [(0, 0)], ()),
    ],
)
def test_merge_spans_by_example(text, spans, merged):
    assert merge_spans(text, spans) == merged
