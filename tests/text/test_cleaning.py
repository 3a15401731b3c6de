"""The gate for texts: what passes unchanged, what is repaired, what is refused."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raising import raises
from whyalike import BM25, Lexicon
from whyalike.background import Background
from whyalike.errors import TextError, WhyalikeError
from whyalike.texts import checked_texts, clean_text

ANY_TEXT = st.text(st.characters(exclude_categories=()))


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n\t",
        "plain words",
        "cafe\u0301 and café",
        "日本語 👩‍👩‍👧 🇩🇪",
        "a\x00b\x1b[31m",
        "\ufeffword\u200b",
        "\U0010ffff\ufffe",
    ],
)
def test_what_utf_8_can_hold_passes_as_it_is(text):
    cleaned = clean_text(text, side="left")
    assert cleaned.text is text
    assert cleaned.warnings == ()


def test_a_lone_surrogate_becomes_one_replacement_character_and_is_mentioned():
    cleaned = clean_text("a\ud83dz", side="right")
    assert cleaned.text == "a\ufffdz"
    assert cleaned.warnings == (
        "In the right text 1 lone surrogate was replaced by U+FFFD, to be readable.",
    )


def test_both_halves_of_a_pair_are_counted_one_by_one():
    # Two escapes in a Python string stay two code points: they are no emoji.
    cleaned = clean_text("\ud83d\ude00", side="left")
    assert cleaned.text == "\ufffd\ufffd"
    assert "In the left text 2 lone surrogates were replaced" in cleaned.warnings[0]


@settings(deadline=None)
@given(ANY_TEXT)
def test_cleaning_keeps_every_offset_and_leaves_what_utf_8_can_hold(text):
    cleaned = clean_text(text, side="left").text
    cleaned.encode()
    assert len(cleaned) == len(text)
    for before, after in zip(text, cleaned, strict=True):
        assert after == ("\ufffd" if unicodedata.category(before) == "Cs" else before)


@settings(deadline=None)
@given(ANY_TEXT)
def test_cleaning_twice_changes_nothing_more(text):
    once = clean_text(text, side="left").text
    twice = clean_text(once, side="left")
    assert twice.text == once
    assert twice.warnings == ()


@pytest.mark.parametrize("value", [None, 3, 2.5, ["words"], {"text": "words"}, object()])
def test_what_is_no_string_is_refused_with_its_type(value):
    with raises(TextError, "left text", type(value).__name__, "str"):
        clean_text(value, side="left")


@pytest.mark.parametrize("value", [b"words", bytearray(b"words")])
def test_bytes_are_not_guessed_at(value):
    with raises(TextError, "right text", "decode"):
        clean_text(value, side="right")


def test_the_error_can_be_caught_as_a_value_error_and_as_ours():
    with pytest.raises(ValueError, match="not str") as caught:
        clean_text(None, side="left")
    assert isinstance(caught.value, WhyalikeError)


def test_a_subclass_of_str_is_a_text():
    class Title(str):
        __slots__ = ()

    assert clean_text(Title("two words"), side="left").text == "two words"


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ("abc", "background is of type str"),
        (b"abc", "background is of type bytes"),
        (7, "background is of type int"),
        (["a", 7], "Text 1 of background is of type int, not str"),
    ],
)
def test_an_error_names_the_argument(texts, said):
    with pytest.raises(TextError) as caught:
        Background(texts)
    assert said in str(caught.value)


def test_a_table_is_no_iterable_of_texts():
    table = pytest.importorskip("pandas").DataFrame({"id": ["a"], "text": ["warm gloves"]})
    for read in (Background, BM25, Lexicon.fit):
        with pytest.raises(TextError, match=r"2 columns \('id', 'text'\): .* table\['text'\]"):
            read(table)
    assert checked_texts(table["text"]) == ["warm gloves"]
