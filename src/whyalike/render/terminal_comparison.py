"""A comparison in a terminal: the words that make the difference between two texts."""

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from whyalike.explanation import Comparison
from whyalike.render.comparison_view import ComparisonView, EffectRow, view_comparison
from whyalike.render.plain_text import plain_text
from whyalike.render.segments import cut_into_segments
from whyalike.render.terminal import draw_side, shorten, visible

BAR = 16


def render_comparison_text(comparison: Comparison, *, width: int = 80) -> str:
    """Return the comparison as plain text without any colour, ``width`` columns wide."""
    return plain_text(terminal_comparison_view(comparison, colour=False), width=width)


def terminal_comparison_view(comparison: Comparison, *, colour: bool) -> RenderableType:
    """Return what a Rich console prints; ``colour`` says whether it shows colours."""
    view = view_comparison(comparison, id="terminal")
    parts: list[RenderableType] = [_heading(view), Text()]
    first, second = (standing.title for standing in view.standings)
    for title, text in (
        ("query", comparison.query),
        (f"{first} ({view.better_similarity})", comparison.better_text),
        (f"{second} ({view.worse_similarity})", comparison.worse_text),
    ):
        segments = cut_into_segments(text, (), which="left")
        parts += [Text(title, style="bold underline"), *draw_side(text, segments, colour), Text()]
    parts += [Text("what makes the difference", style="bold underline"), _effects(view)]
    if view.more_rows:
        parts.append(Text(f"and {view.more_rows:,} more", style="dim"))
    parts += [Text(), Text("word by word of the query", style="bold underline"), _words(view)]
    if view.more_query_rows:
        parts.append(Text(f"and {view.more_query_rows:,} more", style="dim"))
    parts.append(Text(_legend(colour), style="dim"))
    parts.extend(Text(f"! {visible(warning)}") for warning in view.warnings)
    return Group(*parts)


def _heading(view: ComparisonView) -> Text:
    heading = Text(f"margin {view.said}", style="bold")
    heading.append(f"  {view.kind} {view.better_similarity} against {view.worse_similarity}")
    facts = " · ".join(f"{name.lower()} {visible(value)}" for name, value in view.facts)
    heading.append(f"\n{facts}", style="not bold dim")
    if view.note:
        heading.append(f"\n{view.note}", style="not bold")
    return heading


def _effects(view: ComparisonView) -> RenderableType:
    if not view.rows:
        return Text("Neither text has a word.")
    table = _table(("word", "in the text"))
    for row in view.rows:
        table.add_row(_name(row.word), Text(row.where), Text(row.said), _bar(row))
    return table


def _words(view: ComparisonView) -> RenderableType:
    if not view.query_rows:
        return Text("The query has no word.")
    table = _table(("word", *(standing.name for standing in view.standings)))
    for row in view.query_rows:
        partners = (
            Text(f"{shorten(visible(word))} {score}".strip() or "–")
            for word, score in (row.better, row.worse)
        )
        table.add_row(_name(row.word), *partners, Text(row.said), Text(""))
    return table


def _table(names: tuple[str, ...]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), pad_edge=False, show_edge=False)
    for name in names:
        table.add_column(name, overflow="fold")
    table.add_column("adds", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    return table


def _name(word: str) -> Text:
    return Text(shorten(visible(word)))


def _bar(row: EffectRow) -> Text:
    """Return a bar of the effect's size, of another character where it lowers the margin."""
    return Text(("█" if row.effect > 0 else "░") * round(BAR * row.bar / 100))


def _legend(colour: bool) -> str:
    if colour:
        return "bluer: adds more to the margin · underlined: lowers it"
    return "*word* adds half of the most or more · ~word~ lowers the margin by as much"
