"""Stop words and negations of texts, in the language that the texts are in."""

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from importlib import resources
from typing import NamedTuple

MOST_READ = 400
"""Words of a text from which its language is guessed."""

TEXTS_KEPT = 256
"""Texts whose stop words are kept in memory."""


class FunctionWords(NamedTuple):
    """The words of a text, and the indices of those of them that tell nothing by themselves."""

    words: tuple[str, ...]
    stops: frozenset[int]
    negations: frozenset[int]


def stop_words_of(*texts: Sequence[str]) -> tuple[frozenset[int], ...]:
    """Return, for each text of words, the indices of its stop words.

    A stop word of one language is a content word of another (*hat*, *die*), so that the language of
    a text is guessed first: that with the most stop words among all the texts or, where the text
    itself clearly has more of another, that one. Of a language without a list, none is found.

    Parameters
    ----------
    *texts : sequence of str
        The words of each text, as they are written.
    """
    return tuple(own.stops for own in function_words_of(*texts))


def negations_of(*texts: Sequence[str]) -> tuple[frozenset[int], ...]:
    """Return, for each text of words, the indices of its negations; see ``stop_words_of``.

    They are no stop words.
    """
    return tuple(own.negations for own in function_words_of(*texts))


def function_words_of(*texts: Sequence[str]) -> tuple[FunctionWords, ...]:
    """Return, for each text of words, its stop words and its negations; see ``stop_words_of``."""
    words = [tuple(text) for text in texts]
    return tuple(
        # A text meets many others: the same words are asked for again, most of all a query's.
        (_found if len(own) <= MOST_READ else _found.__wrapped__)(own, language)
        for own, language in zip(words, _languages_of(words), strict=True)
    )


@lru_cache(maxsize=TEXTS_KEPT)
def _found(words: tuple[str, ...], language: str) -> FunctionWords:
    forms = _forms(words)
    places = [
        frozenset([n for n, form in enumerate(forms) if form in known])
        for known in (_lists(kind).get(language, frozenset()) for kind in ("", NEGATIONS))
    ]
    return FunctionWords(words, *places)


def _languages_of(texts: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Return the code of the language of each text; nothing where none is known."""
    counts = [_counts(words[:MOST_READ]) for words in texts]
    usual = _most(_summed(counts))
    found = []
    for count in counts:
        own = _most(count)
        # Texts of two languages: three words of one text, and more than twice as many, decide.
        found.append(own if count.get(own, 0) > 2 * count.get(usual, 0) + 2 else usual)
    return tuple(found)


def _summed(counts: Sequence[Mapping[str, int]]) -> dict[str, int]:
    """Return the sums of counts by language."""
    total: dict[str, int] = {}
    for count in counts:
        for name, number in count.items():
            total[name] = total.get(name, 0) + number
    return total


def _forms(words: tuple[str, ...]) -> list[str]:
    """Return words as they stand in the lists."""
    return [word.lower().replace("\u2019", "'") for word in words]


@lru_cache(maxsize=TEXTS_KEPT)
def _counts(words: tuple[str, ...]) -> Mapping[str, int]:
    """Return how many stop words of each language there are, of those with any."""
    counts: dict[str, int] = {}
    for names in filter(None, map(_languages_by_word().get, _forms(words))):
        for name in names:
            counts[name] = counts.get(name, 0) + 1
    return counts


@cache
def _languages_by_word() -> dict[str, tuple[str, ...]]:
    """Return the languages in which a word is a stop word, for each that is one anywhere."""
    found: dict[str, tuple[str, ...]] = {}
    for name, known in _lists().items():
        for word in known:
            found[word] = (*found.get(word, ()), name)
    return found


def _most(counts: Mapping[str, int]) -> str:
    """Return the language with the most stop words, the first on a tie; nothing without any."""
    most = max(counts.values(), default=0)
    tied = [name for name, number in counts.items() if number == most]
    return tied[0] if len(tied) == 1 else next((name for name in _lists() if name in tied), "")


NEGATIONS = "-"
"""What stands after the code of a language on the line with its negations."""


@cache
def _lists(kind: str = "") -> dict[str, frozenset[str]]:
    """Return the stop words of each language by its code, or its negations; English is first."""
    text = resources.files("whyalike").joinpath("stop_words.txt").read_text(encoding="utf-8")
    lines = (line.split() for line in text.splitlines() if line and not line.startswith("#"))
    return {
        code.removesuffix(NEGATIONS): frozenset(words)
        for code, *words in lines
        if code.endswith(NEGATIONS) == bool(kind)
    }
