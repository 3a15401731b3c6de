"""Arrow tables in batches: Parquet files, and the data sets of Hugging Face."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from whyalike.catalogue.reading.rows import RawRow, RowTable
from whyalike.catalogue.reading.text_file import unreadable
from whyalike.errors import MissingExtraError

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_AT_ONCE = 512


@contextmanager
def open_parquet(path: Path) -> Iterator[RowTable]:
    """Have the rows of a Parquet file; binary columns (pictures) are left out.

    Raises:
        FormatError: the file can't be read or is damaged.
        MissingExtraError: pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise MissingExtraError("Reading Parquet", "pyarrow", "catalogue") from error
    try:
        # Not mapped: a damaged page should be an error, and not end the process.
        with ParquetFile(path, memory_map=False) as file:
            schema = file.schema_arrow
            binary = [field.name for field in schema if _is_binary(field.type)]
            columns = tuple(name for name in schema.names if name not in binary)
            batches = file.iter_batches(batch_size=ROWS_AT_ONCE, columns=list(columns))
            yield RowTable(
                columns=columns,
                rows=walk_batches(batches),
                typed=True,
                unit="row",
                notes=say_left_out(binary),
            )
    except (OSError, pa.ArrowException) as error:
        raise unreadable(path, error) from error


def walk_batches(batches: "Iterable[pa.RecordBatch | pa.Table]") -> Iterator[RawRow]:
    """Return the rows of the batches, numbered from 1; a broken value makes a bad row."""
    number = 0
    for batch in batches:
        try:
            rows = batch.to_pylist()
        except ValueError:
            rows = None
        for place in range(batch.num_rows):
            number += 1
            if rows is not None:
                yield RawRow(number, rows[place])
            else:
                yield _read_alone(number, batch.slice(place, 1))


def say_left_out(names: Iterable[str]) -> tuple[str, ...]:
    """Return the note on columns that hold neither text nor numbers, if there are any."""
    said = ", ".join(map(repr, names))
    return (f"Columns that are no text or number are left out: {said}.",) if said else ()


def _read_alone(number: int, one: "pa.RecordBatch | pa.Table") -> RawRow:
    try:
        return RawRow(number, one.to_pylist()[0])
    except UnicodeDecodeError:
        return RawRow(number, {}, problem="broken encoding: not UTF-8")
    except ValueError as error:
        return RawRow(number, {}, problem=f"a value that can't be read: {error}")


def _is_binary(kind: "pa.DataType") -> bool:
    import pyarrow as pa

    return bool(
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
    )
