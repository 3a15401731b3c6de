"""The table of the best pairs in the figure."""

from dataclasses import dataclass
from typing import Literal

from whyalike.render.figure_measures import MARGIN, PAIRS_SHOWN, SMALL, WIDTH
from whyalike.render.figure_sheet import Sheet
from whyalike.render.palette import ACCENT, HAIRLINE, INK, MUTED
from whyalike.render.view import ExplanationView, RowView
from whyalike.render.wording import format_number


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table: its heading, and the edge at which its cells align."""

    heading: str
    x: float
    align: Literal["left", "right"]


COLUMNS = (
    Column("#", MARGIN, "left"),
    Column("Left word", MARGIN + 28, "left"),
    Column("Right word", MARGIN + 178, "left"),
    Column("Left {value}", MARGIN + 390, "right"),
    Column("Right {value}", MARGIN + 464, "right"),
    Column("Similarity", MARGIN + 524, "right"),
    Column("Score", MARGIN + 574, "right"),
)
WORD_CELL = 142.0
BAR_X, BAR = MARGIN + 584, 76.0


def draw_table(sheet: Sheet, view: ExplanationView, y: float) -> float:
    """Draw the best pairs as a table, and say how many more there are."""
    sheet.text(MARGIN, y + 9, "Selected pairs", 9, bold=True)
    if view.sum_note:
        beside = MARGIN + sheet.measure("Selected pairs", 9, bold=True) + 10
        sheet.text(beside, y + 9, view.sum_note, SMALL, color=MUTED)
    if not view.pairs:
        none = "No match was selected as a pair." if view.matches else "No pairs."
        sheet.text(MARGIN, y + 26, none, SMALL, color=MUTED)
        return y + 34
    y += 28
    for column in COLUMNS:
        heading = column.heading.format(value=view.value)
        sheet.text(column.x, y, heading, SMALL, color=MUTED, align=column.align)
    y += 6
    sheet.rule(MARGIN, y, WIDTH - MARGIN)
    for row in view.pairs[:PAIRS_SHOWN]:
        draw_row(sheet, row, y, decimals=view.score_decimals)
        y += 17
        sheet.rule(MARGIN, y, WIDTH - MARGIN)
    more = len(view.pairs) - PAIRS_SHOWN
    if more > 0:
        sheet.text(MARGIN, y + 14, f"and {more:,} more", SMALL, color=MUTED)
        y += 16
    return y + 4


def draw_row(sheet: Sheet, row: RowView, y: float, *, decimals: int) -> None:
    """Draw one pair with a bar for its score."""
    baseline = y + 12
    cells = (
        str(row.rank),
        sheet.shorten(row.left_word, WORD_CELL, 9),
        sheet.shorten(row.right_word, WORD_CELL, 9),
        row.left[1],
        row.right[1],
        format_number(row.pair.similarity, 2),
        format_number(row.pair.score, decimals),
    )
    for column, cell in zip(COLUMNS, cells, strict=True):
        color = MUTED if column.heading == "#" else INK
        sheet.text(column.x, baseline, cell, 9, color=color, align=column.align)
    sheet.box(BAR_X, y + 6.5, BAR, 4, HAIRLINE)
    negative = row.pair.score < 0
    sheet.box(BAR_X, y + 6.5, max(1.0, BAR * row.bar / 100), 4, ACCENT, hatched=negative)
