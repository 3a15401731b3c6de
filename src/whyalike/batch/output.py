"""An output written in parts: whole at the end, and gone on with after whatever ended a run.

Beside the file stands a folder while it is made: its parts, and a note of how many rows they hold
and of all that these depend on. A part is written whole before the note names it. When all rows
are there, the parts are joined, the file takes its place at once, and the note stays beside it: by
it the same call knows that nothing is left to do, and another one that it would mix two things.
"""

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from whyalike.batch.formats import OutputFormat
from whyalike.catalogue.files import read_note
from whyalike.catalogue.manifest import is_sealed, same_reference, sealed
from whyalike.documents import Format, read_json, shown
from whyalike.errors import FormatError, OptionError, OutputError
from whyalike.files import check_folder, remove_file, write_whole

NOTE = Format("whyalike/pairs-run", "note of a run over pairs", "Run it anew.")
NOTE_FILE = "run.json"

PART_ROWS, PART_BYTES, PART_SECONDS = 1024, 1 << 24, 20.0
"""A part is written when it has so many rows or bytes, or so long after the one before."""

BAD_SAID = 20
"""Bad rows that a report names."""

TEMPORARY = ".whyalike-"


@dataclass(frozen=True)
class Plan:
    """All that the output depends on.

    said: by names that a user knows, as plain values. reference: numbers that the model gives,
    which rounding can change, those of one scale together.
    """

    said: Mapping[str, Any]
    reference: Sequence[Sequence[float]]

    def differences(self, note: Mapping[str, Any]) -> list[str]:
        """Return what a note of an earlier run has otherwise, each with its name."""
        before = note["plan"]
        said = [
            f"{name} ({_shown(before.get(name))} there, {_shown(self.said.get(name))} here)"
            for name in dict.fromkeys([*self.said, *before])
            if before.get(name) != self.said.get(name)
        ]
        before = note["reference"]
        alike = len(before) == len(self.reference) and all(
            map(same_reference, before, self.reference)
        )
        if not said and not alike:
            said = ["weights (the model gives other numbers)"]
        return said


def _shown(value: object) -> str:
    is_digest = isinstance(value, str) and len(value) == 64
    return f"{str(value)[:8]}…" if is_digest else "none" if value is None else shown(value)


@dataclass
class Counts:
    """What became of the rows so far: ``rows`` is always ``explained + bad``.

    bad_rows: the first bad ones, each with its reason. seconds: that it took, of all runs.
    """

    rows: int = 0
    explained: int = 0
    bad: int = 0
    bad_rows: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def count(self, error: str) -> None:
        """Count a row, bad where there is an error."""
        self.rows += 1
        self.explained += not error
        self.bad += bool(error)
        if error and len(self.bad_rows) < BAD_SAID:
            self.bad_rows.append(error)


def note_beside(out: Path) -> Path:
    """Return where the note of a finished output stands."""
    return out.with_name(f"{out.name}.{NOTE_FILE}")


def parts_of(out: Path) -> Path:
    """Return the folder of what is not finished."""
    return out.with_name(f"{out.name}.parts")


def check_place(out: Path) -> None:
    """Refuse an output that is there and can't be known, before anything is read.

    Raises OptionError.
    """
    if out.is_dir():
        raise OptionError(f"{out} is a folder: give a file.")
    check_folder(out)
    if out.exists() and _read(parts_of(out) / NOTE_FILE) is None and _finished(out) is None:
        raise OptionError(
            f"{out} is there already, and nothing says of what it was made: choose another file, "
            "or say force=True (--force) to replace it."
        )


def is_finished(out: Path, plan: Plan, *, force: bool) -> Counts | None:
    """Return the counts of an output that is whole, if it is there and was made by this plan.

    Raises
    ------
    OptionError
        It, or what an unfinished run left, was made by another one, and ``force`` is not given.
    """
    unfinished = _read(parts_of(out) / NOTE_FILE)
    note = unfinished or _finished(out)
    if note is None or (force and not unfinished):
        return None
    if (differences := plan.differences(note)) and not force:
        what = "an unfinished run" if unfinished else "a finished output"
        raise OptionError(
            f"{out} has {what} of something else; different are: {'; '.join(differences)}. Choose "
            "another file, or say force=True (--force) to begin anew."
        )
    return None if unfinished else _counts(note)


