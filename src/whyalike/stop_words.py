"""Stop words and negations of texts, in the language that the texts are in."""

from collections.abc import Sequence
from functools import cache
from importlib import resources

MOST_READ = 400
"""Words of a text from which its language is guessed."""


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
    return _found_in(texts, _languages_of(texts), _lists())


def negations_of(*texts: Sequence[str]) -> tuple[frozenset[int], ...]:
    """Return, for each text of words, the indices of its negations; see ``stop_words_of``.

    They are no stop words.
    """
    return _found_in(texts, _languages_of(texts), _lists(NEGATIONS))


def _found_in(
    texts: Sequence[Sequence[str]], languages: Sequence[str], lists: dict[str, frozenset[str]]
) -> tuple[frozenset[int], ...]:
    return tuple(
        frozenset(
            n for n, word in enumerate(words) if _form(word) in lists.get(language, frozenset())
        )
        for words, language in zip(texts, languages, strict=True)
    )


def _languages_of(texts: Sequence[Sequence[str]]) -> list[str]:
    """Return the code of the language of each text; nothing where none is known."""
    counts = [_counts([_form(word) for word in words[:MOST_READ]]) for words in texts]
    usual = _most({name: sum(count[name] for count in counts) for name in _lists()})
    found = []
    for count in counts:
        own = _most(count)
        # Texts of two languages: three words of one text, and more than twice as many, decide.
        found.append(own if count.get(own, 0) > 2 * count.get(usual, 0) + 2 else usual)
    return found


def _form(word: str) -> str:
    return word.lower().replace("\u2019", "'")


def _counts(words: Sequence[str]) -> dict[str, int]:
    return {name: sum(word in known for word in words) for name, known in _lists().items()}


def _most(counts: dict[str, int]) -> str:
    """Return the language with the most stop words, the first on a tie; nothing without any."""
    best = max(counts, key=lambda name: counts[name], default="")
    return best if counts.get(best) else ""


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
