"""Differences made visible: both texts with their places marked, as HTML and for a terminal."""

import re
from dataclasses import dataclass
from typing import Literal

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from whyalike.differences import Difference, Differences, Kind
from whyalike.render.html import PAGE_STYLES, own_id, render_page, render_part
from whyalike.render.parts import format_number, plain_text
from whyalike.render.terminal import visible

STYLES = ("differences.css",)

Side = Literal["left", "right"]

_BREAK = re.compile("\r\n|[\n\r\u2028\u2029]")

# Okabe and Ito's vermilion for what changes the meaning, sky blue for other words; black on each.
_CHANGED, _REWORDED = "#000000 on #f0a070", "#000000 on #cfe6f7"

_SAYS: dict[Kind, str] = {
    "negated": "one text denies it",
    "opposite": "the opposite",
    "number": "another number or date",
    "name": "another name",
    "added": "only the right text has it",
    "missing": "only the left text has it",
    "more general": "the right text says it less exactly",
    "more specific": "the right text says it more exactly",
    "other words": "something else",
    "reworded": "the same in other words",
}


@dataclass(frozen=True, slots=True)
class _Piece:
    """A run of a text: a place, numbered from 1, or what stands between two (number 0)."""

    text: str
    number: int
    is_change: bool


@dataclass(frozen=True, slots=True)
class _Row:
    """A place as it is listed."""

    number: int
    kind: str
    says: str
    left: str
    right: str
    similarity: str
    gain: str
    is_change: bool


def render_differences(found: Differences) -> str:
    """Return one self-contained HTML page."""
    return render_page("differences.html.j2", (*PAGE_STYLES, *STYLES), **_content(found, id=""))


def render_differences_fragment(found: Differences) -> str:
    """Return the same to be put into another page, such as a notebook."""
    id = f"{own_id('d', found.to_json())}-"
    return render_part("differences.html.j2", STYLES, **_content(found, id=id))


def _content(found: Differences, *, id: str) -> dict[str, object]:
    rows = _rows(found)
    return {
        "title": "whyalike differences",
        "id": id,
        "verdict": differences_verdict(found),
        "model": found.model,
        "left": _pieces(found, "left"),
        "right": _pieces(found, "right"),
        "rows": rows,
        "is_measured": any(row.gain for row in rows),
        "warnings": found.warnings,
    }


def differences_verdict(found: Differences) -> str:
    """Return the answer in a sentence or two."""
    score = f"The model's score is {format_number(found.similarity, 3)}."
    if not found.is_comparable:
        return f"{score} No sentence of one text shares enough words with one of the other."
    if not found.found:
        said = "other words for the same" if found.rewordings else "the same words"
        return f"{score} Nothing was found that tells the texts apart: they have {said}."
    first = found.found[0]
    names = [found.text_of(first, side) for side in ("left", "right")]
    if not names[0] or not names[1]:
        what = (
            f"“{names[0] or names[1]}”, which only the {'left' if names[0] else 'right'} text has"
        )
    else:
        what = f"“{names[0]}” against “{names[1]}” ({first.kind})"
    count = len(found.found)
    places = "1 place" if count == 1 else f"{count:,} places"
    most = "" if count == 1 else ", most of all" if first.gain is not None else ", first"
    cost = ""
    if first.similarity is not None and first.gain is not None:
        cost = (
            f" With the left text's words there the score would be "
            f"{format_number(first.similarity, 3)} ({first.gain:+.3f})."
        )
    return f"{score} They differ in {places}{most} {what}.{cost}"


def _numbered(found: Differences) -> dict[Difference, int]:
    """Return the number of each place: those that change the meaning come first."""
    return {place: n for n, place in enumerate((*found.found, *found.rewordings), start=1)}


def _rows(found: Differences) -> list[_Row]:
    return [
        _Row(
            number,
            place.kind,
            _SAYS[place.kind],
            found.text_of(place, "left"),
            found.text_of(place, "right"),
            "" if place.similarity is None else format_number(place.similarity, 3),
            "" if place.gain is None else f"{place.gain:+.3f}",
            place.changes_meaning,
        )
        for place, number in _numbered(found).items()
    ]


def _pieces(found: Differences, side: Side) -> list[_Piece]:
    text = found.left if side == "left" else found.right
    placed = sorted(
        (span, number, place.changes_meaning)
        for place, number in _numbered(found).items()
        if (span := getattr(place, side)) is not None
    )
    pieces, at = [], 0
    for (start, end), number, is_change in placed:
        if start > at:
            pieces.append(_Piece(text[at:start], 0, False))
        pieces.append(_Piece(text[start:end], number, is_change))
        at = end
    if at < len(text):
        pieces.append(_Piece(text[at:], 0, False))
    return pieces


def render_differences_text(found: Differences, *, width: int = 80) -> str:
    """Return the differences as plain text without any colour."""
    return plain_text(terminal_differences_view(found, colour=False), width=width)


def terminal_differences_view(found: Differences, *, colour: bool) -> RenderableType:
    """Return what a Rich console prints: the answer, both texts, and a table of the places.

    Without colour, ``[word]1`` changes the meaning and ``(word)2`` says the same.
    """
    parts: list[RenderableType] = [Text(visible(differences_verdict(found)), style="bold"), Text()]
    for side in ("left", "right"):
        parts += [Text(side, style="dim"), _draw(found, side, colour), Text()]
    rows = _rows(found)
    if rows:
        parts += [_table(rows), Text()]
    parts += [Text(f"! {visible(warning)}") for warning in found.warnings]
    return Group(*parts)


def _draw(found: Differences, side: Side, colour: bool) -> Text:
    text = Text()
    for piece in _pieces(found, side):
        said = visible(_BREAK.sub(" ", piece.text))
        if not piece.number:
            text.append(said)
        elif colour:
            text.append(said, style=_CHANGED if piece.is_change else _REWORDED)
            text.append(f"{piece.number}", style="bold")
        else:
            text.append(f"[{said}]" if piece.is_change else f"({said})")
            text.append(f"{piece.number}")
    return text


def _table(rows: list[_Row]) -> Table:
    is_measured = any(row.gain for row in rows)
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("#", justify="right")
    table.add_column("difference")
    table.add_column("left")
    table.add_column("right")
    if is_measured:
        table.add_column("score with left's words", justify="right")
    for row in rows:
        cells = [
            f"{row.number}",
            row.says,
            *(visible(_BREAK.sub(" ", said)) or "–" for said in (row.left, row.right)),
        ]
        if is_measured:
            cells.append(f"{row.similarity} ({row.gain})" if row.gain else "–")
        table.add_row(*map(Text, cells), style="" if row.is_change else "dim")
    return table
