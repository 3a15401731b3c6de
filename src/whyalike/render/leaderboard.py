"""A leaderboard made visible, with its curves, as HTML."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from whyalike.render.html import PAGE_STYLES, own_id, render_page, render_part
from whyalike.render.parts import finite, format_number, place_between

WIDTH, HEIGHT = 460.0, 240.0
LEFT, RIGHT, TOP, BOTTOM = 40.0, 160.0, 10.0, 26.0
LABEL = 13.0


@dataclass(frozen=True, slots=True)
class Curve:
    """A method's means at the points of a curve; None where no pair has a value."""

    method: str
    means: tuple[float | None, ...]
    best: bool


@dataclass(frozen=True, slots=True)
class Line:
    """A curve as it is drawn: its path, where it ends, and where its name stands, if it has one."""

    method: str
    path: str
    kind: str
    name_at: float | None
    end: float | None = None


@dataclass(frozen=True, slots=True)
class CurvePlot:
    """Lines in their order, best last so that it lies on top; ticks; the same as numbers.

    axes: what the curves go along, and what they show.
    """

    lines: tuple[Line, ...]
    across: tuple[tuple[float, str], ...]
    up: tuple[tuple[float, str], ...]
    heads: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]
    names_at: float = WIDTH - RIGHT + 8
    size: tuple[float, float] = (WIDTH, HEIGHT)
    ends: tuple[float, float] = (LEFT, WIDTH - RIGHT)
    axes: tuple[str, str] = ("", "")


def plot_curves(
    points: Sequence[float], curves: Sequence[Curve], *, axes: tuple[str, str] = ("", "")
) -> CurvePlot | None:
    """Return a plot of curves (K points each), or None where there is nothing to draw.

    Each line has its name where there is room for all; else the best lines and that of ``random``.
    """
    values = finite(mean for curve in curves for mean in curve.means if mean is not None)
    if len(points) < 2 or not values:
        return None
    low, high = min(0.0, *values), max(0.0, *values)

    def x(point: float) -> float:
        place = place_between(point, points[0], points[-1])
        return round(LEFT + (WIDTH - LEFT - RIGHT) * place, 1)

    def y(value: float) -> float:
        return round(TOP + (HEIGHT - TOP - BOTTOM) * place_between(value, high, low), 1)

    room = (HEIGHT - TOP - BOTTOM) / LABEL
    ordered = sorted(curves, key=lambda curve: (curve.best, curve.method == "random"))
    places = _spread(
        {
            curve.method: y(last)
            for curve in ordered
            if (len(curves) <= room or curve.best or curve.method == "random")
            and (last := curve.means[-1]) is not None
        }
    )
    return CurvePlot(
        lines=tuple(
            Line(
                curve.method,
                " ".join(
                    f"{x(point)},{y(mean)}"
                    for point, mean in zip(points, curve.means, strict=True)
                    if mean is not None and math.isfinite(mean)
                ),
                "best" if curve.best else "random" if curve.method == "random" else "other",
                places.get(curve.method),
                None if curve.means[-1] is None else y(curve.means[-1]),
            )
            for curve in ordered
        ),
        axes=axes,
        across=tuple((x(point), _point(point)) for point in _few(points)),
        up=tuple((y(value), format_number(value, 2)) for value in sorted({low, 0.0, high})),
        heads=tuple(map(_point, points)),
        rows=tuple(
            (
                curve.method,
                tuple("–" if m is None else format_number(m, 3) for m in curve.means),
            )
            for curve in curves
        ),
    )


def _spread(wanted: dict[str, float]) -> dict[str, float]:
    """Move names apart so that none lies on another, and keep their order and the frame."""
    found: dict[str, float] = {}
    above = TOP - LABEL / 2
    for method, place in sorted(wanted.items(), key=lambda item: item[1]):
        above = found[method] = max(place, above + LABEL)
    below = HEIGHT
    for method in reversed(list(found)):
        below = found[method] = round(min(found[method], below - LABEL), 1)
    return found


def _few(points: Sequence[float]) -> Sequence[float]:
    return points if len(points) <= 6 else [*points[:-1:2], points[-1]]


def _point(point: float) -> str:
    return f"{point:g}"


STYLE = "leaderboard.css"
PLOT, PAD = 300.0, 6.0


@dataclass(frozen=True, slots=True)
class BoardRow:
    """A method's figure with its interval. ``best``: the best, or not found worse."""

    method: str
    mean: float
    low: float
    high: float
    best: bool
    note: str = ""
    curve: tuple[float | None, ...] = ()


@dataclass(frozen=True, slots=True)
class BoardTable:
    """One metric on one dataset, rows best first.

    title: what the metric is called where people read. points: those of the rows' curves. axes:
    what these go along, and what they show. reference: a value that the plot shows, and its name.
    scale: tables of one section whose scale has the same name share it; "" is one of its own.
    """

    metric: str
    summary: str
    aim: str
    rows: tuple[BoardRow, ...]
    points: tuple[float, ...] = ()
    reference: tuple[float, str] | None = None
    scale: str = ""
    title: str = ""
    axes: tuple[str, str] = ("", "")


