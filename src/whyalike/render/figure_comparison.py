"""A comparison as a figure for print: PNG, or SVG with its text as paths."""

from os import PathLike
from typing import IO, TYPE_CHECKING

from whyalike.explanation import Comparison
from whyalike.render.comparison import ComparisonView, view_comparison
from whyalike.render.figure import Format, own_settings, save_figure
from whyalike.render.parts import ACCENT, HAIRLINE, LEVELS, MUTED

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from whyalike.render.figure_sheet import Sheet

BAR = 110.0


def draw_comparison(
    comparison: Comparison,
    path_or_file: str | PathLike[str] | IO[bytes],
    *,
    format: Format,
    dpi: int = 200,
) -> None:
    """Draw the query, both texts and the words that make the difference; write as ``format``.

    ``dpi`` is for PNG only. Raises MissingExtraError if matplotlib is not installed.
    """
    with own_settings():
        figure = _draw(comparison, view_comparison(comparison, id="figure"))
        save_figure(figure, path_or_file, format=format, dpi=dpi)


def _draw(comparison: Comparison, view: ComparisonView) -> "Figure":
    from whyalike.render.figure import COLUMN, GUTTER, MARGIN, WIDTH
    from whyalike.render.figure_page import draw_side, draw_warnings
    from whyalike.render.figure_sheet import Sheet

    sheet = Sheet(WIDTH)
    y = _draw_header(sheet, view, MARGIN)
    y = draw_warnings(sheet, view.warnings, y + 10)
    wide = WIDTH - 2 * MARGIN
    y = draw_side(sheet, comparison.query, view.query, MARGIN, y, column=wide).bottom + 6
    left = draw_side(sheet, comparison.better_text, view.better, MARGIN, y)
    right = draw_side(sheet, comparison.worse_text, view.worse, MARGIN + COLUMN + GUTTER, y)
    y = _draw_legend(sheet, view, max(left.bottom, right.bottom))
    ends = (
        _draw_effects(sheet, view, MARGIN, y),
        _draw_query(sheet, view, MARGIN + COLUMN + GUTTER - 30, y),
    )
    sheet.cut_at(max(ends) + MARGIN)
    return sheet.figure


def _draw_header(sheet: "Sheet", view: ComparisonView, y: float) -> float:
    from whyalike.render.figure import COLUMN, MARGIN, SMALL, WIDTH

    sheet.text(MARGIN, y + 28, view.said, 28, bold=True)
    x = MARGIN + sheet.measure(view.said, 28, bold=True) + 8
    sheet.text(x, y + 28, "margin", 11, color=MUTED)
    against = f"{view.kind} {view.better_similarity} against {view.worse_similarity}"
    said = f"{against}. {view.note}" if view.note else against
    sheet.text(MARGIN, y + 42, said, SMALL, color=MUTED)
    left = WIDTH - MARGIN - COLUMN
    for row, (name, value) in enumerate(view.facts):
        baseline = y + 4 + 12 * (row + 0.5)
        sheet.text(left, baseline, name, SMALL, color=MUTED)
        sheet.text(left + 44, baseline, sheet.shorten(value, COLUMN - 44, SMALL), SMALL)
    return y + max(50, 12 * len(view.facts) + 2)


def _draw_legend(sheet: "Sheet", view: ComparisonView, y: float) -> float:
    from whyalike.render.figure import MARGIN, SMALL

    x = MARGIN
    sheet.text(x, y + 8, "Adds to the margin  0", SMALL, color=MUTED)
    x += sheet.measure("Adds to the margin  0", SMALL) + 4
    for tone in LEVELS[::2]:
        sheet.box(x, y + 1, 8, 8, tone, radius=0)
        x += 8
    sheet.text(x + 4, y + 8, "most", SMALL, color=MUTED)
    x += 36
    if view.has_negative:
        sheet.box(x, y + 1, 16, 8, LEVELS[12], hatched=True)
        sheet.text(x + 20, y + 8, "lowers it", SMALL, color=MUTED)
    return y + 34


def _draw_effects(sheet: "Sheet", view: ComparisonView, x: float, y: float) -> float:
    from whyalike.render.figure import SMALL

    sheet.text(x, y + 9, "What makes the difference", 9, bold=True)
    y += 20
    for row in view.rows:
        sheet.text(x, y + 9, sheet.shorten(row.word, 90, 9), 9)
        sheet.text(x + 94, y + 9, row.where, SMALL, color=MUTED)
        sheet.text(x + 190, y + 9, row.said, 9, align="right")
        sheet.box(x + 198, y + 3.5, BAR, 4, HAIRLINE)
        sheet.box(
            x + 198, y + 3.5, max(1.0, BAR * row.bar / 100), 4, ACCENT, hatched=row.effect < 0
        )
        y += 15
    if view.more_rows:
        sheet.text(x, y + 9, f"and {view.more_rows:,} more", SMALL, color=MUTED)
        y += 15
    return y


def _draw_query(sheet: "Sheet", view: ComparisonView, x: float, y: float) -> float:
    from whyalike.render.figure import SMALL

    sheet.text(x, y + 9, "Word by word of the query", 9, bold=True)
    y += 20
    for standing, place in zip(view.standings, (90.0, 196.0), strict=True):
        sheet.text(x + place, y + 5, standing.name, SMALL, color=MUTED)
    y += 10
    for row in view.query_rows:
        sheet.text(x, y + 9, sheet.shorten(row.word, 84, 9), 9)
        for (word, score), place in ((row.better, 90.0), (row.worse, 196.0)):
            said = f"{sheet.shorten(word, 66, SMALL)} {score}" if word else "–"
            sheet.text(x + place, y + 9, said, SMALL, color=MUTED)
        sheet.text(x + 325, y + 9, row.said, 9, align="right")
        y += 15
    if view.more_query_rows:
        sheet.text(x, y + 9, f"and {view.more_query_rows:,} more", SMALL, color=MUTED)
        y += 15
    return y
