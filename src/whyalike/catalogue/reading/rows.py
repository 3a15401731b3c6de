"""What every reader hands on: named columns, and rows with the place where each begins."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from whyalike.errors import FormatError

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
    """

    columns: tuple[str, ...]
    rows: Iterator[RawRow]
    typed: bool
    unit: Literal["line", "row"]
    notes: Sequence[str] = field(default=())
    decimal_comma: bool = False


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
