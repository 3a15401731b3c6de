"""Reports read back, whichever of them a file holds."""

from collections.abc import Callable, Mapping
from pathlib import Path

from whyalike.documents import read_json
from whyalike.errors import FormatError
from whyalike.reports.audit import FORMAT as AUDIT
from whyalike.reports.audit import Audit
from whyalike.reports.diagnosis import FORMAT as DIAGNOSIS
from whyalike.reports.diagnosis import Diagnosis
from whyalike.reports.difference import FORMAT as DIFFERENCE
from whyalike.reports.difference import Difference

Report = Diagnosis | Audit | Difference

KINDS: Mapping[str, Callable[[bytes], Report]] = {
    DIAGNOSIS.name: Diagnosis.from_json,
    AUDIT.name: Audit.from_json,
    DIFFERENCE.name: Difference.from_json,
}
"""By the format that a document names, what reads it."""


def parse_report(content: bytes) -> Report:
    """Return a report of ``whyalike diagnose``, ``audit`` or ``diff``.

    Raises
    ------
    FormatError
        It is none of them, damaged, or of a newer release.
    """
    found = read_json(content)
    name = found.get("format") if isinstance(found, dict) else None
    read = KINDS.get(name) if isinstance(name, str) else None
    if read is None:
        raise FormatError(
            "This is no report: give what `whyalike diagnose --json`, `whyalike audit --json` or "
            "`whyalike diff --json` printed."
        )
    return read(content)


def read_report(path: Path) -> Report:
    """Return the report of a file. Raises FormatError where it can't be read, or as above."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FormatError(f"Could not read {path}: {error.strerror}.") from error
    try:
        return parse_report(content)
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from error
