"""Tables of spreadsheets, row by row: XLSX and ODS."""

import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from whyalike.data.decoding import unreadable
from whyalike.data.header import LOOKED_AT, header_among
from whyalike.data.tables import RawRow, RowTable, check_width, unique_names
from whyalike.data.unpacking import ALLOWED, MOST_TIMES
from whyalike.errors import FormatError, MissingExtraError


@contextmanager
def open_sheet(path: Path) -> Iterator[RowTable]:
    """Yield the rows of the first sheet that has any; the names of others are noted.

    Raises
    ------
    FormatError
        The file can't be read, is damaged, or holds far more than its size says.
    MissingExtraError
        Python-calamine is not installed.
    """
    try:
        import python_calamine as calamine
    except ImportError as error:
        raise MissingExtraError("Reading spreadsheets", "python-calamine", "sheets") from error
    _check_size(path)
    try:
        book = calamine.CalamineWorkbook.from_path(str(path))
        found, others = None, []
        for name in book.sheet_names:
            sheet = book.get_sheet_by_name(name) if found is None else None
            if sheet is not None and sheet.total_height:
                found = sheet
            else:
                others.append(name)
        if found is None:
            raise FormatError(f"{path} has no sheet with rows.")
        check_width(found.width, path)
        rows = found.to_python(skip_empty_area=False)
    except (OSError, calamine.CalamineError) as error:
        raise unreadable(path, error) from error
    notes = [f"The sheet {found.name!r} is read."] if others else []
    if others:
        notes.append(f"Sheets left out: {', '.join(map(repr, others))}.")
    header = _find_header(rows)
    if header:
        notes.append(f"The columns are named in row {header + 1}; what stands before is left out.")
    names = [str(_plain(cell) or "") for cell in rows[header]]
    if not any(name.strip() for name in names):
        raise FormatError(f"{path} is empty, or its first rows are: one should name the columns.")
    columns = unique_names(names, notes)
    yield RowTable(
        columns=columns,
        rows=_walk(rows, header + 1, columns),
        typed=True,
        unit="row",
        notes=notes,
    )


def _check_size(path: Path) -> None:
    """Raise FormatError where a workbook unpacks to far more than texts do."""
    try:
        size = path.stat().st_size
        with zipfile.ZipFile(path) as archive:
            unpacks = sum(info.file_size for info in archive.infolist())
    except (OSError, zipfile.BadZipFile) as error:
        raise unreadable(path, error) from error
    most = max(ALLOWED, MOST_TIMES * size)
    if unpacks > most:
        raise FormatError(
            f"{path} unpacks to {unpacks:,} bytes, and {most:,} at most are read of a file of its "
            "size: save it as CSV if you trust it."
        )


def _find_header(rows: Sequence[Sequence[Any]]) -> int:
    filled = (n for n, row in enumerate(rows) if any(cell != "" for cell in row))
    first = next(filled, 0)
    return first + header_among([[str(c) for c in row] for row in rows[first:][:LOOKED_AT]])


def _walk(rows: Sequence[Sequence[Any]], start: int, columns: Sequence[str]) -> Iterator[RawRow]:
    for number, row in enumerate(rows[start:], start=start + 1):
        values = [_plain(cell) for cell in row]
        if any(value is not None for value in values):
            yield RawRow(number, dict(zip(columns, values, strict=False)))


def _plain(cell: Any) -> Any:
    """Return a cell's value; spreadsheets have no whole numbers."""
    if isinstance(cell, str):
        return cell or None
    return int(cell) if isinstance(cell, float) and cell.is_integer() else cell
