"""Checkpoints: which are whole, and whose run they are of."""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from whyalike.documents import DAMAGED_ARCHIVE, Format, shown
from whyalike.errors import OptionError
from whyalike.files import write_whole
from whyalike.training.settings import TrainingSettings

FORMAT = Format("whyalike/training-run", "description of a run", "Delete its folder to start anew.")
RUN = "run.json"
MOST_SAID = 600


def unfinished(out: Path) -> Path:
    """Return the folder beside ``out`` that holds a run's checkpoints until it is done."""
    return out.with_name(out.name + ".unfinished")


def begin_run(
    folder: Path, description: Mapping[str, Any], *, resume: bool, rank: int = 0
) -> Path | None:
    """Return the newest whole checkpoint to go on from, or None where a run begins.

    Args:
        folder: of the checkpoints.
        description: what makes the run what it is; it must be equal to go on.
        resume: whether to go on.
        rank: the process; the first writes.

    Raises:
        OptionError: there is an unfinished run, and ``resume`` is not asked for; or it was
            started with other data or settings.
        FormatError: what is said of the run can't be read, or a newer release began it.
    """
    path = folder / RUN
    if not resume and latest_checkpoint(folder) is not None and rank == 0:
        raise OptionError(
            f"{folder} holds an unfinished run: go on with it (resume=True, --resume), or delete "
            "that folder to start anew."
        )
    if resume and path.is_file():
        # Those that were begun before 1.0 say neither format nor version.
        before = _with_defaults(FORMAT.load(path, unnamed=True))
        now = json.loads(json.dumps(description))
        if changed := sorted(key for key in now if before.get(key) != now[key]):
            said = "; ".join(
                f"{key}: {_said(before.get(key))} then, {_said(now[key])} now" for key in changed
            )
            raise OptionError(
                f"The unfinished run in {folder} differs from this one ({said}). Resume it with "
                "the same data and options, or delete that folder to start anew."
            )
        return latest_checkpoint(folder)
    if rank == 0:
        folder.mkdir(parents=True, exist_ok=True)
        said = json.dumps({**FORMAT.head(), **description}, indent=2) + "\n"
        write_whole(path, lambda stream: stream.write(said.encode()))
    return None


def _said(value: object) -> str:
    """Return what a run was begun with: all of its settings are to be seen."""
    said = repr(value) if isinstance(value, dict) else shown(value)
    return said if len(said) <= MOST_SAID else said[:MOST_SAID] + "…"


def _with_defaults(description: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is said of a run, with settings that there were not when it was begun."""
    settings = description.get("settings")
    if not isinstance(settings, Mapping):
        return dict(description)
    return {**description, "settings": {**TrainingSettings().to_dict(), **settings}}


def latest_checkpoint(folder: Path) -> Path | None:
    """Return the newest checkpoint that was written to its end."""
    found = [path for path in folder.glob("checkpoint-*") if is_whole(path)]
    return max(found, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


def is_whole(checkpoint: Path) -> bool:
    """Return whether all its files are there and can be read; Trainer writes its state last."""
    pickles = [checkpoint / "optimizer.pt", checkpoint / "scheduler.pt"]
    states = list(checkpoint.glob("rng_state*.pth"))
    return (
        bool(states)
        and _holds_state(checkpoint / "trainer_state.json")
        and _holds_weights(checkpoint / "model.safetensors")
        and all(map(_is_whole_archive, [*pickles, *states]))
    )


def _holds_state(path: Path) -> bool:
    from transformers import TrainerState

    try:
        state = TrainerState.load_from_json(str(path))
    except (OSError, ValueError, TypeError, AttributeError, KeyError, RecursionError):
        return False
    return type(state.global_step) is type(state.max_steps) is int


def _holds_weights(path: Path) -> bool:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as weights:
            return bool(weights.keys())
    except (OSError, SafetensorError):
        return False


def _is_whole_archive(path: Path) -> bool:
    """Return whether a file that torch wrote is whole, by the checksums in it."""
    try:
        with ZipFile(path) as archive:
            return archive.testzip() is None
    except DAMAGED_ARCHIVE:
        return False


def remove_broken(folder: Path) -> None:
    """Remove checkpoints that were cut off, so that none is taken for the newest."""
    for path in folder.glob("checkpoint-*"):
        if not is_whole(path):
            shutil.rmtree(path, ignore_errors=True)


def digest_of(pairs: Sequence[tuple[str, str]]) -> str:
    """Return a short name for exactly these texts in this order."""
    said = json.dumps([list(pair) for pair in pairs], ensure_ascii=False)
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:16]
