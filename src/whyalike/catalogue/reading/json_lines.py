"""JSON Lines: one object a line."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO

from whyalike.catalogue.reading.rows import RawRow, RowTable
from whyalike.catalogue.reading.text_file import open_bytes
from whyalike.errors import FormatError

LOOKED_AT = 100
"""Rows whose keys are the columns: objects need not all have the same."""

BOM = b"\xef\xbb\xbf"


@contextmanager
def open_json_lines(path: Path) -> Iterator[RowTable]:
    """Have the objects of a UTF-8 file; the keys of the first hundred are the columns.

    Raises:
        FormatError: the file can't be read, or none of its first lines is an object.
    """
    with open_bytes(path) as binary:
        rows = _objects(binary)
        first = list(islice(rows, LOOKED_AT))
        columns = tuple(dict.fromkeys(key for row in first for key in row.values))
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
            late.setdefault(key, row.line)
        yield row
    if late:
        said = ", ".join(f"{key!r} (line {line})" for key, line in sorted(late.items()))
        notes.append(
            f"Left out, as no key of the first {LOOKED_AT} objects: {said}. Put an object that has "
            "them first."
        )


def _objects(binary: BinaryIO) -> Iterator[RawRow]:
    for number, raw in enumerate(binary, start=1):
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
