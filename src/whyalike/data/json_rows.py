"""Tables of JSON, row by row: an object a line, an array of objects, or one under a key."""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Literal

from whyalike.data.decoding import DecodedText, open_text
from whyalike.data.nesting import Flattener, nested_keys
from whyalike.data.tables import LONGEST_LINE, MOST_COLUMNS, RawRow, RowTable, check_width, too_long
from whyalike.errors import FormatError
from whyalike.texts import without_surrogates

LOOKED_AT = 100
"""Rows whose keys are the columns: objects need not all have the same."""

LATE_NAMED = 50
"""Keys that came too late to be columns, and that a note names."""

AT_ONCE = 1 << 16
"""Characters of an array that are read at once."""

EXCERPT = 400
_BETWEEN = re.compile(r"[\s,\ufeff]*")
_UNDER_A_KEY = re.compile(r'\s*\{\s*"[^"\\]{1,200}"\s*:\s*\[\s*(?=[{\]])')
"""How a file begins whose rows stand in a list under its only key, such as "products"."""


@contextmanager
def open_json(path: Path, *, encoding: str | None = None) -> Iterator[RowTable]:
    """Yield the objects of a file; the keys of the first hundred are the columns.

    They stand one a line, or in one array, or in an array that is the value of the file's only key;
    which, the file says and not its name. Keys of objects in objects are joined by dots.

    Raises
    ------
    FormatError
        The file can't be read, or none of its first rows is an object; also while it is being read,
        an object of more than LONGEST_LINE characters, or an array that is broken.
    OptionError
        There is no such encoding.
    """
    with open_text(path, encoding=encoding) as text:
        reader = _JsonReader(text, path)
        rows = reader.rows()
        first = list(islice(rows, LOOKED_AT))
        flattener = Flattener(nested_keys(row.values for row in first))
        rows = map(flattener.flat_row, rows)
        first = [flattener.flat_row(row) for row in first]
        keys: dict[str, None] = {}
        for row in first:
            keys |= dict.fromkeys(row.values)
            check_width(len(keys), path)
        columns = tuple(keys)
        if not columns:
            unit = reader.unit.capitalize()
            why = f" {unit} {first[0].line}: {first[0].problem}." if first else " It is empty."
            raise FormatError(
                f"{path} should hold one JSON object a line, or an array of them.{why}"
            )
        rows = _watch(chain(first, rows), columns, text)
        yield RowTable(columns=columns, rows=rows, typed=True, unit=reader.unit, notes=text.notes)


def _watch(rows: Iterator[RawRow], columns: Sequence[str], text: DecodedText) -> Iterator[RawRow]:
    """Hand on rows, and note at the end which keys came too late to be columns."""
    known, late = set(columns), dict[str, int]()
    for row in rows:
        for key in row.values.keys() - known:
            if len(late) < MOST_COLUMNS:
                late.setdefault(key, row.line)
        yield row
    text.note_mended()
    if late:
        named = sorted(late.items())[:LATE_NAMED]
        said = ", ".join(f"{key!r} (line {line})" for key, line in named)
        said += f" and {len(late) - len(named):,} more" if len(late) > len(named) else ""
        text.notes.append(
            f"Left out, as no key of the first {LOOKED_AT} objects: {said}. Put an object that has "
            "them first."
        )


