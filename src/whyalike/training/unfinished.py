"""What is kept of a run until it is done: its description, checkpoints, and the time it took.

Nothing here loads torch before there is a checkpoint: wrong options are refused at once.
"""

import hashlib
import json
import math
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from whyalike.documents import DAMAGED_ARCHIVE, Format, shown
from whyalike.errors import FormatError, OptionError, OutputError
from whyalike.files import write_whole
from whyalike.training.settings import TrainingSettings

FORMAT = Format("whyalike/training-run", "description of a run", "Delete its folder to start anew.")
RUN = "run.json"
SPENT = "whyalike.json"


def unfinished(out: Path) -> Path:
    """Return the folder beside ``out`` that holds a run's checkpoints until it is done."""
    return out.with_name(out.name + ".unfinished")


def begin_run(
    folder: Path,
    description: Mapping[str, Any],
    *,
    resume: bool,
    force: bool = False,
    rank: int = 0,
) -> Path | None:
    """Return the newest whole checkpoint to go on from, or None where a run begins.

    Parameters
    ----------
    folder : Path
        Of the checkpoints.
    description : Mapping[str, Any]
        What makes the run what it is; it must be equal to go on.
    resume : bool
        Whether to go on.
    force : bool, default=False
        Whether an unfinished run is thrown away.
    rank : int, default=0
        The process; the first writes.

    Raises
    ------
    OptionError
        There is an unfinished run, and neither ``resume`` nor ``force`` is asked for, or both are;
        or it was started with other data or settings.
    FormatError
        What is said of the run can't be read, or a newer release began it.
    """
    path = folder / RUN
    if resume and force:
        raise OptionError(
            "resume (--resume) goes on with an unfinished run, and force (--force) throws it away: "
            "give one of them."
        )
    if not resume and rank == 0 and (latest := latest_checkpoint(folder)) is not None:
        if not force:
            raise _unfinished_already(folder, description, step_of(latest))
        shutil.rmtree(folder)
    if resume and path.is_file():
        # Those that were begun before 1.0 say neither format nor version.
        if changed := _changed(FORMAT.load(path, unnamed=True), description):
            raise OptionError(
                f"The unfinished run in {folder} has other data or options ({'; '.join(changed)}). "
                "Resume it with the same, or throw it away and start anew (force=True, --force, "
                "without resume)."
            )
        return latest_checkpoint(folder)
    if rank == 0:
        folder.mkdir(parents=True, exist_ok=True)
        said = json.dumps({**FORMAT.head(), **description}, indent=2) + "\n"
        write_whole(path, lambda stream: stream.write(said.encode()))
    return None


def step_of(checkpoint: Path) -> int:
    """Return the step that a checkpoint is of."""
    return int(checkpoint.name.rpartition("-")[2])


def _unfinished_already(folder: Path, description: Mapping[str, Any], step: int) -> OptionError:
    """Return the error for a run that would be thrown away; it says whether it is the same one."""
    changed = list[str]()
    with suppress(FormatError):
        changed = _changed(FORMAT.load(folder / RUN, unnamed=True), description)
    if not changed:
        return OptionError(
            f"{folder} holds an unfinished run, at step {step}: go on with it (resume=True, "
            "--resume), or throw it away and start anew (force=True, --force)."
        )
    return OptionError(
        f"{folder} holds an unfinished run of other data or options, at step {step} "
        f"({'; '.join(changed)}): choose another folder (out, -o), or throw it away and start anew "
        "(force=True, --force)."
    )


def _changed(before: Mapping[str, Any], description: Mapping[str, Any]) -> list[str]:
    """Return what is another one than before, each setting by itself."""
    then = _flat(_with_defaults(before))
    now = _flat(json.loads(json.dumps(description)))
    return [
        f"{key}: other items" if key == "texts"
        else f"{key}: {shown(then.get(key))} then, {shown(now[key])} now"
        for key in sorted(now)
        if then.get(key) != now[key]
    ]  # fmt: skip


def _flat(description: Mapping[str, Any]) -> dict[str, Any]:
    settings = description.get("settings")
    others = {key: value for key, value in description.items() if key != "settings"}
    return {**others, **settings} if isinstance(settings, Mapping) else dict(description)


def _with_defaults(description: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is said of a run, with settings that there were not when it was begun."""
    settings = description.get("settings")
    if not isinstance(settings, Mapping):
        return dict(description)
    return {**description, "settings": {**TrainingSettings().to_dict(), **settings}}


def latest_checkpoint(folder: Path) -> Path | None:
    """Return the newest checkpoint that was written to its end."""
    found = [path for path in folder.glob("checkpoint-*") if is_whole(path)]
    return max(found, key=step_of, default=None)


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


def note_seconds(checkpoint: Path, seconds: float) -> None:
    """Note in a checkpoint how long training to it took, earlier runs included."""
    said = json.dumps({"seconds": seconds})
    write_whole(checkpoint / SPENT, lambda stream: stream.write(said.encode()))


def seconds_of(checkpoint: Path | None) -> float:
    """Return how long training to a checkpoint took; 0 where none is noted."""
    if checkpoint is None:
        return 0.0
    try:
        found = json.loads((checkpoint / SPENT).read_text(encoding="utf-8"))["seconds"]
    except (OSError, ValueError, KeyError, TypeError):
        return 0.0
    return float(found) if isinstance(found, int | float) and 0 <= found < math.inf else 0.0


def refuse_what_is_there(out: Path) -> None:
    """Raise OptionError where something is in the model's place, OutputError where none can be."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OptionError(
            f"{out} is there already, and is not written over: choose another folder (out, -o), or "
            "delete it."
        )
    if not out.parent.is_dir():
        raise OutputError(f"There is no folder {out.parent}: make it first.")


def digest_of(pairs: Sequence[tuple[str, str]]) -> str:
    """Return a short name for exactly these texts in this order."""
    said = json.dumps([list(pair) for pair in pairs], ensure_ascii=False)
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:16]
