"""The texts of a catalogue, checked, and the words of each as they are counted."""

from collections.abc import Iterable

from whyalike.errors import TextError
from whyalike.text import find_words, is_mark


def checked_texts(texts: Iterable[str]) -> list[str]:
    """Return the texts as a list. Raises TextError unless they are texts, and not one text."""
    if isinstance(texts, str) or not isinstance(texts, Iterable):
        raise TextError(f"A catalogue is an iterable of texts; got {type(texts).__name__}.")
    found = list(texts)
    for number, text in enumerate(found):
        if not isinstance(text, str):
            raise TextError(
                f"Text {number} of the catalogue is of type {type(text).__name__}, not str: give "
                "texts alone, such as [item.description for item in catalogue]."
            )
    return found


def word_forms(text: str) -> list[str]:
    """Return the words of a text in lower case, without marks."""
    words = (text[start:end] for start, end in find_words(text))
    return [word.lower() for word in words if not is_mark(word)]
