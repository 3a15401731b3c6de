"""Packed files, unpacked as they are read, and no further than they can mean."""

import gzip
import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any, BinaryIO, cast

from whyalike.errors import FormatError, MissingExtraError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


GZIP = b"\x1f\x8b"
"""How a gzipped file begins."""

ZIP, ZSTANDARD = b"PK\x03\x04", b"\x28\xb5\x2f\xfd"

PACKED = (".gz", ".zst", ".zip")
"""How the names of packed files end."""

MOST_TIMES, ALLOWED = 200, 1 << 26
"""Text is packed to a tenth, or to a fortieth where it says the same over and over; not to less.
Up to so many bytes, anything may be."""


def without_packing(name: str) -> str:
    """Return the name of what is in a packed file, as far as its own name says it."""
    found = next((ending for ending in PACKED if name.lower().endswith(ending)), "")
    return name[: len(name) - len(found)]


def is_packed(begin: bytes) -> bool:
    """Return whether a file that begins so is packed."""
    return begin.startswith((GZIP, ZIP, ZSTANDARD))


@contextmanager
def unpacked(
    stream: BinaryIO, path: Path, *, times: int = MOST_TIMES
) -> Iterator[io.BufferedReader]:
    """Yield what is in a packed file: gzip, Zstandard, or a zip archive with one table.

    Parameters
    ----------
    stream : BinaryIO
        Of the file, at its beginning.
    path : Path
        What it is called in an error.
    times : int, default=MOST_TIMES
        How many times its size it may hold, beyond ALLOWED.

    Raises
    ------
    OSError, EOFError, zlib.error
        The file is damaged; while it is being read.
    FormatError
        It holds more than that, while it is being read; or an archive has not one table.
    MissingExtraError
        Pyarrow is not installed, and it is Zstandard.
    """
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    begin = stream.read(4)
    stream.seek(0)
    with (
        _open_packed(stream, begin, path) as packed,
        io.BufferedReader(_Limited(packed, path, size=size, times=times)) as limited,
    ):
        yield cast("io.BufferedReader", limited)


@contextmanager
def _open_packed(stream: BinaryIO, begin: bytes, path: Path) -> Iterator[Any]:
    if begin.startswith(ZIP):
        try:
            with zipfile.ZipFile(stream) as archive, _open_member(archive, path) as one:
                yield one
        except zipfile.BadZipFile as error:
            raise FormatError(f"Could not read {path}: {error}.") from error
    elif begin == ZSTANDARD:
        try:
            import pyarrow as pa
        except ImportError as error:
            raise MissingExtraError("Reading .zst", "pyarrow", "catalogue") from error
        with pa.CompressedInputStream(pa.PythonFile(stream, mode="r"), "zstd") as packed:
            yield packed
    else:
        with gzip.open(stream, "rb") as packed:
            yield packed


def _open_member(archive: zipfile.ZipFile, path: Path) -> IO[bytes]:
    name = table_in(archive, path)
    try:
        return archive.open(name)
    except (RuntimeError, NotImplementedError) as error:
        # It has a password, or is packed in a way that Python does not know.
        raise FormatError(f"Could not read {path}: {error}.") from error


def table_in(archive: zipfile.ZipFile, path: Path) -> str:
    """Return the name of the one file in an archive. Raises FormatError where it has not one."""
    names = [
        info.filename
        for info in archive.infolist()
        if not info.is_dir() and not _is_hidden(PurePosixPath(info.filename))
    ]
    if len(names) != 1:
        said = ", ".join(map(repr, names[:5])) + (" ..." if len(names) > 5 else "")
        raise FormatError(
            f"{path} holds {len(names):,} files ({said}): give an archive with one table, or "
            "unpack it and give the table."
        )
    return names[0]


def name_inside(path: Path) -> str:
    """Return what the file in a zip archive is called. Raises FormatError as ``table_in``."""
    try:
        with zipfile.ZipFile(path) as archive:
            return PurePosixPath(table_in(archive, path)).name
    except (OSError, zipfile.BadZipFile) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise FormatError(f"Could not read {path}: {reason}.") from error


def _is_hidden(path: PurePosixPath) -> bool:
    """Return whether a file is what an operating system puts beside those that were packed."""
    return path.name.startswith(".") or "__MACOSX" in path.parts


class _Limited(io.RawIOBase):
    """Reads on up to some number of bytes."""

    def __init__(self, packed: Any, path: Path, *, size: int, times: int) -> None:
        self._packed, self._path, self._times = packed, path, times
        self._read_some = getattr(packed, "read1", packed.read)
        self._most = max(ALLOWED, times * size)
        self._read = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        view = memoryview(buffer).cast("B")
        content = self._read_some(len(view))
        self._read += len(content)
        if self._read > self._most:
            raise FormatError(
                f"{self._path} unpacks to more than {self._most:,} bytes, which is the most that "
                f"is read of a file of its size ({self._times} times that, and {ALLOWED:,} at "
                "least): unpack it yourself if you trust it."
            )
        view[: len(content)] = content
        return len(content)
