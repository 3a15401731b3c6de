"""How far a segment in the making has come, kept on the disk for the run that goes on with it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from whyalike.catalogue.files import FileNote, read_note
from whyalike.catalogue.identity import same_reference
from whyalike.catalogue.manifest import is_sealed, sealed
from whyalike.documents import read_json, write_json
from whyalike.errors import FormatError
from whyalike.files import write_whole

FILE = "progress.json"


class Unfinished:
    """The progress of one plan.

    rows: how many items are embedded and on the disk. cut: how many of their texts were cut. files:
    what is written of the vectors of each field.

    Args:
        folder: where the progress is kept.
        plan: all that the result depends on, as plain values, but the model's weights.
        reference: what tells those; see whyalike.catalogue.identity.
    """

    def __init__(
        self, folder: Path, plan: Mapping[str, object], reference: Sequence[float]
    ) -> None:
        self.path = folder / FILE
        # As it comes back from a file: lists for tuples.
        self.plan = json.loads(write_json(plan))
        self.reference = tuple(reference)
        self.rows = self.cut = 0
        self.files: dict[str, FileNote] = {}

    def find(self, *, rows: int) -> bool:
        """Take over what an earlier run of the same plan noted; return whether there is such.

        Args:
            rows: how many items there are in all.
        """
        try:
            content = read_json(read_note(self.path))
        except FormatError:
            return False
        if not isinstance(content, dict) or not is_sealed(content):
            return False
        if content.get("plan") != self.plan:
            return False
        found: dict[str, Any] = content
        if not same_reference(found["reference"], self.reference) or found["rows"] > rows:
            return False
        self.rows, self.cut = found["rows"], found["cut"]
        self.files = {name: FileNote(**note) for name, note in found["files"].items()}
        return True

    def save(self, rows: int, cut: int, files: Mapping[str, FileNote]) -> None:
        """Note how far it has come, whole or not at all."""
        self.rows, self.cut, self.files = rows, cut, dict(files)
        content = sealed(
            {
                "plan": self.plan,
                "reference": self.reference,
                "rows": rows,
                "cut": cut,
                "files": {name: asdict(note) for name, note in files.items()},
            }
        )
        write_whole(self.path, lambda stream: stream.write(content))
