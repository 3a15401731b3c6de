"""Stop words: which words of texts are function words, in the language that the texts are in."""

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
    forms = [[_form(word) for word in words] for words in texts]
    counts = [_counts(words[:MOST_READ]) for words in forms]
    usual = _most({name: sum(count[name] for count in counts) for name in _lists()})
    found = []
    for words, count in zip(forms, counts, strict=True):
        own = _most(count)
        # Texts of two languages: three words of one text, and more than twice as many, decide.
        language = own if count.get(own, 0) > 2 * count.get(usual, 0) + 2 else usual
        known = _lists().get(language, frozenset())
        found.append(frozenset(n for n, word in enumerate(words) if word in known))
    return tuple(found)


def _form(word: str) -> str:
    return word.lower().replace("\u2019", "'")


def _counts(words: Sequence[str]) -> dict[str, int]:
    return {name: sum(word in known for word in words) for name, known in _lists().items()}


def _most(counts: dict[str, int]) -> str:
    """Return the language with the most stop words, the first on a tie; nothing without any."""
    best = max(counts, key=lambda name: counts[name], default="")
    return best if counts.get(best) else ""


@cache
def _lists() -> dict[str, frozenset[str]]:
    """Return the stop words of each language by its code; English is the first."""
    text = resources.files("whyalike").joinpath("stop_words.txt").read_text(encoding="utf-8")
    lines = (line.split() for line in text.splitlines() if line and not line.startswith("#"))
    return {code: frozenset(words) for code, *words in lines}
