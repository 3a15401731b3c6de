"""Sentences and phrases wherever an explanation is drawn: Markdown, terminal, picture."""

from dataclasses import replace
from itertools import pairwise

import pytest
from test_html import make_gloves
from test_markdown import parse, text_of

from whyalike.explanation import Unit, Units
from whyalike.render import terminal_methods_view
from whyalike.render.parts import plain_text


def with_units(kind="sentence", falls=(0.3, -0.2), shift=0.0):
    """The example, its right text in two: at the middle word."""
    found = make_gloves()
    text = found.right.text
    middle = found.right.words[len(found.right.words) // 2].start
    beside = {"sentence": "alone", "phrase": "separate"}[kind]
    spans = (0, len(text[:middle].rstrip())), (middle, len(text))
    right = tuple(
        Unit(*span, fall=fall + shift, **{beside: 0.25 + shift})
        for span, fall in zip(spans, falls, strict=True)
    )
    left = (Unit(0, len(found.left.text), fall=None, **{beside: 0.5}),)
    return replace(found, units=Units(kind, left, right)), [text[slice(*span)] for span in spans]


@pytest.mark.parametrize(("kind", "beside"), [("sentence", "alone"), ("phrase", "word by word")])
def test_markdown_has_a_row_for_each_unit(kind, beside):
    found, texts = with_units(kind)
    tokens = parse(found.to_markdown())
    cells = [b.content for a, b in pairwise(tokens) if a.type in ("td_open", "th_open")]
    assert cells[:3] == ["without", beside, ""]
    assert cells[3:5] == ["+0.300", "+0.250" if kind == "phrase" else "0.250"]
    said = text_of(found.to_markdown())
    assert f"{kind.capitalize()}softherighttext" in said
    assert "".join(texts[0].split()) in "".join(cells[5].replace("\\", "").split())
    assert "softherighttext" not in text_of(replace(found, units=None).to_markdown())


def test_markdown_says_how_many_sentences_matter_little():
    found, texts = with_units(falls=(0.3, 0.001))
    found = replace(
        found, units=replace(found.units, right=(*found.units.right[:1], _low(found.units)))
    )
    said = found.to_markdown()
    rows = [line for line in said.splitlines() if line.startswith("|")]
    assert any("1 sentence that adds less than 0.03" in row for row in rows)
    assert not any(" ".join(texts[1].split()) in row for row in rows)


def _low(units):
    return replace(units.right[1], alone=0.1)


def test_a_unit_can_not_break_the_table():
    found, _ = with_units()
    text = found.right.text.replace(" ", "|", 1)
    right = replace(found.right, text=text)
    tokens = parse(replace(found, right=right).to_markdown())
    cells = [b.content for a, b in pairwise(tokens) if a.type == "td_open"]
    assert cells[0] == "+0.300"
    assert cells[3] == "−0.200"  # The second row is where it should be.


def test_several_methods_have_their_units_once_in_a_terminal():
    one, texts = with_units()
    other = replace(with_units(shift=1e-6)[0], method="occlusion")  # Scores waver with batches.
    said = plain_text(terminal_methods_view([one, other], failures={}), width=200)
    assert said.count("sentences of the right text") == 1
    assert said.index("sentences of") < said.index("\nocclusion")
    assert "+0.300" in said
    assert texts[0] in said


def test_units_that_differ_stand_by_their_method():
    one, _ = with_units()
    other = replace(with_units(shift=0.1)[0], method="occlusion")
    said = plain_text(terminal_methods_view([one, other], failures={}), width=200)
    assert said.count("sentences of the right text") == 2
    assert said.index("+0.300") < said.index("\nocclusion") < said.index("+0.400")
    none = [replace(each, units=None) for each in (one, other)]
    assert "sentences of" not in plain_text(terminal_methods_view(none, failures={}), width=200)


@pytest.mark.parametrize("kind", ["sentence", "phrase"])
def test_the_picture_shows_them(kind):
    pytest.importorskip("matplotlib", reason="needs the extra 'plot'")
    from whyalike.render.figure import own_settings
    from whyalike.render.figure_page import draw_page
    from whyalike.render.view import view_explanation

    found, _ = with_units(kind)
    said = []
    for each in (found, replace(found, units=None)):
        with own_settings():
            figure = draw_page(each, view_explanation(each, id="figure"))
        said.append([text.get_text() for axes in figure.axes for text in axes.texts])
    assert f"{kind.capitalize()}s of the right text" in said[0]
    assert "+0.300" in said[0]
    assert "−0.200" in said[0]
    assert f"{kind.capitalize()}s of the right text" not in said[1]
