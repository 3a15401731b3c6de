"""The gate for texts: only strings pass, and only characters that UTF-8 can hold."""

import re
from dataclasses import dataclass

from whyalike.errors import TextError

_SURROGATE = re.compile("[\ud800-\udfff]")


def without_surrogates(text: str) -> str:
    """Return the text with each lone surrogate replaced by U+FFFD, so that UTF-8 can hold it."""
    return _SURROGATE.sub("\ufffd", text)


@dataclass(frozen=True, slots=True)
class CleanText:
    """A text that any tokenizer accepts, and what had to be changed for it."""

    text: str
    warnings: tuple[str, ...] = ()


def clean_text(value: object, *, side: str) -> CleanText:
    """Return ``value`` as a text with the same length and offsets.

    Lone surrogates (half of a UTF-16 pair, usually from a broken decoding) become U+FFFD, one for
    one, because no tokenizer can read them; a warning says so. Raises TextError on a non-string.
    """
    if not isinstance(value, str):
        hint = "decode it first" if isinstance(value, bytes | bytearray) else "give a str"
        raise TextError(f"The {side} text is of type {type(value).__name__}, not str: {hint}.")
    count = len(_SURROGATE.findall(value))
    if not count:
        return CleanText(value)
    what = "1 lone surrogate was" if count == 1 else f"{count} lone surrogates were"
    warning = f"In the {side} text {what} replaced by U+FFFD, to be readable."
    return CleanText(without_surrogates(value), (warning,))
