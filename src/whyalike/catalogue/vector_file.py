"""Vectors on the disk: rows of numbers and nothing else, appended once, then mapped into memory."""

import hashlib
import os
import stat
from pathlib import Path
from threading import Lock
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from whyalike.catalogue.files import FileNote, check_size, not_as_written, open_regular
from whyalike.catalogue.vector_index import Ints
from whyalike.errors import FormatError, ModelError, OutputError

DType = Literal["float32", "float16"]

_ON_DISK: dict[DType, str] = {"float32": "<f4", "float16": "<f2"}
_PART = 1 << 22
"""Bytes that are checked at once."""


def vector_file_name(field: str, dtype: DType) -> str:
    """Return what the file of a field's vectors is called."""
    return f"{field}.{dtype}"


def row_bytes(dimension: int, dtype: DType) -> int:
    """Return how many bytes a vector takes."""
    return dimension * np.dtype(_ON_DISK[dtype]).itemsize


class VectorWriter:
    """The file of a segment in the making: rows at its end, and a checksum of them all.

    Args:
        path: the file, of which nobody else is a writer now.
        dimension: H, of a vector.
        dtype: of the numbers.
    """

    def __init__(self, path: Path, *, dimension: int, dtype: DType) -> None:
        self.path, self.dimension, self.dtype = path, dimension, dtype
        self._digest = hashlib.sha256()
        self._rows = 0

    @property
    def note(self) -> FileNote:
        """What was written so far."""
        size = self._rows * row_bytes(self.dimension, self.dtype)
        return FileNote(size, self._digest.hexdigest())

    def cut_back(self, note: FileNote) -> bool:
        """Keep what an earlier run wrote, and nothing after it; return whether it is whole."""
        size = 0
        digest = hashlib.sha256()
        if self.path.is_file() and self.path.stat().st_nlink == 1:
            with open_regular(self.path) as stream:
                while part := stream.read(min(_PART, note.size - size)):
                    digest.update(part)
                    size += len(part)
        width = row_bytes(self.dimension, self.dtype)
        if FileNote(size, digest.hexdigest()) != note or size % width:
            return False
        with open(_to_append(self.path), "ab") as written:
            written.truncate(size)
        self._digest, self._rows = digest, size // width
        return True

    def clear(self) -> None:
        """Begin anew. A link is removed, and not what it leads to."""
        self.path.unlink(missing_ok=True)
        os.close(_to_append(self.path))
        self._digest, self._rows = hashlib.sha256(), 0

    def append(self, vectors: NDArray[np.floating]) -> None:
        """Put vectors (N, H) at the end, and see them on the disk.

        Raises ModelError where numbers are too large for the file's, or none at all.
        """
        with np.errstate(over="ignore"):
            stored = vectors.astype(_ON_DISK[self.dtype])
        if not np.isfinite(stored).all():
            raise ModelError(
                f"A vector holds numbers that {self.dtype} can't: choose dtype='float32'."
                if self.dtype == "float16"
                else "A vector holds NaN or infinity: the model is damaged."
            )
        content = stored.tobytes()
        with open(_to_append(self.path), "ab") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        self._digest.update(content)
        self._rows += len(stored)

    def rows(self) -> NDArray[np.floating]:
        """Return the vectors (N, H) that were written so far."""
        return _mapped(self.path, rows=self._rows, dimension=self.dimension, dtype=self.dtype)


class StoredVectors:
    """The vectors (N, H) of a file, left on the disk until they are read.

    Before the first is read all are checked, once: by their checksum, and for being numbers.

    Raises:
        FormatError: the file is missing or has another size; at the first reading, it is damaged.
    """

    def __init__(
        self, path: Path, note: FileNote, *, rows: int, dimension: int, dtype: DType
    ) -> None:
        check_size(path, note)
        self.path, self.note = path, note
        self._vectors = _mapped(path, rows=rows, dimension=dimension, dtype=dtype)
        self._checked = False
        self._lock = Lock()

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, H)."""
        return self._vectors.shape

    def __getitem__(self, rows: slice | Ints, /) -> NDArray[np.floating]:
        """Return some of the rows. Raises FormatError if the file is damaged."""
        self._check()
        found: NDArray[np.floating] = self._vectors[rows]
        return found

    def _check(self) -> None:
        with self._lock:
            if self._checked:
                return
            digest = hashlib.sha256()
            step = max(1, _PART // max(1, self._vectors.strides[0]))
            for start in range(0, len(self._vectors), step):
                part = np.ascontiguousarray(self._vectors[start : start + step])
                digest.update(part.data)
                if not np.isfinite(part).all():
                    raise FormatError(
                        f"{self.path} holds NaN or infinity: it is damaged; make the index anew."
                    )
            if digest.hexdigest() != self.note.sha256:
                raise not_as_written(self.path)
            self._checked = True


def _to_append(path: Path) -> int:
    """Open a file to write at its end, and no other one by a link. Raises OutputError on those."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY", "O_CLOEXEC"):
        flags |= getattr(os, name, 0)
    handle = os.open(path, flags, 0o666)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OutputError(f"{path} is no file: remove it, and run the command again.")
    return handle


def _mapped(path: Path, *, rows: int, dimension: int, dtype: DType) -> NDArray[np.floating]:
    kind: Any = _ON_DISK[dtype]
    if not rows:
        # Nothing can't be mapped.
        return np.zeros((0, dimension), dtype=kind)
    try:
        return np.memmap(path, dtype=kind, mode="r", shape=(rows, dimension))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise FormatError(f"Could not read {path}: {reason}.") from error
