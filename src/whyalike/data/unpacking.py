"""Gzipped files, unpacked as they are read, and no further than they can mean."""

import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from whyalike.errors import FormatError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


GZIP = b"\x1f\x8b"
"""How a gzipped file begins."""

MOST_TIMES, ALLOWED = 200, 1 << 26
"""Text is packed to a tenth, or to a fortieth where it says the same over and over; not to less.
Up to so many bytes, anything may be."""


@contextmanager
def unpacked(
    stream: BinaryIO, path: Path, *, times: int = MOST_TIMES
) -> Iterator[io.BufferedReader]:
    """Yield what is in a gzipped file.

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
        It holds more than that; while it is being read.
    """
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    with (
        gzip.open(stream, "rb") as packed,
        io.BufferedReader(_Limited(packed, path, size=size, times=times)) as limited,
    ):
        yield cast("io.BufferedReader", limited)


class _Limited(io.RawIOBase):
    """Reads on up to some number of bytes."""

    def __init__(self, packed: gzip.GzipFile, path: Path, *, size: int, times: int) -> None:
        self._packed, self._path, self._times = packed, path, times
        self._most = max(ALLOWED, times * size)
        self._read = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        view = memoryview(buffer).cast("B")
        content = self._packed.read1(len(view))
        self._read += len(content)
        if self._read > self._most:
            raise FormatError(
                f"{self._path} unpacks to more than {self._most:,} bytes, which is the most that "
                f"is read of a file of its size ({self._times} times that, and {ALLOWED:,} at "
                "least): unpack it yourself if you trust it."
            )
        view[: len(content)] = content
        return len(content)
