"""Blind spots on one page: rates by rule, the worst of them with what hides them, every edit."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from whyalike.explanation import Explanation, Word
from whyalike.render.html import PAGE_STYLES, own_id, render_page, render_part
from whyalike.render.view import ExplanationView, view_explanation
from whyalike.render.wording import decimals_for, format_number, format_signed

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
