"""The matrix of word pairs in the figure: the same shades, hatching and outlines as in HTML."""

from collections import defaultdict
from dataclasses import dataclass

from whyalike.render.figure_layout import flow_text
from whyalike.render.figure_measures import MARGIN, SMALL, WIDTH
from whyalike.render.figure_sheet import Sheet
from whyalike.render.grid import Grid
from whyalike.render.matrix import MatrixView
from whyalike.render.palette import ACCENT, HAIRLINE, INK, LEVELS, MUTED
from whyalike.render.segments import Segment

NAMES = 96.0
TALLEST = 80.0
CELL = 15.0
LEGIBLE = 12.0
"""Narrower cells show no numbers: they would run into each other."""


def draw_matrix(sheet: Sheet, view: MatrixView, y: float) -> float:
    """Draw the caption, the grid below it, and what its shades mean."""
    y += 16
    sheet.text(MARGIN, y + 9, "All word pairs", 9, bold=True)
    count = MARGIN + sheet.measure("All word pairs", 9, bold=True) + 8
    sheet.text(count, y + 9, view.size, SMALL, color=MUTED)
    y += 16
    layout = lay_out(sheet, view.grid)
    caption = f"{view.caption} {view.unit_note}" if layout.has_numbers else view.caption
    flow = flow_text(
        [Segment(caption)], WIDTH - 2 * MARGIN, lambda text: sheet.measure(text, SMALL)
    )
    for piece in flow.pieces:
        sheet.text(MARGIN + piece.x, y + 9 + 12 * piece.line, piece.text, SMALL, color=MUTED)
    y = draw_grid(sheet, view.grid, layout, y + 12 * flow.lines + 6)
    return draw_scale(sheet, view, y + 8)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the cells begin, how large each is, and the size of names."""

    left: float
    cell: float
    size: float

    @property
    def has_numbers(self) -> bool:
        """Whether the cells have room for their numbers."""
        return self.cell >= LEGIBLE


def lay_out(sheet: Sheet, grid: Grid) -> Layout:
    """Return the layout: beside the names of the rows, cells as large as there is room for."""
    longest = max(sheet.measure(name, SMALL) for name, _ in grid.rows)
    left = MARGIN + min(NAMES, longest + 6)
    cell = min(CELL, (WIDTH - MARGIN - left) / len(grid.columns))
    return Layout(left, cell, min(SMALL, 0.8 * cell))


def draw_grid(sheet: Sheet, grid: Grid, layout: Layout, y: float) -> float:
    """Draw the cells with their names: those of the columns above, those of the rows beside."""
    left, cell, size = layout.left, layout.cell, layout.size
    names = [sheet.shorten(name, TALLEST, size) for name in grid.columns]
    top = y + max(sheet.measure(name, size) for name in names) + 4
    for column, name in enumerate(names):
        middle = left + cell * (column + 0.5)
        sheet.text(middle, top - 3, name, size, align="center", upright=True)
    draw_cells(sheet, grid, left, top, cell)
    for row, (name, cells) in enumerate(grid.rows):
        baseline = top + cell * (row + 0.5) + 0.36 * size
        said = sheet.shorten(name, left - MARGIN - 6, size)
        sheet.text(left - 4, baseline, said, size, align="right")
        for column, one in enumerate(cells if layout.has_numbers else ()):
            color = INK if one.level else MUTED
            middle = left + cell * (column + 0.5)
            sheet.text(middle, baseline - 0.6, one.said, 5.5, color=color, align="center")
    return top + cell * len(grid.rows)


def draw_cells(sheet: Sheet, grid: Grid, left: float, top: float, cell: float) -> None:
    """Draw all cells of a shade at once; a hair of paper stays between them."""
    corners: dict[tuple[int, bool], list[tuple[float, float]]] = defaultdict(list)
    chosen = []
    for row, (_, cells) in enumerate(grid.rows):
        for column, one in enumerate(cells):
            corner = left + cell * column, top + cell * row
            corners[one.level, one.negative].append(corner)
            if one.selected:
                chosen.append(corner)
    side = cell - 0.5
    for (level, negative), places in sorted(corners.items()):
        if level:
            sheet.cells(places, side, side, LEVELS[level], hatched=negative)
    if chosen:
        sheet.cells(chosen, side, side, ACCENT, outlined=True)


def draw_scale(sheet: Sheet, view: MatrixView, y: float) -> float:
    """Draw what the shades mean, with the greatest magnitude."""
    x = MARGIN
    sheet.text(x, y + 8, "Magnitude  0", SMALL, color=MUTED)
    x += sheet.measure("Magnitude  0", SMALL) + 4
    sheet.cells([(x, y + 1)], 8.0 * len(LEVELS[::2]), 8, HAIRLINE, outlined=True)
    for tone in LEVELS[::2]:
        sheet.box(x, y + 1, 8, 8, tone, radius=0)
        x += 8
    sheet.text(x + 4, y + 8, view.scale, SMALL, color=MUTED)
    x += 28 + sheet.measure(view.scale, SMALL)
    if view.grid.has_negative:
        sheet.cells([(x, y + 1)], 16, 8, LEVELS[12], hatched=True)
        sheet.text(x + 20, y + 8, "pulls the texts apart", SMALL, color=MUTED)
        x += 44 + sheet.measure("pulls the texts apart", SMALL)
    sheet.cells([(x, y + 1)], 12, 8, ACCENT, outlined=True)
    sheet.text(x + 16, y + 8, "selected pair", SMALL, color=MUTED)
    return y + 12
