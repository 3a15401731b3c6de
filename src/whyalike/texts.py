"""Texts: made clean, cut into words, with words taken out.

Words are found in the raw text and not by the tokenizer, which cuts "touchscreen-compatible" in
three and may glue "gloves,". A word is a run of letters, digits and combining marks; one hyphen or
apostrophe between such runs joins them, as does a point or comma between two digits. Every other
visible character is a word of its own: punctuation, symbols, an emoji with all its modifiers.
Scripts that put no blanks between words have no cheap right answer: a Han character is a word, and
so is a run of Hiragana or of Katakana; the rest (Thai, Khmer) stay as whole runs.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import regex

from whyalike.errors import TextError
from whyalike.pair_columns import whole_table

SURROGATE = re.compile("[\ud800-\udfff]")


def without_surrogates(text: str) -> str:
    """Return the text with each lone surrogate replaced by U+FFFD, so that UTF-8 can hold it."""
    return SURROGATE.sub("\ufffd", text)


def for_a_page(markup: str) -> str:
    """Return HTML without what it cannot hold: lone surrogates, and NUL, which browsers drop."""
    return without_surrogates(markup).replace("\0", "\ufffd")


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
    count = len(SURROGATE.findall(value))
    if not count:
        return CleanText(value)
    what = "1 lone surrogate was" if count == 1 else f"{count} lone surrogates were"
    warning = f"In the {side} text {what} replaced by U+FFFD, to be readable."
    return CleanText(without_surrogates(value), (warning,))


_JOINERS = "['\u2019\u2018\u02bc\uff07\u00b7\u05be\u2010\u2011\u00ad\u200c\u200d-]"


# Of no script of their own: the mark of a long vowel, and voicing marks, half width and combining.
_KANA_MARKS = r"\u30fc\uff70\u3099\u309a\uff9e\uff9f"
_RUN = rf"[[\p{{L}}\p{{M}}\p{{N}}\p{{Pc}}]--[\p{{Han}}\p{{Hiragana}}\p{{Katakana}}{_KANA_MARKS}]]+"

_WORD = regex.compile(
    rf"""
      \p{{Han}}\p{{M}}*
    | [\p{{Katakana}}{_KANA_MARKS}]+
    | [\p{{Hiragana}}{_KANA_MARKS}]+
    | {_RUN} (?: (?: {_JOINERS} | (?<=\p{{Nd}})[.,](?=\p{{Nd}}) ) {_RUN} )*
    | \p{{Regional_Indicator}}{{2}}
    | (?! [\s\p{{Z}}\p{{Cc}}\p{{Cf}}] ) \X
    """,
    regex.VERSION1 | regex.VERBOSE,
)


_ASCII_RUN = "[A-Za-z0-9_]+"
_ASCII_WORD = re.compile(
    rf"{_ASCII_RUN}(?:(?:['-]|(?<=[0-9])[.,](?=[0-9])){_ASCII_RUN})*|[!-/:-@\[-^`{{-~]"
)
"""What ``_WORD`` is for texts of ASCII alone, as most are: in a fraction of the time."""


def find_words(text: str) -> tuple[tuple[int, int], ...]:
    """Return (start, end) of every word of ``text``, in order and without overlap."""
    pattern = _ASCII_WORD if text.isascii() else _WORD
    return tuple([match.span() for match in pattern.finditer(text)])


@lru_cache(maxsize=8192)
def is_mark(word: str) -> bool:
    """Return whether ``word`` is punctuation or a symbol: nothing in it is a letter or a digit."""
    return not any(character.isalnum() for character in word)


def keep_words(
    text: str,
    spans: Sequence[tuple[int, int]],
    kept: Sequence[bool],
    *,
    mask: str | None = None,
) -> str:
    """Return the text without the words that are not kept.

    White space is tidied where something was cut: none is left at the ends, a mark keeps the white
    space (or the lack of it) on its side, two words keep the first that stood between them, or
    get a blank where they would run together into one. With every word kept the text is returned
    as it is; with none, the empty text.

    Parameters
    ----------
    text : str
        The raw text.
    spans : Sequence[tuple[int, int]]
        (start, end) of its W words, in order and without overlap.
    kept : sequence of bool
        (W,), whether each word stays.
    mask : str, optional
        What to put in the place of each other word instead of cutting it out.
    """
    if all(kept):
        return text
    pieces: list[str] = []
    if mask is not None:
        end = 0
        for (start, stop), stays in zip(spans, kept, strict=True):
            pieces += [text[end:start], text[start:stop] if stays else mask]
            end = stop
        return "".join([*pieces, text[end:]])
    last: int | None = None
    for index in (n for n, stays in enumerate(kept) if stays):
        start, stop = spans[index]
        pieces += [_gap(text, spans, last, index), text[start:stop]]
        last = index
    if last is not None and last == len(spans) - 1:
        pieces.append(text[spans[last][1] :])
    return "".join(pieces)


def _gap(text: str, spans: Sequence[tuple[int, int]], last: int | None, index: int) -> str:
    """Return what stands between the words ``last`` (None: the beginning) and ``index``."""
    start, stop = spans[index]
    if last is None:
        return "" if index else text[:start]

    def between(n: int) -> str:
        return text[spans[n][1] : spans[n + 1][0]]

    first, second = text[slice(*spans[last])], text[start:stop]
    if last + 1 == index or is_mark(first):
        return between(index - 1 if is_mark(second) else last)
    if is_mark(second):
        return between(index - 1)
    found = next((gap for n in range(last, index) if (gap := between(n))), "")
    return " " if not found and len(find_words(first + second)) == 1 else found


def checked_texts(texts: Iterable[str], *, name: str = "texts") -> list[str]:
    """Return the texts as a list.

    Raises TextError, with the ``name`` of the argument, unless they are texts, and not one text or
    a whole table.
    """
    if (said := whole_table(texts)) is not None:
        raise TextError(f"{name}: {said}")
    if isinstance(texts, str | bytes) or not isinstance(texts, Iterable):
        raise TextError(f"{name} is of type {type(texts).__name__}: give an iterable of texts.")
    found = list(texts)
    for number, text in enumerate(found):
        if not isinstance(text, str):
            raise TextError(
                f"Text {number} of {name} is of type {type(text).__name__}, not str: give texts "
                "alone, such as [item.description for item in catalogue]."
            )
    return found


def word_forms(text: str) -> list[str]:
    """Return the words of a text in lower case, without marks."""
    words = (text[start:end] for start, end in find_words(text))
    return [word.lower() for word in words if not is_mark(word)]
