"""A long text by its sentences: nothing of it is lost, and what is folded matters less."""

import re

import pytest

from tiny_models import tiny
from whyalike import Explainer
from whyalike.render import long_texts
from whyalike.render.long_texts import FOLDED, LONG, is_long
from whyalike.render.view import view_explanation

MATCH = "A soft wool hat for winter days."
NOISE = "Lemons number {n} are sour, and nobody eats more than two or three of them for lunch."


def count_letters(texts):
    import numpy as np

    letters = "abcdefghijklmnopqrstuvwxyz"
    return np.array([[0.3, *(text.lower().count(c) for c in letters)] for text in texts])


@pytest.fixture(scope="module")
def explainer():
    return Explainer(embed=count_letters)


def sentences_of(count):
    said = [NOISE.format(n=n) for n in range(count)]
    said.insert(count // 2, MATCH)
    return said


def text_of(count, *, gap=" "):
    return gap.join(sentences_of(count))


def view_of(explanation, side=1):
    return view_explanation(explanation, id="e1").sides[side]


@pytest.mark.parametrize("gap", [" ", "\n\n", "  \n "])
@pytest.mark.parametrize("unit", ["word", "sentence"])
def test_the_sentences_are_the_text(explainer, gap, unit):
    text = text_of(12, gap=gap)
    found = explainer.explain("soft wool hats", text, unit=unit)
    assert is_long(found.right)
    long = view_of(found).long
    said = ["".join(run.text for run in row.runs) for row in long.rows]
    assert said == sentences_of(12)
    assert [row.number for row in long.rows] == list(range(1, 14))
    words = [run.word for row in long.rows for run in row.runs if run.word is not None]
    assert words == list(range(len(found.right.words)))
    assert any(row.opens_paragraph for row in long.rows) == (gap == "\n\n")


def test_numbers_are_sums_of_contributions_or_measured(explainer):
    text = text_of(12)
    found = explainer.explain("soft wool hats", text)
    long = view_of(found).long
    assert not long.measured
    at = 0
    for row in long.rows:
        sentence = "".join(run.text for run in row.runs)
        start = text.index(sentence, at)
        at = start + len(sentence)
        own = [w.contribution for w in found.right.words if start <= w.start < at]
        said = float(row.values[0].replace("\N{MINUS SIGN}", "-"))
        assert said == pytest.approx(sum(own), abs=1e-3)
    measured = view_explanation(explainer.explain("soft wool hats", text, unit="sentence"), id="e1")
    own = measured.sides[1].long
    assert own.measured
    assert all(len(row.values) == 2 for row in own.rows)
    # They stand in the text, and not above it once more.
    assert measured.units is None
    both = explainer.explain("A soft hat. A wool hat.", text, unit="sentence")
    sides = view_explanation(both, id="e1").units.sides
    assert [side.title for side in sides] == ["Left text"]


def test_sentences_without_a_pair_are_folded(explainer):
    found = explainer.explain("soft wool hats for winter days", text_of(30))
    long = view_of(found).long
    folded = [part for part in long.parts if part.folded]
    assert folded
    for part in long.parts:
        paired = [any(run.partners for run in row.runs) for row in part.rows]
        if part.folded:
            assert not any(paired)
            assert sum(row.words for row in part.rows) >= FOLDED
            count = int(re.match(r"(\d+) sentence", part.folded)[1])
            assert count == len(part.rows)
    pairs = {pair.right for pair in found.pairs}
    shown = {
        run.word for part in long.parts if not part.folded for row in part.rows for run in row.runs
    }
    assert pairs <= shown


def test_the_map_is_in_proportion(explainer):
    found = explainer.explain("soft wool hats", text_of(20))
    long = view_of(found).long
    assert long.rows[0].top == 0
    assert abs(long.rows[-1].top + long.rows[-1].size - 1000) <= 1
    for row, following in zip(long.rows, long.rows[1:], strict=False):
        assert row.top + row.size <= following.top + 1
    assert len(long.marks) == len({pair.right for pair in found.pairs})
    assert all(0 <= at <= 1000 for at in long.marks)


def test_short_texts_stay_as_they_are(explainer):
    found = explainer.explain("soft wool hats", text_of(2))
    assert len(found.right.words) < LONG
    first, second = view_explanation(found, id="e1").sides
    assert first.long is second.long is None
    assert not first.sticks
    beside = view_explanation(explainer.explain("soft wool hats", text_of(20)), id="e1").sides
    assert beside[0].sticks
    assert not beside[1].sticks
    assert not view_of(explainer.explain(text_of(20), text_of(20)), 0).sticks


def test_what_was_not_read_stands_around_the_sentences(monkeypatch):
    monkeypatch.setattr(long_texts, "LONG", 20)
    long = " ".join([f"The wool hat {n} is warm." for n in range(90)])
    explainer = Explainer(tiny("bert").parts)
    found = explainer.explain("a warm hat", long)
    side = view_of(found)
    assert found.right.unread_words > 0
    assert side.long.rows[-1].unread == side.unread != ""
