"""Table 1 of a study as a picture, with the intervals drawn."""

from os import PathLike
from typing import IO, TYPE_CHECKING

from whyalike.render.figure import own_settings, save_figure
from whyalike.render.figure_measures import MARGIN, SMALL, WIDTH
from whyalike.render.palette import ACCENT, HAIRLINE, INK, MUTED
from whyalike.render.scale import place_between
from whyalike.render.study import Range, StudyPage, StudyRow, StudyTable

if TYPE_CHECKING:
    from whyalike.render.figure_sheet import Sheet

NAME, SIZE, LINE = 150.0, 10.0, 20.0
CELLS, PLOT = (MARGIN + 235, MARGIN + 335), (MARGIN + 365, WIDTH - MARGIN)
DOTS = "Thin marks: each judge's mean."
ALERT, DOT = "#a3141f", "#8f9aab"


def draw_study_table(
    page: StudyPage, path_or_file: str | PathLike[str] | IO[bytes], *, dpi: int = 200
) -> None:
    """Draw method, score and interval of each row of Table 1 and write a PNG, ten inches wide.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    with own_settings(what="PNG output"):
        from whyalike.render.figure_sheet import Sheet

        sheet = Sheet(WIDTH)
        y = _draw_head(sheet, page, MARGIN - 10)
        for row in page.table_1.rows:
            _draw_row(sheet, row, page.table_1, y)
            y += LINE
        y = _draw_caption(sheet, f"{page.table_1.caption} {DOTS}", y + 6)
        sheet.cut_at(y + MARGIN)
        save_figure(sheet.figure, path_or_file, format="png", dpi=dpi)


def _draw_head(sheet: "Sheet", page: StudyPage, y: float) -> float:
    table = page.table_1
    if page.banner:
        sheet.text(MARGIN, y + 12, page.banner, 12, bold=True, color=ALERT)
        y += 28
    sheet.text(MARGIN, y + 10, table.headings[0], SMALL, color=MUTED)
    for x, heading in zip(CELLS, table.headings[1:], strict=False):
        sheet.text(x, y + 10, heading, SMALL, color=MUTED, align="right")
    for mark in table.marks:
        sheet.text(_place(mark, table), y + 10, f"{mark:g}", SMALL, color=MUTED, align="center")
    return y + 18


def _draw_row(sheet: "Sheet", row: StudyRow, table: StudyTable, y: float) -> None:
    sheet.rule(MARGIN, y, WIDTH - MARGIN)
    for mark in table.marks:
        sheet.box(_place(mark, table), y, 0.5, LINE, HAIRLINE, radius=0)
    baseline = y + 14
    name = sheet.shorten(row.cells[0], NAME, SIZE)
    sheet.text(MARGIN, baseline, name, SIZE, bold=row.strong)
    for x, cell in zip(CELLS, row.cells[1:], strict=False):
        sheet.text(x, baseline, cell, SIZE, bold=row.strong, align="right")
    if isinstance(row.plot, Range):
        low, high, mean = (_place(v, table) for v in (row.plot.low, row.plot.high, row.plot.mean))
        for dot in row.plot.dots:
            sheet.box(_place(dot, table) - 0.5, y + 5, 1, LINE - 10, DOT, radius=0)
        sheet.box(low, y + LINE / 2 - 0.75, max(high - low, 0.5), 1.5, INK, radius=0)
        sheet.box(mean - 3, y + LINE / 2 - 3, 6, 6, ACCENT)


def _draw_caption(sheet: "Sheet", caption: str, y: float) -> float:
    from whyalike.render.figure_layout import flow_text
    from whyalike.render.segments import Segment

    sheet.rule(MARGIN, y - 6, WIDTH - MARGIN)
    flow = flow_text(
        [Segment(caption)], WIDTH - 2 * MARGIN, lambda text: sheet.measure(text, SMALL)
    )
    for piece in flow.pieces:
        baseline = y + 9 + 12 * piece.line
        sheet.text(MARGIN + piece.x, baseline, piece.text, SMALL, color=MUTED)
    return y + 12 * flow.lines


def _place(value: float, table: StudyTable) -> float:
    return PLOT[0] + (PLOT[1] - PLOT[0]) * place_between(value, *table.scale)
