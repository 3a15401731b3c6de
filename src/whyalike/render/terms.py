"""The terms of a sparse model's vocabulary that carried the similarity, as every renderer says."""

from dataclasses import dataclass

from whyalike.explanation import ExplainedText, Explanation, Term
from whyalike.render.parts import (
    decimals_for,
    format_number,
    format_signed,
    greatest_of,
    part_of,
)

TERMS_SHOWN = 12
NO_WORD = "(no word)"
"""In the place of a word, where special tokens, the prompt or many words brought a term."""


@dataclass(frozen=True, slots=True)
class TermRow:
    """A row: the term with arrows from the words that have it by expansion, and what it adds.

    ``bar`` is its product in percent of the greatest.
    """

    left_word: str
    term: str
    right_word: str
    adds: str
    bar: float


@dataclass(frozen=True, slots=True)
class TermsView:
    """The terms with the greatest products, and what the others add, or nothing."""

    title: str
    rows: tuple[TermRow, ...]
    more: str


TITLE = "Shared terms of the model's vocabulary"
NAMES = ("left word", "term", "right word", "adds")


def view_terms(explanation: Explanation) -> TermsView | None:
    """Return the terms of an explanation; None where it has none."""
    terms = explanation.terms
    if not terms:
        return None
    decimals = decimals_for(term.product for term in terms)
    greatest = greatest_of(term.product for term in terms)
    others = terms[TERMS_SHOWN:]
    return TermsView(
        title=TITLE,
        rows=tuple(
            TermRow(
                left_word=_word(explanation.left, term.left),
                term=_with_arrows(term),
                right_word=_word(explanation.right, term.right),
                adds=format_signed(term.product, decimals),
                bar=round(100 * part_of(term.product, greatest), 1),
            )
            for term in terms[:TERMS_SHOWN]
        ),
        more=""
        if not others
        else f"and {len(others):,} more, which add "
        f"{format_number(sum(term.product for term in others), decimals)} together",
    )


def _word(side: ExplainedText, index: int | None) -> str:
    return NO_WORD if index is None else side.words[index].text


def _with_arrows(term: Term) -> str:
    """Return the term, each side's arrow saying that it is no token of that side's word."""
    before = "→ " if term.left_expands else ""
    return f"{before}{term.term}{' ←' if term.right_expands else ''}"
