"""A study on disk: ``study.json`` with the hash of every stimulus, and ``stimuli/ID.json``."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from whyalike.errors import FormatError, OutputError
from whyalike.explain import Explanation, write_whole
from whyalike.study.model import Check, PlanSettings, Practice, Stimulus, Study
from whyalike.types import ExplanationData

FORMAT = "whyalike/study"
VERSION = 1
MANIFEST = "study.json"
STIMULI = "stimuli"
_ID = re.compile(r"[0-9a-f]{32}")


def read_study(folder: str | Path) -> Study:
    """Read a study, and check that nothing was changed since it was made.

    Raises:
        FormatError: there is no study, it is of another version, damaged, or a stimulus is not
            the one that was frozen.
    """
    folder = Path(folder)
    path = folder / MANIFEST
    try:
        written = path.read_bytes()
    except OSError as error:
        raise FormatError(
            f"Could not read a study from {path}: {error.strerror}. Make one with `whyalike study "
            "create`."
        ) from error
    try:
        content = json.loads(written)
        if content["format"] != FORMAT or content["version"] != VERSION:
            raise FormatError(
                f"{path} is a {content['format']!r} of version {content['version']!r}; this "
                f"release reads {FORMAT!r} of version {VERSION}."
            )
        return _study(folder, content, sha256(written).hexdigest())
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(
            f"{path} is damaged ({type(error).__name__}: {error}): put back the one that was made."
        ) from error


def write_study(folder: Path, manifest: Mapping[str, Any], files: Mapping[str, bytes]) -> None:
    """Write the stimuli by their ids, then the manifest, each file whole or not at all.

    Stimuli of another study in the folder are removed. A manifest that was there goes first: an
    interruption leaves no study rather than a mixed one.

    Raises:
        OutputError: the folder can't be made or written to.
    """
    stimuli = folder / STIMULI
    try:
        stimuli.mkdir(parents=True, exist_ok=True)
        (folder / MANIFEST).unlink(missing_ok=True)
        for path in stimuli.glob("*.json"):
            if _ID.fullmatch(path.stem) and path.stem not in files:
                path.unlink()
    except OSError as error:
        raise OutputError(f"Could not write a study to {folder}: {error.strerror}.") from error
    for id, content in files.items():
        _write(stimuli / f"{id}.json", content)
    _write(folder / MANIFEST, manifest_bytes(manifest))


def manifest_bytes(manifest: Mapping[str, Any]) -> bytes:
    """Return ``study.json``: equal for equal studies."""
    content = {"format": FORMAT, "version": VERSION, **manifest}
    return (json.dumps(content, ensure_ascii=False, allow_nan=False, indent=1) + "\n").encode()


def stimulus_bytes(explanation: ExplanationData) -> bytes:
    """Return the file of a stimulus: an explanation in JSON that says no method and no model."""
    return Explanation(**_shallow(explanation)).to_json(indent=1).encode()


def _write(path: Path, content: bytes) -> None:
    write_whole(path, lambda stream: stream.write(content))


def _shallow(explanation: ExplanationData) -> dict[str, Any]:
    return {name: getattr(explanation, name) for name in ExplanationData.__dataclass_fields__}


def _study(folder: Path, content: Mapping[str, Any], digest: str) -> Study:
    def shown(entry: Mapping[str, Any]) -> dict[str, Any]:
        return {**entry, "explanation": _read_stimulus(folder, entry["id"], entry["sha256"])}

    return Study(
        folder=folder,
        seed=content["seed"],
        question=content["question"],
        scale=tuple(content["scale"]),
        methods=tuple(content["methods"]),
        model=content["model"],
        fingerprint=content["fingerprint"],
        versions=content["versions"],
        settings=content["settings"],
        plan=PlanSettings(**content["plan"]),
        samples=content["samples"],
        stimuli=tuple(Stimulus(**shown(entry)) for entry in content["stimuli"]),
        practice=tuple(Practice(**shown(entry)) for entry in content["practice"]),
        checks=tuple(Check(**shown(entry)) for entry in content["checks"]),
        digest=digest,
    )


def _read_stimulus(folder: Path, id: str, expected: str) -> ExplanationData:
    path = folder / STIMULI / f"{id}.json"
    if not _ID.fullmatch(id):
        raise ValueError(f"{id!r} is no id of a stimulus")
    try:
        written = path.read_bytes()
    except OSError as error:
        raise FormatError(
            f"Could not read the stimulus {path}: {error.strerror}. Put it back."
        ) from error
    if sha256(written).hexdigest() != expected:
        raise FormatError(
            f"{path} is not the stimulus that was frozen: put that back, or make a new study."
        )
    return Explanation.from_json(written)


def entry_of(one: Stimulus | Practice | Check) -> dict[str, Any]:
    """Return what the manifest says of a stimulus: all but the explanation itself."""
    return {name: value for name, value in asdict(one).items() if name != "explanation"}
