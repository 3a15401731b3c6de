"""Vectors of items that somebody has already: a NumPy file, a column of Parquet, or an array.

They are read part by part, and a file is mapped anew for each: what was read does not stay in the
memory of the process.
"""

import hashlib
import os
import shutil
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from whyalike.arrays import Floats
from whyalike.data.columns import ID_NAMES, ColumnChoice, guess_column
from whyalike.data.items import as_text
from whyalike.errors import FormatError, MissingExtraError, OptionError

AT_ONCE = 1 << 22
"""Numbers that are read at once."""

ROWS_AT_ONCE = 1024
"""Of a Parquet file."""

NAMED = 5
"""Rows or items that an error names."""

PARQUET = (".parquet", ".pq")

VectorSource = str | os.PathLike[str] | NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class GivenVectors:
    """N vectors of H features that are there before an index is made.

    Attributes
    ----------
    name : str
        What they are called in errors.
    rows : Path or NDArray
        The vectors (N, H): a .npy file, or in memory.
    shape : tuple of int
        (N, H).
    ids : Mapping[str, int], optional
        The row of each item's id; None where the first row is the first item's, and so on.
    path, column : Path and str, optional
        The Parquet file that they come from.
    digest : str
        Of all of them, with their ids.
    zeros : tuple of int
        Rows that hold nothing but zeros.
    """

    name: str
    rows: Path | NDArray[np.floating]
    shape: tuple[int, int]
    ids: Mapping[str, int] | None = None
    path: Path | None = None
    column: str | None = None
    digest: str = ""
    zeros: tuple[int, ...] = ()

    def take(self, rows: slice | Sequence[int]) -> Floats:
        """Return some rows (N, H) in double precision."""
        taken: Floats = _mapped(self.rows)[rows].astype(np.float64)
        return taken

    def rows_of(self, ids: Sequence[str], start: int) -> slice | list[int]:
        """Return the rows of items that stand one after another, the first at ``start``."""
        if self.ids is None:
            return slice(start, start + len(ids))
        return [self.ids[one] for one in ids]


def open_given(
    source: VectorSource | GivenVectors, columns: ColumnChoice | None = None
) -> GivenVectors:
    """Return vectors that somebody has, all of them seen to be numbers.

    Parameters
    ----------
    source : VectorSource or GivenVectors
        An array (N, H); the name of a .npy file, of an .npz file with one array; or that of a
        Parquet file with a colon and a column behind it.
    columns : ColumnChoice, optional
        What was chosen of the catalogue: the column of its ids has the same name in Parquet, or
        one that looks like ids. Without ids the rows are in the order of the items.

    Raises
    ------
    FormatError
        The file can't be read, or holds no such vectors: NaN, infinity, lists of several lengths.
    OptionError
        A file of another kind, or no such column.
    MissingExtraError
        Pyarrow is not installed.
    """
    if isinstance(source, GivenVectors):
        return source
    if isinstance(source, np.ndarray):
        return _seen("the array of vectors", source)
    said = os.fspath(source)
    path, column = _split(said)
    if path.suffix.lower() in PARQUET:
        return _open_parquet(path, column, columns)
    if path.suffix.lower() not in (".npy", ".npz"):
        raise OptionError(
            f"vectors is {said!r}; give a .npy or .npz file, or a Parquet file and a column, as in "
            "items.parquet:embedding."
        )
    try:
        rows = path if path.suffix.lower() == ".npy" else _only_array(path)
        _mapped(rows)
    except OptionError:
        raise
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise _unreadable(path, error) from error
    return _seen(path.name, rows)


def _only_array(path: Path) -> NDArray[np.floating]:
    with np.load(path, allow_pickle=False) as arrays:
        names = list(arrays)
        if len(names) != 1:
            raise OptionError(
                f"{path} holds {len(names)} arrays ({', '.join(names[:NAMED])}): give a file of "
                "one, or save that one with numpy.save."
            )
        found: NDArray[np.floating] = arrays[names[0]]
        return found


def _split(said: str) -> tuple[Path, str | None]:
    """Return the file and the column that is named behind a colon; drives have colons, too."""
    before, colon, after = said.rpartition(":")
    if colon and before.lower().endswith(PARQUET):
        return Path(before), after
    return Path(said), None


def _mapped(rows: Path | NDArray[np.floating]) -> NDArray[np.floating]:
    if not isinstance(rows, Path):
        return rows
    with rows.open("rb") as stream:
        # Load would take a pipe for a file, and wait.
        if not rows.is_file() or stream.read(6) != b"\x93NUMPY":
            raise ValueError("it is no .npy file")
    found: NDArray[np.floating] = np.load(rows, mmap_mode="r", allow_pickle=False)
    return found


def _unreadable(path: Path, error: Exception) -> FormatError:
    reason = getattr(error, "strerror", None) or str(error)
    return FormatError(f"Could not read vectors from {path}: {reason}.")


