"""Several methods on one pair made visible: side by side as HTML, and for a terminal."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean
from typing import Literal

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from whyalike.errors import OptionError
from whyalike.explanation import ExplainedText, Explanation, Units
from whyalike.render.html import PAGE_STYLES, render_page
from whyalike.render.parts import (
    decimals_for,
    describe_gap,
    describe_prompts,
    describe_score,
    describe_sum,
    format_number,
    shorten,
)
from whyalike.render.terminal import draw_sentence, visible
from whyalike.render.units import draw_units
from whyalike.render.verdict import Sentence
from whyalike.render.view import (
    WORDS_SHOWN,
    ExplanationView,
    Grid,
    choose_words,
    make_cell,
    view_explanation,
)
from whyalike.render.view_verdicts import view_methods_verdict

Span = tuple[int, int]


def saliency_by_span(side: ExplainedText) -> dict[Span, float]:
    """Return the saliency of each word by its place in the text, by which methods share words."""
    return {(word.start, word.end): word.saliency for word in side.words}


def rank_agreement(one: Explanation, other: Explanation) -> float | None:
    """Return Spearman's rank correlation of the word saliencies, mean of both texts, -1 to 1.

    Saliency is scaled within a text, so ranks are taken within a text. A text with fewer than two
    words in common, or where a method gives all words the same, does not count; None if both are
    such.
    """
    sides = (one.left, other.left), (one.right, other.right)
    found = [_spearman(*_shared(first, second)) for first, second in sides]
    known = [value for value in found if value is not None]
    return fmean(known) if known else None


def _shared(one: ExplainedText, other: ExplainedText) -> tuple[list[float], list[float]]:
    first, second = saliency_by_span(one), saliency_by_span(other)
    spans = [span for span in first if span in second]
    return [first[span] for span in spans], [second[span] for span in spans]


def _spearman(one: Sequence[float], other: Sequence[float]) -> float | None:
    if len(set(one)) < 2 or len(set(other)) < 2:
        return None
    from scipy.stats import spearmanr

    return float(spearmanr(one, other).statistic)


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

    verdict: Sentence
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
        verdict=view_methods_verdict(explanations),
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
    view = view_explanation(explanation, id=id, scale="relative")
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


def render_methods(
    explanations: Sequence[Explanation],
    *,
    notes: Mapping[str, str] | None = None,
    failures: Mapping[str, str] | None = None,
    title: str = "whyalike: methods side by side",
) -> str:
    """Return one HTML page that compares several methods' explanations of one pair.

    For each method its texts, its best pairs and what its attributions miss; then the saliency of
    each word by each method, how far the methods agree, and every explanation whole.

    Parameters
    ----------
    explanations : sequence of Explanation
        Of the same two texts, one for each method, in the order to be shown.
    notes : Mapping[str, str], optional
        By a method's name, a line on it, such as its source and its cost.
    failures : Mapping[str, str], optional
        By name, why a method that was asked for is not among them.
    title : str, default='whyalike: methods side by side'
        Of the page.

    Raises
    ------
    OptionError
        The explanations are of different texts.
    """
    view = view_methods(explanations, notes=notes or {}, failures=failures or {})
    return render_page("methods.html.j2", (*PAGE_STYLES, "methods.css"), title=title, view=view)


LISTED = 5


def terminal_methods_view(
    explanations: Sequence[Explanation], *, failures: Mapping[str, str], colour: bool = False
) -> RenderableType:
    """Return what a Rich console prints of one pair's explanations by several methods.

    ``failures`` says by its name why a method is not among them, ``colour`` whether it shows some.
    """
    parts: list[RenderableType] = []
    same = bool(explanations) and _have_same_units(explanations)
    if explanations:
        first = explanations[0]
        parts = [draw_sentence(view_methods_verdict(explanations), colour)]
        parts += [Text(f"model {visible(first.model)} · {len(explanations)} methods", style="dim")]
        if prompts := describe_prompts(first.prompts):
            parts.append(Text(f"prompts {visible(prompts)}", style="dim"))
        for title, side in (("left", first.left), ("right", first.right)):
            parts += [Text(), Text(title, style="bold underline"), Text(_flat(side))]
        if same:
            # They are of the model's score, whatever explains its words.
            parts += [Text(), *draw_units(first, colour=colour, words=False)]
    for explanation in explanations:
        parts.append(_draw_method(explanation))
        if not same:
            parts += draw_units(explanation, colour=colour)
    if failures:
        parts += [Text(), Text("left out", style="bold")]
        parts.append(draw_rows(list(failures.items())))
    return Group(*parts)


def _have_same_units(explanations: Sequence[Explanation]) -> bool:
    """Return whether the units are the same, up to what a model's scores vary with its batches."""
    first, *others = [one.units for one in explanations]
    return all(
        first == other if first is None or other is None else _same_units(first, other)
        for other in others
    )


def _same_units(one: Units, other: Units) -> bool:
    pairs = list(zip((*one.left, *one.right), (*other.left, *other.right), strict=False))
    return (len(one.left), len(one.right)) == (len(other.left), len(other.right)) and all(
        (a.start, a.end) == (b.start, b.end) and _same(a.fall, b.fall) and _same(a.alone, b.alone)
        for a, b in pairs
    )


def _same(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=1e-4, abs_tol=1e-4)


def _draw_method(explanation: Explanation) -> RenderableType:
    """Return a method's name, score, best pairs and most salient words."""
    heading = Text("\n").append(visible(explanation.method), style="bold")
    score = describe_score(explanation.similarity, explanation.similarity_function)
    heading.append(f"  {score}", style="dim")
    rows = [
        ("pairs", list_pairs(explanation)),
        ("left", _list_words(explanation, "left")),
        ("right", _list_words(explanation, "right")),
        ("sum", " ".join(filter(None, (describe_sum(explanation), describe_gap(explanation))))),
    ]
    return Group(heading, draw_rows([(name, text) for name, text in rows if text]))


def draw_rows(rows: Sequence[tuple[str, str]]) -> Table:
    """Return a grid of names and what there is to say under each."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in rows:
        table.add_row(Text(f"  {visible(name)}"), Text(visible(text)))
    return table


def list_pairs(explanation: Explanation) -> str:
    """Return the first pairs of words with their scores, on one line."""
    decimals = decimals_for(pair.score for pair in explanation.pairs)
    pairs = [
        f"{_word(explanation.left, pair.left)} – {_word(explanation.right, pair.right)} "
        f"{format_number(pair.score, decimals)}"
        for pair in explanation.pairs
    ]
    return _cut(pairs) or "none"


def _list_words(explanation: Explanation, which: Literal["left", "right"]) -> str:
    """Return the words of one side with their saliency, those of the greatest size."""
    side = explanation.left if which == "left" else explanation.right
    order = sorted(range(len(side.words)), key=lambda n: -abs(side.words[n].saliency))
    salient = [n for n in order if side.words[n].saliency]
    said = [f"{_word(side, n)} {format_number(side.words[n].saliency, 2)}" for n in salient]
    return _cut(said[:LISTED])


def _cut(items: Sequence[str]) -> str:
    more = len(items) - LISTED
    return ", ".join(items[:LISTED]) + (f" +{more:,} more" if more > 0 else "")


def _word(side: ExplainedText, index: int) -> str:
    return shorten(visible(side.words[index].text))


def _flat(side: ExplainedText) -> str:
    """Return what was read of the text on one line."""
    return visible(" ".join(side.text[: side.read_until].split())) or "(empty)"
