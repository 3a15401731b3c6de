"""Tables of texts, row by row: CSV and TSV, lines of plain text."""

import csv
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

from whyalike.data.columns import UNNAMED
from whyalike.data.decoding import DecodedText, open_text
from whyalike.data.header import LOOKED_AT, Header, find_header
from whyalike.errors import FormatError
from whyalike.texts import without_surrogates

LONGEST_LINE = 1 << 23
"""Bytes, or characters, of a line or a record: more is no item, and could fill the memory."""

MOST_COLUMNS = 4096
"""A row of more is a matrix, and each value of it would be kept by itself."""


@dataclass(frozen=True, slots=True)
class RawRow:
    """A row as it was read. ``problem`` says why there are no values; ``excerpt`` how it begins.

    ``folded`` are the lines of other rows that are part of it, ``added`` the names of values that
    no column of the table has.
    """

    line: int
    values: Mapping[str, object]
    problem: str = ""
    excerpt: str = ""
    folded: tuple[int, ...] = ()
    added: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RowTable:
    """A table that is read while ``rows`` is walked.

    ``typed`` is False where every value is text, numbers too; ``decimal_comma`` is how some of them
    are written then. ``notes`` say what was assumed; some are known after the last row only.
    ``named`` is False where the file names no columns.
    """

    columns: tuple[str, ...]
    rows: Iterator[RawRow]
    typed: bool
    unit: Literal["line", "row"]
    notes: Sequence[str] = field(default=())
    decimal_comma: bool = False
    named: bool = True


def check_width(columns: int, path: object) -> None:
    """Raise FormatError where a table has more columns than are read."""
    if columns > MOST_COLUMNS:
        raise FormatError(
            f"{path} has {columns:,} columns, and {MOST_COLUMNS:,} at most are read: leave out "
            "those that say nothing of an item."
        )


def too_long(path: object, line: int, unit: str) -> FormatError:
    """Return the error for a line or a record that is too long; it begins at a line."""
    return FormatError(
        f"{path}, line {line}: the {unit} that begins here has more than {LONGEST_LINE:,} "
        "characters, which is the most that is read: is the file what its name says?"
    )


_MESSAGES = {
    "unexpected end of data": "a quotation mark is never closed",
    "field larger than field limit": "a field is too long, or a quotation mark is not closed: {}",
}


@contextmanager
def open_delimited(
    path: Path, *, delimiter: str, encoding: str | None = None
) -> Iterator[RowTable]:
    """Yield the records of a file whose first line names the columns, or one of its first lines.

    A record may span lines where its fields are quoted. Bytes that can't be decoded become lone
    surrogates, one for one, by which the row is reported. A CSV whose header has more semicolons,
    tabs or bars than commas is read by those; where they are semicolons, 12,50 is a number.

    Raises
    ------
    FormatError
        The file can't be read, is empty, or its header is broken; also while it is being read, a
        record of more than LONGEST_LINE characters.
    OptionError
        There is no such encoding.
    """
    with open_text(path, encoding=encoding) as text:
        lines = _Lines(text, path)
        found = find_header(lines.look(LOOKED_AT), delimiter)
        header = _read_header(lines, found, path)
        text.notes.extend(found.notes)
        # Spreadsheets write semicolons where the comma is in their numbers.
        decimal_comma = found.delimiter == ";"
        columns = unique_names(header, text.notes)
        yield RowTable(
            columns=columns,
            rows=_records(lines, found.delimiter, columns),
            typed=False,
            unit="line",
            notes=text.notes,
            decimal_comma=decimal_comma,
        )


