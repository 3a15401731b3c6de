"""The figure, top to bottom: each part is drawn below ``y`` and returns where it ends."""

from matplotlib.figure import Figure

from whyalike.explanation import Explanation
from whyalike.render.figure_layout import flow_text
from whyalike.render.figure_matrix import draw_matrix
from whyalike.render.figure_measures import COLUMN, GUTTER, MARGIN, SMALL, WIDTH
from whyalike.render.figure_reasons import draw_reasons
from whyalike.render.figure_sheet import Sheet
from whyalike.render.figure_table import draw_table
from whyalike.render.figure_texts import draw_links, draw_side
from whyalike.render.palette import ACCENT, LEVELS, MUTED
from whyalike.render.segments import Segment
from whyalike.render.view import ExplanationView
from whyalike.render.wording import format_number

NOTICE = "#a86a00"


def draw_page(explanation: Explanation, view: ExplanationView) -> Figure:
    """Draw everything on a sheet that is as long as it needs to be."""
    sheet = Sheet(WIDTH)
    y = draw_header(sheet, view, MARGIN)
    y = draw_warnings(sheet, view.warnings, y + 10)
    pairs = explanation.pairs
    left = draw_side(sheet, explanation.left, view.sides[0], MARGIN, y, pairs=pairs)
    beside = MARGIN + COLUMN + GUTTER
    right = draw_side(sheet, explanation.right, view.sides[1], beside, y, pairs=pairs)
    draw_links(sheet, explanation, left, right)
    y = draw_legend(sheet, view, max(left.bottom, right.bottom))
    y = draw_table(sheet, view, y)
    y = draw_reasons(sheet, view.why_not, y)
    if view.matrix is not None:
        y = draw_matrix(sheet, view.matrix, y)
    sheet.cut_at(y + MARGIN)
    return sheet.figure


def draw_header(sheet: Sheet, view: ExplanationView, y: float) -> float:
    """Draw the similarity, and whose it is."""
    number = format_number(view.similarity, 3)
    sheet.text(MARGIN, y + 28, number, 28, bold=True)
    x = MARGIN + sheet.measure(number, 28, bold=True) + 8
    sheet.text(x, y + 28, view.kind, 11, color=MUTED)
    if view.score_note:
        sheet.text(MARGIN, y + 42, view.score_note, SMALL, color=MUTED)
    left = WIDTH - MARGIN - COLUMN
    for row, (name, value) in enumerate(view.facts):
        baseline = y + 4 + 12 * (row + 0.5)
        sheet.text(left, baseline, name, SMALL, color=MUTED)
        sheet.text(left + 44, baseline, sheet.shorten(value, COLUMN - 44, SMALL), SMALL)
    return y + 50


def draw_warnings(sheet: Sheet, warnings: tuple[str, ...], y: float) -> float:
    """Draw the warnings, one below the other, with a bar beside them."""
    if not warnings:
        return y
    width = WIDTH - 2 * MARGIN - 10
    top = y
    for warning in warnings:
        flow = flow_text([Segment(warning)], width, lambda text: sheet.measure(text, SMALL))
        for piece in flow.pieces:
            sheet.text(MARGIN + 10 + piece.x, y + 9 + 12 * piece.line, piece.text, SMALL)
        y += 12 * flow.lines + 3
    sheet.box(MARGIN, top, 2, y - top - 2, NOTICE)
    return y + 16


def draw_legend(sheet: Sheet, view: ExplanationView, y: float) -> float:
    """Draw what the colour and the lines mean."""
    x = MARGIN
    sheet.text(x, y + 8, "Saliency  0", SMALL, color=MUTED)
    x += sheet.measure("Saliency  0", SMALL) + 4
    for tone in LEVELS[::2]:
        sheet.box(x, y + 1, 8, 8, tone, radius=0)
        x += 8
    sheet.text(x + 4, y + 8, "1", SMALL, color=MUTED)
    x += 28
    if view.has_negative:
        sheet.box(x, y + 1, 16, 8, LEVELS[12], hatched=True)
        text = "pulls the texts apart" if view.has_contributions else "negative"
        sheet.text(x + 20, y + 8, text, SMALL, color=MUTED)
        x += 44 + sheet.measure(text, SMALL)
    if view.has_unmatched:
        sheet.rule(x, y + 8, x + 16, color=MUTED, dotted=True)
        sheet.text(x + 20, y + 8, "matches nothing", SMALL, color=MUTED)
        x += 44 + sheet.measure("matches nothing", SMALL)
    if view.pairs:
        sheet.rule(x, y + 8, x + 16, color=ACCENT, weight=2.1)
        text = "in a selected pair; a heavier line is a higher score"
        sheet.text(x + 20, y + 8, text, SMALL, color=MUTED)
    return y + 34
