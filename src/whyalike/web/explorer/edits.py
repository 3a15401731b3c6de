"""Words of a pair that are deleted or replaced, so as to see what the score does."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from whyalike.errors import OptionError
from whyalike.explanation import ExplainedText
from whyalike.render.parts import format_number, format_signed
from whyalike.texts import is_mark
from whyalike.web.explorer.asking import ONCE, Asked

if TYPE_CHECKING:
    from whyalike.explanation import Explanation

SIDES = {"left": "Left text", "right": "Right text"}
"""The fields of a pair's texts, with what they are called."""

Texts = Mapping[str, ExplainedText]
"""The texts that are edited, by their fields."""

MOST_EDITS = 100
MOST_LISTED = 400
"""Words in the list that one may choose from; of longer texts, those of selected pairs."""

DECIMALS = 3
NAMED = 4
"""Words of a side that are named where several are edited at once."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A word of a side, by its number from 0, and what replaces it: nothing deletes it."""

    side: str
    word: int
    text: str = ""


def read_edits(asked: Asked, *, sides: Mapping[str, str] = SIDES) -> tuple[Edit, ...]:
    """Return what is asked to be edited: fields ``edit`` such as ``left.3`` or ``left.3=text``.

    ``sides`` are the fields of the texts, with what they are called.
    The field ``with`` replaces words where the edit itself says nothing. Of several edits of a word
    the last counts. Raises OptionError on one that can't be read, and on too many.
    """
    said = asked.all("edit")
    if len(said) > MOST_EDITS:
        raise OptionError(f"{len(said):,} words are edited at once; {MOST_EDITS} at most.")
    found: dict[tuple[str, int], Edit] = {}
    for one in said:
        place, given, text = one.partition("=")
        name, _, number = place.partition(".")
        if name not in sides or not (number.isascii() and number.isdecimal() and len(number) <= 6):
            raise OptionError(
                f"edit is {one[:60]!r}; give a side and a word, such as '{next(iter(sides))}.0'."
            )
        edit = Edit(name, int(number), text if given else asked.one("with"))
        found[edit.side, edit.word] = edit
    return tuple(found.values())


def sides_of(explanation: "Explanation") -> Texts:
    """Return both texts of a pair by their fields."""
    return {"left": explanation.left, "right": explanation.right}


def edited_texts(texts: Texts, edits: tuple[Edit, ...]) -> dict[str, str]:
    """Return the texts with the edits made.

    Words are deleted as the library deletes them where it measures what a word adds: white space is
    tidied, and what the model had not read is left out, as it would move up. Raises OptionError
    where there is no such word, and where a text would have none left.
    """
    return {
        which: _edited(text, {one.word: one.text for one in edits if one.side == which}, which)
        if any(one.side == which for one in edits)
        else text.text
        for which, text in texts.items()
    }


def _edited(side: ExplainedText, texts: Mapping[int, str], which: str) -> str:
    from whyalike.deletions import text_with

    count = len(side.words)
    if missing := [n for n in texts if n >= count]:
        raise OptionError(
            f"The {which} text has {count:,} words; there is no number {missing[0] + 1:,}."
        )
    text, words, shift = side.text, [], 0
    for n, word in enumerate(side.words):
        start = word.start + shift
        said = texts.get(n) or word.text
        if texts.get(n):
            text = text[:start] + said + text[word.end + shift :]
            shift += len(said) - len(word.text)
        words.append(replace(word, text=said, start=start, end=start + len(said)))
    kept = [texts.get(n, word.text) != "" for n, word in enumerate(side.words)]
    if all(is_mark(word.text) for word, stays in zip(words, kept, strict=True) if stays):
        raise OptionError(f"No word of the {which} text would be left.")
    return text_with(replace(side, text=text, words=tuple(words)), kept)


@dataclass(frozen=True, slots=True)
class Tried:
    """What an edit did: in words, and to the score as it is said. ``before`` asks for what was."""

    what: str
    scores: tuple[str, str]
    change: str
    before: tuple[tuple[str, str], ...]

    @property
    def said(self) -> str:
        """The edit in one line."""
        first, second = self.scores
        return f"{self.what}: {first} → {second} ({self.change})"


def tried(
    asked: Asked, explanation: "Explanation", edits: tuple[Edit, ...], similarity: float
) -> Tried:
    """Return what edits of an explanation did; ``similarity`` is the score with them."""
    # What is shown must add up for who reads it.
    change = round(similarity, DECIMALS) - round(explanation.similarity, DECIMALS)
    return Tried(
        what=say_edits(sides_of(explanation), edits),
        scores=(
            format_number(explanation.similarity, DECIMALS),
            format_number(similarity, DECIMALS),
        ),
        change=format_signed(change, DECIMALS),
        before=fields_of(asked.without(*ONCE)),
    )


def say_edits(texts: Texts, edits: tuple[Edit, ...]) -> str:
    """Return edits in words, such as: “money” deleted, “back” replaced by “home”."""
    gone: dict[str, None] = {}
    replaced = []
    for one in sorted(edits, key=lambda edit: (edit.side, edit.word)):
        word = texts[one.side].words[one.word].text
        if one.text:
            replaced.append(f"“{word}” replaced by “{one.text}”")
        else:
            gone[word] = None
    deleted = [f"“{word}”" for word in gone]
    parts = [f"{', '.join(_few(deleted))} deleted"] if deleted else []
    return ", ".join([*parts, *_few(replaced)])


def _few(said: list[str]) -> list[str]:
    more = len(said) - NAMED
    return said if more <= 0 else [*said[:NAMED], f"and {more} more"]


def fields_of(asked: Asked) -> tuple[tuple[str, str], ...]:
    """Return the fields of a question, for a form that asks it."""
    return tuple((name, value) for name, values in asked.fields.items() for value in values)


@dataclass(frozen=True, slots=True)
class EditView:
    """What one may edit of the texts that are shown.

    fields: those of the question. words: of each side its title, and words with what a form sends;
    ``is_short`` where they are not all. score: what the model says now.
    """

    fields: tuple[tuple[str, str], ...]
    words: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    is_short: bool
    score: float
    tried: Tried | None


def view_edits(asked: Asked, explanation: "Explanation", done: Tried | None) -> EditView:
    """Return what may be edited of a pair; ``done`` is the edit that led to it."""
    count = len(explanation.left.words) + len(explanation.right.words)
    is_short = count > MOST_LISTED
    return EditView(
        fields=fields_of(asked.without(*ONCE)),
        words=tuple(
            (title, tuple(_listed(explanation, which, is_short=is_short)))
            for which, title in SIDES.items()
        ),
        is_short=is_short,
        score=explanation.similarity,
        tried=done,
    )


def _listed(explanation: "Explanation", which: str, *, is_short: bool) -> Iterator[tuple[str, str]]:
    paired = {getattr(pair, which) for pair in explanation.pairs}
    text = sides_of(explanation)[which]
    return (one for n, one in enumerate(listed(text, which)) if not is_short or n in paired)


def listed(side: ExplainedText, which: str) -> Iterator[tuple[str, str]]:
    """Yield each word of a text with what a form sends of it, numbered where it comes again."""
    seen: dict[str, int] = {}
    for n, word in enumerate(side.words):
        seen[word.text] = seen.get(word.text, 0) + 1
        again = f" ({seen[word.text]})" if seen[word.text] > 1 else ""
        yield f"{which}.{n}", f"{word.text}{again}"
