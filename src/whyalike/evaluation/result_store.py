"""Results of a suite on disk, each in a file of its own, so that a run can be cut off and go on."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from whyalike.errors import FormatError, OutputError
from whyalike.evaluation.leaderboard_entry import Entry
from whyalike.explain import write_whole
from whyalike.explain.output import remove_file
from whyalike.statistics import Interval

EXPLANATIONS = ".explanations.jsonl"


@dataclass(frozen=True)
class Result:
    """What one method got on one dataset. versions: of the packages that it was measured with."""

    entries: tuple[Entry, ...]
    versions: Mapping[str, str]


class ResultStore:
    """A folder of results. A result is known by its place, and by a key of all that it hangs on.

    Raises:
        OutputError: the folder can't be made.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"Could not make the folder {folder}: {error.strerror}.") from error

    def read(self, place: str, key: str) -> Result | None:
        """Return the result at ``place``, or None where there is none, or one of another key.

        Raises:
            FormatError: the file there is no result.
        """
        path = self._path(place)
        if not path.exists():
            return None
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content["key"] != key:
                return None
            entries = tuple(_entry(item) for item in content["entries"])
            return Result(entries, dict(content.get("versions", {})))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise FormatError(f"{path} is no result of a suite ({error}): remove it.") from error

    def write(self, place: str, key: str, result: Result) -> None:
        """Keep a result, whole or not at all."""
        content = json.dumps({"key": key, **asdict(result)})
        write_whole(self._path(place), lambda stream: stream.write(content.encode()))

    def explanations(self, place: str) -> Path:
        """Return the file for the explanations of a result that is not there yet."""
        return self._path(place).with_suffix(EXPLANATIONS)

    def forget_explanations(self, place: str | None = None) -> None:
        """Remove the explanations of one result, or all that were left, and so their texts.

        Raises:
            OutputError: they can't be removed.
        """
        every = self.folder.glob(f"*{EXPLANATIONS}")
        for path in every if place is None else [self.explanations(place)]:
            remove_file(path)

    def _path(self, place: str) -> Path:
        safe = "".join(c if c.isalnum() or c in "-_." else "-" for c in place)
        return self.folder / f"{safe}.json"


def _entry(content: dict[str, Any]) -> Entry:
    figure, values = content["figure"], content["values"]
    if not isinstance(values, list):
        raise TypeError("values is no list")
    known = {
        "figure": Interval(**figure) if isinstance(figure, dict) else None,
        "values": tuple(values),
        "counts": _tuples(content["counts"]),
        "curve": _tuples(content["curve"]),
        "notes": tuple(map(str, content.get("notes", ()))),
    }
    return Entry(**{**content, **known})


def _tuples(rows: object) -> tuple[tuple[float, ...], ...] | None:
    if rows is None:
        return None
    if not isinstance(rows, list):
        raise TypeError("a table is no list")
    return tuple(map(tuple, rows))
