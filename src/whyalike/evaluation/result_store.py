"""Results of a suite on disk, each in a file of its own, so that a run can be cut off and go on."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from whyalike.documents import Format, read_object
from whyalike.errors import OutputError
from whyalike.evaluation.leaderboard_entry import Entry, check_entries
from whyalike.files import remove_file, write_whole

FORMAT = Format("whyalike/result", "result of a suite", "Remove it, and it is measured anew.")
EXPLANATIONS = ".explanations.jsonl"


@dataclass(frozen=True)
class Result:
    """What one method got on one dataset. versions: of the packages that it was measured with."""

    entries: tuple[Entry, ...]
    versions: Mapping[str, str] = field(default_factory=dict)


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
            FormatError: the file there is no result, or damaged.
        """
        path = self._path(place)
        if not path.exists():
            return None
        # Those that were kept before 1.0 say neither format nor version.
        body = FORMAT.load(path, unnamed=True)
        with FORMAT.reading(where=str(path)):
            if body.pop("key", None) != key:
                return None
            result = Result(**read_object(body, Result))
            check_entries(result.entries)
        return result

    def write(self, place: str, key: str, result: Result) -> None:
        """Keep a result, whole or not at all."""
        content = json.dumps({**FORMAT.head(), "key": key, **asdict(result)})
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
