"""Files are named for what they hold, written whole or not at all, and removed."""

import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from whyalike.errors import OptionError, OutputError

PAGE, PNG, SVG = (".html", ".htm"), (".png",), (".svg",)
"""The endings of what is written, as ``check_ending`` takes them."""


def check_ending(
    path: str | os.PathLike[str], allowed: Sequence[str], *, required: bool = False
) -> str:
    """Return a file's ending, in lower case; other programs go by it.

    Parameters
    ----------
    path : str | PathLike[str]
        The file.
    allowed : sequence of str
        The endings of what it is to hold.
    required : bool, default=False
        Whether it must have one of them; otherwise a name without an ending will do.

    Raises
    ------
    OptionError
        It has another one.
    """
    ending = Path(path).suffix.lower()
    if ending in allowed or (not ending and not required):
        return ending
    bare = "" if required else ", or leave the ending out"
    raise OptionError(
        f"The file to write is {os.fspath(path)!r}; let it end in {' or '.join(allowed)}{bare}."
    )


def check_folder(path: str | os.PathLike[str]) -> None:
    """Raise OptionError where a file can't be written for want of its folder, or for being one."""
    target = Path(path)
    if _is_device(target):
        return
    try:
        real = _real(target)
    except OutputError as error:
        raise OptionError(str(error)) from error
    said = f"The file to write is {target}, and"
    if real.is_dir():
        raise OptionError(f"{said} that is a folder: name a file in it.")
    if not real.parent.is_dir():
        why = "is no folder" if real.parent.exists() else "is not there"
        raise OptionError(
            f"{said} the folder {target.parent} {why}: make it, or choose another place."
        )
    if not os.access(real.parent, os.W_OK):
        raise OptionError(
            f"{said} nothing may be written to the folder {target.parent}: choose another place."
        )


def write_whole(path: str | os.PathLike[str], write: Callable[[BinaryIO], object]) -> None:
    """Let ``write`` fill a temporary file beside ``path``, then rename it to ``path``.

    An interruption leaves what was there before. A device or a pipe is written to directly.

    Raises
    ------
    OutputError
        The file can't be written; nothing partial is left.
    """
    target = Path(path)
    try:
        if _is_device(target):
            with target.open("wb") as stream:
                write(stream)
        else:
            _replace(_real(target), write)
    except OutputError:
        raise
    except OSError as error:
        raise _refused(target, error) from error


def remove_file(path: Path) -> None:
    """Remove a file where there is one.

    Raises
    ------
    OutputError
        It can't be removed.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"Could not remove {path}: {error.strerror}.") from error


def _is_device(target: Path) -> bool:
    """Return whether renaming over ``target`` would replace a device or a pipe."""
    return target.exists() and not target.is_file() and not target.is_dir()


def _real(target: Path) -> Path:
    """Return where links lead, so that a link stays a link."""
    try:
        return target.resolve()
    except (RuntimeError, ValueError) as error:  # a loop of links, a null byte
        raise _refused(target, error) from error


def _refused(target: Path, error: Exception) -> OutputError:
    reason = getattr(error, "strerror", None) or str(error)
    return OutputError(
        f"Could not write {target}: {reason}. Nothing was written; choose another place or make "
        "room."
    )


def _replace(target: Path, write: Callable[[BinaryIO], object]) -> None:
    handle, name = tempfile.mkstemp(prefix=".whyalike-", suffix=".tmp", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).chmod(_mode_for(target))
        Path(name).replace(target)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


def _mode_for(target: Path) -> int:
    """Return the permissions that a plain open() would leave on the file."""
    if target.exists():
        return target.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
