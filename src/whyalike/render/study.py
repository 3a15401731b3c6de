"""A study's report made visible: as HTML, a table, text, and a picture."""

import re
from dataclasses import dataclass
from os import PathLike
from typing import IO, TYPE_CHECKING

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from whyalike.render.figure import MARGIN, SMALL, WIDTH, own_settings, save_figure
from whyalike.render.html import PAGE_STYLES, own_id, render_page, render_part
from whyalike.render.parts import ACCENT, HAIRLINE, INK, MUTED, place_between, plain_text
from whyalike.render.terminal import visible

if TYPE_CHECKING:
    from whyalike.render.figure_sheet import Sheet


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


LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "±": r"$\pm$",
    "−": r"$-$",
    "α": r"$\alpha$",
    "–": "--",
    "…": r"\ldots{}",
}


def write_markdown(page: StudyPage) -> str:
    """Return Table 1 in Markdown, with its caption below."""
    table = page.table_1
    rule = ["---" if table.is_text(n) else "---:" for n in range(len(table.headings))]
    lines = [f"**{_markdown(page.banner)}**\n"] if page.banner else []
    lines += [_bar([_markdown(name) for name in table.headings]), _bar(rule)]
    for row in table.rows:
        cells = [_markdown(cell) for cell in row.cells]
        lines.append(
            _bar([f"**{cell}**" if cell else "" for cell in cells] if row.strong else cells)
        )
    return "\n".join([*lines, "", _markdown(table.whole_caption), ""])


def write_latex(page: StudyPage) -> str:
    """Return Table 1 as a LaTeX ``table``, with its caption."""
    table = page.table_1
    columns = "".join("l" if table.is_text(n) else "r" for n in range(len(table.headings)))
    banner = rf"\textbf{{{_latex(page.banner)}.}} " if page.banner else ""
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{banner}{_latex(table.whole_caption)}}}",
            rf"\begin{{tabular}}{{{columns}}}",
            r"\hline",
            " & ".join(_latex(name) for name in table.headings) + r" \\",
            r"\hline",
            *_latex_rows(table),
            r"\hline",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def _latex_rows(table: StudyTable) -> list[str]:
    rows = []
    for row in table.rows:
        cells = [_latex(cell) for cell in row.cells]
        bold = [rf"\textbf{{{cell}}}" for cell in cells] if row.strong else cells
        rows.append(" & ".join(bold) + r" \\")
    return rows


def _latex(text: str) -> str:
    line = " ".join(text.split())
    return "".join(LATEX.get(character, character) for character in line)


def _markdown(text: str) -> str:
    """Return a text on one line, its marks escaped, so that no name becomes markup or a cell."""
    return re.sub(r"([\\`*_{}\[\]<>|#])", r"\\\1", " ".join(text.split()))


