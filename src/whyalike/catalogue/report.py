"""What became of every row of a catalogue: kept, or bad and why. Nothing is lost in silence."""

from dataclasses import dataclass, field
from typing import Any, Literal

from whyalike.catalogue.columns import ColumnChoice

BAD_ROWS_SAID = 20
EXCERPT = 60
BROKEN_ENCODING = "broken encoding"
"""How the reason of a row begins that is not UTF-8."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that was skipped: where it begins, why, and how it begins.

    ``line`` counts the lines of a text file as an editor does, and the rows of other formats; the
    first is 1.
    """

    line: int
    reason: str
    excerpt: str


@dataclass(slots=True)
class ReadReport:
    """What was read: grows row by row, and is whole when the last row was read.

    ``rows`` is always ``kept + len(bad)``; blank lines are no rows. ``title_only`` and
    ``description_only`` count kept items that lack the other text. ``notes`` say what was assumed.
    """

    path: str = ""
    unit: Literal["line", "row"] = "line"
    columns: ColumnChoice | None = None
    rows: int = 0
    kept: int = 0
    title_only: int = 0
    description_only: int = 0
    with_markup: int = 0
    bad: list[BadRow] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def say_notes(self) -> list[str]:
        """Return what was assumed and what is remarkable, a sentence each."""
        notes = [*([] if self.columns is None else self.columns.say()), *self.notes]
        if self.title_only:
            notes.append(f"{_count(self.title_only, 'item has', 'items have')} a title only.")
        if self.description_only and self.columns is not None and self.columns.title is not None:
            said = _count(self.description_only, "item has", "items have")
            notes.append(f"{said} a description only.")
        if broken := sum(one.reason.startswith(BROKEN_ENCODING) for one in self.bad):
            said = _count(broken, "row is", "rows are")
            notes.append(f"{said} not UTF-8: save the file as UTF-8 to keep them.")
        if self.with_markup:
            said = _count(self.with_markup, "item holds", "items hold")
            notes.append(f"{said} HTML; markup='strip' (--markup strip) takes it out.")
        return notes

    def say_bad_rows(self, *, most: int = BAD_ROWS_SAID) -> list[str]:
        """Return a line for each of the first bad rows, and one that counts the others."""
        lines = [
            f"{self.unit} {one.line}: {one.reason}{': ' if one.excerpt else ''}{one.excerpt}"
            for one in self.bad[:most]
        ]
        more = len(self.bad) - most
        return [*lines, f"and {more:,} more"] if more > 0 else lines

    def __str__(self) -> str:
        """Return the report in a few lines; of many bad rows the first are shown."""
        head = f"{self.path or 'items'}: {_count(self.rows, 'row', 'rows')}, {self.kept:,} kept"
        head += f", {len(self.bad):,} bad" if self.bad else ""
        bad = [f"  {line}" for line in self.say_bad_rows()]
        return "\n".join([head, *(f"  {note}" for note in self.say_notes()), *bad])

    def to_dict(self) -> dict[str, Any]:
        """Return the whole report, every bad row included, as plain JSON values."""
        return {
            "path": self.path,
            "unit": self.unit,
            "columns": None if self.columns is None else self.columns.to_dict(),
            "rows": self.rows,
            "kept": self.kept,
            "title_only": self.title_only,
            "description_only": self.description_only,
            "with_markup": self.with_markup,
            "bad": [
                {"line": one.line, "reason": one.reason, "excerpt": one.excerpt} for one in self.bad
            ],
            "notes": self.say_notes(),
        }


def begin(text: str) -> str:
    """Return how a text begins, on one line and with nothing that could command a terminal."""
    seen = "".join(
        character if character.isprintable() else " " if character.isspace() else "\ufffd"
        for character in text[: 4 * EXCERPT]
    )
    line = " ".join(seen.split())
    return line if len(line) <= EXCERPT else line[: EXCERPT - 1].rstrip() + "…"


def _count(number: int, one: str, several: str) -> str:
    return f"{number:,} {one if number == 1 else several}"
