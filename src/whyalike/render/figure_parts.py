"""The figure and its parts, each drawn below ``y`` and returning where it ends."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from matplotlib.figure import Figure

from whyalike.render.figure_layout import Flow, Piece, flow_text
from whyalike.render.figure_sheet import Sheet
from whyalike.render.palette import ACCENT, HAIRLINE, INK, LEVELS, MUTED, pair_weights
from whyalike.render.palette import saliency_level as level_of
from whyalike.render.segments import Segment, cut_into_segments, format_number
from whyalike.render.view import ExplanationView, RowView, SideView
from whyalike.types import ExplanationData

WIDTH = 720.0
MARGIN = 30.0
GUTTER = 70.0
COLUMN = (WIDTH - 2 * MARGIN - GUTTER) / 2
TEXT, SMALL, MARK = 10.5, 8.0, 6.5
LINE = 20.0
UNDERLINE = 3.2
TRACK, TRACKS = 1.4, 4
MAX_LINES = 140
PAIRS_SHOWN = 12
NOTICE = "#a86a00"


@dataclass(frozen=True, slots=True)
class PlacedText:
    """One side on the sheet: where each word's first piece is, by the word's index."""

    words: dict[int, Piece]
    x: float
    y: float
    bottom: float


def draw_page(explanation: ExplanationData, view: ExplanationView) -> Figure:
    """Draw everything, top to bottom, on a sheet that is as long as it needs to be."""
    sheet = Sheet(WIDTH)
    y = draw_header(sheet, view, MARGIN)
    y = draw_warnings(sheet, view.warnings, y + 10)
    left = draw_side(sheet, explanation, view.sides[0], MARGIN, y)
    right = draw_side(sheet, explanation, view.sides[1], MARGIN + COLUMN + GUTTER, y)
    draw_links(sheet, explanation, left, right)
    y = draw_legend(sheet, view, max(left.bottom, right.bottom))
    y = draw_table(sheet, view, y)
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


def draw_side(
    sheet: Sheet, explanation: ExplanationData, view: SideView, x: float, y: float
) -> PlacedText:
    """Draw one text with its words coloured, underlined and numbered."""
    sheet.text(x, y + 9, f"{view.which.capitalize()} text", 9, bold=True)
    sheet.text(x + COLUMN, y + 9, view.count, SMALL, color=MUTED, align="right")
    sheet.rule(x, y + 15, x + COLUMN)
    top = y + 32
    side = explanation.left if view.which == "left" else explanation.right
    flow = flow_text(
        cut_into_segments(side, explanation.pairs, which=view.which),
        COLUMN,
        lambda text: sheet.measure(text, TEXT),
        measure_mark=lambda text: sheet.measure(text, MARK) + 2.5,
        max_lines=MAX_LINES,
    )
    weights = pair_weights(explanation.pairs)
    for piece in flow.pieces:
        draw_piece(sheet, piece, weights, x, top)
    words: dict[int, Piece] = {}
    for piece in flow.pieces:
        if piece.segment.word is not None:
            words.setdefault(piece.segment.word, piece)
    bottom = top + LINE * (flow.lines if flow.pieces else 0)
    bottom = draw_side_notes(sheet, view, flow, x, bottom - (0 if flow.pieces else 6))
    return PlacedText(words, x, top, bottom)


def draw_piece(sheet: Sheet, piece: Piece, weights: list[int], left: float, top: float) -> None:
    """Draw a piece of a text: background by saliency, underline and number by pair."""
    segment = piece.segment
    x, y = left + piece.x, top + LINE * piece.line
    level = level_of(segment.saliency)
    if segment.word is not None and level:
        tone = LEVELS[level]
        sheet.box(x - 0.8, y - 9.6, piece.width + 1.6, 12.8, tone, hatched=segment.saliency < 0)
    if segment.marks:
        weight = 0.6 + 0.5 * (weights[segment.marks[0] - 1] - 1)
        sheet.rule(
            x - 0.8, y + UNDERLINE + weight / 2, x + piece.width + 0.8, color=ACCENT, weight=weight
        )
    sheet.text(x, y, piece.text, TEXT, color=INK if segment.read else MUTED)
    if piece.mark:
        beside = x - piece.mark_width + 1 if piece.rtl else x + piece.width + 1.5
        sheet.text(beside, y - 4.5, piece.mark, MARK, color=ACCENT, bold=False)


def draw_side_notes(sheet: Sheet, view: SideView, flow: Flow, x: float, y: float) -> float:
    """Draw what is to say below a text: cut, unread, or without words."""
    cut = "… the figure ends here; the text goes on" if flow.cut else ""
    for note in (cut, view.unread_note, view.note):
        if note:
            sheet.text(x, y, note, SMALL, color=MUTED)
            y += 14
    return y


def draw_links(
    sheet: Sheet, explanation: ExplanationData, left: PlacedText, right: PlacedText
) -> None:
    """Link the words of the best pairs; a better pair has a heavier and darker line.

    A link runs below the line of its word to the gutter and crosses there, so that it strikes
    through no text.
    """
    shown = explanation.pairs[:PAIRS_SHOWN]
    ends = [(left.words.get(pair.left), right.words.get(pair.right)) for pair in shown]
    left_tracks = choose_tracks([start for start, _ in ends], nearest=lambda p: -p.x - p.width)
    right_tracks = choose_tracks([end for _, end in ends], nearest=lambda p: p.x)
    for (start, end), weight in reversed(list(zip(ends, pair_weights(shown), strict=True))):
        if start is None or end is None:
            continue
        x1 = left.x + start.x + start.width
        x2 = right.x + end.x
        y1 = left.y + LINE * start.line + UNDERLINE
        y2 = right.y + LINE * end.line + UNDERLINE
        track1, track2 = y1 + left_tracks[id(start)], y2 + right_tracks[id(end)]
        points = [(x1, y1), (x1, track1), (left.x + COLUMN, track1)]
        points += [(right.x, track2), (x2, track2), (x2, y2)]
        sheet.link(points, color=ACCENT, weight=0.4 + 0.25 * weight, alpha=0.35 + 0.1 * weight)


def choose_tracks(
    pieces: Iterable[Piece | None], nearest: Callable[[Piece], float]
) -> dict[int, float]:
    """Return how far below its underline each piece's link runs; the nearest to the gutter least.

    The pieces are known by their id: two words of a text can be equal.
    """
    lines: dict[int, list[Piece]] = {}
    for piece in {id(piece): piece for piece in pieces if piece is not None}.values():
        lines.setdefault(piece.line, []).append(piece)
    return {
        id(piece): TRACK * (1.5 + number % TRACKS)
        for line in lines.values()
        for number, piece in enumerate(sorted(line, key=nearest))
    }


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
        sheet.text(x + 20, y + 8, "negative", SMALL, color=MUTED)
        x += 78
    if view.pairs:
        sheet.rule(x, y + 8, x + 16, color=ACCENT, weight=2.1)
        text = "in a selected pair; a heavier line is a higher score"
        sheet.text(x + 20, y + 8, text, SMALL, color=MUTED)
    return y + 34


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
    Column("Left saliency", MARGIN + 390, "right"),
    Column("Right saliency", MARGIN + 464, "right"),
    Column("Similarity", MARGIN + 524, "right"),
    Column("Score", MARGIN + 574, "right"),
)
WORD_CELL = 142.0
BAR_X, BAR = MARGIN + 584, 76.0


def draw_table(sheet: Sheet, view: ExplanationView, y: float) -> float:
    """Draw the best pairs as a table, and say how many more there are."""
    sheet.text(MARGIN, y + 9, "Selected pairs", 9, bold=True)
    if not view.pairs:
        none = "No match was selected as a pair." if view.matches else "No pairs."
        sheet.text(MARGIN, y + 26, none, SMALL, color=MUTED)
        return y + 34
    y += 28
    for column in COLUMNS:
        sheet.text(column.x, y, column.heading, SMALL, color=MUTED, align=column.align)
    y += 6
    sheet.rule(MARGIN, y, WIDTH - MARGIN)
    for row in view.pairs[:PAIRS_SHOWN]:
        draw_row(sheet, row, y)
        y += 17
        sheet.rule(MARGIN, y, WIDTH - MARGIN)
    more = len(view.pairs) - PAIRS_SHOWN
    if more > 0:
        sheet.text(MARGIN, y + 14, f"and {more:,} more", SMALL, color=MUTED)
        y += 16
    return y + 4


def draw_row(sheet: Sheet, row: RowView, y: float) -> None:
    """Draw one pair with a bar for its score."""
    baseline = y + 12
    cells = (
        str(row.rank),
        sheet.shorten(row.left_word, WORD_CELL, 9),
        sheet.shorten(row.right_word, WORD_CELL, 9),
        format_number(row.left_saliency, 2),
        format_number(row.right_saliency, 2),
        format_number(row.pair.similarity, 2),
        format_number(row.pair.score, 3),
    )
    for column, cell in zip(COLUMNS, cells, strict=True):
        color = MUTED if column.heading == "#" else INK
        sheet.text(column.x, baseline, cell, 9, color=color, align=column.align)
    sheet.box(BAR_X, y + 6.5, BAR, 4, HAIRLINE)
    negative = row.pair.score < 0
    sheet.box(BAR_X, y + 6.5, max(1.0, BAR * row.bar / 100), 4, ACCENT, hatched=negative)
