"""A comparison as a figure for print: PNG, or SVG with its text as paths."""

from os import PathLike
from typing import IO, TYPE_CHECKING

from whyalike.comparison import Comparison
from whyalike.render.comparison import ComparisonView, view_comparison
from whyalike.render.figure import Format, own_settings, save_figure
from whyalike.render.parts import ACCENT, HAIRLINE, LEVELS, MUTED
from whyalike.render.verdict import Piece

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from whyalike.render.figure_sheet import Sheet

BAR = 40.0
CELLS, CELL, ADDS = (80.0, 152.0), 66.0, 262.0
"""Of a table: where the cells of either text begin, how wide they are, where the sum ends."""
TABLE = ADDS + 6 + BAR


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
        figure = _draw(view_comparison(comparison, id="figure"))
        save_figure(figure, path_or_file, format=format, dpi=dpi)


def _draw(view: ComparisonView) -> "Figure":
    from whyalike.render.figure import COLUMN, GUTTER, MARGIN, SMALL, WIDTH
    from whyalike.render.figure_page import VERDICT, draw_sentence, draw_side, draw_warnings
    from whyalike.render.figure_sheet import Sheet

    sheet = Sheet(WIDTH)
    y = draw_sentence(sheet, view.verdict, MARGIN, size=VERDICT, leading=15) + 6
    y = _draw_header(sheet, view, y)
    y = draw_warnings(sheet, view.warnings, y + 10)
    right = MARGIN + COLUMN + GUTTER
    ends = (
        _draw_rows(sheet, view, MARGIN, y, of_query=True),
        _draw_rows(sheet, view, WIDTH - MARGIN - TABLE, y, of_query=False),
    )
    y = draw_sentence(sheet, (Piece(view.source),), max(ends) + 4, size=SMALL, leading=12) + 12
    query, better, worse = view.texts
    wide = WIDTH - 2 * MARGIN
    y = draw_side(sheet, query, view.query, MARGIN, y, column=wide).bottom + 6
    ends = (
        draw_side(sheet, better, view.better, MARGIN, y).bottom,
        draw_side(sheet, worse, view.worse, right, y).bottom,
    )
    sheet.cut_at(_draw_legend(sheet, view, max(ends)) + MARGIN)
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


def _draw_rows(
    sheet: "Sheet", view: ComparisonView, x: float, y: float, *, of_query: bool
) -> float:
    """Draw a table of words, and return where it ends."""
    from whyalike.render.figure import SMALL

    shown = view.query_rows if of_query else view.text_rows
    title = f"Word by word of {'the query' if of_query else 'both texts'}"
    sheet.text(x, y + 9, title, 9, bold=True)
    y += 24
    for standing, place in zip(view.standings, CELLS, strict=True):
        sheet.text(x + place, y, standing.name, SMALL, color=MUTED)
    sheet.text(x + ADDS, y, "adds", SMALL, color=MUTED, align="right")
    y += 4
    for row in shown.rows:
        word = f"{row.word} {row.count}".rstrip()
        sheet.text(x, y + 9, sheet.shorten(word, CELLS[0] - 6, 9), 9)
        for said, partner, place in zip((row.better, row.worse), row.partners, CELLS, strict=True):
            cell = sheet.shorten(f"{said or '–'} {partner}".rstrip(), CELL, SMALL)
            sheet.text(x + place, y + 9, cell, SMALL, color=MUTED)
        sheet.text(x + ADDS, y + 9, row.said, 9, align="right")
        sheet.box(x + ADDS + 6, y + 3.5, BAR, 4, HAIRLINE)
        wide = max(1.0, BAR * row.bar / 100)
        sheet.box(x + ADDS + 6, y + 3.5, wide, 4, ACCENT, hatched=row.effect < 0)
        y += 15
    if shown.more:
        sheet.text(x, y + 9, shown.more, SMALL, color=MUTED)
        y += 15
    return y
