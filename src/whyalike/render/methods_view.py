"""Several methods' explanations of one pair as grids and cards, ready to draw."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from whyalike.errors import OptionError
from whyalike.explanation import Explanation
from whyalike.render.agreement import Span, rank_agreement, saliency_by_span
from whyalike.render.grid import Grid, make_cell
from whyalike.render.matrix import WORDS_SHOWN, choose_words
from whyalike.render.view import ExplanationView, view_explanation
from whyalike.render.wording import format_number

PAIRS_ON_CARD = 5
NONE = "–"


@dataclass(frozen=True, slots=True)
class MethodCard:
    """One method: where it is from and what it costs, what it shows, its best pairs."""

    name: str
    note: str
    view: ExplanationView
    best: tuple[tuple[str, str, str], ...]
    more: int


@dataclass(frozen=True, slots=True)
class WordsView:
    """Words of one text by methods; ``shown`` says which words, where they are not all."""

    title: str
    grid: Grid
    shown: str


@dataclass(frozen=True, slots=True)
class MethodsView:
    """Everything ``methods.html.j2`` shows."""

    cards: tuple[MethodCard, ...]
    words: tuple[WordsView, ...]
    agreement: Grid
    failures: tuple[tuple[str, str], ...]

    @property
    def has_negative(self) -> bool:
        """Whether any method hatches a word."""
        return any(card.view.has_negative for card in self.cards)

    @property
    def has_unmatched(self) -> bool:
        """Whether any method leaves a word without a match."""
        return any(card.view.has_unmatched for card in self.cards)


def view_methods(
    explanations: Sequence[Explanation],
    *,
    notes: Mapping[str, str],
    failures: Mapping[str, str],
) -> MethodsView:
    """Return what the page shows of one pair of texts, explained by several methods.

    Raises OptionError if the explanations are of different texts.
    """
    for one, other in pairwise(explanations):
        if (one.left.text, one.right.text) != (other.left.text, other.right.text):
            raise OptionError(
                f"The explanations by {one.method} and {other.method} are of different texts; "
                "give several methods' explanations of one pair."
            )
    words = (view_words(explanations, "left"), view_words(explanations, "right"))
    return MethodsView(
        cards=tuple(
            view_card(one, notes.get(one.method, ""), id=f"e{number}")
            for number, one in enumerate(explanations, start=1)
        ),
        words=tuple(view for view in words if view.grid.rows),
        agreement=view_agreement(explanations),
        failures=tuple(failures.items()),
    )


def view_card(explanation: Explanation, note: str, *, id: str) -> MethodCard:
    """Return the short form of an explanation, beside the whole of it."""
    view = view_explanation(explanation, id=id)
    best = tuple(
        (row.left_word, row.right_word, format_number(row.pair.score, view.score_decimals))
        for row in view.pairs[:PAIRS_ON_CARD]
    )
    return MethodCard(explanation.method, note, view, best, len(view.pairs) - len(best))


def view_words(explanations: Sequence[Explanation], which: Literal["left", "right"]) -> WordsView:
    """Return the words of one text by methods; of a long text those that some method finds most.

    Methods may read a text to different ends, so a word that one of them has not is left blank.
    """
    sides = [one.left if which == "left" else one.right for one in explanations]
    by_method = [saliency_by_span(side) for side in sides]
    spans = sorted({span for known in by_method for span in known})
    greatest = [max(abs(known.get(span, 0.0)) for known in by_method) for span in spans]
    chosen = [spans[n] for n in choose_words(greatest, set())]

    def text(span: Span) -> str:
        return sides[0].text[span[0] : span[1]]

    def row(span: Span) -> tuple[str, tuple[float | None, ...]]:
        return text(span), tuple(known.get(span) for known in by_method)

    few = len(chosen) < len(spans)
    return WordsView(
        title=f"{which.capitalize()} text",
        grid=_make_grid([one.method for one in explanations], [row(span) for span in chosen]),
        shown=f"{WORDS_SHOWN} of {len(spans):,} words shown: the most salient." if few else "",
    )


def view_agreement(explanations: Sequence[Explanation]) -> Grid:
    """Return the agreement of each method with each other; with itself it says nothing."""
    rows = []
    for one in explanations:
        others = (None if one is other else rank_agreement(one, other) for other in explanations)
        rows.append((one.method, tuple(others)))
    return _make_grid([one.method for one in explanations], rows)


def _make_grid(
    columns: Sequence[str], rows: Sequence[tuple[str, tuple[float | None, ...]]]
) -> Grid:
    return Grid(
        tuple(columns),
        tuple(
            (
                name,
                tuple(
                    make_cell(value, NONE if value is None else format_number(value, 2))
                    for value in values
                ),
            )
            for name, values in rows
        ),
    )
