"""Files of an index: checked by size and checksum, and on the disk before they are relied on."""

import hashlib
import os
import sqlite3
import stat
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from whyalike.errors import FormatError, OutputError

LOCK = "lock.sqlite"

_PART = 1 << 20

LARGEST_NOTE = 1 << 28
"""Bytes of a file of JSON: a manifest names every item that was removed, and no more."""


@dataclass(frozen=True, slots=True)
class FileNote:
    """How many bytes a file has, and their SHA-256."""

    size: int
    sha256: str


@contextmanager
def only_writer(
    folder: Path, names: Sequence[str] = (), *, what: str = "the index"
) -> Iterator[None]:
    """Keep other writers out of a folder, such as an index; readers need no lock.

    SQLite locks a file on every system, and the system lets go of it however the process ends.

    Parameters
    ----------
    folder : Path
        Of the index; it is made where it is not there.
    names : sequence of str, default=()
        Of what belongs to the index; see ``refuse_links``.
    what : str, default='the index'
        What is written there, for errors.

    Raises
    ------
    OutputError
        Another process writes there now, the folder can't be written to, or a part of the index is
        a link to somewhere else.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        refuse_links(folder, (LOCK,))
        connection = sqlite3.connect(folder / LOCK, timeout=0, isolation_level=None)
    except (OSError, sqlite3.Error) as error:
        raise OutputError(f"Could not write to {folder}: {error}. Choose another place.") from error
    with closing(connection):
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as error:
            if "locked" in str(error):
                raise OutputError(
                    f"Another process is writing to {what} {folder}: wait until it is done."
                ) from error
            raise OutputError(
                f"Could not write to {folder}: {error}. Choose another place."
            ) from error
        refuse_links(folder, names)
        yield


def sync_folder(folder: Path) -> None:
    """See renames in a folder on the disk, where the system lets a folder be synced."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def sync_file(path: Path) -> None:
    """See a file's content on the disk."""
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())


def open_regular(path: Path) -> BinaryIO:
    """Open a file to read, and nothing that never ends, such as a pipe.

    Raises FormatError where it is none, or can't be read.
    """
    # Opening a pipe would wait for somebody to write to it.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        stream = open(os.open(path, flags), "rb")  # noqa: PTH123, SIM115
    except FileNotFoundError as error:
        raise FormatError(f"{path} is missing: the index is damaged; make it anew.") from error
    except OSError as error:
        raise FormatError(f"Could not read {path}: {error.strerror}.") from error
    if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        stream.close()
        raise FormatError(f"{path} is no file: the index is damaged; make it anew.")
    return stream


def read_note(path: Path) -> bytes:
    """Return what is in a small file. Raises FormatError where it can't be read, or is large."""
    with open_regular(path) as stream:
        try:
            content = stream.read(LARGEST_NOTE + 1)
        except OSError as error:
            raise FormatError(f"Could not read {path}: {error.strerror}.") from error
    if len(content) > LARGEST_NOTE:
        raise FormatError(f"{path} has more than {LARGEST_NOTE:,} bytes: it is damaged.")
    return content


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file, read part by part. Raises FormatError if it can't be read."""
    with open_regular(path) as stream:
        try:
            digest = hashlib.sha256()
            while part := stream.read(_PART):
                digest.update(part)
            return digest.hexdigest()
        except OSError as error:
            raise FormatError(f"Could not read {path}: {error.strerror}.") from error


def check_file(path: Path, note: FileNote) -> None:
    """Raise FormatError unless a file is what was written."""
    check_size(path, note)
    if checksum(path) != note.sha256:
        raise not_as_written(path)


def check_size(path: Path, note: FileNote) -> None:
    """Raise FormatError unless there is a file of that size."""
    with open_regular(path) as stream:
        size = os.fstat(stream.fileno()).st_size
    if size != note.size:
        raise FormatError(
            f"{path} has {size:,} bytes instead of {note.size:,}: the index is damaged; make it "
            "anew."
        )


def not_as_written(path: Path) -> FormatError:
    """Return the error for a file whose content is another one than was written."""
    return FormatError(
        f"{path} is damaged (its checksum is not the one in the manifest): make the index anew."
    )


def refuse_links(folder: Path, names: Sequence[str]) -> None:
    """Refuse to write in an index one of whose parts lies elsewhere.

    Parameters
    ----------
    folder : Path
        Of the index; it may itself be reached through a link.
    names : sequence of str
        Of the files and folders in it that are its own, with all that is in them.

    Raises
    ------
    OutputError
        One is a link, or neither a file nor a folder.
    """
    for name in names:
        path = folder / name
        try:
            mode = path.lstat().st_mode
        except FileNotFoundError:
            continue
        except OSError as error:
            raise OutputError(f"Could not look at {path}: {error.strerror}.") from error
        if stat.S_ISDIR(mode):
            refuse_links(path, sorted(inner.name for inner in path.iterdir()))
        elif not stat.S_ISREG(mode):
            what = "a link" if stat.S_ISLNK(mode) else "no file"
            raise OutputError(
                f"{path} is {what}: an index is changed within its own folder only, and nothing "
                "was. Remove it, or put the file itself there."
            )


def open_to_append(path: Path) -> int:
    """Open a file to write at its end, and no other one by a link. Raises OutputError on those."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY", "O_CLOEXEC"):
        flags |= getattr(os, name, 0)
    handle = os.open(path, flags, 0o666)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OutputError(f"{path} is no file: remove it, and run the command again.")
    return handle


class AppendedFile:
    """A file in the making: bytes at its end, and a checksum of them all.

    Parameters
    ----------
    path : Path
        The file, of which nobody else is a writer now.
    width : int, default=1
        Bytes of a row; the file has whole rows.
    """

    def __init__(self, path: Path, *, width: int = 1) -> None:
        self.path, self.width = path, width
        self._digest = hashlib.sha256()
        self._size = 0

    @property
    def note(self) -> FileNote:
        """What was written so far."""
        return FileNote(self._size, self._digest.hexdigest())

    @property
    def count(self) -> int:
        """How many rows were written so far."""
        return self._size // self.width

    def cut_back(self, note: FileNote) -> bool:
        """Keep what an earlier run wrote, and nothing after it; return whether it is whole."""
        size = 0
        digest = hashlib.sha256()
        if self.path.is_file() and self.path.stat().st_nlink == 1:
            with open_regular(self.path) as stream:
                while part := stream.read(min(_PART, note.size - size)):
                    digest.update(part)
                    size += len(part)
        if FileNote(size, digest.hexdigest()) != note or size % self.width:
            return False
        with open(open_to_append(self.path), "ab") as written:
            written.truncate(size)
        self._digest, self._size = digest, size
        return True

    def clear(self) -> None:
        """Begin anew. A link is removed, and not what it leads to."""
        self.path.unlink(missing_ok=True)
        os.close(open_to_append(self.path))
        self._digest, self._size = hashlib.sha256(), 0

    def write(self, content: bytes) -> None:
        """Put bytes at the end, and see them on the disk."""
        with open(open_to_append(self.path), "ab") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        self._digest.update(content)
        self._size += len(content)
