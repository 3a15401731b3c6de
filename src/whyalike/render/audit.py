"""An audit of a catalogue made visible: as HTML, and for a terminal."""

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from whyalike.render.html import PAGE_STYLES, excerpt, own_id, render_page, render_part
from whyalike.render.parts import decimals_for, format_number, plain_text
from whyalike.render.terminal import visible
from whyalike.reports.audit import Audit, Hub

STYLES = ("similar.css", "diagnosis.css")

SHOWN = 20
"""Rows of a table on a page; LISTED on a terminal."""

LISTED = 10


def render_audit(audit: Audit, *, title: str = "whyalike: what carries a catalogue") -> str:
    """Return one HTML page that loads nothing."""
    return render_page("audit.html.j2", (*PAGE_STYLES, *STYLES), title=title, **view_audit(audit))


def render_audit_fragment(audit: Audit) -> str:
    """Return the same to be put into another page, such as a notebook."""
    id = own_id("a", (audit.name, audit.model, audit.pairs))
    return render_part("audit.html.j2", STYLES, **view_audit(audit, id=f"{id}-"))


def view_audit(audit: Audit, *, id: str = "") -> dict[str, object]:
    """Return what ``audit.html.j2`` prints; ids begin with ``id``, if any."""
    return {
        "id": id,
        "audit": audit,
        "summary": summarise(audit),
        "facts": facts_of(audit),
        "pairs": audit.pairs[:SHOWN],
        "words": audit.words[:SHOWN],
        "decimals": decimals_for(pair.adds for pair in audit.pairs),
        "hubs": [(hub, say_hub(hub, audit)) for hub in audit.hubs],
        "most": max((pair.share for pair in audit.pairs), default=1.0) or 1.0,
    }


def summarise(audit: Audit) -> str:
    """Return what was found in a sentence or two."""
    if not audit.pairs:
        return "No pair of words adds to the similarities of neighbours."
    first = audit.pairs[0]
    words = f"“{first.left}”"
    if first.right != first.left:
        words = f"{words} with “{first.right}”"
    said = f"{words} carries most: {first.share:.1%} of what pairs of words add to neighbours."
    count = len(audit.boilerplate)
    if count:
        share = sum(word.share for word in audit.boilerplate)
        said += (
            f" {count:,} {'word' if count == 1 else 'words'} of boilerplate "
            f"{'carries' if count == 1 else 'carry'} {share:.0%} of what words add."
        )
    return said


def facts_of(audit: Audit) -> list[tuple[str, str]]:
    """Return what was looked at."""
    return [
        ("Catalogue", audit.name),
        ("Model", audit.model),
        ("Items", f"{audit.items:,}"),
        ("Neighbours of", f"{audit.sampled:,}"),
        ("Explained", f"{audit.explained:,} pairs by {audit.method}"),
        ("Nearest, mean", format_number(audit.similarity, 3)),
        ("Hubness", f"skewness {format_number(audit.skewness, 2)}"),
        *([("Copies", f"{audit.copies:,}")] if audit.copies else []),
    ]


def say_hub(hub: Hub, audit: Audit) -> str:
    """Return of how many items a hub is a neighbour, and which word changes that most."""
    said = f"A neighbour of {hub.neighbour_of:,} of {audit.sampled:,} items."
    if hub.words and hub.words[0].without < hub.neighbour_of:
        first = hub.words[0]
        said += f" Without “{first.text}” of {first.without:,}."
    elif hub.words:
        said += " No word alone makes it so."
    return said


def render_audit_text(audit: Audit, *, width: int = 80) -> str:
    """Return an audit as plain text without any colour, ``width`` columns wide."""
    return plain_text(terminal_audit_view(audit), width=width)


def terminal_audit_view(audit: Audit) -> RenderableType:
    """Return what a Rich console prints of an audit."""
    facts = " · ".join(f"{name.lower()} {visible(value)}" for name, value in facts_of(audit))
    parts: list[RenderableType] = [
        Text(visible(summarise(audit)), style="bold"),
        Text(facts, style="dim"),
    ]
    if audit.pairs:
        table = _table("pair of words", "share", "in pairs of neighbours")
        for pair in audit.pairs[:LISTED]:
            names = f"{visible(pair.left)} – {visible(pair.right)}"
            table.add_row(names, f"{pair.share:.1%}", f"{pair.pairs:,}")
        parts += [Text(), table]
    if audit.words:
        table = _table("word", "share", "items with it", "")
        for word in audit.words[:LISTED]:
            note = "boilerplate" if word.is_boilerplate else ""
            table.add_row(visible(word.text), f"{word.share:.1%}", f"{word.frequency:.0%}", note)
        parts += [Text(), table]
    if audit.hubs:
        parts += [Text(), Text("Hubs", style="bold underline")]
    for hub in audit.hubs:
        name = Text(visible(hub.title or excerpt(hub.text)), style="bold")
        name.append(f" {visible(hub.id)}", style="not bold dim")
        parts += [name, Text(f"  {visible(say_hub(hub, audit))}")]
    parts.extend(Text(f"! {visible(note)}") for note in audit.notes)
    return Group(*parts)


def _table(*names: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), pad_edge=False, show_edge=False)
    for name in names:
        is_text = name in ("pair of words", "word", "")
        table.add_column(name, justify="left" if is_text else "right", overflow="fold")
    return table