def _seen(name: str, rows: Path | NDArray[np.floating], **others: Any) -> GivenVectors:
    """Return vectors of which all were looked at. Raises FormatError on what are none."""
    first = _mapped(rows)
    if first.ndim != 2 or first.dtype.kind != "f" or first.dtype.itemsize > 8:
        raise FormatError(
            f"{name} holds {first.dtype} of the shape {first.shape}: vectors are float16, float32 "
            "or float64 of the shape (items, features)."
        )
    count, width = first.shape
    if not count or not width:
        raise FormatError(f"{name} holds no vectors: its shape is {first.shape}.")
    digest = hashlib.sha256(f"{first.dtype.str} {first.shape}".encode())
    zeros: list[int] = []
    step = max(1, AT_ONCE // width)
    del first
    for start in range(0, count, step):
        part = np.ascontiguousarray(_mapped(rows)[start : start + step])
        finite = np.isfinite(part).all(axis=1)
        if not finite.all():
            wrong = np.flatnonzero(~finite)[:NAMED] + start + 1
            raise FormatError(
                f"{name} holds NaN or infinity in row {', '.join(map(str, wrong))} (the first is "
                "1): embed those texts anew, or leave out their items."
            )
        digest.update(part.data)
        zeros += (np.flatnonzero(~part.any(axis=1)) + start).tolist()
    if (ids := others.get("ids")) is not None:
        digest.update(repr(list(ids)).encode())
    return GivenVectors(
        name=name,
        rows=rows,
        shape=(count, width),
        digest=digest.hexdigest(),
        zeros=tuple(zeros),
        **others,
    )


def _open_parquet(path: Path, column: str | None, columns: ColumnChoice | None) -> GivenVectors:
    """Copy a column into a .npy file, which goes when the vectors do."""
    try:
        import pyarrow as pa
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise MissingExtraError("Reading Parquet", "pyarrow", "catalogue") from error
    folder = Path(mkdtemp(prefix="whyalike-vectors-"))
    try:
        with ParquetFile(path, memory_map=False) as file:
            schema = file.schema_arrow
            column = _vector_column(path, schema, column)
            id_column = _id_column(schema.names, column, columns)
            copy = folder / "vectors.npy"
            ids = _copy_column(file, copy, path, column, id_column)
        name = f"{path.name}, column {column!r}"
        found = _seen(name, copy, ids=ids, path=path, column=column)
        weakref.finalize(found, shutil.rmtree, folder, ignore_errors=True)
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, OSError | pa.ArrowException):
            raise _unreadable(path, error) from error
        raise
    return found


def _vector_column(path: Path, schema: Any, column: str | None) -> str:
    """Return the column of vectors. Raises OptionError where there is none so called."""
    import pyarrow as pa

    lists = [
        one.name
        for one in schema
        if (pa.types.is_list(one.type) or pa.types.is_large_list(one.type) or _is_fixed(one.type))
        and pa.types.is_floating(one.type.value_type)
    ]
    if column in lists:
        return str(column)
    if column is None and len(lists) == 1:
        return str(lists[0])
    known = ", ".join(map(repr, lists)) or "none"
    wanted = "Which column holds the vectors" if column is None else f"{column!r} holds no vectors"
    raise OptionError(
        f"{path}: {wanted}{'?' if column is None else '.'} Lists of float16, float32 or float64 "
        f"are in: {known}. Say it as in {path.name}:COLUMN."
    )


def _is_fixed(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_fixed_size_list(kind))


def _id_column(names: Sequence[str], column: str, columns: ColumnChoice | None) -> str | None:
    """Return what holds the ids, or None where rows are taken in order."""
    others = [name for name in names if name != column]
    if columns is None:
        return guess_column(others, ID_NAMES)
    if columns.id is None:
        return None
    return columns.id if columns.id in others else guess_column(others, ID_NAMES)


def _copy_column(
    file: Any, copy: Path, path: Path, column: str, id_column: str | None
) -> dict[str, int] | None:
    """Write the vectors of a column into a .npy file, and return the row of each id."""
    wanted = [column] if id_column is None else [column, id_column]
    ids: dict[str, int] = {}
    written: Any = None
    done = 0
    for batch in file.iter_batches(batch_size=ROWS_AT_ONCE, columns=wanted):
        part = _rows_of(batch.column(column), path, column, done)
        if written is None:
            shape = (file.metadata.num_rows, part.shape[1])
            written = np.lib.format.open_memmap(copy, mode="w+", dtype=part.dtype, shape=shape)
        if part.shape[1] != written.shape[1]:
            raise FormatError(
                f"{path}, column {column!r}: row {done + 1} has {part.shape[1]} numbers, and the "
                f"first {written.shape[1]}: all vectors have the same length."
            )
        written[done : done + len(part)] = part
        if id_column is not None:
            for place, value in enumerate(batch.column(id_column).to_pylist(), start=done):
                name = as_text(value, role="id")
                if ids.setdefault(name, place) != place:
                    raise FormatError(
                        f"{path}: rows {ids[name] + 1} and {place + 1} have the id {name!r}: each "
                        "item has one vector."
                    )
        done += len(part)
    if written is None:
        raise FormatError(f"{path} holds no rows.")
    written.flush()
    return None if id_column is None else ids


def _rows_of(lists: Any, path: Path, column: str, done: int) -> NDArray[np.floating]:
    """Return lists of Arrow as vectors (N, H). Raises FormatError on those that are none."""
    import pyarrow.compute as pc

    lengths = [length or 0 for length in pc.list_value_length(lists).to_pylist()]
    for place, length in enumerate(lengths, start=done + 1):
        if length != lengths[0] or not length:
            said = (
                f"has {length} numbers, and row {done + 1} {lengths[0]}" if length else "is empty"
            )
            raise FormatError(
                f"{path}, column {column!r}: row {place} {said}: each item has a vector of the "
                "same length."
            )
    values = lists.flatten()
    if values.null_count:
        raise FormatError(
            f"{path}, column {column!r}: a vector from row {done + 1} on lacks numbers."
        )
    found: NDArray[np.floating] = values.to_numpy(zero_copy_only=False)
    return found.reshape(len(lengths), lengths[0])
