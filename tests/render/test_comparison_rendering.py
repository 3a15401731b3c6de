"""Why one text above another, as the reader sees it: HTML, terminal and figure."""

import io
from dataclasses import replace

import pytest
from signed_explanations import MATRIX, make_signed
from test_html import HOSTILE, Page

from whyalike.explanation import Comparison, ExplainedText
from whyalike.render import draw_comparison, render_comparison, render_comparison_text
from whyalike.render.comparison import view_comparison

OTHER = tuple(tuple(-value / 2 for value in row) for row in MATRIX)


def make_comparison(
    better="cosy mittens but cold", worse="red wine from Rioja", query="warm gloves, not cold"
):
    first = make_signed(query, better)
    second = replace(make_signed(query, worse, OTHER, pairs=((2, 1),)), similarity=0.2)
    return Comparison(better=first, worse=second)


def test_rows_are_the_words_by_what_they_add_to_the_margin():
    comparison = make_comparison()
    view = view_comparison(comparison, id="c")
    columns = [sum(column) for column in zip(*MATRIX, strict=True)]
    expected = [
        (w, "scored higher", v)
        for w, v in zip(["cosy", "mittens", "but", "cold"], columns, strict=True)
    ]
    # What adds to the lower text's similarity lowers the margin: its columns are minus half.
    expected += [
        (w, "scored lower", v / 2)
        for w, v in zip(["red", "wine", "from", "Rioja"], columns, strict=True)
    ]
    expected.sort(key=lambda row: -abs(row[2]))
    assert [(r.word, r.where) for r in view.rows] == [row[:2] for row in expected]
    assert [r.effect for r in view.rows] == pytest.approx([row[2] for row in expected])
    greatest = max(abs(r.effect) for r in (*view.rows, *view.query_rows))
    for row in (*view.rows, *view.query_rows):
        assert row.bar == pytest.approx(100 * abs(row.effect) / greatest, abs=0.06)
    assert view.said == "+0.300"


def test_query_rows_name_the_best_partner_in_either_text():
    rows = {row.word: row for row in view_comparison(make_comparison(), id="c").query_rows}
    assert rows["gloves"].better == ("mittens", "0.120")
    assert rows["gloves"].worse == ("", "")
    assert rows["not"].worse[0] == "wine"
    sums = {w: sum(r) * 1.5 for w, r in zip(("warm", "gloves", "not", "cold"), MATRIX, strict=True)}
    assert {w: r.effect for w, r in rows.items()} == pytest.approx(sums)


@pytest.mark.parametrize("render", [render_comparison, render_comparison_text])
def test_every_number_and_word_is_there(render):
    shown = render(make_comparison())
    if render is render_comparison:
        page = Page(shown)
        shown = " ".join(text for _, _, text in page.select("whyalike"))
        ids = page.attributes("id")
        assert len(ids) == len(set(ids))
        assert set(page.attributes("aria-labelledby")) <= set(ids)
    for said in ("+0.300", "0.500", "0.200", "mittens 0.120", "Rioja", "token_similarity"):
        assert said in " ".join(shown.split())


def test_a_margin_below_zero_is_said():
    other = make_comparison()
    upside_down = Comparison(better=other.worse, worse=other.better)
    for shown in (render_comparison(upside_down), render_comparison_text(upside_down)):
        assert "\N{MINUS SIGN}0.300" in shown
        assert "does not agree" in " ".join(shown.split())


def test_a_text_is_called_by_the_score_that_it_has():
    other = make_comparison()
    upside_down = Comparison(better=other.worse, worse=other.better)
    shown = render_comparison_text(upside_down)
    assert shown.index("text scored lower (0.200)") < shown.index("text scored higher (0.500)")
    page = " ".join(text for _, _, text in Page(render_comparison(upside_down)).select("whyalike"))
    assert page.index("Text scored lower") < page.index("Text scored higher")
    assert page.index("Scored lower") < page.index("Scored higher")
    assert "draws the text scored higher to the query lowers it" in page
    view = view_comparison(upside_down, id="c")
    called = {row.word: row.where for row in view.rows}
    assert called["mittens"] == "scored higher"
    assert called["Rioja"] == "scored lower"
    assert [s.name for s in view_comparison(other, id="c").standings] == [
        "scored higher",
        "scored lower",
    ]


@pytest.mark.parametrize("render", [render_comparison, render_comparison_text])
def test_texts_of_equal_scores_are_called_by_their_places(render):
    one = make_comparison()
    tie = Comparison(better=replace(one.better, warnings=("Long.",)), worse=one.better)
    shown = render(tie)
    assert "scored higher" not in shown.lower()
    assert "scored lower" not in shown.lower()
    for said in ("first text, scored the same", "second text, scored the same"):
        assert said in shown.lower()
    assert "With the first text: Long." in shown
    assert {row.where for row in view_comparison(tie, id="c").rows} == {"first", "second"}


def test_texts_of_strangers_are_escaped():
    hostile = f"{HOSTILE} a b c d"
    first = replace(
        make_signed(),
        left=ExplainedText(hostile, ()),
        pair_contributions=None,
        pairs=(),
        matches=(),
    )
    comparison = Comparison(better=first, worse=first)
    assert "<script>alert" not in render_comparison(comparison)
    named = replace(first, model="a\x1b[31m")
    assert "\x1b" not in render_comparison_text(Comparison(better=named, worse=named))


def test_warnings_say_of_which_text_they_are():
    comparison = make_comparison()
    one = replace(comparison.better, warnings=("Both.", "First."))
    other = replace(comparison.worse, warnings=("Both.", "Second."))
    view = view_comparison(Comparison(better=one, worse=other), id="c")
    assert view.warnings == (
        "Both.",
        "With the text scored higher: First.",
        "With the text scored lower: Second.",
    )


def test_empty_texts():
    nothing = replace(
        make_signed(),
        left=ExplainedText("", ()),
        right=ExplainedText("", ()),
        pairs=(),
        matches=(),
        pair_contributions=None,
    )
    comparison = Comparison(better=nothing, worse=nothing)
    assert "The query has no word." in render_comparison(comparison)
    assert "Neither text has a word." in render_comparison_text(comparison)
    assert "scores both texts the same" in render_comparison(comparison)


def test_the_figure_is_drawn_and_the_same_each_time():
    pytest.importorskip("matplotlib")
    pictures = []
    for _ in range(2):
        stream = io.BytesIO()
        draw_comparison(make_comparison(), stream, format="svg")
        pictures.append(stream.getvalue())
    assert pictures[0] == pictures[1]
    stream = io.BytesIO()
    draw_comparison(
        make_comparison(better=" ".join(["cosy"] * 3 + ["x" * 90])), stream, format="png", dpi=50
    )
    assert stream.getvalue().startswith(b"\x89PNG")
