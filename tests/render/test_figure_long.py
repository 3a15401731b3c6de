"""What a picture draws of long texts: the sentences with a pair, and how tall it is then."""

import struct
from dataclasses import replace
from io import BytesIO

import pytest
from test_verdict import side

from whyalike.explanation import Explanation, WordPair
from whyalike.render.figure import PAIRS_SHOWN
from whyalike.render.figure_long import AROUND, LEFT_OUT, LONG, take_excerpt
from whyalike.render.parts import cut_into_segments

SENTENCES = [f"Sentence number {n} says nothing of any use to anybody here." for n in range(90)]
TEXT = " ".join(SENTENCES)
EACH = 12
"""Words of a sentence, its full stop included."""


def excerpt_of(text, paired):
    """The excerpt of a text whose words at these places are the best pairs, best first."""
    pairs = [WordPair(place, 0, 0.5, 0.5) for place in paired]
    return take_excerpt(cut_into_segments(side(text), pairs, which="left"))


def said(excerpt):
    return "".join(one.text for one in excerpt.segments)


def test_a_short_text_is_drawn_whole():
    text = " ".join(SENTENCES[:10])
    assert len(side(text).words) <= LONG
    found = excerpt_of(text, [3])
    assert (said(found), found.note) == (text, "")


def test_of_a_long_text_the_sentences_with_a_pair_are_drawn():
    words = len(side(TEXT).words)
    assert words == 90 * EACH
    places = [EACH * 70 + 1, EACH * 3 + 1, EACH * 3 + 4]
    found = excerpt_of(TEXT, places)
    assert said(found) == f"{LEFT_OUT}{SENTENCES[3]}{LEFT_OUT}{SENTENCES[70]}{LEFT_OUT}"
    assert found.note == f"{2 * EACH:,} of {words:,} words are drawn: the sentences with a pair"
    marked = {one.word for one in found.segments if one.marks}
    assert marked == set(places)


def test_pairs_that_have_no_link_keep_no_sentence():
    places = [EACH * n for n in range(PAIRS_SHOWN + 5)]
    found = excerpt_of(TEXT, places)
    assert said(found) == " ".join(SENTENCES[:PAIRS_SHOWN]) + LEFT_OUT


def test_of_a_sentence_without_an_end_the_words_around_a_pair_are_drawn():
    text = " ".join(f"word{n}" for n in range(400))
    found = excerpt_of(text, [200])
    around = " ".join(f"word{n}" for n in range(200 - AROUND, 200 + AROUND + 1))
    assert said(found) == f"{LEFT_OUT}{around}{LEFT_OUT}"


def test_a_long_text_without_pairs_is_drawn_as_before():
    found = excerpt_of(TEXT, [])
    assert (said(found), found.note) == (TEXT, "")


def test_a_picture_of_two_texts_of_900_words_is_no_taller_than_two_pages():
    pytest.importorskip("matplotlib", reason="needs the extra 'plot'")
    from whyalike.render import draw_figure

    pairs = tuple(WordPair(EACH * n + 1, EACH * (89 - n) + 1, 0.5, 0.3 - n / 100) for n in range(6))
    explanation = Explanation(
        similarity=0.5,
        similarity_function="cosine",
        method="whyalike",
        model="m",
        pooling="model",
        left=side(TEXT),
        right=side(TEXT),
        pairs=pairs,
        matches=pairs,
    )
    heights = {}
    for name, one in (("long", explanation), ("without", replace(explanation, pairs=()))):
        stream = BytesIO()
        draw_figure(one, stream, format="png")
        width, heights[name] = struct.unpack(">II", stream.getvalue()[16:24])
        assert width == 2000
    assert heights["long"] < 2900 < heights["without"]
