"""Text files, packed or not and in whatever encoding, as lines."""

import io
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, cast

from whyalike.data.encodings import USUAL, Encoding, asked_encoding, find_encoding
from whyalike.data.unpacking import is_packed, unpacked
from whyalike.errors import FormatError

_UNDECODED = re.compile("[\udc80-\udcff]+")


@contextmanager
def open_bytes(path: Path) -> Iterator[BufferedReader]:
    """Yield the bytes of a file, unpacked if it is packed, whatever it is called.

    Raises
    ------
    FormatError
        It can't be read, is damaged, or unpacks to far more than text does; also while it is being
        read.
    MissingExtraError
        It is packed in a way that needs a package.
    """
    try:
        with path.open("rb") as plain:
            if not is_packed(plain.peek(4)[:4]):
                yield plain
                return
            with unpacked(plain, path) as stream:
                yield stream
    except (OSError, EOFError, zlib.error) as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: Exception) -> FormatError:
    """Return the error for a file that can't be read, or not to its end."""
    reason = getattr(error, "strerror", None) or str(error)
    return FormatError(f"Could not read {path}: {reason}.")


class DecodedText:
    """The characters of a file. ``notes`` say what was assumed, the last ones after its end.

    Bytes that are no character of the encoding become lone surrogates, one for one.
    """

    def __init__(self, stream: io.TextIOWrapper, encoding: Encoding) -> None:
        self._stream, self._encoding = stream, encoding
        self._mended = 0
        self.notes: list[str] = [encoding.note] if encoding.note else []
        if encoding.newline == "\r":
            self.notes.append("Lines end as on old Macs.")

    def readline(self, most: int) -> str:
        """Return the next line with its end, or its first ``most`` characters."""
        line = self._mend(self._stream.readline(most))
        # Whoever reads the lines knows one end of them.
        if self._encoding.newline == "\r" and line.endswith("\r"):
            return line[:-1] + "\n"
        return line

    def read(self, most: int) -> str:
        """Return up to ``most`` characters, "" at the end."""
        return self._mend(self._stream.read(most))

    def note_mended(self) -> None:
        """Note at the end how many letters were not in the file's encoding."""
        if self._mended:
            one = self._mended == 1
            self.notes.append(
                f"{self._mended:,} {'place is' if one else 'places are'} not UTF-8 in a file that "
                f"is, and {'was' if one else 'were'} read as {USUAL}: look whether the letters are "
                "right."
            )

    def _mend(self, text: str) -> str:
        if not self._encoding.mends or text.isascii():
            return text
        return _UNDECODED.sub(self._mended_letters, text)

    def _mended_letters(self, found: re.Match[str]) -> str:
        try:
            letters = found[0].encode("ascii", "surrogateescape").decode(USUAL)
        except UnicodeDecodeError:
            return found[0]
        self._mended += 1
        return letters


@contextmanager
def open_text(path: Path, *, encoding: str | None) -> Iterator[DecodedText]:
    """Yield the characters of a file in its encoding.

    None takes that of ``reading_in``, or finds it, for which the file is read twice.

    Raises
    ------
    FormatError, MissingExtraError
        As ``open_bytes``.
    OptionError
        There is no such encoding.
    """
    found = _find(path, asked_encoding() if encoding is None else encoding)
    with open_bytes(path) as binary:
        errors = "replace" if found.name.startswith(("utf-16", "utf-32")) else "surrogateescape"
        # Lines end in one way alone, so that their numbers are an editor's; csv takes off a CR.
        text = io.TextIOWrapper(binary, encoding=found.name, errors=errors, newline=found.newline)
        try:
            yield DecodedText(text, found)
        finally:
            text.detach()


def _find(path: Path, asked: str | None) -> Encoding:
    if not path.is_file() and path.exists():
        # What comes through a pipe can be read but once.
        return Encoding(asked or "utf-8-sig", mends=asked is None)
    with open_bytes(path) as binary:
        return find_encoding(cast("BinaryIO", binary), asked=asked)
