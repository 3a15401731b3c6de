"""The page of a leaderboard: every number is written, and drawn where it belongs."""

import re
from html import unescape

import pytest
from test_leaderboard import BAD, GOOD, NEAR, board, entry

from whyalike.evaluation.leaderboard import page_of
from whyalike.render import render_leaderboard
from whyalike.render.leaderboard import (
    PAD,
    PLOT,
    BoardRow,
    BoardTable,
    plot_section,
    plot_table,
)


def test_numbers_ranks_and_best():
    page = page_of(board(entry("bad", BAD), entry("near", NEAR), entry("good", GOOD)))
    (table,) = page.sections[0].tables
    assert [(row.method, row.best) for row in table.rows] == [
        ("good", True),
        ("near", True),
        ("bad", False),
    ]
    html = unescape(render_leaderboard(page))
    shown = re.findall(r"<bdi>(good|near|bad)</bdi>.*?<td class=\"wa-figure\">([\d.]+)", html, re.S)
    assert [name for name, _ in shown] == ["good", "near", "bad"]
    assert float(shown[0][1]) == pytest.approx(sum(GOOD) / 12, abs=5e-4)
    assert html.count("wa-filled") == 2 + 1, "two marks, one rule of the style sheet"
    assert "higher is better" in html


def test_marks_stand_on_one_scale():
    rows = (BoardRow("a", 0.4, 0.3, 0.5, True), BoardRow("b", -0.1, -0.5, 0.1, False))
    table = plot_table(BoardTable("m", "s", "higher", rows))

    def place(value):
        return PAD + (PLOT - 2 * PAD) * (value + 0.5) / 1.0

    assert table.zero == pytest.approx(place(0), abs=0.1)
    for row, plotted in zip(rows, table.rows, strict=True):
        assert plotted.x == pytest.approx(place(row.mean), abs=0.1)
        assert plotted.low == pytest.approx(place(row.low), abs=0.1)
        assert plotted.low + plotted.width == pytest.approx(place(row.high), abs=0.2)


def test_zero_is_on_the_scale_where_it_is_near_and_a_single_value_is_drawn():
    near = plot_table(BoardTable("m", "s", "higher", (BoardRow("a", 0.2, 0.1, 0.3, True),)))
    assert near.zero == PAD
    far = plot_table(BoardTable("m", "s", "higher", (BoardRow("a", 0.9, 0.88, 0.92, True),)))
    assert far.zero is None
    point = plot_table(BoardTable("m", "s", "higher", (BoardRow("a", 0.9, 0.9, 0.9, True),)))
    assert point.rows[0].width > 0


def test_names_are_escaped():
    from dataclasses import replace

    found = board(entry("good", GOOD))
    html = render_leaderboard(page_of(replace(found, failures={"<b>x": "<script>"}), command="<i>"))
    assert "<script>" not in html.split("</style>")[1].split("<script>")[0]
    assert "&lt;script&gt;" in html


def test_curves_are_drawn_and_written():
    from dataclasses import replace

    curved = [
        replace(entry(name, values), curve=((1.0, 2.0), (values[0], values[1])))
        for name, values in (("good", GOOD), ("bad", BAD))
    ]
    html = render_leaderboard(page_of(board(*curved)))
    lines = re.findall(r'<polyline class="wa-line wa-line-(\w+)"[^>]*><title>(\w+)</title>', html)
    assert lines == [("other", "bad"), ("best", "good")]
    assert "<td>0.300</td><td>0.310</td>" in html
    assert "polyline class" not in render_leaderboard(page_of(board(entry("good", GOOD))))


def randomized(method, metric, values, chance=None):
    from dataclasses import replace

    return replace(entry(method, values, metric), chance=chance)


def test_randomised_weights_have_plots_of_their_own_on_one_scale():
    found = board(
        entry("bti", GOOD),
        *(
            randomized(method, metric, values, chance if "jaccard" in metric else None)
            for method, values in (("bti", GOOD), ("random", [v - 0.4 for v in GOOD]))
            for metric, chance in (
                ("spearman_random", None),
                ("jaccard_words_random", 0.05),
                ("spearman_kept", None),
                ("jaccard_words_kept", 0.05),
            )
        ),
        randomized("idf", "spearman_kept", [1.0] * 12),
    )
    (section,) = page_of(found).sections
    assert [table.metric for table in section.tables] == ["aopc_deletion"]
    assert [table.metric for table in section.randomized] == [
        "spearman_random",
        "spearman_kept",
        "jaccard_words_random",
        "jaccard_words_kept",
    ]
    plots = plot_section(section)
    one, kept, words, _ = plots.randomized
    assert one.ends == kept.ends == ("−0.06", "1.01"), "the scale of both is that of idf as well"
    assert one.reference == kept.reference == (one.zero, "no relation 0")
    assert words.reference[1] == "chance 0.050"
    ends = [min(v - 0.4 for v in GOOD) + 0.055 - 0.01, sum(GOOD) / 12 + 0.01]
    share = (0.05 - ends[0]) / (ends[1] - ends[0])
    assert words.reference[0] == pytest.approx(PAD + (PLOT - 2 * PAD) * share, abs=0.1)
    html = render_leaderboard(page_of(found))
    assert html.count('<line class="wa-reference"') == 2 + 3 + 2 + 2
    assert "When the weights are random" in html
    plain = render_leaderboard(page_of(board(entry("bti", GOOD))))
    assert "When the weights are random" not in plain
    assert '<line class="wa-reference"' not in plain


def test_a_run_from_before_chance_has_no_line_of_it():
    found = board(randomized("bti", "jaccard_words_random", GOOD))
    (table,) = plot_section(page_of(found).sections[0]).randomized
    assert table.reference is None
    assert '<line class="wa-reference"' not in render_leaderboard(page_of(found))
