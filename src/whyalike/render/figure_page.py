"""The parts of an explanation's picture, from its heading to its matrix, put on a sheet."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from matplotlib.figure import Figure

from whyalike.explanation import ExplainedText, Explanation, WordPair
from whyalike.render.figure import (
    COLUMN,
    GUTTER,
    LINE,
    MARGIN,
    MARK,
    PAIRS_SHOWN,
    SMALL,
    TEXT,
    UNDERLINE,
    WIDTH,
)
from whyalike.render.figure_long import take_excerpt
from whyalike.render.figure_sheet import Flow, Piece, Sheet, flow_text
from whyalike.render.parts import (
    ACCENT,
    HAIRLINE,
    INK,
    LEVELS,
    MUTED,
    Segment,
    cut_into_segments,
    format_number,
    pair_line,
    pair_weights,
    unmatched_words,
)
from whyalike.render.parts import saliency_level as level_of
from whyalike.render.scales import Scale
from whyalike.render.units import UnitRow, UnitsView
from whyalike.render.verdict import Sentence, say
from whyalike.render.view import (
    ExplanationView,
    Grid,
    MatrixView,
    Reason,
    RowView,
    SideView,
    WordList,
)

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
    scale: Scale | None = None,
    unmatched: Sequence[int] | None = None,
) -> PlacedText:
    """Draw one text, ``column`` wide, with its words shaded, underlined and numbered."""
    shaded = {} if scale is None else {"shade": scale.shade}
    sheet.text(x, y + 9, view.title, 9, bold=True)
    sheet.text(x + column, y + 9, view.count, SMALL, color=MUTED, align="right")
    sheet.rule(x, y + 15, x + column)
    top = y + 32
    drawn = take_excerpt(
        cut_into_segments(side, pairs, which=view.which, unmatched=unmatched, **shaded)
    )
    flow = flow_text(
        drawn.segments,
        column,
        lambda text: sheet.measure(text, TEXT),
        measure_mark=lambda text: sheet.measure(text, MARK) + 2.5,
        max_lines=MAX_LINES,
    )
    weights = pair_weights(pairs) if scale is None else scale.weights(pairs)
    for piece in flow.pieces:
        draw_piece(sheet, piece, weights, x, top)
    words: dict[int, Piece] = {}
    for piece in flow.pieces:
        if piece.segment.word is not None:
            words.setdefault(piece.segment.word, piece)
    bottom = top + LINE * (flow.lines if flow.pieces else 0)
    bottom -= 0 if flow.pieces else 6
    bottom = draw_side_notes(sheet, view, flow, x, bottom, left_out=drawn.note)
    return PlacedText(words, x, top, bottom)


def draw_piece(sheet: Sheet, piece: Piece, weights: list[int], left: float, top: float) -> None:
    """Draw a piece of a text: background by saliency, underline and number by pair."""
    segment = piece.segment
    x, y = left + piece.x, top + LINE * piece.line
    level = level_of(segment.shade)
    if segment.word is not None and level:
        tone = LEVELS[level]
        sheet.box(x - 0.8, y - 9.6, piece.width + 1.6, 12.8, tone, hatched=segment.shade < 0)
    if segment.marks:
        weight = 0.6 + 0.5 * (weights[segment.marks[0] - 1] - 1)
        color = pair_line(segment.marks[0])
        sheet.rule(
            x - 0.8, y + UNDERLINE + weight / 2, x + piece.width + 0.8, color=color, weight=weight
        )
    elif segment.unmatched:
        sheet.rule(x - 0.8, y + UNDERLINE, x + piece.width + 0.8, color=MUTED, dotted=True)
    sheet.text(x, y, piece.text, TEXT, color=INK if segment.read else MUTED)
    if piece.mark:
        beside = x - piece.mark_width + 1 if piece.rtl else x + piece.width + 1.5
        color = pair_line(segment.marks[0]) if segment.marks else ACCENT
        sheet.text(beside, y - 4.5, piece.mark, MARK, color=color, bold=True)


def draw_side_notes(
    sheet: Sheet, view: SideView, flow: Flow, x: float, y: float, *, left_out: str
) -> float:
    """Draw what is to say below a text: cut, left out, unread, or without words."""
    cut = "… the figure ends here; the text goes on" if flow.cut else ""
    for note in (left_out, cut, view.unread_note, view.note):
        if note:
            sheet.text(x, y, note, SMALL, color=MUTED)
            y += 14
    return y


def draw_links(
    sheet: Sheet, explanation: Explanation, left: PlacedText, right: PlacedText, scale: Scale
) -> None:
    """Link the words of the best pairs, each in its colour; a better pair has a heavier line.

    A link runs below the line of its word to the gutter and crosses there, so that it strikes
    through no text.
    """
    shown = explanation.pairs[:PAIRS_SHOWN]
    ends = [(left.words.get(pair.left), right.words.get(pair.right)) for pair in shown]
    left_tracks = choose_tracks([start for start, _ in ends], nearest=lambda p: -p.x - p.width)
    right_tracks = choose_tracks([end for _, end in ends], nearest=lambda p: p.x)
    ranked = enumerate(zip(ends, scale.weights(shown), strict=True), start=1)
    for rank, ((start, end), weight) in reversed(list(ranked)):
        if start is None or end is None:
            continue
        x1 = left.x + start.x + start.width
        x2 = right.x + end.x
        y1 = left.y + LINE * start.line + UNDERLINE
        y2 = right.y + LINE * end.line + UNDERLINE
        track1, track2 = y1 + left_tracks[id(start)], y2 + right_tracks[id(end)]
        points = [(x1, y1), (x1, track1), (left.x + COLUMN, track1)]
        points += [(right.x, track2), (x2, track2), (x2, y2)]
        sheet.link(
            points,
            color=pair_line(rank),
            weight=0.4 + 0.3 * weight,
            alpha=0.4 + 0.15 * weight,
        )


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


VERDICT = 11.0


def draw_sentence(
    sheet: Sheet, sentence: Sentence, y: float, *, size: float, leading: float
) -> float:
    """Draw a sentence in as many lines as it needs, words of the texts in quotation marks."""
    flow = flow_text(
        [Segment(say(sentence, quotes=("“", "”")))],
        WIDTH - 2 * MARGIN,
        lambda text: sheet.measure(text, size),
    )
    for piece in flow.pieces:
        sheet.text(MARGIN + piece.x, y + size + leading * piece.line, piece.text, size)
    return y + leading * flow.lines


def draw_checks(sheet: Sheet, checks: Sequence[Sentence], y: float) -> float:
    """Draw what the model scored without words; nothing where it was not asked."""
    if not checks:
        return y
    y += 14
    sheet.text(MARGIN, y + 9, "Checked", 9, bold=True)
    y += 14
    for sentence in checks:
        y = draw_sentence(sheet, sentence, y + 1, size=SMALL, leading=LEADING)
    return y + 4


UNIT_NUMBERS = 132.0
"""Room for the two numbers of a unit, before its text."""

UNIT_LINES = 3
"""Of a sentence; the rest is left out."""


def draw_units(sheet: Sheet, view: UnitsView | None, y: float) -> float:
    """Draw the sentences or phrases that matter, and how many are left out; nothing of words."""
    if view is None:
        return y
    for side in view.sides:
        title = f"{view.title} of the {side.title.lower()}"
        sheet.text(MARGIN, y + 9, title, 9, bold=True)
        y += 15
        sheet.text(MARGIN + 44, y + 9, "without", SMALL, color=MUTED, align="right")
        sheet.text(
            MARGIN + UNIT_NUMBERS - 14, y + 9, view.beside, SMALL, color=MUTED, align="right"
        )
        y += 14
        for part in side.parts:
            if part.folded:
                said = f"… {part.folded}"
                sheet.text(MARGIN + UNIT_NUMBERS, y + 9, said, SMALL, color=MUTED)
                y += LEADING + 2
                continue
            for row in part.rows:
                y = draw_unit(sheet, row, y)
        y += 8
    flow = flow_text(
        [Segment(view.meaning)], WIDTH - 2 * MARGIN, lambda text: sheet.measure(text, SMALL)
    )
    for piece in flow.pieces:
        sheet.text(MARGIN + piece.x, y + 4 + LEADING * piece.line, piece.text, SMALL, color=MUTED)
    return y + LEADING * flow.lines + 8


def draw_unit(sheet: Sheet, row: UnitRow, y: float) -> float:
    """Draw a unit: its two numbers, and of its text the first lines, with its words shaded."""
    sheet.text(MARGIN + 44, y + 10, row.fall, 9, bold=True, align="right")
    sheet.text(MARGIN + UNIT_NUMBERS - 14, y + 10, row.beside, 9, align="right")
    x = MARGIN + UNIT_NUMBERS
    segments = [
        Segment(
            run.text.replace("\n", " "),
            0 if run.level else None,
            shade=(-run.level if run.negative else run.level) / (len(LEVELS) - 1),
        )
        for run in row.runs
    ]
    flow = flow_text(
        segments,
        WIDTH - MARGIN - x,
        lambda text: sheet.measure(text, TEXT),
        max_lines=UNIT_LINES,
    )
    for piece in flow.pieces:
        draw_piece(sheet, piece, [], x, y + 10)
    y += LINE * max(1, flow.lines)
    if flow.cut:
        sheet.text(x, y + 4, "… the sentence goes on", SMALL, color=MUTED)
        y += 12
    return y


INDENT = 36.0
LEADING = 12.0


def draw_reasons(sheet: Sheet, reasons: Sequence[Reason], y: float) -> float:
    """Draw each reason with the words of both sides; nothing where there is none."""
    if not reasons:
        return y
    y += 14
    sheet.text(MARGIN, y + 9, "Why not more alike", 9, bold=True)
    y += 14
    for reason in reasons:
        sheet.text(MARGIN, y + 10, reason.title, SMALL, color=MUTED)
        y += LEADING
        for words in reason.lists:
            y = draw_words(sheet, words, y)
        y += 4
    return y


def draw_words(sheet: Sheet, words: WordList, y: float) -> float:
    """Draw the words of one side in as many lines as they need."""
    sheet.text(MARGIN, y + 10, words.side.lower(), SMALL, color=MUTED)
    flow = flow_text(
        [Segment(list_words(words))],
        WIDTH - 2 * MARGIN - INDENT,
        lambda text: sheet.measure(text, SMALL),
    )
    for piece in flow.pieces:
        sheet.text(MARGIN + INDENT + piece.x, y + 10 + LEADING * piece.line, piece.text, SMALL)
    return y + LEADING * flow.lines


def list_words(words: WordList) -> str:
    """Return the words with their values on one line, and how many more there are."""
    listed = ", ".join(f"{word} {value}".rstrip() for word, value in words.words)
    return f"{listed} +{words.more} more" if words.more else listed


NOTICE = "#a86a00"


def draw_page(explanation: Explanation, view: ExplanationView) -> Figure:
    """Draw everything on a sheet that is as long as it needs to be."""
    sheet = Sheet(WIDTH)
    y = draw_sentence(sheet, view.verdict, MARGIN, size=VERDICT, leading=15)
    y = draw_header(sheet, view, y + 6)
    y = draw_warnings(sheet, view.warnings, y + 10)
    y = draw_units(sheet, view.units, y)
    pairs = explanation.pairs
    scale = view.scale
    left, right = (
        draw_side(
            *(sheet, side, shown, x, y),
            pairs=pairs,
            scale=scale,
            unmatched=unmatched_words(explanation, shown.which),
        )
        for side, shown, x in (
            (explanation.left, view.sides[0], MARGIN),
            (explanation.right, view.sides[1], MARGIN + COLUMN + GUTTER),
        )
    )
    draw_links(sheet, explanation, left, right, scale)
    y = draw_legend(sheet, view, max(left.bottom, right.bottom))
    y = draw_table(sheet, view, y)
    y = draw_checks(sheet, view.checks, y)
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
    return y + max(50, 12 * len(view.facts) + 2)


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
    said = f"{view.scale.what}  0"
    sheet.text(x, y + 8, said, SMALL, color=MUTED)
    x += sheet.measure(said, SMALL) + 4
    for tone in LEVELS[::2]:
        sheet.box(x, y + 1, 8, 8, tone, radius=0)
        x += 8
    sheet.text(x + 4, y + 8, view.scale.most, SMALL, color=MUTED)
    x += 22 + sheet.measure(view.scale.most, SMALL)
    if view.has_negative:
        sheet.box(x, y + 1, 16, 8, LEVELS[12], hatched=True)
        sheet.text(x + 20, y + 8, "below zero", SMALL, color=MUTED)
        x += 44 + sheet.measure("below zero", SMALL)
    if view.has_unmatched:
        sheet.rule(x, y + 8, x + 16, color=MUTED, dotted=True)
        sheet.text(x + 20, y + 8, "matches nothing", SMALL, color=MUTED)
        x += 44 + sheet.measure("matches nothing", SMALL)
    if view.pairs:
        sheet.rule(x, y + 8, x + 16, color=ACCENT, weight=2.1)
        text = "in a selected pair; a heavier line is a higher score"
        sheet.text(x + 20, y + 8, text, SMALL, color=MUTED)
    sheet.text(
        MARGIN,
        y + 20,
        f"Full shade and bar: {view.scale.most}{view.scale.note}.",
        SMALL,
        color=MUTED,
    )
    return y + 44
