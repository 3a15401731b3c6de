"""Items of a catalogue, made from rows of a table."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time
from decimal import Decimal
from typing import Literal

from whyalike.data.columns import ColumnChoice, plain_name
from whyalike.data.markup import has_entities, has_markup, strip_markup
from whyalike.data.shops import VARIANTS
from whyalike.data.tables import RawRow
from whyalike.errors import FormatError, TextError
from whyalike.texts import without_surrogates

Plain = str | float | bool | None
"""A value that JSON, SQL and a reader understand alike."""

Value = Plain | tuple[str | float | bool, ...]
"""What is known of an item under one name: a value, or several, such as the colours of a shirt."""

MOST_LISTED, MOST_NUMBERS = 256, 16
"""Values of a list that stay values; more are text, and so are more numbers, which are a vector."""

LIST_NAMES = ("tags", "keywords", "categories", "materials", "labels", "genres")
"""Columns whose texts are lists, between bars, semicolons or commas."""


@dataclass(frozen=True, slots=True)
class Item:
    """An item: its id, title and description, and whatever else is known about it.

    Title or description may be ``""``, but not both.

    Raises
    ------
    TextError
        Id, title or description is no text or can't be encoded, the id is empty, there is neither a
        title nor a description, or a value of the metadata is not a Value.
    """

    id: str
    title: str
    description: str
    metadata: Mapping[str, Value] = field(default_factory=dict, hash=False)

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
    parts = value if isinstance(value, tuple) else () if value is None else (value,)
    if not isinstance(name, str) or not all(isinstance(one, str | int | float) for one in parts):
        said = type(value).__name__
        raise TextError(
            f"The metadata {name!r} of an item is of type {said}; give a str as name, and as value "
            "a str, an int, a float, a bool, None, or a tuple of the first four."
        )
    for text in (name, *parts):
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


def plain(value: object) -> Value:
    """Return a typed value as JSON can hold it: dates as text, short lists as tuples.

    Mappings and other lists become JSON text.

    Raises
    ------
    FormatError
        Lists in lists, and no end of it.
    """
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, float | Decimal):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, list | tuple | Mapping):
        listed = _listed(value)
        return _as_json(value) if listed is None else listed
    # Beyond 64 bits no data base holds it.
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return value
    return value.isoformat() if isinstance(value, date | time) else str(value)


def _as_json(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except RecursionError as error:
        raise FormatError("lists or objects that are nested too deep") from error


def _listed(value: object) -> tuple[str | float | bool, ...] | None:
    """Return a list of single values as such; None where it is none, or too long for that."""
    if not isinstance(value, list | tuple) or len(value) > MOST_LISTED:
        return None
    if not all(one is None or isinstance(one, str | int | float | Decimal) for one in value):
        return None
    parts = [one for part in value if (one := plain(part)) is not None and one != ""]
    numbers = sum(isinstance(one, int | float) and not isinstance(one, bool) for one in parts)
    return None if numbers > MOST_NUMBERS else tuple(parts)  # type: ignore[arg-type]


def split_list(text: str) -> Value:
    """Return the parts of a text that is a list: between bars, or semicolons, or commas."""
    separator = next((sign for sign in "|;," if sign in text), "")
    parts = [part.strip() for part in text.split(separator)] if separator else [text.strip()]
    parts = list(dict.fromkeys(part for part in parts if part))
    return tuple(parts) if 1 < len(parts) <= MOST_LISTED else text.strip() or None


@dataclass(slots=True)
class ItemMaker:
    """Makes items of rows: by which columns, how values are written, and with HTML or without.

    ``stripped`` counts the items whose HTML gave way to its text.
    """

    columns: ColumnChoice
    typed: bool
    markup: Literal["auto", "keep", "strip"] = "auto"
    decimal_comma: bool = False
    stripped: int = 0
    _lists: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        """Note which columns hold lists."""
        names = self.columns.metadata
        self._lists = frozenset(n for n in names if plain_name(n).endswith(LIST_NAMES))

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
        written = [
            self._text(row, columns.title, role="title"),
            self._text(row, columns.description, role="description"),
        ]
        title, description = (self._shown(text) for text in written)
        names = dict.fromkeys((*columns.metadata, *row.added))
        metadata = {name: self._value(row, name) for name in names}
        for value in (key, title, description, *metadata, *metadata.values()):
            refuse_broken(*(value if isinstance(value, tuple) else (value,)))
        if not key:
            raise FormatError("no id")
        if not title and not description:
            raise FormatError("no text: neither a title nor a description")
        self.stripped += self.markup == "auto" and [title, description] != written
        return Item(key, title, description, metadata)

    def _text(self, row: RawRow, column: str | None, *, role: str) -> str:
        return "" if column is None else as_text(row.values.get(column), role=role)

    def _shown(self, text: str) -> str:
        is_html = self.markup == "auto" and (has_markup(text) or has_entities(text))
        if self.markup == "strip" or is_html:
            return strip_markup(text).strip()
        return text

    def _value(self, row: RawRow, column: str) -> Value:
        value = row.values.get(column)
        if isinstance(value, tuple):
            if column == VARIANTS:
                # They are ids, also where they look like numbers.
                return value
            parts = (self._single(column, one) for one in value)
            flat = [p for part in parts for p in (part if isinstance(part, tuple) else (part,))]
            return tuple(dict.fromkeys(one for one in flat if one is not None))
        return self._single(column, value)

    def _single(self, column: str, value: object) -> Value:
        if isinstance(value, str) and column in self._lists:
            return split_list(value)
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