def _bar(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


MOST_COLUMNS, MOST_ROWS = 9, 30


def render_study_text(page: StudyPage, *, width: int = 80) -> str:
    """Return a report as plain text without any colour, ``width`` columns wide."""
    return plain_text(terminal_study_view(page), width=width)


def terminal_study_view(page: StudyPage) -> RenderableType:
    """Return what a Rich console prints of a report; a table too wide for it is only named."""
    parts: list[RenderableType] = []
    if page.banner:
        parts += [Text(f"!! {visible(page.banner)} !!", style="bold reverse"), Text()]
    facts = " · ".join(f"{name.lower()} {visible(value)}" for name, value in page.facts)
    parts.append(Text(facts, style="dim"))
    for table in (page.table_1, *page.tables):
        parts += [Text(), Text(visible(table.name), style="bold")]
        if len(table.headings) > MOST_COLUMNS:
            parts.append(Text(f"{len(table.headings)} columns: see --html or --json", style="dim"))
            continue
        parts.append(_draw(table))
        more = len(table.rows) - MOST_ROWS
        if more > 0:
            parts.append(Text(f"and {more:,} more: see --html or --json", style="dim"))
        parts.append(Text(visible(table.whole_caption), style="dim"))
    parts.extend(Text(f"! {visible(note)}") for note in page.notes)
    return Group(*parts)


def _draw(table: StudyTable) -> Table:
    drawn = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for place, name in enumerate(table.headings):
        is_text = table.is_text(place)
        drawn.add_column(
            Text(visible(name)), justify="left" if is_text else "right", overflow="fold"
        )
    for row in table.rows[:MOST_ROWS]:
        style = "bold" if row.strong else ""
        drawn.add_row(*(Text(visible(cell)) for cell in row.cells), style=style)
    return drawn


NAME, SIZE, LINE = 150.0, 10.0, 20.0
CELLS, PICTURE_PLOT = (MARGIN + 235, MARGIN + 335), (MARGIN + 365, WIDTH - MARGIN)
DOTS = "Thin marks: each judge's mean."
ALERT, DOT = "#a3141f", "#8f9aab"


def draw_study_table(
    page: StudyPage, path_or_file: str | PathLike[str] | IO[bytes], *, dpi: int = 200
) -> None:
    """Draw method, score and interval of each row of Table 1 and write a PNG, ten inches wide.

    Raises
    ------
    MissingExtraError
        Matplotlib is not installed.
    """
    with own_settings(what="PNG output"):
        from whyalike.render.figure_sheet import Sheet

        sheet = Sheet(WIDTH)
        y = _draw_head(sheet, page, MARGIN - 10)
        for row in page.table_1.rows:
            _draw_row(sheet, row, page.table_1, y)
            y += LINE
        y = _draw_caption(sheet, f"{page.table_1.caption} {DOTS}", y + 6)
        sheet.cut_at(y + MARGIN)
        save_figure(sheet.figure, path_or_file, format="png", dpi=dpi)


def _draw_head(sheet: "Sheet", page: StudyPage, y: float) -> float:
    table = page.table_1
    if page.banner:
        sheet.text(MARGIN, y + 12, page.banner, 12, bold=True, color=ALERT)
        y += 28
    sheet.text(MARGIN, y + 10, table.headings[0], SMALL, color=MUTED)
    for x, heading in zip(CELLS, table.headings[1:], strict=False):
        sheet.text(x, y + 10, heading, SMALL, color=MUTED, align="right")
    for mark in table.marks:
        sheet.text(_place(mark, table), y + 10, f"{mark:g}", SMALL, color=MUTED, align="center")
    return y + 18


def _draw_row(sheet: "Sheet", row: StudyRow, table: StudyTable, y: float) -> None:
    sheet.rule(MARGIN, y, WIDTH - MARGIN)
    for mark in table.marks:
        sheet.box(_place(mark, table), y, 0.5, LINE, HAIRLINE, radius=0)
    baseline = y + 14
    name = sheet.shorten(row.cells[0], NAME, SIZE)
    sheet.text(MARGIN, baseline, name, SIZE, bold=row.strong)
    for x, cell in zip(CELLS, row.cells[1:], strict=False):
        sheet.text(x, baseline, cell, SIZE, bold=row.strong, align="right")
    if isinstance(row.plot, Range):
        low, high, mean = (_place(v, table) for v in (row.plot.low, row.plot.high, row.plot.mean))
        for dot in row.plot.dots:
            sheet.box(_place(dot, table) - 0.5, y + 5, 1, LINE - 10, DOT, radius=0)
        sheet.box(low, y + LINE / 2 - 0.75, max(high - low, 0.5), 1.5, INK, radius=0)
        sheet.box(mean - 3, y + LINE / 2 - 3, 6, 6, ACCENT)


def _draw_caption(sheet: "Sheet", caption: str, y: float) -> float:
    from whyalike.render.figure_sheet import flow_text
    from whyalike.render.parts import Segment

    sheet.rule(MARGIN, y - 6, WIDTH - MARGIN)
    flow = flow_text(
        [Segment(caption)], WIDTH - 2 * MARGIN, lambda text: sheet.measure(text, SMALL)
    )
    for piece in flow.pieces:
        baseline = y + 9 + 12 * piece.line
        sheet.text(MARGIN + piece.x, baseline, piece.text, SMALL, color=MUTED)
    return y + 12 * flow.lines


def _place(value: float, table: StudyTable) -> float:
    return PICTURE_PLOT[0] + (PICTURE_PLOT[1] - PICTURE_PLOT[0]) * place_between(
        value, *table.scale
    )
