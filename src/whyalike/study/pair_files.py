"""Pairs of texts from a file."""

from collections.abc import Sequence
from pathlib import Path

from whyalike.data.tables import RawRow, open_delimited, open_json_lines
from whyalike.errors import FormatError, OptionError

DELIMITERS = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
COLUMNS = ("left", "right")


def read_pairs(path: Path, *, columns: Sequence[str] = COLUMNS) -> list[tuple[str, str]]:
    """Return the pairs of a ``.csv`` or ``.tsv`` file with a header, or a ``.jsonl`` file.

    Args:
        path: the file.
        columns: names of the column of left texts and of that of right ones.

    Raises:
        OptionError: another ending, or not two columns.
        FormatError: the file can't be read, has no such columns, or a row without both texts.
    """
    if len(columns) != 2:
        raise OptionError(f"columns are {list(columns)}; name two: left texts and right texts.")
    kind = path.suffix.lower()
    if kind in DELIMITERS:
        opened = open_delimited(path, delimiter=DELIMITERS[kind])
    elif kind == ".jsonl":
        opened = open_json_lines(path)
    else:
        known = ", ".join([*DELIMITERS, ".jsonl"])
        raise OptionError(f"{path} ends with {kind!r}; pairs are read from {known}.")
    with opened as table:
        missing = [name for name in columns if name not in table.columns]
        if missing:
            raise FormatError(
                f"{path} has no column {missing[0]!r}; it has {', '.join(table.columns)}: name "
                "both with --columns."
            )
        return [_pair(row, columns, f"{path}, {table.unit} {row.line}") for row in table.rows]


def _pair(row: RawRow, columns: Sequence[str], where: str) -> tuple[str, str]:
    if row.problem:
        raise FormatError(f"{where}: {row.problem}.")
    texts = []
    for name in columns:
        value = row.values.get(name)
        if not isinstance(value, str) or not value.strip():
            raise FormatError(f"{where}: {name} is {value!r:.60}; each pair needs two texts.")
        texts.append(value)
    return texts[0], texts[1]
