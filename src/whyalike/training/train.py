"""Train RecoBERT on a catalogue, from its titles and descriptions to a folder with a model."""

import os
from collections.abc import Callable, Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path

from whyalike.data.items import Item
from whyalike.errors import MissingExtraError, OptionError, OutputError
from whyalike.training.checkpoints import begin_run, digest_of, remove_broken, unfinished
from whyalike.training.course import world_size
from whyalike.training.measuring import HeldOut, guess_kind
from whyalike.training.random_state import own_random_state
from whyalike.training.result import TrainingProgress, TrainingResult
from whyalike.training.saving import said_where_unwritable
from whyalike.training.settings import TrainingSettings
from whyalike.training.split import split_pairs
from whyalike.training.task import Baseline, Task

DEFAULT_BASE = "all-MiniLM-L6-v2"


def train_recobert(
    catalogue: Iterable[Item],
    *,
    out: str | os.PathLike[str],
    base: str | os.PathLike[str] | None = None,
    settings: TrainingSettings | None = None,
    name: str | None = None,
    kind: str | None = None,
    baseline: Baseline | None = None,
    resume: bool = False,
    progress: Callable[[TrainingProgress], None] | None = None,
    device: str | None = None,
    trust_remote_code: bool = False,
    allow_pickle: bool = False,
) -> TrainingResult:
    """Train an encoder on titles and descriptions, without labels, and measure what came of it.

    The objective is RecoBERT's (Malkiel et al., Findings of EMNLP 2020), or a variant of it that
    ``settings`` names. ``out`` appears when all is done: a SentenceTransformer with a model card.
    Until then, checkpoints stand beside it, in ``out`` + ``.unfinished``; on a CPU a resumed run
    ends with the same bits as one that was never cut off. Under torchrun every process calls
    this, and gets the same result.

    Args:
        catalogue: the items; those without a title or a description are left out.
        out: the folder to make.
        base: a hub name or a local path; by default all-MiniLM-L6-v2.
        settings: every choice of the objective and of the optimiser.
        name: what the catalogue is called in the model card; by default its own name.
        kind: the metadata that says of what kind an item is; by default one that looks so.
        baseline: ``"mnrl"`` trains the base by MultipleNegativesRankingLoss too, for comparison.
        resume: go on with an unfinished run.
        progress: is told of losses and looks.
        device: ``"cpu"``, or None for the best there is.
        trust_remote_code: allow code that comes with the model to run.
        allow_pickle: allow weights that are not safetensors.

    Raises:
        MissingExtraError: the extra ``train`` is not installed.
        OptionError: ``out`` holds something, there is an unfinished run and no ``resume`` (or one
            of other data or settings), or there are too few items.
        ModelNotFoundError, UnsafeModelError, ModelError: the base can't be had or trained.
        OutputError: a checkpoint or the model can't be written; whole checkpoints are kept.
        KeyboardInterrupt: after Ctrl-C, with a checkpoint of the last step.
    """
    _require_extra()
    chosen = settings or TrainingSettings()
    target = Path(out)
    given = list(catalogue)
    items = [item for item in given if item.title.strip() and item.description.strip()]
    pairs = [(item.title, item.description) for item in items]
    split = split_pairs(
        pairs,
        held_out=chosen.held_out,
        watched=chosen.share_watched(len(pairs)),
        seed=chosen.seed,
    )
    kind = _check_kind(items, kind)
    _refuse_what_is_there(target)

    folder = unfinished(target)
    rank = int(os.environ.get("RANK", "0"))
    description = {
        "texts": digest_of(pairs),
        "base": str(base or DEFAULT_BASE),
        "processes": world_size(),
        "settings": chosen.to_dict(),
    }
    checkpoint = begin_run(folder, description, resume=resume, rank=rank)
    if rank == 0:
        remove_broken(folder)
    task = Task(
        name=name or str(getattr(catalogue, "name", "a catalogue")),
        base=str(base or DEFAULT_BASE),
        out=target,
        folder=folder,
        held_out=HeldOut(pairs, split.held_out, [_kind_of(item, kind) for item in items]),
        split=split,
        settings=chosen,
        kind=kind,
        left_out=len(given) - len(items),
        baseline=baseline,
        device=device,
        trust_remote_code=trust_remote_code,
        allow_pickle=allow_pickle,
    )
    with own_random_state(), said_where_unwritable(target):
        return task.run(checkpoint, progress)


def _require_extra() -> None:
    """Raise MissingExtraError unless the packages of the extra are there."""
    for package in ("accelerate", "datasets"):
        if find_spec(package) is None:
            raise MissingExtraError("Training", package, "train")


def _refuse_what_is_there(out: Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OptionError(
            f"{out} is there already, and is not written over: choose another folder (out, -o), or "
            "delete it."
        )
    if not out.parent.is_dir():
        raise OutputError(f"There is no folder {out.parent}: make it first.")


def _check_kind(items: Sequence[Item], kind: str | None) -> str | None:
    if kind is None:
        return guess_kind(items)
    if not any(kind in item.metadata for item in items):
        known = sorted({name for item in items[:100] for name in item.metadata})
        raise OptionError(
            f"No item has {kind!r}; there are: {', '.join(map(repr, known)) or 'no metadata'}."
        )
    return kind


def _kind_of(item: Item, kind: str | None) -> object:
    value = item.metadata.get(kind) if kind else None
    return value or None
