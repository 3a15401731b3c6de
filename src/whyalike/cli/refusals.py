"""What is missing is said at once: torch, which a command needs later, takes seconds to load."""

from collections.abc import Iterable
from pathlib import Path

from whyalike.errors import FormatError

Files = Path | Iterable[Path] | None


def refuse_missing(*files: Files) -> None:
    """Raise FormatError unless every file is there; a dash is standard input."""
    for path in _all(files):
        if str(path) != "-" and not path.exists():
            raise FormatError(
                f"Could not read {path}: No such file or directory."
            ) from FileNotFoundError(path)


def refuse_without_index(*folders: Files) -> None:
    """Raise FormatError unless every folder holds an index that this release can read."""
    from whyalike.catalogue.manifest import read_manifest

    for folder in _all(folders):
        read_manifest(folder)


def _all(given: Iterable[Files]) -> Iterable[Path]:
    for one in given:
        if isinstance(one, Path):
            yield one
        else:
            yield from one or ()
