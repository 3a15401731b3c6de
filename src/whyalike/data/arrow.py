"""Tables of Arrow, row by row: Parquet, data frames, datasets of Hugging Face."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from whyalike.data.decoding import unreadable
from whyalike.data.nesting import DEEPEST, Flattener
from whyalike.data.tables import RawRow, RowTable, check_width
from whyalike.errors import FormatError, MissingExtraError, OptionError

if TYPE_CHECKING:
    from typing import BinaryIO

    import pyarrow as pa
    from pyarrow.parquet import FileMetaData


ROWS_AT_ONCE = 512

BYTES_AT_ONCE = 1 << 28
"""Of a batch, by what its columns may hold."""

LARGEST_DICTIONARY = 1 << 26
"""Bytes of the different values of a column: writers begin anew at one or two million."""

MOST_TIMES = 200
"""As many bytes as a column's packed ones may hold, if they are more than BYTES_AT_ONCE."""

MOST_IN_LISTS = 10_000
"""Values that the lists of a column have for each row, if they are more than a million."""

SAVED = ("state.json", "dataset_dict.json")
"""Files of which save_to_disk puts one into the folder of a data set."""


@contextmanager
def open_parquet(path: Path) -> Iterator[RowTable]:
    """Yield the rows of a Parquet file; binary columns (pictures) are left out.

    Raises
    ------
    FormatError
        The file can't be read, is damaged, or holds far more than its size says.
    MissingExtraError
        Pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise MissingExtraError("Reading Parquet", "pyarrow", "catalogue") from error
    try:
        # Not mapped: a damaged page should be an error, and not end the process.
        with ParquetFile(path, memory_map=False) as file:
            check_width(file.metadata.num_columns, path)
            size = _rows_at_once(path, file.metadata)
            schema = file.schema_arrow
            binary = [field.name for field in schema if _is_binary(field.type)]
            kept = [field for field in schema if field.name not in binary]
            batches = file.iter_batches(batch_size=size, columns=[field.name for field in kept])
            rows = walk_batches(batches)
            nested = {field.name for field in kept if pa.types.is_struct(field.type)}
            if nested:
                rows = map(Flattener(nested).flat_row, rows)
            yield RowTable(
                columns=tuple(chain.from_iterable(map(_flat_names, kept))),
                rows=rows,
                typed=True,
                unit="row",
                notes=say_left_out(binary),
            )
    except (OSError, pa.ArrowException) as error:
        raise unreadable(path, error) from error


def _flat_names(field: "pa.Field", name: str = "", depth: int = 0) -> list[str]:
    """Return the names that a column has when its values are laid out flat."""
    import pyarrow as pa

    called = f"{name}.{field.name}" if name else str(field.name)
    if not pa.types.is_struct(field.type) or depth >= DEEPEST:
        return [called]
    return [part for one in field.type for part in _flat_names(one, called, depth + 1)]


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


def _rows_at_once(path: Path, metadata: "FileMetaData") -> int:
    """Return of how many rows a batch is not too large, whatever a small file holds.

    A value that stands in a column's dictionary once may be repeated in every row.

    Raises FormatError where it would be too large anyhow.
    """
    rows = ROWS_AT_ONCE
    with path.open("rb") as stream:
        for number in range(metadata.num_row_groups):
            group = metadata.row_group(number)
            dictionaries = 0
            for place in range(group.num_columns):
                chunk = group.column(place)
                unpacked, packed = chunk.total_uncompressed_size, chunk.total_compressed_size
                where = f"{path}, column {chunk.path_in_schema!r}"
                if unpacked > max(BYTES_AT_ONCE, MOST_TIMES * packed):
                    raise FormatError(
                        f"{where}: {packed:,} bytes unpack to {unpacked:,}; no more than "
                        f"{MOST_TIMES} times as many are read."
                    )
                if chunk.num_values > max(10**6, MOST_IN_LISTS * group.num_rows):
                    raise FormatError(
                        f"{where}: {group.num_rows:,} rows hold {chunk.num_values:,} values; no "
                        f"more than {MOST_IN_LISTS:,} each are read."
                    )
                if chunk.has_dictionary_page:
                    found = _dictionary_size(stream, chunk.dictionary_page_offset)
                    if found > LARGEST_DICTIONARY:
                        raise FormatError(
                            f"{where}: its different values take {found:,} bytes; no more than "
                            f"{LARGEST_DICTIONARY:,} are read."
                        )
                    dictionaries += found
            rows = min(rows, max(1, BYTES_AT_ONCE // max(1, dictionaries)))
    return rows


def _dictionary_size(stream: "BinaryIO", offset: int) -> int:
    """Return how many bytes the page at an offset unpacks to.

    Its header is Thrift's compact protocol: field 1 is the kind of page, field 2 the size, each a
    byte that says so, 0x15, and then a zigzag number in groups of seven bits.
    """
    stream.seek(offset)
    header = stream.read(32)
    numbers, at = [], 0
    for _ in range(2):
        if header[at : at + 1] != b"\x15":
            return 0
        number = shift = 0
        at += 1
        while at < len(header):
            number |= (header[at] & 0x7F) << shift
            shift += 7
            at += 1
            if header[at - 1] < 0x80:
                break
        numbers.append(number >> 1 if not number & 1 else 0)
    return numbers[1]


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


if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict, IterableDataset, IterableDatasetDict

    Loaded: TypeAlias = Dataset | IterableDataset
    AnyDataset: TypeAlias = str | Loaded | DatasetDict | IterableDatasetDict


def open_dataset(dataset: "AnyDataset", *, split: str | None = None) -> RowTable:
    """Return the rows of a data set; columns of pictures, sound and the like are left out.

    Parameters
    ----------
    dataset : AnyDataset
        The object, the path of a saved one, or a name on the hub (needs the network).
    split : str, optional
        Which part of one that has several.

    Raises
    ------
    FormatError
        There is no such data set, or it can't be read.
    OptionError
        It is no data set, or no split was chosen where there are several.
    MissingExtraError
        Datasets is not installed.
    """
    loaded = _choose_split(_load(dataset) if isinstance(dataset, str) else dataset, split)
    check_width(len(loaded.column_names or ()), "The data set")
    labels, left_out = _look_at_features(loaded)
    if left_out:
        loaded = loaded.remove_columns(left_out)
    rows = _walk(loaded, labels)
    columns = loaded.column_names
    if columns is None:
        # A stream tells its columns by its first row alone.
        first: dict[str, Any] = next(iter(loaded), {})
        columns = list(first)
    return RowTable(
        columns=tuple(columns), rows=rows, typed=True, unit="row", notes=say_left_out(left_out)
    )


def _load(name: str) -> Any:
    is_folder = Path(name).is_dir()
    # It takes a while to load the package, only to hear that a folder is none of its own.
    if is_folder and not any((Path(name) / own).is_file() for own in SAVED):
        raise FormatError(
            f"{name} is a folder, and no data set that save_to_disk made: it has none of "
            f"{', '.join(SAVED)}. Give a file, or such a folder."
        )
    try:
        import datasets
    except ImportError as error:
        raise MissingExtraError("Reading a data set", "datasets", "catalogue") from error
    datasets.disable_progress_bars()
    try:
        if is_folder:
            return datasets.load_from_disk(name)
        return datasets.load_dataset(name)
    except (OSError, ValueError, RuntimeError) as error:
        said = " ".join(str(error).split())[:200]
        raise FormatError(
            f"Could not load the data set {name!r} ({said}). Give a file, a folder that "
            "save_to_disk made, or a name on the hub."
        ) from error


def _choose_split(loaded: Any, split: str | None) -> "Loaded":
    if not hasattr(loaded, "column_names") or not hasattr(loaded, "remove_columns"):
        raise OptionError(
            f"A {type(loaded).__name__} is no data set: give a Dataset, a folder or a name."
        )
    parts = dict(loaded) if isinstance(loaded, dict) else {}
    if not parts:
        if split is not None:
            raise OptionError(f"split is {split!r}, but this data set is one split: leave it out.")
        return loaded
    chosen = split if split is not None or len(parts) > 1 else next(iter(parts))
    if chosen not in parts:
        raise OptionError(f"split is {split!r}; allowed: {', '.join(map(repr, parts))}.")
    return parts[chosen]


def _look_at_features(loaded: "Loaded") -> tuple[dict[str, Any], list[str]]:
    """Return the columns of classes with what names them, and those that are left out."""
    labels: dict[str, Any] = {}
    left_out = []
    for name, feature in (loaded.features or {}).items():
        kind = type(feature).__name__
        if kind == "ClassLabel":
            labels[name] = feature
        elif kind in ("Image", "Audio", "Video", "Pdf") or "binary" in str(
            getattr(feature, "dtype", "")
        ):
            left_out.append(name)
    return labels, left_out


def _walk(loaded: "Loaded", labels: dict[str, Any]) -> Iterator[RawRow]:
    batches = loaded.with_format("arrow").iter(batch_size=ROWS_AT_ONCE)
    for row in walk_batches(batches):
        values = dict(row.values)
        for name, feature in labels.items():
            code = values.get(name)
            if isinstance(code, int):
                # -1 stands for "no label".
                values[name] = feature.int2str(code) if code >= 0 else None
        yield RawRow(row.line, values, row.problem, row.excerpt)
