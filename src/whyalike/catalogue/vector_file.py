"""Vectors on the disk: rows of numbers and nothing else, appended once, then mapped into memory."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whyalike.catalogue.manifest import DType
from whyalike.errors import FormatError, ModelError

_ON_DISK: dict[DType, str] = {"float32": "<f4", "float16": "<f2"}


def vector_file_name(field: str, dtype: DType) -> str:
    """Return what the file of a field's vectors is called."""
    return f"{field}.{dtype}"


def row_bytes(dimension: int, dtype: DType) -> int:
    """Return how many bytes a vector takes."""
    return dimension * np.dtype(_ON_DISK[dtype]).itemsize


def append_vectors(path: Path, vectors: NDArray[np.floating], *, dtype: DType) -> None:
    """Put vectors (N, H) at the end of a file, and see them on the disk.

    Raises ModelError where numbers are too large for ``dtype``.
    """
    with np.errstate(over="ignore"):
        stored = vectors.astype(_ON_DISK[dtype])
    if not np.isfinite(stored).all():
        raise ModelError(
            f"A vector holds numbers that {dtype} can't: choose dtype='float32'."
            if dtype == "float16"
            else "A vector holds NaN or infinity: the model is damaged."
        )
    with path.open("ab") as stream:
        stream.write(stored.tobytes())
        stream.flush()
        os.fsync(stream.fileno())


def map_vectors(path: Path, *, rows: int, dimension: int, dtype: DType) -> NDArray[np.floating]:
    """Return the vectors (N, H) of a file, left on the disk until they are read.

    Raises FormatError where the file is missing or has another size.
    """
    wanted = rows * row_bytes(dimension, dtype)
    size = path.stat().st_size if path.is_file() else None
    if size != wanted:
        has = "is missing" if size is None else f"has {size:,} bytes instead of {wanted:,}"
        raise FormatError(f"{path} {has}: the index is damaged; make it anew.")
    kind: Any = _ON_DISK[dtype]
    try:
        return np.memmap(path, dtype=kind, mode="r", shape=(rows, dimension))
    except OSError as error:
        raise FormatError(f"Could not read {path}: {error.strerror}.") from error
