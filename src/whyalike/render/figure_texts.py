"""Both texts of the figure, their words shaded and marked, and the links between them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from whyalike.explanation import ExplainedText, Explanation, WordPair
from whyalike.render.figure_layout import Flow, Piece, flow_text
from whyalike.render.figure_measures import (
    COLUMN,
    LINE,
    MARK,
    PAIRS_SHOWN,
    SMALL,
    TEXT,
    UNDERLINE,
)
from whyalike.render.figure_sheet import Sheet
from whyalike.render.palette import ACCENT, INK, LEVELS, MUTED, pair_weights
from whyalike.render.palette import saliency_level as level_of
from whyalike.render.segments import cut_into_segments
from whyalike.render.view import SideView

TRACK, TRACKS = 1.4, 4
MAX_LINES = 140


@dataclass(frozen=True, slots=True)
class PlacedText:
    """One side on the sheet: where each word's first piece is, by the word's index."""

    words: dict[int, Piece]
    x: float
    y: float
    bottom: float


def draw_side(
    sheet: Sheet,
    side: ExplainedText,
    view: SideView,
    x: float,
    y: float,
    *,
    pairs: Sequence[WordPair] = (),
    column: float = COLUMN,
) -> PlacedText:
    """Draw one text, ``column`` wide, with its words shaded, underlined and numbered."""
    sheet.text(x, y + 9, view.title, 9, bold=True)
    sheet.text(x + column, y + 9, view.count, SMALL, color=MUTED, align="right")
    sheet.rule(x, y + 15, x + column)
    top = y + 32
    flow = flow_text(
        cut_into_segments(side, pairs, which=view.which),
        column,
        lambda text: sheet.measure(text, TEXT),
        measure_mark=lambda text: sheet.measure(text, MARK) + 2.5,
        max_lines=MAX_LINES,
    )
    weights = pair_weights(pairs)
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
    elif segment.unmatched:
        sheet.rule(x - 0.8, y + UNDERLINE, x + piece.width + 0.8, color=MUTED, dotted=True)
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


def draw_links(sheet: Sheet, explanation: Explanation, left: PlacedText, right: PlacedText) -> None:
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
