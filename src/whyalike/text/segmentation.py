"""Where the words of a text are (row 14 of the reading of the paper).

Words are found in the raw text and not by the tokenizer, which cuts "touchscreen-compatible" in
three and may glue "gloves,". A word is a run of letters, digits and combining marks; one hyphen or
apostrophe between such runs joins them, as does a point or comma between two digits. Every other
visible character is a word of its own: punctuation, symbols, an emoji with all its modifiers.
Scripts that put no blanks between words have no cheap right answer: a Han character is a word, and
so is a run of Hiragana or of Katakana; the rest (Thai, Khmer) stay as whole runs.
"""

from functools import lru_cache

import regex

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


def find_words(text: str) -> tuple[tuple[int, int], ...]:
    """Return (start, end) of every word of ``text``, in order and without overlap."""
    return tuple(match.span() for match in _WORD.finditer(text))


@lru_cache(maxsize=8192)
def is_mark(word: str) -> bool:
    """Return whether ``word`` is punctuation or a symbol: nothing in it is a letter or a digit."""
    return not any(character.isalnum() for character in word)
