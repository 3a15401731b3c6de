"""The page of an explanation with contributions: matrix, signed words, why not more alike."""

import re
from dataclasses import replace

import pytest
from signed_explanations import MATRIX, make_large, make_signed
from test_html import HOSTILE, Page, make_gloves

from whyalike.explanation import ExplainedText, Word
from whyalike.render import render_fragment, render_html
from whyalike.render.view import view_side


def grid_rows(page):
    """The cells of the first grid, row by row: tag, attributes, text."""
    markup = re.search(r'<table class="wa-grid".*?</table>', page, re.DOTALL).group()
    return [
        Page(f"<table>{row}</table>").elements[2:]
        for row in re.findall(r"<tr>.*?</tr>", markup, re.DOTALL)
    ]


def test_the_matrix_is_a_table_with_headers_for_rows_and_columns():
    page = render_html([make_signed()])
    head, *rows = grid_rows(page)
    columns = ["".join(text) for tag, a, text in head if a.get("scope") == "col"]
    assert columns == ["cosy", "mittens", "but", "cold"]
    assert len(rows) == 4
    for row, values in zip(rows, MATRIX, strict=True):
        assert [a["scope"] for tag, a, _ in row if tag == "th"] == ["row"]
        said = [a["data-value"] for tag, a, _ in row if tag == "td"]
        assert [float(value.replace("−", "-")) for value in said] == list(values)


def test_negative_cells_are_hatched_and_selected_ones_outlined():
    _, *rows = grid_rows(render_html([make_signed()]))
    classes = [[a["class"].split() for tag, a, _ in row if tag == "td"] for row in rows]
    # Of a full shade of .15: .120 is 16 of 20 levels, .031 is 4.
    assert classes[1][1] == ["wa-s16", "wa-chosen"]
    assert classes[2][1] == ["wa-s4", "wa-negative"]
    assert classes[0][2] == ["wa-s0"]


def test_without_a_matrix_there_is_no_grid_and_no_word_of_it():
    page = Page(render_html([make_gloves()]))
    assert not list(page.select("wa-grid"))
    assert not list(page.select("wa-why-not"))
    assert not list(page.select("wa-sum"))
    assert not list(page.select("wa-unmatched"))


def test_a_large_matrix_says_what_it_leaves_out_and_stays_small():
    page = render_html([make_large(400, 300)])
    assert "60 of 400 left words and 60 of 300 right words shown" in page
    assert len(list(Page(page).select("wa-grid"))) == 1
    assert page.count("<td") < 60 * 60 + 100


def test_words_say_what_they_add_and_that_they_match_nothing():
    page = Page(render_html([make_signed()]))
    titles = [a["title"] for _, a, text in page.elements if "data-word" in a and "title" in a]
    assert titles == [
        "saliency −0.51, adds −0.068, matches nothing",
        "saliency −0.01, adds −0.001, matches nothing",
    ]
    marked = [text for _, a, text in page.select("wa-unmatched") if a.get("data-word")]
    assert marked == ["not", "but"]


def test_tables_say_what_each_word_adds_instead_of_its_saliency():
    page = render_html([make_signed()])
    assert '<th scope="col" class="wa-figure wa-saliency">Left adds</th>' in page
    assert page.count(">+0.133</td>") == 2
    assert "the score is what the pair adds" in page
    assert "Left saliency" in render_html([make_gloves()])


def test_the_sum_and_the_legend_are_said():
    page = render_html([make_signed()])
    assert "Word pairs carry 0.242 of 0.500; 0.258 is left" in page
    assert "hatched: below zero" in page
    assert "dotted: matches nothing in the other text" in page


def test_why_not_more_alike_stands_beside_the_pairs():
    page = Page(render_html([make_signed()]))
    (section,) = page.select("wa-why-not")
    assert section[1]["role"] == "group"  # No landmark: a page may have several.
    said = " ".join(section[2].split())
    assert said == (
        "Why not more alike Words that match nothing Left not Right but "
        "Words that pull apart, each deleted alone, by estimate Left not −0.068"
    )


@pytest.mark.parametrize("payload", HOSTILE)
def test_nothing_from_users_becomes_markup_in_grids_and_lists(payload):
    def fill(text):
        word = Word(text, 0, len(text), -0.5, -0.2)
        side = ExplainedText(text, (word,), unmatched=(0,))
        explanation = replace(
            make_signed(),
            left=side,
            right=side,
            pairs=(),
            matches=(),
            pair_contributions=((-0.2,),),
        )
        return render_html([explanation]), render_fragment(explanation)

    for hostile, harmless in zip(fill(payload), fill("word"), strict=True):
        page = Page(hostile)
        assert page.shape() == Page(harmless).shape()
        assert not page.attributes("style")


def test_a_side_is_drawn_by_itself_with_its_contributions():
    side = make_signed().left
    view = view_side(side, "left", title="Query")
    assert view.title == "Query"
    assert not any(run.partners for run in view.runs)
    said = [run.said for run in view.runs if run.word is not None]
    assert said[0] == "saliency 0.67, adds +0.089"
    assert "".join(run.text for run in view.runs) == side.text
