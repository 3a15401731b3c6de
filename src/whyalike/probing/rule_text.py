"""A text as rules read it, and the word lists that they go by."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from random import Random

from whyalike.errors import FormatError
from whyalike.texts import find_words, is_mark

OURS = Path(__file__).parent / "words"


@dataclass(frozen=True)
class WordLists:
    """Lists by name, each a tuple of lines.

    A line is a word or phrase, or a replacement: ``heavy > light`` one way, ``hot <> cold`` both
    ways, ``fresh > stale, old`` with a choice. Lower case; ``#`` begins a remark. The names are
    those of the files in ``evaluation/edits/words/en``.
    """

    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def english(cls) -> "WordLists":
        """Return the lists that come with whyalike."""
        return _read_ours("en")

    @classmethod
    def read(cls, folder: str | os.PathLike[str]) -> "WordLists":
        """Return the lists of a folder: the file ``antonyms.txt`` is the list ``antonyms``.

        Raises
        ------
        FormatError
            There is no such folder, it has no ``.txt`` files, or one of them has a line that can't
            be read.
        """
        files = sorted(Path(folder).glob("*.txt"))
        if not files:
            raise FormatError(
                f"There are no word lists in {os.fspath(folder)}: give a folder with files such as "
                "antonyms.txt."
            )
        return cls({file.stem: _read_lines(file) for file in files})

    def extended(self, more: "WordLists") -> "WordLists":
        """Return these lists with those of ``more``: lines are added, and later ones win."""
        names = (*self.lists, *more.lists)
        return WordLists(
            {name: (*self.lists.get(name, ()), *more.lists.get(name, ())) for name in names}
        )

    def words(self, name: str) -> tuple[str, ...]:
        """Return a list of words or phrases, in its order; empty where there is no such list."""
        return tuple(dict.fromkeys(self.lists.get(name, ())))

    def replacements(self, name: str) -> dict[str, tuple[str, ...]]:
        """Return what each word or phrase of a list may be replaced by."""
        found: dict[str, tuple[str, ...]] = {}
        for line in self.lists.get(name, ()):
            old, sign, new = (part.strip() for part in line.partition(">"))
            if not sign:
                continue
            choices = tuple(part.strip() for part in new.split(","))
            both = old.endswith("<")
            old = old.removesuffix("<").strip()
            found[old] = choices
            if both:
                found.update(dict.fromkeys(choices, (old,)))
        return found


@cache
def _read_ours(language: str) -> WordLists:
    return WordLists.read(OURS / language)


def _read_lines(file: Path) -> tuple[str, ...]:
    """Return the lines of a list. Raises FormatError, with the line, on what is none."""
    try:
        content = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise FormatError(f"Could not read the word list {file}: {error}.") from error
    lines = []
    for number, raw in enumerate(content.splitlines(), start=1):
        line = " ".join(raw.partition("#")[0].split())
        if not line:
            continue
        sides = line.replace("<>", ">").split(">")
        words = [word.strip() for side in sides for word in side.split(",")]
        if len(sides) > 2 or not all(words) or (len(sides) == 1 and len(words) > 1):
            raise FormatError(
                f"{file}, line {number}: {raw.strip()!r} is neither a word nor a replacement such "
                "as 'heavy > light' or 'hot <> cold'."
            )
        lines.append(line)
    return tuple(lines)


Replacement = tuple[int, int, str]
"""(start, end, new): characters of the text, and what stands there instead."""


def word_set(words: str) -> frozenset[str]:
    """Return the words of a line, for lists that are part of a rule's grammar."""
    return frozenset(words.split())


_BEFORE = frozenset(" \t\n\r\u00a0([\"'“‘„«¿¡—–$€£~+")
_AFTER = frozenset(" \t\n\r\u00a0.,;:!?)]\"'”’»…%—–°")
_DASHES = frozenset("–—")
_ENDS = frozenset(".!?…")


