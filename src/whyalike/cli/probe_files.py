"""Texts, or pairs of a query and a text, from a file: one a line, CSV, TSV, or JSON lines."""

import csv
import json
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from whyalike.errors import FormatError, OptionError

Item = str | tuple[str, str]
Table = tuple[list[str], list[dict[str, Any]]]
"""The names of the columns, and the rows."""

KNOWN = (
    ("query", "passage"),
    ("query", "text"),
    ("left", "right"),
    ("text_a", "text_b"),
    ("text",),
    ("description",),
)
"""Columns that are found without being named, in this order."""

DELIMITERS = {".csv": ("CSV", ",", "comma"), ".tsv": ("TSV", "\t", "tab")}
LINES = (".txt", "")
"""Endings of files with a text a line."""


def read_items(path: Path, *, columns: Sequence[str] | None = None) -> list[Item]:
    """Return the texts or pairs of a file, without the blank ones.

    Args:
        path: a ``.csv`` or ``.tsv`` with a header, a ``.jsonl`` with an object a line, or a
            ``.txt`` or a file without an ending with a text a line.
        columns: names of one column or two; by default the first of KNOWN that the file has.

    Raises:
        OptionError: a file with another ending; more than two columns are named, or columns of a
            plain text file.
        FormatError: the file can't be read, is damaged, or has no such columns.
    """
    if columns is not None and len(columns) not in (1, 2):
        raise OptionError(f"--columns names {len(columns)}; name the text's, or the query's too.")
    kind = path.suffix.lower()
    if kind not in (*DELIMITERS, ".jsonl", *LINES):
        raise OptionError(
            f"{path} ends in {kind!r}; give a .csv, .tsv or .jsonl, or texts, one a line, in a "
            ".txt or a file without an ending."
        )
    if columns is not None and kind in LINES:
        raise OptionError(f"--columns goes with .csv, .tsv and .jsonl; {path} has no columns.")
    try:
        content = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError(f"{path} is not UTF-8 (byte {error.start}): convert it first.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise FormatError(f"Could not read {path}: {reason}.") from error
    if kind in LINES:
        return [line for line in content.split("\n") if line.strip()]
    table = _rows_of_jsonl(path, content) if kind == ".jsonl" else _rows_of_csv(path, content)
    return _pick(path, table, columns)


def _pick(path: Path, table: Table, columns: Sequence[str] | None) -> list[Item]:
    there, rows = table
    wanted = [tuple(columns)] if columns is not None else KNOWN
    names = next((names for names in wanted if set(names) <= set(there)), None)
    if names is None:
        raise FormatError(
            f"{path} has the columns {', '.join(there) or '(none)'}; name with --columns which of "
            "them holds the text, or the query and the text."
        )
    items: list[Item] = []
    for number, row in enumerate(rows, start=1):
        values = [row.get(name) for name in names]
        if not all(isinstance(value, str) for value in values):
            raise FormatError(f"{path}, row {number}: {', '.join(names)} must be text.")
        if all(str(value).strip() for value in values):
            items.append(str(values[0]) if len(names) == 1 else (str(values[0]), str(values[1])))
    return items


def _rows_of_csv(path: Path, content: str) -> Table:
    kind, delimiter, called = DELIMITERS[path.suffix.lower()]
    try:
        # By "\n" only: what else Python calls a line end (U+2028) is part of a text.
        found = list(csv.reader(StringIO(content), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise FormatError(f"{path} is no {kind} that can be read: {error}.") from error
    names, *rows = [row for row in found if row] or [[]]
    for number, row in enumerate(rows, start=1):
        if len(row) != len(names):
            fields = f"{len(row)} field{'s' * (len(row) != 1)}"
            raise FormatError(
                f"{path}, row {number} has {fields} where the header has {len(names)}: put quotes "
                f"around a text that holds a {called}."
            )
    return names, [dict(zip(names, row, strict=True)) for row in rows]


def _rows_of_jsonl(path: Path, content: str) -> Table:
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(content.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise FormatError(f"{path}, line {number} is no JSON: {error}.") from error
        if not isinstance(row, dict):
            raise FormatError(f"{path}, line {number} is no JSON object with named texts.")
        rows.append(row)
    return list(rows[0]) if rows else [], rows
