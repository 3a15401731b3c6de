"""What is missing is said at once: torch, which a command needs later, takes seconds to load."""

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

from whyalike.errors import FormatError, OptionError

Files = Path | Iterable[Path] | None


def refuse_missing(*files: Files) -> None:
    """Raise FormatError unless every file is there; a dash is standard input."""
    for path in _all(files):
        if str(path) != "-" and not path.exists():
            raise FormatError(
                f"Could not read {path}: No such file or directory.{_near(path)}"
            ) from FileNotFoundError(path)


def _near(path: Path) -> str:
    """Return a question after a file beside it whose name is nearly the same, or nothing."""
    try:
        names = [each.name for each in path.parent.iterdir()]
    except OSError:
        return ""
    found = get_close_matches(path.name, names, n=1, cutoff=0.8)
    return f" Did you mean {path.with_name(found[0])}?" if found else ""


def refuse_without_index(*folders: Files) -> None:
    """Raise FormatError unless every folder holds an index that this release can read."""
    from whyalike.catalogue.manifest import read_manifest

    for folder in _all(folders):
        read_manifest(folder)


def refuse_unreadable(
    queries: Path, passages: Path | None, *, labelled: bool, strict: bool
) -> None:
    """Raise FormatError where queries or passages can't be read, or lack a column.

    A pipe is left alone: it can be read only once.
    """
    from whyalike.data.passages import read_passages
    from whyalike.data.queries import read_queries

    if queries.is_file():
        read_queries(queries, labelled=labelled, strict=strict)
    if passages is not None and not passages.is_fifo():
        read_passages(passages, strict=strict)


def refuse_unknown_items(folder: Path, ids: Iterable[str]) -> None:
    """Raise OptionError unless an index has items of these ids."""
    from whyalike.catalogue.reader import open_reader

    reader = open_reader(folder, "exact")
    for id_ in ids:
        reader.position_of(id_)


def refuse_unknown_passages(named: Iterable[str], there: Iterable[str], *, says: str) -> None:
    """Raise OptionError unless there are passages of these ids; it ``says`` which there is not."""
    known = list(there)
    if missing := next((one for one in named if one not in known), None):
        shown = ", ".join(map(repr, known[:5]))
        raise OptionError(
            f"{says.format(repr(missing))}; they are {shown}"
            f"{' and so on' if len(known) > 5 else ''}."
        )


def _all(given: Iterable[Files]) -> Iterable[Path]:
    for one in given:
        if isinstance(one, Path):
            yield one
        else:
            yield from one or ()
