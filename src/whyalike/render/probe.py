"""A probe's findings made visible: as HTML, and for a terminal."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from whyalike.explanation import Explanation, Word
from whyalike.render.html import PAGE_STYLES, own_id, render_page, render_part
from whyalike.render.parts import decimals_for, format_number, format_signed, plain_text
from whyalike.render.terminal import visible
from whyalike.render.view import ExplanationView, view_explanation

STYLE = "probe.css"
WORDS_NAMED = 6
EDITS_SHOWN = 300

Part = tuple[Literal["same", "old", "new"], str]
"""A run of a text: unchanged, taken out, or put in."""


@dataclass(frozen=True, slots=True)
class RateRow:
    """One rule: how many edits, their mean drop, and (share, low, high) of blind ones."""

    rule: str
    harmless: bool
    edits: int
    drop: tuple[float, float, float]
    blind: tuple[float, float, float] | None
    blind_count: str
    closer: float | None


@dataclass(frozen=True, slots=True)
class EditRow:
    """One edit: what changed, how far the similarity fell, and the verdict in words."""

    text: int
    rule: str
    change: str
    similarity: float
    drop: float
    verdict: str


@dataclass(frozen=True, slots=True)
class BlindSpot:
    """A change of meaning that the model hardly sees, with the words that hide it."""

    rule: str
    query: str | None
    parts: tuple[Part, ...]
    similarity: float
    drop: float
    tolerance: float
    changed: tuple[Word, ...]
    hiding: tuple[Word, ...]
    explanation: Explanation


@dataclass(frozen=True, slots=True)
class ProbePage:
    """Everything that the page says, as plain data."""

    facts: tuple[tuple[str, str], ...]
    summary: str
    rates: tuple[RateRow, ...]
    spots: tuple[BlindSpot, ...]
    edits: tuple[EditRow, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SpotView:
    """A blind spot ready to print: words with what they add, and the explanation."""

    spot: BlindSpot
    changed: str
    hiding: str
    view: ExplanationView


def render_probe(page: ProbePage, *, title: str = "whyalike: blind spots") -> str:
    """Return one HTML page that loads nothing."""
    return render_page("probe.html.j2", (*PAGE_STYLES, STYLE), title=title, **_content(page))


def render_probe_fragment(page: ProbePage) -> str:
    """Return the same to be put into another page, such as a notebook."""
    return render_part("probe.html.j2", [STYLE], **_content(page, id=f"{own_id('p', page)}-"))


def _content(page: ProbePage, *, id: str = "") -> dict[str, object]:
    """Return what ``probe.html.j2`` prints; ids begin with ``id``, if any."""
    return {
        "id": id,
        "page": page,
        "spots": [_view_spot(spot, id=f"{id}e{n}") for n, spot in enumerate(page.spots, start=1)],
        "edits": page.edits[:EDITS_SHOWN],
        "more": max(0, len(page.edits) - EDITS_SHOWN),
        "decimals": decimals_for(edit.drop for edit in page.edits),
    }


def list_words(words: Sequence[Word]) -> str:
    """Return words with what each adds to the similarity, the first few of them."""
    decimals = decimals_for(word.contribution or 0.0 for word in words)
    said = [
        f"{word.text} {format_signed(word.contribution or 0.0, decimals)}"
        for word in words[:WORDS_NAMED]
    ]
    more = len(words) - len(said)
    return ", ".join(said) + (f" and {format_number(more, 0)} more" if more else "")


def _view_spot(spot: BlindSpot, *, id: str) -> SpotView:
    return SpotView(
        spot=spot,
        changed=list_words(spot.changed),
        hiding=list_words(spot.hiding),
        view=view_explanation(spot.explanation, id=id),
    )


EDITS_LISTED = 20
CHANGE_WIDTH = 34
QUERY_WIDTH = 60


def render_probe_text(page: ProbePage, *, width: int = 80) -> str:
    """Return a probe as plain text without any colour, ``width`` columns wide."""
    return plain_text(terminal_probe_view(page), width=width)


def terminal_probe_view(page: ProbePage) -> RenderableType:
    """Return what a Rich console prints of a probe."""
    facts = " · ".join(f"{name.lower()} {visible(value)}" for name, value in page.facts)
    parts: list[RenderableType] = [Text(page.summary, style="bold"), Text(facts, style="dim")]
    decimals = decimals_for(edit.drop for edit in page.edits)
    texts = {edit.text for edit in page.edits}
    if len(texts) > 1:
        parts += [Text(), _draw_rates(page, decimals)]
    if page.edits:
        parts += [Text(), _draw_edits(page, decimals, numbered=len(texts) > 1)]
    for number, spot in enumerate(page.spots, start=1):
        parts += [Text(), *_draw_spot(spot, number)]
    parts.extend(Text(f"! {visible(note)}") for note in page.notes)
    return Group(*parts)


def _draw_rates(page: ProbePage, decimals: int) -> Table:
    table = _table("rule", "edits", "drop", "closer", "blind", "95 % interval")
    for rate in page.rates:
        table.add_row(*_rate_cells(rate, decimals))
    return table


def _rate_cells(rate: RateRow, decimals: int) -> tuple[str, ...]:
    closer = "–" if rate.closer is None else format_number(rate.closer, 2)
    blind, interval = ("harmless" if rate.harmless else "–"), ""
    if rate.blind is not None:
        share, low, high = rate.blind
        blind = f"{format_number(share, 2)} ({rate.blind_count})"
        interval = f"{format_number(low, 2)} to {format_number(high, 2)}"
    drop = format_number(rate.drop[0], decimals)
    return visible(rate.rule), f"{rate.edits:,}", drop, closer, blind, interval


def _draw_edits(page: ProbePage, decimals: int, *, numbered: bool) -> Table:
    names = ("rule", "change", "similarity", "drop", "verdict")
    table = _table(*(("text",) if numbered else ()), *names)
    for edit in page.edits[:EDITS_LISTED]:
        cells = _edit_cells(edit, decimals)
        style = "bold" if edit.verdict == "blind spot" else ""
        table.add_row(*((str(edit.text),) if numbered else ()), *cells, style=style)
    more = len(page.edits) - EDITS_LISTED
    if more > 0:
        table.caption = Text(f"and {more:,} more", style="dim")
        table.caption_justify = "left"
    return table


def _edit_cells(edit: EditRow, decimals: int) -> tuple[Text | str, ...]:
    change = " ".join(visible(edit.change).split())
    short = change if len(change) <= CHANGE_WIDTH else change[: CHANGE_WIDTH - 1] + "…"
    return (
        Text(visible(edit.rule)),
        Text(short),
        format_number(edit.similarity, 4),
        format_signed(edit.drop, decimals),
        edit.verdict,
    )


def _draw_spot(spot: BlindSpot, number: int) -> list[Text]:
    heading = Text(f"blind spot {number}: {visible(spot.rule)}", style="bold underline")
    lines = [heading]
    if spot.query is not None:
        query = " ".join(visible(spot.query).split())
        lines.append(Text(f"query: {query[:QUERY_WIDTH]}{'…' if len(query) > QUERY_WIDTH else ''}"))
    text = Text()
    for kind, said in spot.parts:
        written = visible(said)
        if kind == "same":
            text.append(written)
        else:
            mark = ("[-", "-]") if kind == "old" else ("{+", "+}")
            text.append(f"{mark[0]}{written}{mark[1]}", style="bold")
    lines.append(text)
    if spot.changed:
        lines.append(Text(f"what changed adds: {visible(list_words(spot.changed))}"))
    if spot.hiding:
        lines.append(Text(f"hidden by: {visible(list_words(spot.hiding))}"))
    return lines


def _table(*names: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for name in names:
        is_text = name in ("rule", "change", "verdict")
        table.add_column(
            name,
            justify="left" if is_text else "right",
            no_wrap=name != "change",
            overflow="fold",
        )
    return table
