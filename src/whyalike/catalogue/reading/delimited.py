"""CSV and TSV: one record at a time, each with the line on which it begins."""

import csv
import io
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from whyalike.catalogue.columns import UNNAMED
from whyalike.catalogue.reading.rows import (
    LONGEST_LINE,
    RawRow,
    RowTable,
    check_width,
    too_long,
)
from whyalike.catalogue.reading.text_file import open_bytes
from whyalike.errors import FormatError
from whyalike.text import without_surrogates

OTHER_DELIMITERS = {";": "semicolons, and 12,50 is a number", "\t": "tabs", "|": "bars"}
_MESSAGES = {
    "unexpected end of data": "a quotation mark is never closed",
    "field larger than field limit": "a field is too long, or a quotation mark is not closed: {}",
}


@contextmanager
def open_delimited(path: Path, *, delimiter: str) -> Iterator[RowTable]:
    """Have the records of a UTF-8 file whose first line names the columns.

    A record may span lines where its fields are quoted. Undecodable bytes become lone surrogates,
    one for one, for the row to be told by. A CSV whose first line has more semicolons, tabs or bars
    than commas is read by those; where they are semicolons, 12,50 is a number.

    Raises:
        FormatError: the file can't be read, is empty, or its first line is broken; also while it
            is being read, a record of more than LONGEST_LINE characters.
    """
    with open_bytes(path) as binary:
        # Lines end with LF alone, so that their numbers are an editor's; csv takes off a CR.
        text = io.TextIOWrapper(
            binary, encoding="utf-8-sig", errors="surrogateescape", newline="\n"
        )
        lines = _Lines(text, path)
        found = _sniff(lines, delimiter) if delimiter == "," else delimiter
        header = _read_header(lines, found, path)
        notes = [] if found == delimiter else [f"Fields are between {OTHER_DELIMITERS[found]}."]
        # Spreadsheets write semicolons where the comma is in their numbers.
        decimal_comma = found == ";"
        columns = _unique(header, notes)
        try:
            yield RowTable(
                columns=columns,
                rows=_records(lines, found, columns),
                typed=False,
                unit="line",
                notes=tuple(notes),
                decimal_comma=decimal_comma,
            )
        finally:
            text.detach()


class _Lines:
    """Lines with their numbers; those of one record can be given back, to be read again."""

    def __init__(self, lines: io.TextIOWrapper, path: Path) -> None:
        self._lines, self._path = lines, path
        self._again: deque[str] = deque()
        self.taken: list[str] = []
        self.number = self._characters = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else self._lines.readline(LONGEST_LINE + 1)
        if not line:
            raise StopIteration
        self.taken.append(line)
        self.number += 1
        self._characters += len(line)
        if self._characters > LONGEST_LINE:
            raise too_long(self._path, self.number - len(self.taken) + 1, "record")
        return line

    def begin(self) -> None:
        """Begin another record."""
        self.taken.clear()
        self._characters = 0

    def give_back(self, *, after: int) -> None:
        """Give back the lines of this record but for the first ``after``."""
        self.number -= len(self.taken) - after
        self._again.extendleft(reversed(self.taken[after:]))
        self._characters -= sum(map(len, self.taken[after:]))
        del self.taken[after:]


def _sniff(lines: _Lines, delimiter: str) -> str:
    first = next(lines, "")
    lines.give_back(after=0)
    # Of equally many, the comma: it is asked first.
    return max((delimiter, *OTHER_DELIMITERS), key=first.count)


def _read_header(lines: _Lines, delimiter: str, path: Path) -> list[str]:
    try:
        header = next(csv.reader(lines, delimiter=delimiter, strict=True), [])
    except csv.Error as error:
        raise FormatError(
            f"The first line of {path} should name the columns, but is broken: {error}."
        ) from error
    check_width(len(header), path)
    if not any(name.strip() for name in header):
        raise FormatError(f"{path} is empty, or its first line is: it should name the columns.")
    if any(without_surrogates(name) != name or "\0" in name for name in header):
        raise FormatError(
            f"The first line of {path} is not UTF-8 text: save the file as UTF-8 first."
        )
    return header


def _unique(header: list[str], notes: list[str]) -> tuple[str, ...]:
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
            problem = f"{len(fields)} fields where the first line has {len(columns)}"
            yield RawRow(start, {}, problem=problem, excerpt=excerpt)


def _say(error: csv.Error) -> str:
    said = str(error)
    for start, meaning in _MESSAGES.items():
        if said.startswith(start):
            return meaning.format(said)
    return f"not valid CSV: {said}"
