"""Text files, gzipped or not, as bytes; what goes wrong on the way is one kind of error."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

from whyalike.errors import FormatError
from whyalike.text.unpacking import GZIP, unpacked

UTF16 = (b"\xff\xfe", b"\xfe\xff")


@contextmanager
def open_bytes(path: Path) -> Iterator[BinaryIO]:
    """Have the bytes of a file, unpacked if it is gzipped, whatever it is called.

    Raises:
        FormatError: it can't be read, is damaged, is UTF-16, or unpacks to far more than text
            does; also while it is being read.
    """
    try:
        with path.open("rb") as plain:
            if plain.peek(len(GZIP))[: len(GZIP)] != GZIP:
                _refuse_utf16(plain, path)
                yield plain
                return
            with unpacked(plain, path) as stream:
                _refuse_utf16(stream, path)
                yield stream
    except (OSError, EOFError, zlib.error) as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: Exception) -> FormatError:
    """Return the error for a file that can't be read, or not to its end."""
    reason = getattr(error, "strerror", None) or str(error)
    return FormatError(f"Could not read {path}: {reason}.")


def _refuse_utf16(stream: BufferedReader, path: Path) -> None:
    if stream.peek(2)[:2] in UTF16:
        raise FormatError(f"{path} is UTF-16, not UTF-8: save it as UTF-8 first.")
