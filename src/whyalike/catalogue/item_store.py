"""The items of one segment in an SQLite file: written once, then only read."""

import hashlib
import json
import math
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from whyalike.catalogue.files import FileNote, check_file, open_regular, sync_file
from whyalike.data.items import Item, Plain, Value
from whyalike.data.values import readings
from whyalike.documents import read_json
from whyalike.errors import FormatError, OptionError, OutputError, TextError

_SCHEMA = """
CREATE TABLE items(
    position INTEGER PRIMARY KEY, id TEXT NOT NULL, title TEXT NOT NULL,
    description TEXT NOT NULL, metadata TEXT NOT NULL, title_key BLOB NOT NULL,
    description_key BLOB NOT NULL, both_key BLOB NOT NULL
);
CREATE TABLE fields(number INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE facts(
    field INTEGER NOT NULL, position INTEGER NOT NULL, number INTEGER NOT NULL,
    kind TEXT NOT NULL, value NOT NULL, PRIMARY KEY(field, position, number)
) WITHOUT ROWID;
"""
_INDEXES = """
CREATE UNIQUE INDEX items_by_id ON items(id);
CREATE INDEX items_by_title ON items(title_key);
CREATE INDEX items_by_description ON items(description_key);
CREATE INDEX items_by_both ON items(both_key);
"""
_KEYS = {
    "title": "title_key",
    "description": "description_key",
    "title+description": "both_key",
}
_EXACT = 8
"""Bytes of a key that tell equal texts from those that are equal but for case and white space."""

_LARGEST_INTEGER = 2**63 - 1

VALUES_AT_ONCE = 500
"""Values in one statement; SQLite allows some number of parameters only."""


def text_key(text: str) -> bytes:
    """Return what two texts share that differ in nothing but case and white space."""
    return hashlib.blake2b(" ".join(text.casefold().split()).encode(), digest_size=16).digest()


def stored_key(text: str) -> bytes:
    """Return ``text_key``, then what two texts share only if they are equal."""
    return text_key(text) + hashlib.blake2b(text.encode(), digest_size=_EXACT).digest()


def write_items(path: Path, items: Iterable[Item]) -> tuple[int, str]:
    """Write items into a new file, one by one, and return their number and a digest of them all.

    The same items give the same file, byte by byte. A file that was there is replaced.

    Raises
    ------
    OptionError
        Two items have one id.
    OutputError
        The file can't be written.
    """
    path.unlink(missing_ok=True)
    digest = hashlib.sha256()
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            # What is half written is never read, but written anew: no journal is needed.
            connection.execute("PRAGMA journal_mode = OFF")
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("PRAGMA page_size = 4096")
            connection.executescript(_SCHEMA)
            connection.execute("BEGIN")
            count = _fill(connection, items, digest)
            _refuse_twins(connection)
            for statement in _INDEXES.split(";"):
                connection.execute(statement)
            connection.execute("COMMIT")
        sync_file(path)
    except sqlite3.Error as error:
        raise OutputError(f"Could not write {path}: {error}. Make room.") from error
    return count, digest.hexdigest()


def _fill(connection: sqlite3.Connection, items: Iterable[Item], digest: "hashlib._Hash") -> int:
    numbers: dict[str, int] = {}
    count = 0
    for position, item in enumerate(items):
        facts = {name: plain(value) for name, value in item.metadata.items()}
        row = (item.id, item.title, item.description, json.dumps(facts, ensure_ascii=False))
        digest.update(repr(row).encode())
        connection.execute(
            "INSERT INTO items VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (position, *row, *(stored_key(field_text(item, field)) for field in _KEYS)),
        )
        for name, value in facts.items():
            number = numbers.setdefault(name, len(numbers))
            connection.executemany(
                "INSERT INTO facts VALUES (?, ?, ?, ?, ?)",
                (
                    (number, position, place, kind, found)
                    for place, (kind, found) in enumerate(_facts(value))
                ),
            )
        count += 1
    connection.executemany(
        "INSERT INTO fields VALUES (?, ?)", ((number, name) for name, number in numbers.items())
    )
    return count


def _refuse_twins(connection: sqlite3.Connection) -> None:
    query = "SELECT id FROM items GROUP BY id HAVING count(*) > 1 LIMIT 1"
    if twin := connection.execute(query).fetchone():
        raise OptionError(f"Two items have the id {twin[0]!r}: give each one of its own.")


def field_text(item: Item, field: str) -> str:
    """Return what is embedded of an item: its title, its description, or both as one text.

    A blank one is filled with the other.
    """
    if field == "title+description":
        return one_text(item.title, item.description)
    texts = (item.title, item.description)
    first, second = texts if field == "title" else reversed(texts)
    return first if first.strip() else second


def one_text(title: str, description: str) -> str:
    """Return a title and a description as one text; one that is blank, or said again, is not there.

    A description that begins with the title has it already.
    """
    title, description = title.strip(), description.strip()
    if not title or description.casefold().startswith(title.casefold()):
        return description
    return f"{title}\n{description}" if description else title


def _facts(value: Value) -> Iterator[tuple[str, str | float | bool]]:
    """Yield all that one field of an item can be compared with: each value, and what it says."""
    for one in value if isinstance(value, tuple) else (value,):
        if one is None:
            continue
        yield kind_of(one), one
        if isinstance(one, str):
            yield from readings(one)


def plain(value: Value) -> Value:
    """Return a value as both JSON and SQLite hold it: NaN and infinity are no values."""
    if isinstance(value, tuple):
        return tuple(one for part in value if (one := _single(part)) is not None)
    return _single(value)


