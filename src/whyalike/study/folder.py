"""A study on disk: ``study.json`` with the hash of every stimulus, and ``stimuli/ID.json``."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import Any, TypeVar

from whyalike.documents import Format, read_object, read_value, shown
from whyalike.errors import FormatError, OutputError
from whyalike.explanation import Explanation
from whyalike.files import write_whole
from whyalike.study.model import HIGHEST, LOWEST, Check, Practice, Stimulus, Study

FORMAT = Format("whyalike/study", "study", "Put back the one that was made.")
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
    with FORMAT.reading(where=str(path)):
        body = FORMAT.body(_parsed(written), where=str(path))
        study = _study(folder, body, sha256(written).hexdigest())
        _check(study)
    return study


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
    content = {**FORMAT.head(), **manifest}
    return (json.dumps(content, ensure_ascii=False, allow_nan=False, indent=1) + "\n").encode()


def stimulus_bytes(explanation: Explanation) -> bytes:
    """Return the file of a stimulus: an explanation in JSON that says no method and no model."""
    return Explanation(**_shallow(explanation)).to_json(indent=1).encode()


def _write(path: Path, content: bytes) -> None:
    write_whole(path, lambda stream: stream.write(content))


def _shallow(explanation: Explanation) -> dict[str, Any]:
    return {name: getattr(explanation, name) for name in Explanation.__dataclass_fields__}


def _parsed(written: bytes) -> object:
    """Return what JSON says. Raises ValueError on what is none."""
    try:
        return json.loads(written)
    except RecursionError as error:
        raise ValueError("it is too deep to be read") from error


def _study(folder: Path, content: Mapping[str, Any], digest: str) -> Study:
    def shown(name: str, kind: type[_Shown]) -> tuple[_Shown, ...]:
        entries = read_value(content.get(name), tuple[Any, ...], name)
        return tuple(
            _read_shown(folder, entry, kind, f"{name}[{n}]") for n, entry in enumerate(entries)
        )

    return Study(
        **read_object(
            {key: value for key, value in content.items() if key not in _SHOWN},
            Study,
            given={
                "folder": folder,
                "digest": digest,
                "stimuli": shown("stimuli", Stimulus),
                "practice": shown("practice", Practice),
                "checks": shown("checks", Check),
            },
        )
    )


_Shown = TypeVar("_Shown", Stimulus, Practice, Check)
_SHOWN = ("stimuli", "practice", "checks")


def _read_shown(folder: Path, entry: object, kind: type[_Shown], where: str) -> _Shown:
    """Return one stimulus; its explanation is in a file of its own."""
    about = read_object(entry, kind, where, given={"explanation": None})
    explanation = _read_stimulus(folder, about["id"], about["sha256"])
    return kind(**about | {"explanation": explanation})


def _check(study: Study) -> None:
    """Raise ValueError on a study that was read and can't have been made."""
    known: list[Practice | Check] = [*study.practice, *study.checks]
    every: list[Stimulus | Practice | Check] = [*study.stimuli, *known]
    if len({one.id for one in every}) < len(every):
        raise ValueError("two stimuli have one id")
    cells = [(one.sample, one.method) for one in study.stimuli]
    wanted = study.samples * len(study.methods)
    if len(cells) != wanted or set(cells) != set(product(range(study.samples), study.methods)):
        raise ValueError(f"it has {len(cells)} stimuli, which are not one of each sample by method")
    if not cells:
        raise ValueError("it has no stimuli")
    for item in known:
        if not LOWEST <= item.low <= item.high <= HIGHEST:
            said = f"{shown(item.low)} to {shown(item.high)}"
            raise ValueError(f"the answer of {item.id} is from {said}")
    for check in study.checks:
        if check.sample is not None and not 0 <= check.sample < study.samples:
            raise ValueError(f"the check {check.id} is of sample {shown(check.sample)}")
    if len(study.scale) != HIGHEST:
        raise ValueError(f"its scale has {len(study.scale)} steps")
    settings = study.plan
    if settings.per_rater is not None and not 1 <= settings.per_rater <= len(cells):
        raise ValueError(f"plan.per_rater is {shown(settings.per_rater)}")
    if settings.checks < 0 or settings.repeats < 0:
        raise ValueError("plan.checks or plan.repeats is below 0")


def _read_stimulus(folder: Path, id: str, expected: str) -> Explanation:
    if not _ID.fullmatch(id):
        raise ValueError(f"{shown(id)} is no id of a stimulus")
    path = folder / STIMULI / f"{id}.json"
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
