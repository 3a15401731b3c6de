"""Alignments by people: their files, and which words they link."""

import codecs
import json
import os
import re
import warnings
import zlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

import numpy as np

from whyalike.data.unpacking import is_packed, unpacked
from whyalike.errors import FormatError, OptionError
from whyalike.explanation import ExplainedText, Explanation, WordPair
from whyalike.options import check_choice
from whyalike.texts import is_mark
from whyalike.words import align

Source = str | os.PathLike[str]


def read_text(path: Source, *, what: str) -> str:
    """Return the text of a file, packed or not. Raises FormatError where it has none.

    Bytes that are not UTF-8 cost the line that they stand in, not the file: see ``check_utf8``.
    """
    file = Path(path)
    try:
        with file.open("rb") as stream:
            # What a shell hands on of another command can't be read from its beginning again.
            packed = is_packed(stream.peek(4)[:4])
            with unpacked(stream, file) if packed else nullcontext(stream) as plain:
                content = plain.read()
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise FormatError(f"Could not read {what} from {path}: {reason}.") from error
    if not content.strip():
        raise FormatError(f"{path} is empty: give a file with {what}.")
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise FormatError(f"{path} is in UTF-16: save it as UTF-8.")
    # Line ends as they are: some of these files hold characters that Python calls line ends.
    return content.decode("utf-8-sig", errors="surrogateescape").replace("\r\n", "\n")


def check_utf8(text: str) -> None:
    """Raise ValueError where a text of ``read_text`` has a byte that is not UTF-8."""
    if _UNDECODED.search(text):
        raise ValueError("it is not UTF-8, or has half a character.")


_UNDECODED = re.compile("[\ud800-\udfff]")


def read_lines(path: Source, *, what: str) -> list[str]:
    """Return a file's lines, without the blank ones at the end; see ``read_text``."""
    return read_text(path, what=what).rstrip("\n").split("\n")


def damaged(path: Source, line: int, problem: str) -> FormatError:
    """Return the error for a damaged line, counted from 1."""
    return FormatError(f"{path}, line {line}: {problem}")


def check_line(line: str, path: Source, number: int) -> None:
    """Raise FormatError on a line of ``read_lines`` with a byte that is not UTF-8."""
    try:
        check_utf8(line)
    except ValueError as error:
        raise damaged(path, number, str(error)) from error


Pair = TypeVar("Pair")

NAMED = 5
"""Pairs left out that a warning names."""

MOST_SAID = 40
"""Characters of what is no link that a message repeats."""


def read_each(
    path: Source,
    readers: Iterable[Callable[[], Pair]],
    *,
    name_of: Callable[[Pair], str] | None = None,
    strict: bool,
) -> tuple[Pair, ...]:
    """Return the pairs of a file; those that are damaged are left out, and a warning names them.

    Published files have such lines, and one must not cost the others.

    Parameters
    ----------
    path : Source
        The file, for messages.
    readers : iterable of function
        One a pair: it returns the pair, or raises FormatError, which says where it stands.
    name_of : function, optional
        Return a pair's id: of two pairs with one id, the second is damaged.
    strict : bool
        Raise on the first that is damaged instead.

    Raises
    ------
    FormatError
        All pairs are damaged, or, where ``strict``, one is.
    """
    pairs: list[Pair] = []
    failures: list[FormatError] = []
    names: set[str] = set()
    for read in readers:
        try:
            pair = read()
            if name_of is not None:
                if name_of(pair) in names:
                    raise FormatError(f"{path}: the id {name_of(pair)!r} stands for several pairs.")
                names.add(name_of(pair))
        except FormatError as error:
            if strict:
                raise
            failures.append(error)
        else:
            pairs.append(pair)
    if failures and not pairs:
        raise failures[0]
    if failures:
        count, of = len(failures), len(failures) + len(pairs)
        named = [str(failure).removeprefix(f"{path}").lstrip(",: ") for failure in failures[:NAMED]]
        if (more := count - NAMED) > 0:
            named.append(f"And {more:,} more.")
        pairs_are = "pair is" if count == 1 else "pairs are"
        warnings.warn(
            f"{path}: {count:,} damaged {pairs_are} left out of {of:,}. {' '.join(named)}",
            stacklevel=3,
        )
    return tuple(pairs)


def is_place(text: str, most: int) -> bool:
    """Return whether a text is a whole number of at most ``most``."""
    digits = text.lstrip("0") or "0"
    # Python refuses to read a number of thousands of digits.
    return digits.isdecimal() and len(digits) <= len(str(most)) and int(digits) <= most


Link = tuple[int, int]
"""The left and the right word of a link, by their places among the words at blanks, from 0."""

Chosen = Literal["matches", "pairs"]
_AT_BLANKS = re.compile(r"\S+")


def words_at_blanks(text: str) -> tuple[tuple[int, int], ...]:
    """Return (start, end) of each word of a text, split at white space."""
    return tuple(found.span() for found in _AT_BLANKS.finditer(text))


