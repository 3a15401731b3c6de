"""A study's report in a terminal."""

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from whyalike.render.plain_text import plain_text
from whyalike.render.study import StudyPage, StudyTable
from whyalike.render.terminal import visible

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
