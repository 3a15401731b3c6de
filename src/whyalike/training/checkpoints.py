"""Checkpoints: which are whole, and whose run they are of."""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from whyalike.errors import OptionError
from whyalike.explain import write_whole

RUN = "run.json"
_FILES = ("model.safetensors", "optimizer.pt", "scheduler.pt")


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
    """
    path = folder / RUN
    if not resume and latest_checkpoint(folder) is not None and rank == 0:
        raise OptionError(
            f"{folder} holds an unfinished run: go on with it (resume=True, --resume), or delete "
            "that folder to start anew."
        )
    if resume and path.is_file():
        before = json.loads(path.read_text(encoding="utf-8"))
        now = json.loads(json.dumps(description))
        if changed := sorted(key for key in now if before.get(key) != now[key]):
            said = "; ".join(
                f"{key}: {before.get(key)!r} then, {now[key]!r} now" for key in changed
            )
            raise OptionError(
                f"The unfinished run in {folder} differs from this one ({said}). Resume it with "
                "the same data and options, or delete that folder to start anew."
            )
        return latest_checkpoint(folder)
    if rank == 0:
        folder.mkdir(parents=True, exist_ok=True)
        said = json.dumps(description, indent=2) + "\n"
        write_whole(path, lambda stream: stream.write(said.encode()))
    return None


def latest_checkpoint(folder: Path) -> Path | None:
    """Return the newest checkpoint that was written to its end."""
    found = [path for path in folder.glob("checkpoint-*") if is_whole(path)]
    return max(found, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


def is_whole(checkpoint: Path) -> bool:
    """Return whether all its files are there; Trainer writes its state last."""
    try:
        json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    named = all((checkpoint / name).is_file() for name in _FILES)
    return named and any(checkpoint.glob("rng_state*.pth"))


def remove_broken(folder: Path) -> None:
    """Remove checkpoints that were cut off, so that none is taken for the newest."""
    for path in folder.glob("checkpoint-*"):
        if not is_whole(path):
            shutil.rmtree(path, ignore_errors=True)


def digest_of(pairs: Sequence[tuple[str, str]]) -> str:
    """Return a short name for exactly these texts in this order."""
    said = json.dumps([list(pair) for pair in pairs], ensure_ascii=False)
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:16]
