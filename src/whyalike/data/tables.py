"""Tables of texts, row by row: CSV and TSV, JSON Lines, lines of plain text."""

import csv
import io
import json
import zlib
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from io import BufferedReader
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO, Literal

from whyalike.data.columns import UNNAMED
from whyalike.data.unpacking import GZIP, unpacked
from whyalike.errors import FormatError
from whyalike.texts import without_surrogates

LONGEST_LINE = 1 << 23
"""Bytes, or characters, of a line or a record: more is no item, and could fill the memory."""

MOST_COLUMNS = 4096
"""A row of more is a matrix, and each value of it would be kept by itself."""


@dataclass(frozen=True, slots=True)
class RawRow:
    """A row as it was read. ``problem`` says why there are no values; ``excerpt`` how it begins."""

    line: int
    values: Mapping[str, object]
    problem: str = ""
    excerpt: str = ""


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


UTF16 = (b"\xff\xfe", b"\xfe\xff")


@contextmanager
def open_bytes(path: Path) -> Iterator[BinaryIO]:
    """Yield the bytes of a file, unpacked if it is gzipped, whatever it is called.

    Raises
    ------
    FormatError
        It can't be read, is damaged, is UTF-16, or unpacks to far more than text does; also while
        it is being read.
    """
    try:
        with path.open("rb") as plain:
            if plain.peek(len(GZIP))[: len(GZIP)] != GZIP:
                _refuse_utf16(plain, path)
                yield plain
                return
            with unpacked(plain, path) as stream:
                _refuse_utf16(stream, path)
                yield stream
    except (OSError, EOFError, zlib.error) as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: Exception) -> FormatError:
    """Return the error for a file that can't be read, or not to its end."""
    reason = getattr(error, "strerror", None) or str(error)
    return FormatError(f"Could not read {path}: {reason}.")


def _refuse_utf16(stream: BufferedReader, path: Path) -> None:
    if stream.peek(2)[:2] in UTF16:
        raise FormatError(f"{path} is UTF-16, not UTF-8: save it as UTF-8 first.")


OTHER_DELIMITERS = {";": "semicolons, and 12,50 is a number", "\t": "tabs", "|": "bars"}

_MESSAGES = {
    "unexpected end of data": "a quotation mark is never closed",
    "field larger than field limit": "a field is too long, or a quotation mark is not closed: {}",
}


@contextmanager
def open_delimited(path: Path, *, delimiter: str) -> Iterator[RowTable]:
    """Yield the records of a UTF-8 file whose first line names the columns.

    A record may span lines where its fields are quoted. Undecodable bytes become lone surrogates,
    one for one, by which the row is reported. A CSV whose first line has more semicolons, tabs or
    bars than commas is read by those; where they are semicolons, 12,50 is a number.

    Raises
    ------
    FormatError
        The file can't be read, is empty, or its first line is broken; also while it is being read,
        a record of more than LONGEST_LINE characters.
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


LOOKED_AT = 100
"""Rows whose keys are the columns: objects need not all have the same."""

LATE_NAMED = 50
"""Keys that came too late to be columns, and that a note names."""

BOM = b"\xef\xbb\xbf"


@contextmanager
def open_json_lines(path: Path) -> Iterator[RowTable]:
    """Yield the objects of a UTF-8 file; the keys of the first hundred are the columns.

    Raises
    ------
    FormatError
        The file can't be read, or none of its first lines is an object; also while it is being
        read, a line of more than LONGEST_LINE bytes.
    """
    with open_bytes(path) as binary:
        rows = _objects(binary, path)
        first: list[RawRow] = []
        keys: dict[str, None] = {}
        for row in islice(rows, LOOKED_AT):
            first.append(row)
            keys |= dict.fromkeys(row.values)
            check_width(len(keys), path)
        columns = tuple(keys)
        if not columns:
            why = f" Line {first[0].line}: {first[0].problem}." if first else " It is empty."
            raise FormatError(f"{path} should hold one JSON object a line.{why}")
        notes: list[str] = []
        rows = _watch(chain(first, rows), columns, notes)
        yield RowTable(columns=columns, rows=rows, typed=True, unit="line", notes=notes)


def _watch(rows: Iterator[RawRow], columns: Sequence[str], notes: list[str]) -> Iterator[RawRow]:
    """Hand on rows, and note at the end which keys came too late to be columns."""
    known, late = set(columns), dict[str, int]()
    for row in rows:
        for key in row.values.keys() - known:
            if len(late) < MOST_COLUMNS:
                late.setdefault(key, row.line)
        yield row
    if late:
        named = sorted(late.items())[:LATE_NAMED]
        said = ", ".join(f"{key!r} (line {line})" for key, line in named)
        said += f" and {len(late) - len(named):,} more" if len(late) > len(named) else ""
        notes.append(
            f"Left out, as no key of the first {LOOKED_AT} objects: {said}. Put an object that has "
            "them first."
        )


def _objects(binary: BinaryIO, path: Path) -> Iterator[RawRow]:
    lines = iter(partial(binary.readline, LONGEST_LINE + 1), b"")
    for number, raw in enumerate(lines, start=1):
        if len(raw) > LONGEST_LINE:
            raise too_long(path, number, "line")
        line = raw.removeprefix(BOM) if number == 1 else raw
        if not line.strip():
            continue
        excerpt = line[:400].decode(errors="replace")
        try:
            content = json.loads(line.decode())
        except UnicodeDecodeError:
            yield RawRow(number, {}, problem="broken encoding: not UTF-8", excerpt=excerpt)
        except json.JSONDecodeError as error:
            said = f"not JSON: {error.msg} at column {error.colno}"
            yield RawRow(number, {}, problem=said, excerpt=excerpt)
        except (ValueError, RecursionError) as error:
            yield RawRow(number, {}, problem=f"not JSON to be read: {error}", excerpt=excerpt)
        else:
            if isinstance(content, dict):
                yield RawRow(number, content, excerpt=excerpt)
            else:
                said = f"a JSON {type(content).__name__}, not an object"
                yield RawRow(number, {}, problem=said, excerpt=excerpt)


LINE_COLUMN = "text"
"""What the one column of a file of lines is called."""


@contextmanager
def open_lines(path: Path) -> Iterator[RowTable]:
    """Have the lines of a UTF-8 file, a text each, as a table of one column; blank ones are none.

    Raises
    ------
    FormatError
        The file can't be read; also while it is being read, a line of more than LONGEST_LINE
        characters.
    """
    with open_bytes(path) as binary:
        text = io.TextIOWrapper(binary, encoding="utf-8-sig", errors="surrogateescape")
        try:
            yield RowTable(
                columns=(LINE_COLUMN,),
                rows=_lines_of_text(text, path),
                typed=False,
                unit="line",
                named=False,
            )
        finally:
            text.detach()


def _lines_of_text(text: io.TextIOWrapper, path: Path) -> Iterator[RawRow]:
    lines = iter(partial(text.readline, LONGEST_LINE + 1), "")
    for number, line in enumerate(lines, start=1):
        if len(line) > LONGEST_LINE:
            raise too_long(path, number, "line")
        if line.strip():
            yield RawRow(number, {LINE_COLUMN: line.removesuffix("\n")}, excerpt=line)
