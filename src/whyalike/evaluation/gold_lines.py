"""The lines of a file of gold, and what is said where one is damaged."""

import os
from pathlib import Path

from whyalike.errors import FormatError

Source = str | os.PathLike[str]


def read_text(path: Source, *, what: str) -> str:
    """Return a file's text. Raises FormatError where it can't be read or is not UTF-8."""
    try:
        # Line ends as they are: some of these files hold characters that Python calls line ends.
        with Path(path).open(encoding="utf-8-sig", newline="") as stream:
            return stream.read().replace("\r\n", "\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise FormatError(f"Could not read {what} from {path}: {reason}.") from error


def read_lines(path: Source, *, what: str) -> list[str]:
    """Return a file's lines, without the blank ones at the end; see ``read_text``."""
    return read_text(path, what=what).rstrip("\n").split("\n")


def damaged(path: Source, line: int, problem: str) -> FormatError:
    """Return the error for a damaged line, counted from 1."""
    return FormatError(f"{path}, line {line}: {problem}")


def is_place(text: str, most: int) -> bool:
    """Return whether a text is a whole number of at most ``most``."""
    digits = text.lstrip("0") or "0"
    # Python refuses to read a number of thousands of digits.
    return digits.isdecimal() and len(digits) <= len(str(most)) and int(digits) <= most
