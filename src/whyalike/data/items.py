"""Items of a catalogue, made from rows of a table."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time
from decimal import Decimal

from whyalike.data.columns import ColumnChoice
from whyalike.data.markup import strip_markup
from whyalike.data.tables import RawRow
from whyalike.errors import FormatError, TextError
from whyalike.texts import without_surrogates

Plain = str | float | bool | None
"""A value that JSON, SQL and a reader understand alike."""


@dataclass(frozen=True, slots=True)
class Item:
    """An item: its id, title and description, and whatever else is known about it.

    Title or description may be ``""``, but not both.

    Raises
    ------
    TextError
        Id, title or description is no text or can't be encoded, the id is empty, there is neither a
        title nor a description, or a value of the metadata is not Plain.
    """

    id: str
    title: str
    description: str
    metadata: Mapping[str, Plain] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        """Refuse what could be neither stored nor embedded."""
        for name in ("id", "title", "description"):
            value = getattr(self, name)
            if not isinstance(value, str):
                said = type(value).__name__
                raise TextError(f"The {name} of an item is of type {said}, not str: give a str.")
            _refuse_surrogates(name, value)
        if not self.id:
            raise TextError("An item has an empty id: give each item an id of its own.")
        if not self.title.strip() and not self.description.strip():
            raise TextError(f"Item {self.id!r} has neither a title nor a description: give one.")
        for name, value in self.metadata.items():
            _refuse_unless_plain(name, value)

    @property
    def text(self) -> str:
        """What stands for the item alone: its description, or its title where it has none."""
        return self.description if self.description.strip() else self.title


def _refuse_surrogates(name: str, text: str) -> None:
    if not text.isascii() and without_surrogates(text) != text:
        raise TextError(f"The {name} of an item holds a lone surrogate: decode it anew.")


def _refuse_unless_plain(name: object, value: object) -> None:
    if not isinstance(name, str) or not (value is None or isinstance(value, str | int | float)):
        said = type(value).__name__
        raise TextError(
            f"The metadata {name!r} of an item is of type {said}; give a str as name, and as value "
            "a str, an int, a float, a bool or None."
        )
    for text in (name, value):
        if isinstance(text, str):
            _refuse_surrogates("metadata", text)


# No leading zero and few digits: "00123" and long codes are names, which a number would change.
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,15})?")


def as_text(value: object, *, role: str) -> str:
    """Return a title, a description or an id as text, ``""`` for none; texts of a list in lines.

    Raises
    ------
    FormatError
        It is neither text nor number.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return "\n".join(part.strip() for part in value).strip()
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise FormatError(f"the {role} is no text, but a {type(value).__name__}")
    if isinstance(value, int):
        return str(value)
    # A number that was read as 12.0 because others in its column are missing.
    return str(int(value)) if math.isfinite(value) and value == int(value) else str(value)


def number_or_text(value: str, *, decimal_comma: bool = False) -> Plain:
    """Return what a text file says of an item: a number, a text, or None for nothing."""
    text = value.strip()
    if not text:
        return None
    number = text.replace(",", ".") if decimal_comma else text
    if _NUMBER.fullmatch(number):
        return float(number) if "." in number else int(number)
    return text


def plain(value: object) -> Plain:
    """Return a typed value as JSON can hold it: dates as text, lists and mappings as JSON text.

    Raises
    ------
    FormatError
        Lists in lists, and no end of it.
    """
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        # Beyond 64 bits no data base holds it.
        return value if -(2**63) <= value < 2**63 else str(value)
    if isinstance(value, float | Decimal):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, list | tuple | Mapping):
        try:
            return json.dumps(value, ensure_ascii=False, default=str)
        except RecursionError as error:
            raise FormatError("lists or objects that are nested too deep") from error
    return str(value)


@dataclass(frozen=True, slots=True)
class ItemMaker:
    """Makes items of rows: by which columns, how values are written, and without HTML or not."""

    columns: ColumnChoice
    typed: bool
    strip: bool
    decimal_comma: bool = False

    def make(self, row: RawRow, number: int) -> Item:
        """Return the item of a row; ``number`` is its id where no column holds ids.

        Raises
        ------
        FormatError
            There is none; the message is the reason.
        """
        if row.problem:
            raise FormatError(row.problem)
        columns = self.columns
        key = str(number) if columns.id is None else self._text(row, columns.id, role="id")
        title = self._shown(row, columns.title, role="title")
        description = self._shown(row, columns.description, role="description")
        metadata = {name: self._plain(row, name) for name in columns.metadata}
        refuse_broken(key, title, description, *metadata, *metadata.values())
        if not key:
            raise FormatError("no id")
        if not title and not description:
            raise FormatError("no text: neither a title nor a description")
        return Item(key, title, description, metadata)

    def _text(self, row: RawRow, column: str | None, *, role: str) -> str:
        return "" if column is None else as_text(row.values.get(column), role=role)

    def _shown(self, row: RawRow, column: str | None, *, role: str) -> str:
        text = self._text(row, column, role=role)
        return strip_markup(text).strip() if self.strip else text

    def _plain(self, row: RawRow, column: str) -> Plain:
        value = row.values.get(column)
        if not self.typed and isinstance(value, str):
            return number_or_text(value, decimal_comma=self.decimal_comma)
        return plain(value)


def refuse_broken(*values: Plain) -> None:
    """Raise FormatError where a text holds NUL characters or was not decoded."""
    for value in values:
        if not isinstance(value, str) or (value.isascii() and "\0" not in value):
            continue
        if "\0" in value:
            raise FormatError("a NUL character in a text")
        if without_surrogates(value) != value:
            raise FormatError("broken encoding: not UTF-8")