class PartedOutput:
    """The output of one plan; nobody else writes it meanwhile.

    counts: what became of the rows that are safe on the disk, or in a part to come.

    Raises
    ------
    OutputError
        The folder beside the file can't be written to.
    """

    def __init__(self, out: Path, form: OutputFormat, plan: Plan, *, total: int) -> None:
        self._out, self._form, self._plan, self._total = out, form, plan, total
        self._folder = parts_of(out)
        self._parts: list[dict[str, Any]] = []
        self._packed: list[bytes] = []
        self._saved = time.monotonic()
        self._is_whole = True
        self.counts = self._go_on() or self._begin()
        self._saved_rows = self.counts.rows

    def append(self, packed: bytes, errors: Sequence[str]) -> None:
        """Take packed rows and why each is bad, or nothing; write a part where there is enough."""
        self._is_whole = False
        self._packed.append(packed)
        for error in errors:
            self.counts.count(error)
        self._is_whole = True
        if (
            self.counts.rows - self._saved_rows >= PART_ROWS
            or sum(map(len, self._packed)) >= PART_BYTES
            or time.monotonic() - self._saved >= PART_SECONDS
        ):
            self.save()

    def save(self) -> None:
        """Write what there is as a part, and note it. Raises OutputError."""
        if not self._packed:
            return
        self._is_whole = False
        name = f"{len(self._parts) + 1:08d}{self._form.ending}"
        content = self._form.part(self._packed)
        write_whole(self._folder / name, lambda stream: stream.write(content))
        self._parts.append({"name": name, "size": len(content)})
        now = time.monotonic()
        self.counts.seconds += now - self._saved
        self._packed, self._saved, self._saved_rows = [], now, self.counts.rows
        self._write_note(self._folder / NOTE_FILE, parts=self._parts)
        self._is_whole = True

    def rescue(self) -> None:
        """Save what there is when a run is cut off, unless that was in the middle of a change."""
        if self._is_whole:
            self.save()

    def finish(self) -> None:
        """Join the parts into the file. Raises OutputError where that fails; the parts stay."""
        self.save()
        paths = [self._folder / part["name"] for part in self._parts]
        write_whole(self._out, lambda stream: self._form.join(paths, stream))
        self._write_note(note_beside(self._out), size=self._out.stat().st_size)

    def _go_on(self) -> Counts | None:
        note = _read(self._folder / NOTE_FILE)
        if note is None or self._plan.differences(note) or note["total"] != self._total:
            return None
        sizes = {part["name"]: part["size"] for part in note["parts"]}
        there = {path.name: path.stat().st_size for path in self._folder.iterdir()}
        if any(there.get(name) != size for name, size in sizes.items()):
            return None
        self._parts = list(note["parts"])
        self._tidy(keep={NOTE_FILE, *sizes})
        return _counts(note)

    def _begin(self) -> Counts:
        self._tidy(keep=set())
        return Counts()

    def _tidy(self, *, keep: set[str]) -> None:
        """Remove what a run left that ended while it wrote."""
        for path in self._folder.iterdir():
            ours = (
                path.name == NOTE_FILE or path.name.startswith(TEMPORARY) or path.stem.isdecimal()
            )
            if ours and path.name not in keep:
                remove_file(path)

    def _write_note(self, path: Path, **rest: object) -> None:
        content = sealed(
            {
                **NOTE.head(),
                "plan": dict(self._plan.said),
                "reference": [list(numbers) for numbers in self._plan.reference],
                "total": self._total,
                "rows": self.counts.rows,
                "explained": self.counts.explained,
                "bad": self.counts.bad,
                "bad_rows": self.counts.bad_rows,
                "seconds": round(self.counts.seconds, 3),
                **rest,
            }
        )
        write_whole(path, lambda stream: stream.write(content))


def remove_parts(out: Path) -> None:
    """Remove the folder of parts, which no process may be writing to."""
    shutil.rmtree(parts_of(out), ignore_errors=True)


def _finished(out: Path) -> dict[str, Any] | None:
    """Return the note beside an output that is there as it was written."""
    note = _read(note_beside(out)) if out.is_file() else None
    return note if note is not None and note.get("size") == out.stat().st_size else None


def _counts(note: Mapping[str, Any]) -> Counts:
    return Counts(
        rows=note["rows"],
        explained=note["explained"],
        bad=note["bad"],
        bad_rows=list(note["bad_rows"]),
        seconds=note["seconds"],
    )


def _read(path: Path) -> dict[str, Any] | None:
    """Return a note, or None where there is none that can be used."""
    try:
        content = read_json(read_note(path))
        if not isinstance(content, dict) or not is_sealed(content):
            return None
        NOTE.body(content)
    except (FormatError, OutputError):
        return None
    return content
