"""Rows as CSV of which a spreadsheet runs nothing: texts come from strangers."""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a spreadsheet takes for the beginning of a formula, or skips before it looks for one."""

_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")


def harmless(value: object) -> object:
    """Return a cell with an apostrophe before a text that a spreadsheet would run as a formula.

    Numbers stay as they are, also those that are written as texts.
    """
    if not isinstance(value, str) or not value.startswith(FORMULA_STARTS):
        return value
    return value if _NUMBER.fullmatch(value) else f"'{value}"


def in_csv(rows: Iterable[Mapping[str, object]], names: Sequence[str]) -> str:
    """Return rows as CSV, with a line of names; each cell is ``harmless``.

    Parameters
    ----------
    rows : iterable of Mapping[str, object]
        The cells of each row by the names of their columns.
    names : sequence of str
        The columns, in their order.
    """
    stream = io.StringIO()
    # With "\n" alone for a line end, Python quotes no cell that has "\r", which ends a row too.
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow([harmless(name) for name in names])
    writer.writerows([harmless(row[name]) for name in names] for row in rows)
    return stream.getvalue()
