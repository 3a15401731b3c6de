"""How far a segment in the making has come, kept on the disk for the run that goes on with it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from whyalike.catalogue.identity import same_reference
from whyalike.errors import FormatError
from whyalike.explain.output import write_whole
from whyalike.explain.serialization import read_json, write_json

FILE = "progress.json"


class Unfinished:
    """The progress of one plan.

    rows: how many items are embedded and on the disk. cut: how many of their texts were cut.

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

    def found(self, stored: Sequence[int], *, rows: int) -> tuple[int, int]:
        """Return the rows and the cut texts of an earlier run of the same plan, or (0, 0).

        Args:
            stored: how many vectors each file has.
            rows: how many items there are in all.
        """
        try:
            content = read_json(self.path.read_bytes())
        except (OSError, FormatError):
            return 0, 0
        if not isinstance(content, dict) or content.get("plan") != self.plan:
            return 0, 0
        done, cut, reference = (content.get(name) for name in ("rows", "cut", "reference"))
        if not isinstance(done, int) or not isinstance(cut, int) or not isinstance(reference, list):
            return 0, 0
        if not same_reference(reference, self.reference) or not 0 <= done <= min(rows, *stored):
            return 0, 0
        return done, cut

    def save(self, rows: int, cut: int) -> None:
        """Note how far it has come, whole or not at all."""
        self.rows, self.cut = rows, cut
        content = {"plan": self.plan, "reference": self.reference, "rows": rows, "cut": cut}
        text = write_json(content).encode()
        write_whole(self.path, lambda stream: stream.write(text))
