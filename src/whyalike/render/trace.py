"""A query's way through the stages of a search made visible: as HTML, and for a terminal."""

import math
from dataclasses import dataclass

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from whyalike.explanation import Explanation
from whyalike.render.html import PAGE_STYLES, excerpt, own_id, render_page, render_part
from whyalike.render.parts import format_number, plain_text, shorten
from whyalike.render.terminal import draw_sentence, visible
from whyalike.render.view import ExplanationView, SideView, view_explanation, view_side
from whyalike.render.view_verdicts import view_trace_verdict
from whyalike.trace import Runs, Trace, TracedPassage, WordMove, tell, tell_stage

STYLES = ("similar.css", "trace.css")

SHOWN = 20
"""Passages in the table, besides those that are explained."""

MOVES_SHOWN = 6

LEAST_SHARE = 0.005
"""A pair that would be written as 0 % is not shown."""

WIDTH, MARGIN, HEIGHT, LABELS = 1000, 24, 320, 300
"""Of the chart of ranks, in its own units; LABELS is the room for titles at its right."""

ARROWS = {"lifts": "↑", "drops": "↓"}


@dataclass(frozen=True, slots=True)
class RankCell:
    """A passage at a stage. ``change`` is an arrow and by how many ranks, or empty.

    ``said`` is the same for those who don't see it.
    """

    rank: str
    score: str
    change: str
    said: str
    cut: bool


@dataclass(frozen=True, slots=True)
class RankRow:
    """A row of the table: a cell for each stage, None behind the one that cut the passage."""

    passage: TracedPassage
    name: str
    link: str
    cells: tuple[RankCell | None, ...]


@dataclass(frozen=True, slots=True)
class StageView:
    """An explained passage at one stage: what is said, its text with saliency, what moved it."""

    name: str
    cell: RankCell
    of: int
    runs: Runs
    side: SideView
    moves: tuple[WordMove, ...]
    more: int
    view: ExplanationView


@dataclass(frozen=True, slots=True)
class PassageView:
    """An explained passage ready to print. ``standing`` is its rank at the end, or what cut it."""

    id: str
    name: str
    passage: TracedPassage
    standing: str
    runs: Runs
    stages: tuple[StageView, ...]


@dataclass(frozen=True, slots=True)
class RankLine:
    """A passage's line in the chart: its points, whether it ends by a cut, its label."""

    points: str
    end: tuple[float, float]
    cut: bool
    label: str
    marked: bool


@dataclass(frozen=True, slots=True)
class RankChart:
    """Ranks after each stage, the first on top, on a logarithmic scale."""

    width: int
    height: int
    stages: tuple[tuple[float, str], ...]
    lines: tuple[RankLine, ...]
    marks: tuple[tuple[float, str], ...]


def render_trace(trace: Trace, *, title: str = "whyalike: a search, stage by stage") -> str:
    """Return one HTML page that loads nothing: ranks after each stage, and why."""
    styles = (*PAGE_STYLES, *STYLES)
    return render_page("trace.html.j2", styles, title=title, **view_trace(trace))


def render_trace_fragment(trace: Trace) -> str:
    """Return the same to be put into another page, such as a notebook."""
    id = own_id("t", (trace.query, trace.stages, [p.ranks for p in trace.passages]))
    return render_part("trace.html.j2", STYLES, **view_trace(trace, id=f"{id}-"))


def view_trace(trace: Trace, *, id: str = "") -> dict[str, object]:
    """Return what ``trace.html.j2`` takes besides a title; ids begin with ``id``, if any."""
    explained = trace.explained
    links = {each.id: f"{id}passage-{n}" for n, each in enumerate(explained, start=1)}
    rows = [_row(trace, each, links.get(each.id, "")) for each in _listed(trace)]
    views = [_passage(trace, each, links[each.id]) for each in explained]
    whole = [stage.view for each in views for stage in each.stages]
    return {
        "id": id,
        "trace": trace,
        "verdict": view_trace_verdict(trace),
        "rows": rows,
        "more": len(trace.passages) - len(rows),
        "passages": views,
        "chart": _chart(trace),
        "has_pairs": any(view.pairs for view in whole),
        "has_negative": any(view.has_negative for view in whole),
        "has_unmatched": any(view.has_unmatched for view in whole),
        "has_contributions": any(view.has_contributions for view in whole),
    }


def _listed(trace: Trace) -> list[TracedPassage]:
    """Return the first passages, and those that are explained, in the final order."""
    named = {each.id for each in trace.explained}
    return [each for n, each in enumerate(trace.passages) if n < SHOWN or each.id in named]


def _name(passage: TracedPassage) -> str:
    return passage.title or excerpt(passage.text)


def _row(trace: Trace, passage: TracedPassage, link: str) -> RankRow:
    cells = [_cell(trace, passage, place) for place in range(len(passage.ranks))]
    missing = [None] * (len(trace.stages) - len(cells))
    return RankRow(passage, _name(passage), link, (*cells, *missing))


def _cell(trace: Trace, passage: TracedPassage, place: int) -> RankCell:
    rank, movement = passage.ranks[place], trace.movement(passage, place)
    before = trace.before(place)
    change = said = ""
    if before is not None and movement in ARROWS:
        by = abs(passage.ranks[before].rank - rank.rank)
        change, said = f"{ARROWS[movement]}{by:,}", f"{movement} it by {by:,}"
    score = format_number(rank.score, 3)
    return RankCell(f"{rank.rank:,}", score, change, said, not rank.kept)


