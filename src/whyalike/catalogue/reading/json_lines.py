"""JSON Lines: one object a line."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO

from whyalike.catalogue.reading.rows import (
    LONGEST_LINE,
    MOST_COLUMNS,
    RawRow,
    RowTable,
    check_width,
    too_long,
)
from whyalike.catalogue.reading.text_file import open_bytes
from whyalike.errors import FormatError

LOOKED_AT = 100
"""Rows whose keys are the columns: objects need not all have the same."""

LATE_NAMED = 50
"""Keys that came too late to be columns, and that a note names."""

BOM = b"\xef\xbb\xbf"


@contextmanager
def open_json_lines(path: Path) -> Iterator[RowTable]:
    """Have the objects of a UTF-8 file; the keys of the first hundred are the columns.

    Raises:
        FormatError: the file can't be read, or none of its first lines is an object; also while
            it is being read, a line of more than LONGEST_LINE bytes.
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
