"""Words of a comparison that are deleted or replaced, so as to see what both scores do."""

from collections.abc import Iterator
from dataclasses import dataclass

from whyalike.comparison import Comparison
from whyalike.render.parts import format_number, format_signed
from whyalike.web.explorer.asking import ONCE, Asked
from whyalike.web.explorer.edits import (
    DECIMALS,
    MOST_LISTED,
    Edit,
    Texts,
    fields_of,
    listed,
    say_edits,
)

SIDES = {"query": "Query", "first": "Text A", "second": "Text B"}
"""The fields of the texts, with what they are called."""

MARGIN = "A above B by"


@dataclass(frozen=True, slots=True)
class Compared:
    """A comparison, the higher text first, and whether that is the second one of the form."""

    found: Comparison
    swapped: bool

    @property
    def texts(self) -> Texts:
        """The texts by their fields."""
        found = self.found
        both = found.better_text, found.worse_text
        first, second = reversed(both) if self.swapped else both
        return {"query": found.query, "first": first, "second": second}

    @property
    def scores(self) -> tuple[float, float, float]:
        """What the model says of text A and of text B, and by how much A is above B."""
        both = self.found.better.similarity, self.found.worse.similarity
        first, second = both[::-1] if self.swapped else both
        return first, second, first - second


@dataclass(frozen=True, slots=True)
class TriedComparison:
    """What edits did: in words, and to each score: its name, before, after and the change.

    ``before`` are fields that ask for what was.
    """

    what: str
    scores: tuple[tuple[str, str, str, str], ...]
    before: tuple[tuple[str, str], ...]

    @property
    def said(self) -> str:
        """The edit in one line."""
        scores = "; ".join(
            f"{name} {first} → {second} ({change})" for name, first, second, change in self.scores
        )
        return f"{self.what}: {scores}"


def tried_comparison(
    asked: Asked, before: Compared, edits: tuple[Edit, ...], after: Compared
) -> TriedComparison:
    """Return what edits of a comparison did; ``asked`` is the question before them."""
    return TriedComparison(
        what=say_edits(before.texts, edits),
        scores=tuple(_changes(before, after)),
        before=fields_of(asked.without(*ONCE)),
    )


def _changes(before: Compared, after: Compared) -> Iterator[tuple[str, str, str, str]]:
    old, new = ([round(one, DECIMALS) for one in each.scores] for each in (before, after))
    # What is shown must add up for who reads it.
    old[2], new[2] = old[0] - old[1], new[0] - new[1]
    names = (
        (SIDES["first"], format_number),
        (SIDES["second"], format_number),
        (MARGIN, format_signed),
    )
    for (name, say), first, second in zip(names, old, new, strict=True):
        change = format_signed(second - first, DECIMALS)
        yield name, say(first, DECIMALS), say(second, DECIMALS), change


@dataclass(frozen=True, slots=True)
class CompareEditView:
    """What may be edited of the three texts, as ``EditView`` has it of a pair.

    ``words`` are those that a list offers, of each text: what a form sends, and the word.
    ``is_short`` says that they are not all. ``margin`` is what A is above B by now, and ``shown``
    both scores. ``tried`` is what an edit did; None before any.
    """

    fields: tuple[tuple[str, str], ...]
    words: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    is_short: bool
    margin: float
    shown: str
    tried: TriedComparison | None


def view_comparison_edits(
    asked: Asked, compared: Compared, done: TriedComparison | None
) -> CompareEditView:
    """Return what may be edited of a comparison; of long texts, their first words."""
    texts = compared.texts
    first, second = (round(one, DECIMALS) for one in compared.scores[:2])
    is_short = sum(len(text.words) for text in texts.values()) > MOST_LISTED
    most = MOST_LISTED // len(SIDES) if is_short else None
    return CompareEditView(
        fields=fields_of(asked.without(*ONCE)),
        words=tuple(
            (title, tuple(listed(texts[which], which))[:most]) for which, title in SIDES.items()
        ),
        is_short=is_short,
        margin=first - second,
        shown=f"A {format_number(first, DECIMALS)}, B {format_number(second, DECIMALS)}",
        tried=done,
    )