def _passage(trace: Trace, passage: TracedPassage, id: str) -> PassageView:
    cut = trace.cut_by(passage)
    return PassageView(
        id=id,
        name=_name(passage),
        passage=passage,
        standing=f"{passage.ranks[-1].rank:,}" if cut is None else f"cut by {cut.name}",
        runs=tell(trace, passage),
        stages=tuple(
            _stage(trace, passage, place, explanation, id=f"{id}-{place + 1}")
            for place, rank in enumerate(passage.ranks)
            if (explanation := rank.explanation) is not None
        ),
    )


def _stage(
    trace: Trace, passage: TracedPassage, place: int, explanation: Explanation, *, id: str
) -> StageView:
    moves = trace.moved_by(passage, place)
    shown = tuple(move for move in moves[:MOVES_SHOWN] if move.share >= LEAST_SHARE)
    return StageView(
        name=trace.stages[place].name,
        cell=_cell(trace, passage, place),
        of=trace.stages[place].scored,
        runs=tell_stage(trace, passage, place),
        side=view_side(
            explanation.right,
            "right",
            title="Text of the passage",
            pairs=explanation.pairs,
            other=explanation.left,
        ),
        moves=shown,
        more=len(moves) - len(shown),
        view=view_explanation(explanation, id=id, scale="relative"),
    )


def _chart(trace: Trace) -> RankChart | None:
    """Return the chart of all passages; None where one stage or one passage leaves none to draw."""
    if len(trace.stages) < 2 or len(trace.passages) < 2:
        return None
    named = {each.id for each in trace.explained}
    last = max(stage.scored for stage in trace.stages)
    step = (WIDTH - LABELS - 3 * MARGIN) / (len(trace.stages) - 1)

    def place_of(place: int, rank: int) -> tuple[float, float]:
        down = math.log2(rank) / math.log2(last)
        return round(3 * MARGIN + place * step, 1), round(2 * MARGIN + down * HEIGHT, 1)

    lines = []
    # Those that are explained are drawn last, over the others.
    for each in sorted(trace.passages, key=lambda each: each.id in named):
        points = [place_of(n, rank.rank) for n, rank in enumerate(each.ranks)]
        marked = each.id in named
        lines.append(
            RankLine(
                points=" ".join(f"{x},{y}" for x, y in points),
                end=points[-1],
                cut=trace.cut_by(each) is not None,
                label=shorten(_name(each)) if marked else "",
                marked=marked,
            )
        )
    ranks = [n for n in (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000, 10000) if n <= last]
    return RankChart(
        width=WIDTH,
        height=HEIGHT + 3 * MARGIN,
        stages=tuple((place_of(n, 1)[0], shorten(s.name)) for n, s in enumerate(trace.stages)),
        lines=tuple(lines),
        marks=tuple((place_of(0, rank)[1], f"{rank:,}") for rank in ranks),
    )


def render_trace_text(trace: Trace, *, width: int = 80) -> str:
    """Return a trace as plain text without any colour, ``width`` columns wide."""
    return plain_text(terminal_trace_view(trace), width=width)


def terminal_trace_view(trace: Trace, *, colour: bool = False) -> RenderableType:
    """Return what a Rich console prints of a trace; ``colour`` says whether it shows some."""
    head = Text("query ").append(visible(" ".join(trace.query.split())), style="bold")
    parts: list[RenderableType] = [
        draw_sentence(view_trace_verdict(trace), colour),
        Text(),
        head,
        Text(_say_stages(trace), style="dim"),
        Text(),
    ]
    rows = _listed(trace)
    if rows:
        parts.append(_draw_ranks(trace, rows))
    if len(trace.passages) > len(rows):
        parts.append(Text(f"and {len(trace.passages) - len(rows):,} more", style="dim"))
    for each in trace.explained:
        heading = Text(f"{visible(_name(each))} ", style="bold")
        heading.append(visible(each.id), style="dim")
        said = Text(visible(trace.sentence(each)))
        parts += [Text(), heading, Padding(said, (0, 0, 0, 2), expand=False)]
    parts += [Text()] if trace.notes else []
    parts.extend(Text(f"! {visible(note)}") for note in trace.notes)
    return Group(*parts)


def _say_stages(trace: Trace) -> str:
    said = []
    for stage in trace.stages:
        keeps = "" if stage.keep is None else f", keeps {stage.keep:,}"
        part = ", a part" if stage.part else ""
        said.append(f"{visible(stage.name)} (scores {stage.scored:,}{keeps}{part})")
    return " → ".join(said)


def _draw_ranks(trace: Trace, rows: list[TracedPassage]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("passage", overflow="fold", ratio=1)
    for stage in trace.stages:
        table.add_column(Text(visible(stage.name)), justify="right", overflow="fold")
    for each in rows:
        name = Text(shorten(visible(_name(each))))
        name.append(f"  {visible(each.id)}", style="dim")
        cells = [_draw_cell(_cell(trace, each, place)) for place in range(len(each.ranks))]
        table.add_row(name, *cells, *["–"] * (len(trace.stages) - len(cells)))
    return table


def _draw_cell(cell: RankCell) -> Text:
    said = Text(cell.rank, style="" if cell.cut else "bold")
    said.append(f" {cell.change}" if cell.change else "", style="not bold")
    said.append(" cut" if cell.cut else "", style="dim")
    return said.append(f"\n{cell.score}", style="not bold dim")
