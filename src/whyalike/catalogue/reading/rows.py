"""What every reader hands on: named columns, and rows with the place where each begins."""

from collections.abc import Iterator, Mapping, Sequence
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

    ``typed`` is False where every value is text, numbers too; ``decimal_comma`` is how some of them
    are written then. ``notes`` say what was assumed; some are known after the last row only.
    """

    columns: tuple[str, ...]
    rows: Iterator[RawRow]
    typed: bool
    unit: Literal["line", "row"]
    notes: Sequence[str] = field(default=())
    decimal_comma: bool = False
