"""From a raw row to an item, or the reason why it is none."""

from dataclasses import dataclass

from whyalike.catalogue.columns import ColumnChoice
from whyalike.catalogue.item import Item, Plain
from whyalike.catalogue.reading.markup import strip_markup
from whyalike.catalogue.reading.rows import RawRow
from whyalike.catalogue.reading.values import as_text, number_or_text, plain
from whyalike.errors import FormatError
from whyalike.text import without_surrogates


@dataclass(frozen=True, slots=True)
class ItemMaker:
    """Makes items of rows: by which columns, how values are written, and without HTML or not."""

    columns: ColumnChoice
    typed: bool
    strip: bool
    decimal_comma: bool = False

    def make(self, row: RawRow, number: int) -> Item:
        """Return the item of a row; ``number`` is its id where no column holds ids.

        Raises:
            FormatError: there is none; the message is the reason.
        """
        if row.problem:
            raise FormatError(row.problem)
        columns = self.columns
        key = str(number) if columns.id is None else self._text(row, columns.id, role="id")
        title = self._shown(row, columns.title, role="title")
        description = self._shown(row, columns.description, role="description")
        metadata = {name: self._plain(row, name) for name in columns.metadata}
        _refuse_broken(key, title, description, *metadata, *metadata.values())
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


def _refuse_broken(*values: Plain) -> None:
    for value in values:
        if not isinstance(value, str) or (value.isascii() and "\0" not in value):
            continue
        if "\0" in value:
            raise FormatError("a NUL character in a text")
        if without_surrogates(value) != value:
            raise FormatError("broken encoding: not UTF-8")