# Written with a point that ends no sentence.
_ABBREVIATIONS = word_set("mr mrs ms dr st vs no inc ltd co approx e.g i.e etc")
_SOUNDS_LIKE_YOU = re.compile("(uni[^nm]|unif|us[eu]|eu|one\\b|once\\b|ut[ei]|ubiq)")
_EIGHT_OR_ELEVEN = re.compile(r"8|1[18](?!\d)")
_SILENT_H = re.compile("(hour|honest|honou?r|heir)")


@dataclass(frozen=True, slots=True)
class Token:
    """A word or mark, with its place in the text and the number of its sentence."""

    text: str
    start: int
    end: int
    sentence: int

    @property
    def lower(self) -> str:
        """The word in lower case, with a plain apostrophe."""
        return self.text.lower().replace("’", "'")

    @property
    def is_mark(self) -> bool:
        """Whether it is punctuation or a symbol."""
        return is_mark(self.text)


class RuleText:
    """A text with its words, for one rule.

    Attributes
    ----------
    text : str
        The text.
    tokens
        Its words and marks, in order.
    words : WordLists
        The word lists.
    rng : Random
        For every choice that the rule makes.
    """

    def __init__(self, text: str, *, words: WordLists, rng: Random) -> None:
        self.text, self.words, self.rng = text, words, rng
        self.tokens = tuple(_cut(text))

    def at(self, index: int, *, sentence: int) -> str:
        """Return the word there in lower case; nothing outside that sentence."""
        if not 0 <= index < len(self.tokens) or self.tokens[index].sentence != sentence:
            return ""
        return self.tokens[index].lower

    def before(self, index: int) -> str:
        """Return the word before, in lower case; nothing at the start of a sentence."""
        return self.at(index - 1, sentence=self.tokens[index].sentence)

    def after(self, index: int) -> str:
        """Return the word after, in lower case; nothing at the end of a sentence."""
        return self.at(index + 1, sentence=self.tokens[index].sentence)

    def sentence_words(self, index: int) -> tuple[str, ...]:
        """Return the words, in lower case, of the sentence in which ``index`` stands."""
        return self._sentences[self.tokens[index].sentence]

    def is_question(self, index: int) -> bool:
        """Return whether the sentence asks."""
        return "?" in self.sentence_words(index)

    def has_word(self, word: str) -> bool:
        """Return whether a word stands anywhere in the text, in whatever case."""
        return any(word in sentence for sentence in self._sentences.values())

    def is_free(self, index: int) -> bool:
        """Return whether a word may be touched.

        It may not inside a fixed phrase of the word lists, a name, an address, or where it is
        joined to something by a slash or a point.
        """
        return index not in self._locked and not self.is_name(index)

    def is_name(self, index: int) -> bool:
        """Return whether a capital says that this is, or begins, a name or a title."""
        token = self.tokens[index]
        if not token.text[:1].isupper() or token.text == "I":
            return False
        if token.text.isupper() and len(token.text) > 1:
            return True
        follows = index + 1 < len(self.tokens) and self.tokens[index + 1].sentence == token.sentence
        following = self.tokens[index + 1].text if follows else ""
        starts = not self._word_before(index)
        return not starts or (following[:1].isupper() and following != "I")

    def phrases(self, known: Sequence[str]) -> Iterator[tuple[int, int, str]]:
        """Yield (first, last + 1, phrase) wherever a phrase stands whole, the longest at a place.

        Phrases are in lower case. Nothing that may not be touched is yielded.
        """
        by_first: dict[str, list[list[str]]] = {}
        for phrase in sorted(known, key=lambda p: -len(p.split())):
            parts = phrase.split()
            by_first.setdefault(parts[0], []).append(parts)
        for first, token in enumerate(self.tokens):
            for parts in by_first.get(token.lower, ()):
                last = first + len(parts)
                here = [self.at(n, sentence=token.sentence) for n in range(first, last)]
                if here == parts and all(self.is_free(n) for n in range(first, last)):
                    yield first, last, " ".join(parts)
                    break

    def replace(self, first: int, last: int, new: str) -> list[Replacement]:
        """Return what puts ``new`` in the place of words ``first`` to ``last`` - 1.

        Capitals are kept, and a or an before it is made to agree. Returns nothing where that can't
        be done: the article there is not the one that we would have written.
        """
        start, end = self.tokens[first].start, self.tokens[last - 1].end
        found = [(start, end, match_case(new, self.text[start:end]))]
        article = self.before(first)
        if article in ("a", "an"):
            if article_for(self.tokens[first].lower) != article:
                return []
            if article_for(new) != article:
                token = self.tokens[first - 1]
                found.insert(0, (token.start, token.end, match_case(article_for(new), token.text)))
        return found

    def insert_after(self, index: int, new: str) -> list[Replacement]:
        """Return what puts a word, with a blank, after a word."""
        end = self.tokens[index].end
        return [(end, end, f" {new}")]

    def remove(self, index: int) -> list[Replacement]:
        """Return what takes a word away, with the blank before it."""
        return [(self.tokens[index - 1].end, self.tokens[index].end, "")]

    @cached_property
    def _sentences(self) -> dict[int, tuple[str, ...]]:
        found: dict[int, list[str]] = {}
        for token in self.tokens:
            found.setdefault(token.sentence, []).append(token.lower)
        return {number: tuple(words) for number, words in found.items()}

    @cached_property
    def _locked(self) -> frozenset[int]:
        fixed = [phrase.split() for phrase in self.words.words("fixed_phrases")]
        locked = {n for n, token in enumerate(self.tokens) if not _stands_free(self.text, token)}
        lower = [token.lower for token in self.tokens]
        for parts in fixed:
            for first in range(len(lower) - len(parts) + 1):
                if lower[first : first + len(parts)] == parts:
                    locked.update(range(first, first + len(parts)))
        return frozenset(locked)

    def _word_before(self, index: int) -> str:
        """Return the nearest word before in the sentence, over quotes and brackets."""
        sentence = self.tokens[index].sentence
        place = index - 1
        while place >= 0 and self.tokens[place].sentence == sentence:
            if not self.tokens[place].is_mark:
                return self.tokens[place].lower
            place -= 1
        return ""