def _single(value: Plain) -> Plain:
    if isinstance(value, bool | str) or value is None:
        return value
    if isinstance(value, int) and abs(value) <= _LARGEST_INTEGER:
        return value
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def kind_of(value: str | float | bool) -> str:
    """Return ``text``, ``number`` or ``boolean``."""
    if isinstance(value, bool):
        return "boolean"
    return "text" if isinstance(value, str) else "number"


class ItemStore:
    """A file that ``write_items`` made. Threads may share it.

    Parameters
    ----------
    path : Path
        The file.
    note : FileNote, optional
        What was written, where it is a finished segment's: the whole file is compared.

    Raises
    ------
    FormatError
        The file is missing, can't be read or is none, or not what was written.
    """

    def __init__(self, path: Path, note: FileNote | None = None) -> None:
        self.path = path
        if note is None:
            open_regular(path).close()
        else:
            check_file(path, note)
        # Nobody changes the file, so that nothing must be locked.
        address = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
        try:
            self._connection = sqlite3.connect(address, uri=True, check_same_thread=False)
        except sqlite3.Error as error:
            raise FormatError(f"Could not read {path}: {error}.") from error
        self._connection.create_function("holds", 2, _holds, deterministic=True)
        self._kinds: dict[str, set[str]] = {}
        self.fields: dict[str, int] = {
            name: number for number, name in self.query("SELECT number, name FROM fields")
        }

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def query(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a query. Raises FormatError on a damaged file."""
        try:
            return self._connection.execute(statement, values).fetchall()
        except sqlite3.DatabaseError as error:
            raise FormatError(f"{self.path} is damaged ({error}): make the index anew.") from error

    def items(self, start: int, stop: int) -> list[Item]:
        """Return the items from one position up to another, in order."""
        rows = self.query(
            "SELECT id, title, description, metadata FROM items WHERE position >= ? AND "
            "position < ? ORDER BY position",
            (start, stop),
        )
        if len(rows) != stop - start:
            raise FormatError(f"{self.path} lacks items: make the index anew.")
        try:
            return [Item(id_, title, text, _metadata(facts)) for id_, title, text, facts in rows]
        except (FormatError, TextError) as error:
            raise FormatError(f"{self.path} is damaged ({error}): make the index anew.") from error

    def ids(self, positions: Sequence[int]) -> list[tuple[int, str]]:
        """Return some positions with the ids of their items, in any order."""
        found: list[tuple[int, str]] = []
        for start in range(0, len(positions), VALUES_AT_ONCE):
            part = positions[start : start + VALUES_AT_ONCE]
            places = ", ".join("?" * len(part))
            query = f"SELECT position, id FROM items WHERE position IN ({places})"
            found += [(int(place), str(id_)) for place, id_ in self.query(query, part)]
        if len(found) != len(positions):
            raise FormatError(f"{self.path} lacks items: make the index anew.")
        return found

    def batches(self, count: int, *, size: int = 4096) -> Iterator[list[Item]]:
        """Walk the first ``count`` items, so many at once."""
        for start in range(0, count, size):
            yield self.items(start, min(start + size, count))

    def position_of(self, id: str) -> int | None:
        """Return where the item of that id stands."""
        rows = self.query("SELECT position FROM items WHERE id = ?", (id,))
        return int(rows[0][0]) if rows else None

    def alike(self, text: str, field: str) -> list[int]:
        """Return where items stand of which that is embedded, but for case and white space."""
        query = f"SELECT position FROM items WHERE {_KEYS[field]} BETWEEN ? AND ?"
        return [row[0] for row in self.query(query, _range(text))]

    def find_text(self, text: str, field: str, *, before: int) -> tuple[int, str] | None:
        """Return where an item before some position has that text, or one that is alike, and which.

        The very text is found rather than one that differs in case or white space.
        """
        column = _KEYS[field]
        alike = (
            f"SELECT position, {column} FROM items WHERE {column} BETWEEN ? AND ? AND position < ? "
            f"ORDER BY {column}, position LIMIT 1"
        )
        rows = self.query(alike, (*_range(text), before))
        if rows and rows[0][1] != stored_key(text):
            equal = f"SELECT position FROM items WHERE {column} = ? AND position < ? LIMIT 1"
            rows = self.query(equal, (stored_key(text), before)) or rows
        if not rows:
            return None
        position = int(rows[0][0])
        return position, field_text(self.items(position, position + 1)[0], field)

    def kinds(self, name: str) -> set[str]:
        """Return which kinds of values a metadata field has: text, number, boolean, date."""
        if name not in self.fields:
            return set()
        if name not in self._kinds:
            query = "SELECT DISTINCT kind FROM facts WHERE field = ?"
            self._kinds[name] = {row[0] for row in self.query(query, (self.fields[name],))}
        return self._kinds[name]


def _metadata(facts: str) -> dict[str, Value]:
    """Return the metadata of an item. Raises FormatError on what is none."""
    found = read_json(facts)
    if not isinstance(found, dict):
        raise FormatError("the metadata of an item is no object")
    return {name: tuple(v) if isinstance(v, list) else v for name, v in found.items()}


def _range(text: str) -> tuple[bytes, bytes]:
    """Return the first and the last key of texts that are that one but for case and white space."""
    # Indexes of format 1 have keys without the last part.
    return text_key(text), text_key(text) + b"\xff" * _EXACT


def _holds(value: object, wanted: str) -> bool:
    # SQLite's own functions know the case of ASCII only.
    return isinstance(value, str) and wanted.casefold() in value.casefold()
