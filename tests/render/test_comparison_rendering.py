"""Why one text above another, as the reader sees it: HTML, terminal and figure."""

import io
from dataclasses import replace

import pytest
from signed_explanations import MATRIX, make_signed
from test_html import HOSTILE, Page

from whyalike.comparison import Comparison, MarginChecks, MarginDeletion
from whyalike.explanation import ExplainedText
from whyalike.render import draw_comparison, render_comparison, render_comparison_text
from whyalike.render.comparison import view_comparison

OTHER = tuple(tuple(-value / 2 for value in row) for row in MATRIX)


def make_comparison(
    better="cosy mittens but cold", worse="red wine from Rioja", query="warm gloves, not cold"
):
    first = make_signed(query, better)
    second = replace(make_signed(query, worse, OTHER, pairs=((2, 1),)), similarity=0.2)
    return Comparison(better=first, worse=second)


def checked(comparison, *deletions, together=None):
    """With these scores without words: (query, better, worse, score with better, with worse)."""
    rows = tuple(MarginDeletion(*one) for one in deletions)
    both = None if together is None else MarginDeletion(*together)
    return replace(comparison, checks=MarginChecks(rows, both))


def test_rows_are_the_words_by_what_they_add_to_the_margin():
    comparison = make_comparison()
    view = view_comparison(comparison, id="c")
    columns = [sum(column) for column in zip(*MATRIX, strict=True)]
    expected = dict(zip(["cosy", "mittens", "but", "cold"], columns, strict=True))
    # What adds to the lower text's similarity lowers the margin: its columns are minus half.
    lower = zip(["red", "wine", "from", "Rioja"], columns, strict=True)
    expected |= {word: value / 2 for word, value in lower}
    rows = {row.word: row for row in view.text_rows.rows}
    assert {word: row.effect for word, row in rows.items()} == pytest.approx(expected)
    order = [row.word for row in view.text_rows.rows]
    # Function words come last, and each half is sorted by size.
    assert order[-2:] == ["but", "from"]
    sizes = [abs(expected[word]) for word in order[:-2]]
    assert sizes == sorted(sizes, reverse=True)
    greatest = max(abs(r.effect) for r in (*view.text_rows.rows, *view.query_rows.rows))
    for row in (*view.text_rows.rows, *view.query_rows.rows):
        assert row.bar == pytest.approx(100 * abs(row.effect) / greatest, abs=0.06)
    assert (rows["mittens"].better, rows["mittens"].worse) == ("+0.105", "")
    assert (rows["wine"].better, rows["wine"].worse) == ("", "\N{MINUS SIGN}0.053")
    assert view.said == "+0.300"


def test_query_rows_say_what_a_word_adds_with_either_text_and_its_best_match_there():
    rows = {row.word: row for row in view_comparison(make_comparison(), id="c").query_rows.rows}
    assert rows["gloves"].partners == ("mittens", "")
    assert rows["not"].partners[1] == "wine"
    sums = {w: sum(r) for w, r in zip(("warm", "gloves", "not", "cold"), MATRIX, strict=True)}
    assert {w: r.effect for w, r in rows.items()} == pytest.approx(
        {word: 1.5 * value for word, value in sums.items()}
    )
    assert rows["gloves"].better == "+0.133"
    assert float(rows["gloves"].worse.replace("\N{MINUS SIGN}", "-")) == pytest.approx(
        -0.0665, abs=6e-4
    )


def test_what_was_checked_is_shown_and_nothing_else():
    comparison = checked(
        make_comparison(),
        ((1,), (), (), 0.3, 0.25),
        ((3,), (), (), 0.45, 0.2),
        ((), (1,), (), 0.38, 0.2),
    )
    view = view_comparison(comparison, id="c")
    shown = [(row.word, row.better, row.worse, row.said) for row in view.query_rows.rows]
    assert shown == [
        ("gloves", "+0.200", "\N{MINUS SIGN}0.050", "+0.250"),
        ("cold", "+0.050", "0.000", "+0.050"),
    ]
    assert [(row.word, row.said) for row in view.text_rows.rows] == [("mittens", "+0.120")]
    assert view.query_rows.more == "and 2 more, not checked"
    assert view.text_rows.more == "and 7 more, not checked"
    # The shades say what the tables say: gloves are the greatest, and mittens about half of it.
    words = {word.text: word.saliency for text in view.texts for word in text.words}
    assert words["gloves"] == 1.0
    assert words["mittens"] == pytest.approx(0.12 / 0.25)
    for shown in (render_comparison_text(comparison), render_comparison(comparison)):
        assert "Checked: what the score loses" in shown


def test_where_no_row_of_a_table_could_be_checked_its_numbers_are_estimates():
    unscored = checked(make_comparison(), ((1,), (), (), None, None), ((), (1,), (), 0.38, 0.2))
    view = view_comparison(unscored, id="c")
    assert view.query_rows.rows
    assert all(row.said.startswith("≈") for row in view.query_rows.rows)
    assert "≈: estimated" in view.source
    assert not any("≈" in row.said for row in view.text_rows.rows)


def test_a_word_that_is_there_more_than_once_is_one_row():
    repeated = make_comparison(
        query="gloves Gloves not gloves", better="cosy Wine but wine", worse="red wine from red"
    )
    view = view_comparison(repeated, id="c")
    rows = {row.word: row for row in (*view.query_rows.rows, *view.text_rows.rows)}
    assert set(rows) == {"gloves", "not", "cosy", "Wine", "but", "red", "from"}
    assert (rows["gloves"].count, rows["Wine"].count, rows["cosy"].count) == ("×3", "×3", "")
    sums = [1.5 * sum(row) for row in MATRIX]
    assert rows["gloves"].effect == pytest.approx(sums[0] + sums[1] + sums[3])
    columns = [sum(column) for column in zip(*MATRIX, strict=True)]
    assert rows["Wine"].effect == pytest.approx(columns[1] + columns[3] + columns[1] / 2)
    assert "gloves ×3" in render_comparison_text(repeated)


@pytest.mark.parametrize("render", [render_comparison, render_comparison_text])
def test_every_number_and_word_is_there(render):
    shown = render(make_comparison())
    if render is render_comparison:
        page = Page(shown)
        shown = " ".join(text for _, _, text in page.select("whyalike"))
        ids = page.attributes("id")
        assert len(ids) == len(set(ids))
        assert set(page.attributes("aria-labelledby")) <= set(ids)
    for said in ("+0.300", "0.500", "0.200", "+0.133 mittens", "Rioja", "token_similarity"):
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
    assert page.index("Lower text") < page.index("Higher text")
    assert "draws the text scored higher to the query lowers the margin" in page
    view = view_comparison(upside_down, id="c")
    assert [standing.name for standing in view.standings] == ["lower text", "higher text"]
    rows = {row.word: row for row in view.text_rows.rows}
    # The first text is the one scored lower.
    assert rows["mittens"].better == ""
    assert rows["mittens"].worse == "+0.105"
    assert rows["Rioja"].worse == ""
    standings = view_comparison(other, id="c").standings
    assert [standing.name for standing in standings] == ["higher text", "lower text"]


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
    standings = view_comparison(tie, id="c").standings
    assert [standing.name for standing in standings] == ["first text", "second text"]


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
    assert "<script>alert" not in comparison.to_markdown()
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
    assert "the query has no words" in render_comparison(comparison)


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
