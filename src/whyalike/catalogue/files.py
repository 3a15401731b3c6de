"""Files of an index: checked by size and checksum, and on the disk before they are relied on."""

import hashlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from whyalike.errors import FormatError, OutputError

LOCK = "lock.sqlite"
_PART = 1 << 20


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Keep other writers out of an index; readers need no lock.

    SQLite locks a file on every system, and the system lets go of it however the process ends.

    Raises:
        OutputError: another process writes there now, or the folder can't be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(folder / LOCK, timeout=0, isolation_level=None)
    except (OSError, sqlite3.Error) as error:
        raise OutputError(f"Could not write to {folder}: {error}. Choose another place.") from error
    with closing(connection):
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as error:
            if "locked" in str(error):
                raise OutputError(
                    f"Another process is writing to the index {folder}: wait until it is done."
                ) from error
            raise OutputError(
                f"Could not write to {folder}: {error}. Choose another place."
            ) from error
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


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file, read part by part. Raises FormatError if it can't be read."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while part := stream.read(_PART):
                digest.update(part)
    except OSError as error:
        raise FormatError(f"Could not read {path}: {error.strerror}.") from error
    return digest.hexdigest()
