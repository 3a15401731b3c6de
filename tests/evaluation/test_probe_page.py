"""The page and the terminal's view of a probe, from plain data."""

from dataclasses import replace

import pytest

from whyalike import Explainer
from whyalike.evaluation import find_blind_spots
from whyalike.probing.result import page_of, parts_of
from whyalike.render.probe import EDITS_LISTED, EDITS_SHOWN, render_probe, render_probe_text

HOSTILE = '<img src=x onerror="alert(1)"> \x1b[31m is not\u202e here and costs 30 dollars.'


def flat(texts):
    return [[float(len(text)), 1.0, 2.0] for text in texts]


@pytest.fixture(scope="module")
def result():
    texts = [
        "The room is warm and soft.",
        "It is not cheap.",
        ("a quiet hotel", "It is noisy now."),
    ]
    return find_blind_spots(Explainer(embed=flat), texts, explain=99)


def test_the_page_has_the_rates_the_blind_spots_and_every_edit(result):
    page = result.to_html()
    assert result.overall.blind.count >= 2
    assert page.count("wa-probe-spot") == len(result.blind_spots) + 1 + page_styles(page)
    for rate in result.rates:
        assert f"<bdi>{rate.rule}</bdi>" in page
    assert page.count("<article") == len(result.blind_spots)
    assert "Query: <bdi>a quiet hotel</bdi>" in page
    assert "script-src" in page


def page_styles(page):
    return page[: page.index("</style>")].count("wa-probe-spot")


def test_parts_put_together_are_both_texts(result):
    for score in result.scores:
        parts = parts_of(score.edit)
        assert "".join(text for kind, text in parts if kind != "new") == score.edit.text
        assert "".join(text for kind, text in parts if kind != "old") == score.edit.edited


def test_names_with_brackets_and_colons_are_said_as_they_are(result):
    rate = replace(page_of(result).rates[0], rule="[b]:cat:[/b]")
    page = replace(page_of(result), rates=(rate,))
    assert "[b]:cat:[/b]" in render_probe_text(page)


def test_nothing_from_users_becomes_markup_or_a_command():
    result = find_blind_spots(Explainer(embed=flat), [HOSTILE, (HOSTILE, HOSTILE)], explain=99)
    assert result.blind_spots
    page = result.to_html()
    assert "<img" not in page
    assert "&lt;img" in page
    said = str(result)
    assert "\x1b" not in said
    assert "\u202e" not in said


def test_the_terminal_is_80_columns_wide_and_says_what_hides(result):
    said = str(result)
    assert max(map(len, said.splitlines())) <= 80
    assert said.startswith(f"{result.overall.blind.count} of {result.overall.blind.total} changes")
    assert "[-" in said
    assert "hidden by: " in said
    assert "query: a quiet hotel" in said


def test_long_lists_are_cut_and_say_so(result):
    page = page_of(result)
    many = replace(page, edits=page.edits * (EDITS_SHOWN // len(page.edits) + 2))
    more = len(many.edits) - EDITS_SHOWN
    assert f"{more} more are not shown" in render_probe(many)
    assert f"and {len(many.edits) - EDITS_LISTED:,} more" in render_probe_text(many)


def test_one_text_has_no_table_of_rates_in_the_terminal():
    one = find_blind_spots(Explainer(embed=flat), ["It is warm."], explain=0)
    assert "interval" not in str(one).split("\n", 1)[1]