class _JsonReader:
    """The rows of a file, and whether its lines or its objects are counted: ``unit``."""

    def __init__(self, text: DecodedText, path: Path) -> None:
        self.text, self.path = text, path
        self._first, self._before = self._first_line()
        # What decides is the first line, and whether anything follows it.
        self._second = text.readline(LONGEST_LINE + 1) if self._first else ""
        self.unit: Literal["line", "row"] = "row" if self._is_spread() else "line"

    def _first_line(self) -> tuple[str, int]:
        """Return the first line that is not blank, and how many are before it."""
        before = 0
        while line := self.text.readline(LONGEST_LINE + 1):
            if line.strip():
                return line, before
            before += 1
        return "", before

    def _is_spread(self) -> bool:
        """Return whether lines have no meaning: an array, or objects over several lines."""
        if self._first.lstrip().startswith("["):
            return True
        if not self._first.lstrip().startswith("{"):
            return False
        try:
            one = json.loads(self._first)
        except (ValueError, RecursionError):
            begin = self._first + self._second
            return self._first.strip() == "{" or _UNDER_A_KEY.match(begin) is not None
        under = _UNDER_A_KEY.match(self._first) is not None
        return under and len(one) == 1 and not self._second.strip()

    def rows(self) -> Iterator[RawRow]:
        """Yield the rows, one by one."""
        return self._lines() if self.unit == "line" else self._objects()

    def _lines(self) -> Iterator[RawRow]:
        read = iter(partial(self.text.readline, LONGEST_LINE + 1), "")
        begin = [line for line in (self._first, self._second) if line]
        for number, line in enumerate(chain(begin, read), start=self._before + 1):
            if len(line) > LONGEST_LINE:
                raise too_long(self.path, number, "line")
            if not line.strip():
                continue
            excerpt = line[:EXCERPT]
            try:
                content = json.loads(line)
            except json.JSONDecodeError as error:
                said = f"not JSON: {error.msg} at column {error.colno}"
                yield RawRow(number, {}, problem=_said(line) or said, excerpt=excerpt)
            except (ValueError, RecursionError) as error:
                said = f"not JSON to be read: {error}"
                yield RawRow(number, {}, problem=_said(line) or said, excerpt=excerpt)
            else:
                yield _row(content, number, _said(line), excerpt)

    def _objects(self) -> Iterator[RawRow]:
        values = _Values(self.text, self.path, self._first + self._second)
        for number, (content, excerpt) in enumerate(values, start=1):
            yield _row(content, number, _said(excerpt), excerpt)


def _said(text: str) -> str:
    return "" if without_surrogates(text) == text else "broken encoding: not UTF-8"


def _row(content: object, number: int, problem: str, excerpt: str) -> RawRow:
    if problem or not isinstance(content, dict):
        problem = problem or f"a JSON {type(content).__name__}, not an object"
        return RawRow(number, {}, problem=problem, excerpt=excerpt)
    return RawRow(number, content, excerpt=excerpt)


class _Values:
    """The values of an array, or objects that follow each other, read when they are there whole.

    Raises FormatError where one is broken: what follows can't be told from it.
    """

    def __init__(self, text: DecodedText, path: Path, begin: str) -> None:
        self._text, self._path = text, path
        self._held, self._at, self._number = begin, 0, 0
        self._decode = json.JSONDecoder().raw_decode
        while len(self._held) < AT_ONCE and self._more():
            pass
        under = _UNDER_A_KEY.match(self._held)
        self._is_array = under is not None or self._held.lstrip().startswith("[")
        if self._is_array:
            self._at = under.end() if under is not None else self._held.index("[") + 1

    def __iter__(self) -> Iterator[tuple[object, str]]:
        """Yield the values, each with how it begins."""
        while not self._is_at_end():
            self._number += 1
            content, end = self._next()
            yield content, self._held[self._at : min(end, self._at + EXCERPT)]
            self._at = end

    def _more(self) -> bool:
        """Read on as much as is held: a value is looked at a few times, however long it is."""
        held = self._held[self._at :]
        chunk = self._text.read(max(AT_ONCE, len(held)))
        self._held, self._at = held + chunk, 0
        return bool(chunk)

    def _is_at_end(self) -> bool:
        while True:
            self._at = _BETWEEN.match(self._held, self._at).end()  # type: ignore[union-attr]
            if self._at < len(self._held):
                return self._is_array and self._held[self._at] == "]"
            if not self._more():
                if self._is_array:
                    raise self._broken("the array has no end")
                return True

    def _next(self) -> tuple[object, int]:
        while True:
            try:
                content, end = self._decode(self._held, self._at)
            except (ValueError, RecursionError) as error:
                # Whether it is broken, or goes on, only the rest says.
                if len(self._held) - self._at > LONGEST_LINE or not self._more():
                    said = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
                    raise self._broken(said) from error
                continue
            # A number may go on.
            if end < len(self._held) or not self._more():
                return content, end

    def _broken(self, reason: str) -> FormatError:
        return FormatError(
            f"{self._path} holds JSON that is broken in or after value {self._number:,} "
            f"({reason}), and what follows can't be told from it: mend it, or write one object a "
            "line."
        )