class _Lines:
    """Lines with their numbers; those of one record can be given back, to be read again."""

    def __init__(self, text: DecodedText, path: Path) -> None:
        self._text, self._path = text, path
        self._again: deque[str] = deque()
        self.taken: list[str] = []
        self.number = self._characters = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else self._text.readline(LONGEST_LINE + 1)
        if not line:
            raise StopIteration
        self.taken.append(line)
        self.number += 1
        self._characters += len(line)
        if self._characters > LONGEST_LINE:
            raise too_long(self._path, self.number - len(self.taken) + 1, "record")
        return line

    def end(self) -> None:
        """Note what is known when all is read."""
        self._text.note_mended()

    def begin(self) -> None:
        """Begin another record."""
        self.taken.clear()
        self._characters = 0

    def look(self, most: int) -> list[str]:
        """Return the next lines, fewer than ``most`` if they are long, and give them back."""
        seen: list[str] = []
        while len(seen) < most and sum(map(len, seen)) < LONGEST_LINE:
            self.begin()
            if (line := next(self, None)) is None:
                break
            seen.append(line)
        self.begin()
        self.number -= len(seen)
        self._again.extendleft(reversed(seen))
        return seen

    def give_back(self, *, after: int) -> None:
        """Give back the lines of this record but for the first ``after``."""
        self.number -= len(self.taken) - after
        self._again.extendleft(reversed(self.taken[after:]))
        self._characters -= sum(map(len, self.taken[after:]))
        del self.taken[after:]


def _read_header(lines: _Lines, found: Header, path: Path) -> list[str]:
    for _ in range(found.before):
        next(lines)
    lines.begin()
    try:
        header = next(csv.reader(lines, delimiter=found.delimiter, strict=True), [])
    except csv.Error as error:
        raise FormatError(
            f"The first line of {path} should name the columns, but is broken: {error}."
        ) from error
    check_width(len(header), path)
    if not any(name.strip() for name in header):
        raise FormatError(f"{path} is empty, or its first lines are: one should name the columns.")
    if any(without_surrogates(name) != name or "\0" in name for name in header):
        raise FormatError(
            f"The first line of {path} is no text in its encoding: say another with encoding= "
            "(--encoding), or save the file as UTF-8."
        )
    return header


def unique_names(header: Sequence[str], notes: list[str]) -> tuple[str, ...]:
    """Return the names without blanks around them, each once; one without a name gets one."""
    columns: dict[str, None] = {}
    for place, written in enumerate(header, start=1):
        name = written.strip() or UNNAMED.format(place)
        if name in columns:
            twice = name
            while name in columns:
                name = f"{name} ({place})"
            notes.append(f"Column {place} is called {twice!r} too: it is read as {name!r}.")
        columns[name] = None
    return tuple(columns)


def _records(lines: _Lines, delimiter: str, columns: tuple[str, ...]) -> Iterator[RawRow]:
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        lines.begin()
        start = lines.number + 1
        try:
            fields = next(reader)
        except StopIteration:
            lines.end()
            return
        except csv.Error as error:
            # A quotation mark too many swallows what follows: only its own line is given up.
            lines.give_back(after=1)
            yield RawRow(start, {}, problem=_say(error), excerpt=lines.taken[0])
            continue
        if not fields:
            continue
        excerpt = lines.taken[0]
        if len(fields) == len(columns):
            yield RawRow(start, dict(zip(columns, fields, strict=True)), excerpt=excerpt)
        else:
            count = "1 field" if len(fields) == 1 else f"{len(fields):,} fields"
            problem = f"{count} where the first line has {len(columns)}"
            yield RawRow(start, {}, problem=problem, excerpt=excerpt)


def _say(error: csv.Error) -> str:
    said = str(error)
    for start, meaning in _MESSAGES.items():
        if said.startswith(start):
            return meaning.format(said)
    return f"not valid CSV: {said}"


LINE_COLUMN = "text"
"""What the one column of a file of lines is called."""


@contextmanager
def open_lines(path: Path, *, encoding: str | None = None) -> Iterator[RowTable]:
    """Have the lines of a file, a text each, as a table of one column; blank ones are none.

    Raises
    ------
    FormatError
        The file can't be read; also while it is being read, a line of more than LONGEST_LINE
        characters.
    OptionError
        There is no such encoding.
    """
    with open_text(path, encoding=encoding) as text:
        yield RowTable(
            columns=(LINE_COLUMN,),
            rows=_lines_of_text(text, path),
            typed=False,
            unit="line",
            notes=text.notes,
            named=False,
        )


def _lines_of_text(text: DecodedText, path: Path) -> Iterator[RawRow]:
    lines = iter(partial(text.readline, LONGEST_LINE + 1), "")
    for number, line in enumerate(lines, start=1):
        if len(line) > LONGEST_LINE:
            raise too_long(path, number, "line")
        if line.strip():
            yield RawRow(number, {LINE_COLUMN: line.rstrip("\r\n")}, excerpt=line)
    text.note_mended()
