"""What is left of a text when words are cut out or covered."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whyalike.texts import find_words, keep_words


def without(text, *removed, mask=None):
    spans = find_words(text)
    kept = [text[start:end] not in removed for start, end in spans]
    return keep_words(text, spans, kept, mask=mask)


@pytest.mark.parametrize(
    ("text", "removed", "left"),
    [
        ("knit gloves warm hands", ["gloves"], "knit warm hands"),
        ("knit gloves", ["knit"], "gloves"),
        ("knit gloves", ["gloves"], "knit"),
        ("  knit gloves \n", ["knit", "gloves"], ""),
        ("  knit gloves \n", ["gloves"], "  knit"),
        ("  knit gloves \n", ["knit"], "gloves \n"),
        ("warm gloves, knit", ["gloves"], "warm, knit"),
        ("warm gloves, knit", [","], "warm gloves knit"),
        ("warm gloves, knit", ["warm", "gloves"], ", knit"),
        ("gloves (and hats) knit", ["and"], "gloves (hats) knit"),
        ("gloves (and hats) knit", ["hats"], "gloves (and) knit"),
        ("gloves and/or hats", ["/"], "gloves and or hats"),
        ("one\n\ntwo three", ["two"], "one\n\nthree"),
        ("日本語", ["本"], "日語"),
        ("a a b", ["a"], "b"),
    ],
)
def test_white_space_is_tidied(text, removed, left):
    assert without(text, *removed) == left


def test_a_mask_stands_exactly_where_the_word_stood():
    assert without("warm gloves,  knit", "gloves", "knit", mask="[M]") == "warm [M],  [M]"


@given(st.text(alphabet="ab ,.\n(本👍-", max_size=20), st.data())
def test_the_kept_words_are_there_in_order_and_no_other_visible_character(text, data):
    spans = find_words(text)
    kept = data.draw(st.lists(st.booleans(), min_size=len(spans), max_size=len(spans)))
    left = keep_words(text, spans, kept)
    words = [text[start:end] for (start, end), stays in zip(spans, kept, strict=True) if stays]
    assert "".join(left.split()) == "".join("".join(words).split())
    if all(kept):
        assert left == text
    elif not any(kept):
        assert left == ""