def strengths_at_blanks(
    explanation: Explanation, *, chosen: Chosen = "matches"
) -> dict[Link, float]:
    """Return the pairs of words at blanks that an explanation links, each with its cosine.

    A word of ours belongs to the word at blanks whose characters it shares. A mark that shares one
    with a word ("path.") belongs to none: its partner is another mark. Where several pairs
    of ours fall into one, the greatest cosine counts.

    Parameters
    ----------
    explanation : Explanation
        Of the two texts that the gold is for.
    chosen : Chosen, default='matches'
        All ``matches``, or the selected ``pairs`` only.

    Raises
    ------
    OptionError
        Another choice.
    """
    check_choice("chosen", chosen, get_args(Chosen))
    left, right = _places(explanation.left), _places(explanation.right)
    pairs: Sequence[WordPair] = getattr(explanation, chosen)
    found: dict[Link, float] = {}
    for pair in pairs:
        for link in ((i, j) for i in left[pair.left] for j in right[pair.right]):
            found[link] = max(pair.similarity, found.get(link, -np.inf))
    return found


def links_at_blanks(explanation: Explanation, *, chosen: Chosen = "matches") -> frozenset[Link]:
    """Return the pairs of words at blanks that an explanation links; see strengths_at_blanks."""
    return frozenset(strengths_at_blanks(explanation, chosen=chosen))


def check_same_texts(explanation: Explanation, left: str, right: str, *, name: str) -> None:
    """Raise OptionError unless the explanation is of these texts."""
    for side, ours, gold in (
        ("left", explanation.left.text, left),
        ("right", explanation.right.text, right),
    ):
        if ours != gold:
            raise OptionError(
                f"The explanation given for {name!r} is of another {side} text: {ours[:40]!r} "
                f"and not {gold[:40]!r}. Give the explanations in the order of the gold."
            )


def _places(side: ExplainedText) -> list[list[int]]:
    """Return, for each word of ours, the words at blanks that it belongs to."""
    spans = words_at_blanks(side.text)
    offsets = np.array([(word.start, word.end) for word in side.words], dtype=np.intp)
    linked = align(side.text, spans, offsets.reshape(-1, 2))
    places: list[list[int]] = [[] for _ in side.words]
    for place, word in zip(linked.link_words.tolist(), linked.link_tokens.tolist(), strict=True):
        start, end = spans[place]
        if is_mark(side.words[word].text) and not is_mark(side.text[start:end]):
            continue
        places[word].append(place)
    return places


FEWEST_COLUMNS = 8
XLWA_COLUMNS = 3
JSON_FIELDS = ("source", "target", "sureAlign")


@dataclass(frozen=True, slots=True)
class AlignedPair:
    """Two texts and the links that people saw between their words, which are split at blanks.

    sure: links that all agree on. possible: links that are allowed and not demanded; none of them
    is sure. Words count from 0.
    """

    name: str
    left: str
    right: str
    sure: frozenset[Link]
    possible: frozenset[Link] = frozenset()

    @property
    def links(self) -> frozenset[Link]:
        """Sure and possible links."""
        return self.sure | self.possible


def read_multimwa(path: Source, *, strict: bool = False) -> tuple[AlignedPair, ...]:
    """Read MultiMWA's TSV (Lan, Jiang and Xu 2021).

    Columns: id, first text, -, second text, three more, sure links "i-j i-j", possible links, which
    may be missing. Damaged lines are left out, and a warning names them.

    Parameters
    ----------
    path : Source
        The file.
    strict : bool, default=False
        Raise on a damaged line instead.

    Raises
    ------
    FormatError
        The file can't be read, or no line of it; or, where ``strict``, a line is damaged. The line
        is named.
    """

    def read(_: int, cells: list[str]) -> AlignedPair:
        if len(cells) < FEWEST_COLUMNS:
            raise ValueError(
                f"{len(cells)} columns; MultiMWA has {FEWEST_COLUMNS} or more, between tabs."
            )
        possible = cells[FEWEST_COLUMNS] if len(cells) > FEWEST_COLUMNS else ""
        return _pair(cells[0], cells[1], cells[3], cells[7], possible)

    return _read_table(path, read, strict=strict)


def _read_table(
    path: Source, read: Callable[[int, list[str]], AlignedPair], *, strict: bool
) -> tuple[AlignedPair, ...]:
    """Return what ``read`` makes of each line's number and cells; damaged lines as in read_each.

    A line for which it raises ValueError is damaged.
    """

    def checked(number: int, line: str) -> AlignedPair:
        try:
            check_utf8(line)
            return read(number, line.split("\t"))
        except ValueError as error:
            raise damaged(path, number, str(error)) from error

    lines = read_lines(path, what="word alignments")
    return read_each(path, (partial(checked, *row) for row in enumerate(lines, 1)), strict=strict)


