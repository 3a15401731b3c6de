"""What every reader hands on: named columns, and rows with the place where each begins."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal


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

    ``typed`` is False where every value is text, numbers too. ``notes`` say what was assumed.
    """

    columns: tuple[str, ...]
    rows: Iterator[RawRow]
    typed: bool
    unit: Literal["line", "row"]
    notes: tuple[str, ...] = field(default=())
