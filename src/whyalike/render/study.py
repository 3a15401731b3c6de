"""A study's report on one page: Table 1 and what stands behind it, with plots as inline SVG."""

from dataclasses import dataclass

from whyalike.render.html import PAGE_STYLES, own_id, render_page, render_part
from whyalike.render.scale import place_between

STYLE = "study.css"
PLOT, PAD = 200.0, 7.0


@dataclass(frozen=True, slots=True)
class Range:
    """A mean with its interval, and dots beside it (the means of the judges)."""

    mean: float
    low: float
    high: float
    dots: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Shares:
    """How often each step of the scale was chosen, lowest first."""

    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class StudyRow:
    """A row as it is written. ``strong``: to be seen first. ``plot``: drawn beside it."""

    cells: tuple[str, ...]
    strong: bool = False
    plot: Range | Shares | None = None


@dataclass(frozen=True, slots=True)
class StudyTable:
    """A table with its caption. ``texts``: how many columns, from the left, are words.

    more: what the caption goes on to say of columns that a picture leaves out.
    scale: the ends of the scale that all plots share. marks: what is written at places of it.
    last_is_text: whether the last column is words too.
    """

    name: str
    caption: str
    headings: tuple[str, ...]
    rows: tuple[StudyRow, ...]
    texts: int = 1
    last_is_text: bool = False
    more: str = ""
    plot_heading: str = "Plot"
    scale: tuple[float, float] = (1.0, 5.0)
    marks: tuple[float, ...] = ()

    @property
    def whole_caption(self) -> str:
        """The caption of all columns."""
        return f"{self.caption} {self.more}".rstrip()

    def is_text(self, column: int) -> bool:
        """Return whether a column is words and not numbers."""
        return column < self.texts or (self.last_is_text and column == len(self.headings) - 1)


@dataclass(frozen=True, slots=True)
class StudyPage:
    """Everything that a report shows. ``table_1`` is first; ``banner`` is said before all else."""

    title: str
    banner: str
    facts: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    table_1: StudyTable
    tables: tuple[StudyTable, ...]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A plot with places for its marks, and in words. ``bars``: (x, width, step of the scale)."""

    said: str
    x: float | None
    low: float
    width: float
    dots: tuple[float, ...]
    bars: tuple[tuple[float, float, int], ...]
    marks: tuple[float, ...]


def render_study(page: StudyPage) -> str:
    """Return one HTML page; every plot has its numbers beside it."""
    styles = (*PAGE_STYLES, STYLE)
    return render_page("study.html.j2", styles, title=page.title, **_content(page))


def render_study_fragment(page: StudyPage) -> str:
    """Return the same to be put into another page, such as a notebook."""
    return render_part("study.html.j2", [STYLE], **_content(page, id=f"{own_id('t', page)}-"))


def _content(page: StudyPage, *, id: str = "") -> dict[str, object]:
    """Return what ``study.html.j2`` prints; ids begin with ``id``, if any."""
    tables = [
        (table, [(row, draw(row.plot, table)) for row in table.rows])
        for table in (page.table_1, *page.tables)
    ]
    return {"id": id, "page": page, "tables": tables, "width": PLOT}


def draw(plot: Range | Shares | None, table: StudyTable) -> Drawn | None:
    """Return a row's plot with the places of its marks; all rows of a table share one scale."""
    if plot is None:
        return None
    if isinstance(plot, Shares):
        return _draw_shares(plot)
    low, high = table.scale

    def place(value: float) -> float:
        return round(PAD + (PLOT - 2 * PAD) * place_between(value, low, high), 1)

    return Drawn(
        said=f"{plot.mean:.2f}, interval {plot.low:.2f} to {plot.high:.2f}",
        x=place(plot.mean),
        low=place(plot.low),
        width=max(0.5, round(place(plot.high) - place(plot.low), 1)),
        dots=tuple(place(dot) for dot in plot.dots),
        bars=(),
        marks=tuple(place(mark) for mark in table.marks),
    )


def _draw_shares(plot: Shares) -> Drawn:
    total = sum(plot.counts) or 1
    bars, start = [], 0
    for step, count in enumerate(plot.counts, start=1):
        if count:
            bars.append((round(PLOT * start / total, 2), round(PLOT * count / total, 2), step))
        start += count
    said = ", ".join(f"{step}: {count}" for step, count in enumerate(plot.counts, start=1))
    return Drawn(said, None, 0.0, 0.0, (), tuple(bars), ())
