"""Practice and checks: explanations written by hand, whose answers are known."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whyalike.documents import shown
from whyalike.errors import FormatError
from whyalike.explanation import ExplainedText, Explanation, Word, WordPair
from whyalike.study.model import HIGHEST, LOWEST
from whyalike.texts import clean_text, find_words

PACKAGED = Path(__file__).with_suffix(".json")


@dataclass(frozen=True, slots=True)
class KnownAnswer:
    """An explanation whose answer is from ``low`` to ``high``, and ``why``."""

    explanation: Explanation
    low: int
    high: int
    why: str


@dataclass(frozen=True, slots=True)
class KnownAnswers:
    """What raters practise on, in this order, and what is mixed in to see if they look."""

    practice: tuple[KnownAnswer, ...]
    checks: tuple[KnownAnswer, ...]


def read_known_answers(path: Path = PACKAGED) -> KnownAnswers:
    """Read practice and checks from JSON, by default the packaged ones, which are English.

    The file is an object of two lists, ``practice`` and ``checks``. Each entry has ``left`` and
    ``right``, the texts; ``pairs``, lists of a left word, a right word and a number above 0 up to
    1; ``low`` and ``high``, 1 to 5; and ``why``, which is told after practice.

    Raises:
        FormatError: the file can't be read, or an entry is damaged.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
        lists = {kind: list(content[kind]) for kind in ("practice", "checks")}
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise FormatError(
            f"{path} holds no practice and checks ({type(error).__name__}: {error}): it should be "
            "a JSON object of two lists with these names."
        ) from error
    made: dict[str, tuple[KnownAnswer, ...]] = {}
    for kind, entries in lists.items():
        found = []
        for number, entry in enumerate(entries, start=1):
            try:
                found.append(_known_answer(entry))
            except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
                raise FormatError(f"{path}, entry {number} of {kind!r}: {error}") from error
        made[kind] = tuple(found)
    return KnownAnswers(**made)


def _known_answer(entry: Mapping[str, Any]) -> KnownAnswer:
    low, high, why = entry["low"], entry["high"], entry["why"]
    if not (type(low) is type(high) is int and LOWEST <= low <= high <= HIGHEST):
        said = f"{shown(low)} and {shown(high)}"
        raise ValueError(f"low and high are {said}; give 1 to 5, in that order.")
    if not isinstance(why, str):
        raise TypeError("why is no text.")
    left, right = (clean_text(entry[side], side=side).text for side in ("left", "right"))
    return KnownAnswer(write_explanation(left, right, entry["pairs"]), low, high, why)


def write_explanation(left: str, right: str, pairs: list[tuple[str, str, float]]) -> Explanation:
    """Return an explanation with these pairs of words, in the form of a stimulus.

    Args:
        left: the left text.
        right: the right text.
        pairs: a word of each text, the first of that spelling, and how strong, above 0 up to 1.

    Raises:
        ValueError: a text without such a word, a number that is not allowed, or no pairs.
    """
    sides = (left, right)
    places = [find_words(text) for text in sides]
    strengths: tuple[dict[int, float], dict[int, float]] = ({}, {})
    found = []
    for *words, strength in pairs:
        if type(strength) not in (int, float) or not 0 < strength <= 1 or len(words) != 2:
            raise ValueError(
                f"a pair is two words and a number above 0 up to 1, not {shown(words)}."
            )
        indices = []
        for n, word in enumerate(words):
            spelled = [sides[n][start:end] for start, end in places[n]]
            if word not in spelled:
                raise ValueError(f"{shown(word)} is no word of {shown(sides[n])}.")
            index = spelled.index(word)
            strengths[n][index] = max(strengths[n].get(index, 0.0), float(strength))
            indices.append(index)
        found.append(WordPair(indices[0], indices[1], 0.0, float(strength)))
    if not found:
        raise ValueError("it has no pairs.")
    texts = [
        ExplainedText(
            text,
            tuple(
                Word(text[start:end], start, end, strengths[n].get(index, 0.0))
                for index, (start, end) in enumerate(places[n])
            ),
        )
        for n, text in enumerate(sides)
    ]
    return shown_explanation(texts[0], texts[1], found)


def shown_explanation(
    left: ExplainedText, right: ExplainedText, pairs: list[WordPair]
) -> Explanation:
    """Return an explanation that says no more than the texts, marked words and pairs."""
    return Explanation(
        similarity=0.0,
        similarity_function="cosine",
        method="",
        model="",
        pooling="",
        left=left,
        right=right,
        pairs=tuple(pairs),
        matches=tuple(pairs),
    )
