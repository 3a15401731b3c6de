"""Ratings as CSV and Parquet, and back from CSV."""

import csv
import io
import math
from collections.abc import Mapping
from pathlib import Path

from whyalike.documents import shown
from whyalike.errors import FormatError, MissingExtraError, OptionError
from whyalike.files import write_whole
from whyalike.spreadsheets import in_csv
from whyalike.study.ratings import COLUMNS, FLAGS, INTEGERS, RatingTable, table_of

_FREE_TEXT = ("name", "comment")


def export_ratings(table: RatingTable, path: str | Path) -> None:
    """Write ratings to a ``.csv`` or a ``.parquet`` file, whole or not at all.

    Raises
    ------
    OptionError
        Another ending.
    OutputError
        The file can't be written.
    MissingExtraError
        Parquet without pyarrow.
    """
    kind = Path(path).suffix.lower()
    if kind == ".csv":
        write_csv(table, path)
    elif kind == ".parquet":
        write_parquet(table, path)
    else:
        raise OptionError(f"{path} ends with {kind!r}; give a file .csv or .parquet.")


def write_csv(table: RatingTable, path: str | Path) -> None:
    """Write UTF-8 CSV with a header, a row for each rating.

    Names and comments come from strangers, and a spreadsheet would run one that begins with ``=``
    as a formula: such a text, and one that begins with an apostrophe, gets an apostrophe before
    it. ``read_csv`` takes that off.

    Raises OutputError where the file can't be written.
    """
    content = to_csv(table).encode()
    write_whole(path, lambda stream: stream.write(content))


def to_csv(table: RatingTable) -> str:
    """Return what ``write_csv`` writes."""
    columns = [
        [_written(name, value) for value in getattr(table, name).tolist()] for name in COLUMNS
    ]
    rows = (dict(zip(COLUMNS, row, strict=True)) for row in zip(*columns, strict=True))
    return in_csv(rows, COLUMNS)


def read_csv(path: str | Path) -> RatingTable:
    """Read what ``write_csv`` wrote, or an earlier release did; columns may come in any order.

    Raises FormatError on a file that can't be read, lacks a column, or is damaged.
    """
    try:
        content = Path(path).read_bytes().decode("utf-8-sig")
        # Earlier releases ended rows with "\n" alone, and quoted no cell for its "\r".
        kept = _absent(content) if "\r" not in content.partition("\n")[0] else "\r"
        stream = io.StringIO(content.replace("\r", kept), newline="")
        reader = csv.DictReader(stream, strict=True)
        missing = set(COLUMNS) - set(reader.fieldnames or ())
        if missing:
            raise FormatError(f"{path} lacks the columns {', '.join(sorted(missing))}.")
        rows = [_read(row, path, n) for n, row in enumerate(reader, start=2)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise FormatError(f"Could not read ratings from {path}: {reason}.") from error
    for row in rows:
        row |= {name: str(row[name]).replace(kept, "\r") for name in _FREE_TEXT}
    return table_of(rows)


def _absent(content: str) -> str:
    """Return a character of private use that is not in a text."""
    return next(char for char in map(chr, range(0xF0000, 0xFFFFE)) if char not in content)


def write_parquet(table: RatingTable, path: str | Path) -> None:
    """Write Parquet: the same columns with their types, and unknown seconds as null.

    Raises
    ------
    OutputError
        The file can't be written.
    MissingExtraError
        Pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ModuleNotFoundError as error:
        raise MissingExtraError("Parquet", "pyarrow", "study") from error
    kinds = {name: pa.int64() for name in INTEGERS} | {name: pa.bool_() for name in FLAGS}
    kinds["seconds"] = pa.float64()
    columns = {
        name: pa.array(
            getattr(table, name).tolist(), kinds.get(name, pa.string()), from_pandas=True
        )
        for name in COLUMNS
    }
    write_whole(path, lambda stream: pq.write_table(pa.table(columns), stream))


def _written(name: str, value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return "" if math.isnan(value) else repr(value)
    if name in _FREE_TEXT:
        # Reading takes one apostrophe off, and ``in_csv`` puts one before a formula.
        return f"'{value}" if str(value).startswith("'") else value
    return value


def _whole(said: str) -> int:
    """Return a whole number that a column of NumPy holds."""
    value = int(said)
    if abs(value) >= 2**63:
        raise ValueError(f"{shown(value)} is too large")
    return value


def _read(row: Mapping[str, str | None], path: str | Path, number: int) -> dict[str, object]:
    found: dict[str, object] = {}
    try:
        for name in COLUMNS:
            said = row[name]
            if said is None:
                raise ValueError(f"{name} is missing")
            if name in INTEGERS:
                found[name] = _whole(said)
            elif name in FLAGS:
                found[name] = {"true": True, "false": False}[said]
            elif name == "seconds":
                found[name] = float(said) if said else math.nan
            else:
                found[name] = said.removeprefix("'") if name in _FREE_TEXT else said
    except (ValueError, KeyError) as error:
        raise FormatError(f"{path}, rating {number - 1} is damaged: {error}.") from error
    return found
