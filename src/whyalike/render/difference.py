"""A difference of two models made visible: as HTML, and for a terminal."""

from collections.abc import Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from whyalike.render.html import PAGE_STYLES, excerpt, own_id, render_page, render_part
from whyalike.render.parts import format_number, format_signed, plain_text
from whyalike.render.terminal import visible
from whyalike.reports.difference import Difference, MovedPair, WordMovement

STYLES = ("similar.css", "diagnosis.css")

PAIRS_SHOWN, WORDS_SHOWN, WORDS_OF_PAIR = 50, 12, 6
"""Pairs on a page, words of a list, words of a pair."""

LISTED = 8
"""Pairs on a terminal."""


def render_difference(
    difference: Difference, *, title: str = "whyalike: two models, word by word"
) -> str:
    """Return one HTML page that loads nothing."""
    styles = (*PAGE_STYLES, *STYLES)
    return render_page("difference.html.j2", styles, title=title, **view_difference(difference))


def render_difference_fragment(difference: Difference) -> str:
    """Return the same to be put into another page, such as a notebook."""
    id = own_id("f", (difference.before, difference.after, difference.pairs))
    return render_part("difference.html.j2", STYLES, **view_difference(difference, id=f"{id}-"))


def view_difference(difference: Difference, *, id: str = "") -> dict[str, object]:
    """Return what ``difference.html.j2`` prints; ids begin with ``id``, if any."""
    return {
        "id": id,
        "difference": difference,
        "summary": summarise(difference),
        "facts": facts_of(difference),
        "risen": difference.risen[:WORDS_SHOWN],
        "fallen": difference.fallen[:WORDS_SHOWN],
        "pairs": [
            (pair, excerpt(pair.left), excerpt(pair.right), pair.words[:WORDS_OF_PAIR])
            for pair in difference.pairs[:PAIRS_SHOWN]
        ],
        "more": max(0, len(difference.pairs) - PAIRS_SHOWN),
    }


def summarise(difference: Difference) -> str:
    """Return what was found in a sentence or two."""
    count = len(difference.pairs)
    if difference.kind == "queries":
        ranks = [(pair.before_rank or 0, pair.after_rank or 0) for pair in difference.pairs]
        better = sum(after < before for before, after in ranks)
        worse = sum(after > before for before, after in ranks)
        return (
            f"Of {count:,} queries {difference.found_before:,} find a right item among the first "
            f"{difference.k:,} before, and {difference.found_after:,} after; it rises for "
            f"{better:,} and falls for {worse:,}."
        )
    moved = sum(abs(pair.moved) >= 1 for pair in difference.pairs)
    said = "1 moves" if moved == 1 else f"{moved:,} move"
    return f"Of {count:,} pairs {said} by a standard deviation or more."


def facts_of(difference: Difference) -> list[tuple[str, str]]:
    """Return what was compared."""
    methods = " and ".join(dict.fromkeys(difference.methods))
    return [
        ("Before", difference.before),
        ("After", difference.after),
        ("Order agrees", f"{format_number(difference.agreement, 2)} (Spearman)"),
        ("Explained", f"{difference.explained:,} by {methods}"),
    ]


def render_difference_text(difference: Difference, *, width: int = 80) -> str:
    """Return a difference as plain text without any colour, ``width`` columns wide."""
    return plain_text(terminal_difference_view(difference), width=width)


def terminal_difference_view(difference: Difference) -> RenderableType:
    """Return what a Rich console prints of a difference."""
    facts = " · ".join(f"{name.lower()} {visible(value)}" for name, value in facts_of(difference))
    parts: list[RenderableType] = [
        Text(summarise(difference), style="bold"),
        Text(facts, style="dim"),
    ]
    for name, words in (("more", difference.risen), ("less", difference.fallen)):
        if words:
            parts += [Text(), Text(f"Add {name} after: {_say_words(words[:WORDS_SHOWN])}")]
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("pair", overflow="fold", ratio=1)
    is_queries = difference.kind == "queries"
    for name in (*(("rank",) if is_queries else ()), "before", "after", "moved"):
        table.add_column(name, justify="right", no_wrap=True)
    for pair in difference.pairs[:LISTED]:
        table.add_row(*_row(pair, is_queries=is_queries))
    parts += [Text(), table]
    more = len(difference.pairs) - LISTED
    if more > 0:
        parts.append(Text(f"and {more:,} more (--html and --json have them)", style="dim"))
    parts.extend(Text(f"! {visible(note)}") for note in difference.notes)
    return Group(*parts)


def _say_words(words: Sequence[WordMovement]) -> str:
    return ", ".join(f"{visible(word.text)} {format_signed(word.moved, 2)}" for word in words)


def _row(pair: MovedPair, *, is_queries: bool) -> list[Text | str]:
    said = Text(visible(excerpt(pair.left)))
    said.append(f"\n{visible(excerpt(pair.right))}", style="dim")
    if pair.words:
        named = ", ".join(
            f"{visible(word.text)} {format_signed(word.moved, 2)}" for word in pair.words[:3]
        )
        said.append(f"\n{named}", style="dim")
    ranks = [f"{pair.before_rank} → {pair.after_rank}"] if is_queries else []
    return [
        said,
        *ranks,
        format_number(pair.before, 3),
        format_number(pair.after, 3),
        f"{format_signed(pair.moved, 2)} sd",
    ]
