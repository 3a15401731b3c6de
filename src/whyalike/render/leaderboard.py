"""A leaderboard as a page: by dataset and metric the methods, best first, with intervals."""

from collections.abc import Sequence
from dataclasses import dataclass

from whyalike.render.curves import Curve, CurvePlot, plot_curves
from whyalike.render.html import PAGE_STYLES, render_page
from whyalike.render.wording import format_number

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
    """One metric on one dataset, rows best first. ``points`` are those of the rows' curves."""

    metric: str
    summary: str
    better: str
    rows: tuple[BoardRow, ...]
    points: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class BoardSection:
    """One dataset with all that was measured on it."""

    dataset: str
    pairs: int
    tables: tuple[BoardTable, ...]


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
    """A table as it is drawn. ``zero`` is where zero is in the plot, if it is in it."""

    metric: str
    summary: str
    better: str
    rows: tuple[PlotRow, ...]
    zero: float | None
    ends: tuple[str, str]
    curves: CurvePlot | None


def render_leaderboard(page: BoardPage, *, title: str = "whyalike: leaderboard") -> str:
    """Return one HTML page; every plot has its numbers beside it."""
    sections = [
        (section, [plot_table(table) for table in section.tables]) for section in page.sections
    ]
    styles = (*PAGE_STYLES, "leaderboard.css")
    return render_page(
        "leaderboard.html.j2", styles, title=title, page=page, sections=sections, plot=PLOT
    )


def plot_table(table: BoardTable) -> PlotTable:
    """Return a table with the places of its marks; all rows share one scale."""
    low, high = _scale(table.rows)
    span = (high - low) or 1.0

    def place(value: float) -> float:
        return round(PAD + (PLOT - 2 * PAD) * (value - low) / span, 1)

    return PlotTable(
        metric=table.metric,
        summary=table.summary,
        better=table.better,
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
        ),
    )


def _scale(rows: Sequence[BoardRow]) -> tuple[float, float]:
    """Return the ends of the scale: all intervals, and zero where it is near."""
    low = min((row.low for row in rows), default=0.0)
    high = max((row.high for row in rows), default=1.0)
    if 0 < low < (high - low):
        low = 0.0
    if -(high - low) < high < 0:
        high = 0.0
    return low, high