def match_case(new: str, like: str) -> str:
    """Return ``new`` with a capital where ``like`` begins with one."""
    return new[:1].upper() + new[1:] if like[:1].isupper() else new


def article_for(word: str) -> str:
    """Return the indefinite article by the beginning of an English word or number."""
    lower = word.lower()
    if _SILENT_H.match(lower) or _EIGHT_OR_ELEVEN.match(lower):
        return "an"
    return "an" if lower[:1] in set("aeiou") and not _SOUNDS_LIKE_YOU.match(lower) else "a"


def _cut(text: str) -> Iterator[Token]:
    sentence, previous = 0, None
    for start, end in find_words(text):
        word = text[start:end]
        if previous is not None and _breaks(text, previous, start, word):
            sentence += 1
        previous = Token(word, start, end, sentence)
        yield previous


def _breaks(text: str, previous: Token, start: int, word: str) -> bool:
    """Return whether a new sentence begins with ``word``."""
    gap = text[previous.end : start]
    if "\n" in gap:
        return True
    # Quotes and brackets that close after the point still belong to what ended.
    if previous.text[0] not in _ENDS or not gap:
        return False
    if word[:1].islower():
        return False
    earlier = text[: previous.start].rsplit(" ", maxsplit=1)[-1].lstrip("(\"'").lower()
    return previous.text != "." or not (earlier in _ABBREVIATIONS or len(earlier) == 1)


def _stands_free(text: str, token: Token) -> bool:
    """Return whether nothing but white space and punctuation touches the word."""
    before = text[token.start - 1] if token.start else " "
    after = text[token.end] if token.end < len(text) else " "
    beyond = text[token.end + 1] if token.end + 1 < len(text) else " "
    earlier = text[token.start - 2] if token.start > 1 else " "
    if before not in _BEFORE or after not in _AFTER:
        return False
    # A range of numbers: either end may come to lie beyond the other.
    if (before in _DASHES and earlier.isdigit()) or (after in _DASHES and beyond.isdigit()):
        return False
    return not (after in ".,:;?!" and beyond.isalnum())
