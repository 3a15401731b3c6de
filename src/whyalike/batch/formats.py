"""The two forms of the output, JSON Lines and Parquet: rows to parts, and parts to one file."""

import io
import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from whyalike.batch.rows import COLUMNS, RowField, arrow_schema
from whyalike.batch.source import Kind, converter, json_value
from whyalike.documents import write_json
from whyalike.errors import MissingExtraError
from whyalike.files import check_ending

if TYPE_CHECKING:
    import pyarrow as pa

JSON_LINES, PARQUET = (".jsonl", ".ndjson"), (".parquet", ".pq")

ROWS_IN_GROUP = 4096
"""Rows of a row group of Parquet, whatever parts they came in."""


class OutputFormat(Protocol):
    """A form of the output."""

    ending: str

    def value(self, name: str, value: object) -> object:
        """Return a value of a kept column as the form has it."""

    def pack(self, rows: Sequence[Mapping[str, Any]]) -> bytes:
        """Return rows as bytes, of which ``part`` makes a part."""

    def part(self, packed: Sequence[bytes]) -> bytes:
        """Return a part of several of what ``pack`` gave."""

    def join(self, parts: Iterable[Path], stream: BinaryIO) -> None:
        """Write the rows of all parts, in order."""


class JsonLines:
    """An object a line; kept values of typed files stay what they are, lists and objects too."""

    ending = ".jsonl"

    def __init__(self, kept: Mapping[str, Kind], *, typed: bool) -> None:
        self._convert = {
            name: json_value if typed else converter(kind, typed=False)
            for name, kind in kept.items()
        }

    def value(self, name: str, value: object) -> object:
        """Return a value of a kept column."""
        return self._convert[name](value)

    def pack(self, rows: Sequence[Mapping[str, Any]]) -> bytes:
        """Return the lines."""
        return "".join(write_json(row, surrogates="replaced") + "\n" for row in rows).encode()

    def part(self, packed: Sequence[bytes]) -> bytes:
        """Return the lines of all."""
        return b"".join(packed)

    def join(self, parts: Iterable[Path], stream: BinaryIO) -> None:
        """Write the lines of all parts."""
        for path in parts:
            with path.open("rb") as part:
                shutil.copyfileobj(part, stream, 1 << 20)


class Parquet:
    """Columns with types: lists of structs for pairs and words, JSON for a whole explanation.

    Raises
    ------
    MissingExtraError
        Pyarrow is not installed.
    """

    ending = ".parquet"

    def __init__(
        self, kept: Mapping[str, Kind], fields: Sequence[RowField], *, typed: bool
    ) -> None:
        try:
            import pyarrow  # noqa: F401
        except ImportError as error:
            raise MissingExtraError("Writing Parquet", "pyarrow", "catalogue") from error
        self._convert = {name: converter(kind, typed=typed) for name, kind in kept.items()}
        self._is_full = "full" in fields
        self.schema = arrow_schema(kept, fields)

    def value(self, name: str, value: object) -> object:
        """Return a value of a kept column."""
        return self._convert[name](value)

    def pack(self, rows: Sequence[Mapping[str, Any]]) -> bytes:
        """Return rows as a stream of Arrow's."""
        import pyarrow as pa

        if self._is_full:
            (name,) = COLUMNS["full"]
            rows = [{**row, name: row[name] and json.dumps(row[name])} for row in rows]
        table = pa.Table.from_pylist(rows, schema=self.schema)
        sink = io.BytesIO()
        with pa.ipc.new_stream(sink, self.schema) as writer:
            writer.write_table(table)
        return sink.getvalue()

    def part(self, packed: Sequence[bytes]) -> bytes:
        """Return a file of Parquet."""
        import pyarrow as pa
        from pyarrow.parquet import write_table

        tables = [pa.ipc.open_stream(one).read_all() for one in packed]
        sink = io.BytesIO()
        write_table(pa.concat_tables(tables), sink)
        return sink.getvalue()

    def join(self, parts: Iterable[Path], stream: BinaryIO) -> None:
        """Write the rows of all parts, in groups that do not depend on the parts."""
        from pyarrow.parquet import ParquetWriter

        with ParquetWriter(stream, self.schema) as writer:
            held: list[pa.RecordBatch] = []
            for batch in self._batches(parts):
                while batch.num_rows:
                    room = ROWS_IN_GROUP - sum(one.num_rows for one in held)
                    held.append(batch.slice(0, room))
                    batch = batch.slice(room)  # noqa: PLW2901
                    if sum(one.num_rows for one in held) == ROWS_IN_GROUP:
                        self._write(writer, held)
            if held:
                self._write(writer, held)

    def _batches(self, parts: Iterable[Path]) -> "Iterable[pa.RecordBatch]":
        from pyarrow.parquet import ParquetFile

        for path in parts:
            with ParquetFile(path) as part:
                yield from part.iter_batches(batch_size=ROWS_IN_GROUP)

    def _write(self, writer: Any, held: "list[pa.RecordBatch]") -> None:
        import pyarrow as pa

        table = pa.Table.from_batches(held, self.schema).combine_chunks()
        writer.write_table(table, row_group_size=ROWS_IN_GROUP)
        held.clear()


def choose_format(
    out: Path, kept: Mapping[str, Kind], fields: Sequence[RowField], *, typed: bool
) -> OutputFormat:
    """Return the form that the name of the output says.

    Raises
    ------
    OptionError
        It ends in anything else.
    MissingExtraError
        Pyarrow is not installed.
    """
    ending = check_ending(out, (*JSON_LINES, *PARQUET), required=True)
    if ending in PARQUET:
        return Parquet(kept, fields, typed=typed)
    return JsonLines(kept, typed=typed)