@dataclass(frozen=True, slots=True)
class BoardSection:
    """One dataset with all that was measured on it; ``randomized`` is what random weights do.

    notes: what a reader of its figures should know. answer: which methods can be trusted, in
    sentences.
    """

    dataset: str
    pairs: int
    tables: tuple[BoardTable, ...]
    randomized: tuple[BoardTable, ...] = ()
    notes: tuple[str, ...] = ()
    answer: str = ""


@dataclass(frozen=True, slots=True)
class BoardPage:
    """Everything that the page shows; ``command`` is what made it, or nothing."""

    facts: tuple[tuple[str, str], ...]
    command: str
    sections: tuple[BoardSection, ...]
    failures: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class PlotRow:
    """A row as it is drawn: numbers as they are written, and x positions in the plot."""

    method: str
    said: str
    interval: str
    note: str
    best: bool
    x: float
    low: float
    width: float


@dataclass(frozen=True, slots=True)
class PlotTable:
    """A table as it is drawn.

    zero: where zero is in the plot, if it is in it. reference: where the reference is, and what it
    is called.
    """

    metric: str
    summary: str
    aim: str
    rows: tuple[PlotRow, ...]
    zero: float | None
    ends: tuple[str, str]
    curves: CurvePlot | None
    reference: tuple[float, str] | None
    title: str = ""


@dataclass(frozen=True, slots=True)
class PlotSection:
    """A dataset as it is drawn."""

    dataset: str
    pairs: str
    tables: tuple[PlotTable, ...]
    randomized: tuple[PlotTable, ...]
    notes: tuple[str, ...]
    answer: str = ""


def render_leaderboard(page: BoardPage, *, title: str = "whyalike: leaderboard") -> str:
    """Return one HTML page; every plot has its numbers beside it."""
    styles = (*PAGE_STYLES, STYLE)
    return render_page("leaderboard.html.j2", styles, title=title, **board_content(page))


def render_leaderboard_fragment(page: BoardPage) -> str:
    """Return the same to be put into another page, such as a notebook."""
    return render_part(
        "leaderboard.html.j2", [STYLE], **board_content(page, id=f"{own_id('b', page)}-")
    )


def board_content(page: BoardPage, *, id: str = "") -> dict[str, object]:
    """Return what ``leaderboard.html.j2`` prints; ids begin with ``id``, if any."""
    return {
        "id": id,
        "page": page,
        "sections": list(map(plot_section, page.sections)),
        "plot": PLOT,
    }


def plot_section(section: BoardSection) -> PlotSection:
    """Return a section with the places of all marks; some tables share a scale."""

    def plot(tables: Sequence[BoardTable]) -> tuple[PlotTable, ...]:
        named = [
            [one for one in tables if one is table or (one.scale and one.scale == table.scale)]
            for table in tables
        ]
        pairs = zip(tables, named, strict=True)
        return tuple(plot_table(table, beside=others) for table, others in pairs)

    return PlotSection(
        section.dataset,
        f"{section.pairs:,}",
        plot(section.tables),
        plot(section.randomized),
        section.notes,
        section.answer,
    )


def plot_table(table: BoardTable, *, beside: Sequence[BoardTable] = ()) -> PlotTable:
    """Return a table with the places of its marks, on one scale with all rows of ``beside``."""
    low, high = _scale([table, *beside])

    def place(value: float) -> float:
        return round(PAD + (PLOT - 2 * PAD) * place_between(value, low, high), 1)

    return PlotTable(
        metric=table.metric,
        summary=table.summary,
        aim=table.aim,
        rows=tuple(
            PlotRow(
                method=row.method,
                said=format_number(row.mean, 3),
                interval=f"{format_number(row.low, 3)} to {format_number(row.high, 3)}",
                note=row.note,
                best=row.best,
                x=place(row.mean),
                low=place(row.low),
                width=max(0.5, round(place(row.high) - place(row.low), 1)),
            )
            for row in table.rows
        ),
        zero=place(0.0) if low <= 0 <= high else None,
        ends=(format_number(low, 2), format_number(high, 2)),
        curves=plot_curves(
            table.points,
            [Curve(row.method, row.curve, row.best) for row in table.rows if row.curve],
            axes=table.axes,
        ),
        title=table.title,
        reference=_place_reference(table, place),
    )


def _place_reference(
    table: BoardTable, place: Callable[[float], float]
) -> tuple[float, str] | None:
    if table.reference is None:
        return None
    value, name = table.reference
    return place(value), f"{name} {format_number(value, 3 if value else 0)}"


def _scale(tables: Sequence[BoardTable]) -> tuple[float, float]:
    """Return the ends of the scale: all intervals and references, and zero where it is near."""
    rows = [row for table in tables for row in table.rows]
    references = [table.reference[0] for table in tables if table.reference]
    low = min(finite((*(row.low for row in rows), *references)), default=0.0)
    high = max(finite((*(row.high for row in rows), *references)), default=1.0)
    if 0 < low < (high - low):
        low = 0.0
    if -(high - low) < high < 0:
        high = 0.0
    return low, high