def read_xlwa(path: Source, *, strict: bool = False) -> tuple[AlignedPair, ...]:
    """Read XL-WA's TSV of word alignments between two languages (Martelli et al. 2023).

    Columns: English text, text of the other language, links "i-j i-j"; no header. A pair is named
    by its line. Damaged lines are left out, and a warning names them.

    Parameters
    ----------
    path : Source
        The file.
    strict : bool, default=False
        Raise on a damaged line instead.

    Raises
    ------
    FormatError
        The file can't be read, or no line of it; or, where ``strict``, a line is damaged. The line
        is named.
    """

    def read(number: int, cells: list[str]) -> AlignedPair:
        if len(cells) != XLWA_COLUMNS:
            raise ValueError(f"{len(cells)} columns; XL-WA has {XLWA_COLUMNS}, between tabs.")
        return _pair(str(number), cells[0], cells[1], cells[2], "")

    return _read_table(path, read, strict=strict)


def read_edinburgh(
    path: Source, *, sure: Source | None = None, strict: bool = False
) -> tuple[AlignedPair, ...]:
    """Read JSON of word alignments, as Edinburgh++ is published with jacana (Yao et al. 2013).

    A list of {"source", "target", "sureAlign", "possibleAlign", "id"}, links as "i-j i-j". Damaged
    entries are left out, and a warning names them; so are those that ``sure`` lacks.

    Parameters
    ----------
    path : Source
        The file; ``gold.train.sure+poss.json`` has sure and possible links in one field.
    sure : Source, optional
        The file of the same pairs with sure links only (``gold.train.sure.json``): the other links
        of ``path`` then count as possible.
    strict : bool, default=False
        Raise on a damaged entry instead.

    Raises
    ------
    FormatError
        A file can't be read, or no entry of it; or, where ``strict``, an entry is damaged. The
        entry is named, from 1.
    """
    entries = _read_json(path)
    first = _entry_readers(path, entries)
    if sure is None:
        return read_each(path, first, name_of=_name_of, strict=strict)
    readers = _entry_readers(sure, _read_json(sure))
    by_name = {
        pair.name: pair for pair in read_each(sure, readers, name_of=_name_of, strict=strict)
    }

    def read(number: int, one: Callable[[], AlignedPair]) -> AlignedPair:
        pair = one()
        other = by_name.get(pair.name)
        if other is None or (other.left, other.right) != (pair.left, pair.right):
            raise FormatError(
                f"{path}, entry {number}: {sure} has no pair {pair.name!r} of the same texts."
            )
        return AlignedPair(pair.name, pair.left, pair.right, other.sure, pair.links - other.sure)

    both = (partial(read, number, one) for number, one in enumerate(first, start=1))
    return read_each(path, both, name_of=_name_of, strict=strict)


def _name_of(pair: AlignedPair) -> str:
    return pair.name


def _read_json(path: Source) -> list[Any]:
    text = read_text(path, what="word alignments")
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise damaged(path, error.lineno, f"no JSON: {error.msg}.") from error
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{path} is no JSON that can be read: {error}.") from error
    if not isinstance(content, list) or not content:
        raise FormatError(f"{path} holds no list of word alignments.")
    return content


def _entry_readers(path: Source, entries: Sequence[Any]) -> list[Callable[[], AlignedPair]]:
    def read(number: int, entry: Any) -> AlignedPair:
        try:
            return _from_entry(entry, number)
        except ValueError as error:
            raise FormatError(f"{path}, entry {number}: {error}") from error

    return [partial(read, number, entry) for number, entry in enumerate(entries, start=1)]


def _from_entry(entry: Any, number: int) -> AlignedPair:
    if not isinstance(entry, dict) or not all(isinstance(entry.get(f), str) for f in JSON_FIELDS):
        raise ValueError(f"it needs the texts {', '.join(map(repr, JSON_FIELDS))}.")
    possible = entry.get("possibleAlign") or ""
    name = str(entry.get("id", number))
    return _pair(name, entry["source"], entry["target"], entry["sureAlign"], str(possible))


def _pair(name: str, left: str, right: str, sure: str, possible: str) -> AlignedPair:
    """Return a pair. Raises ValueError on links that are none, or of words that are not there."""
    sizes = len(left.split()), len(right.split())
    if not all(sizes):
        raise ValueError("a text is empty.")
    check_utf8(name + left + right)
    found = _links(sure, sizes)
    return AlignedPair(name, left, right, found, _links(possible, sizes) - found)


def _links(text: str, sizes: tuple[int, int]) -> frozenset[Link]:
    links = set()
    for piece in text.split():
        ends = piece.partition("-")[::2]
        said = repr(piece[:MOST_SAID])
        if not all(map(str.isdecimal, ends)):
            raise ValueError(f"{said} is no link; write two numbers from 0 on, as in 3-4.")
        if not all(is_place(end, size - 1) for end, size in zip(ends, sizes, strict=True)):
            raise ValueError(
                f"the link {said} is of words that the texts do not have: they have {sizes[0]} "
                f"and {sizes[1]}, split at blanks and counted from 0."
            )
        links.add((int(ends[0]), int(ends[1])))
    return frozenset(links)
