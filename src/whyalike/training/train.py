"""Training on a catalogue, by RecoBERT's objective or another, with what it is held against."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from safetensors.torch import load_file
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from torch import distributed
from transformers import PrinterCallback

from whyalike.data.items import Item
from whyalike.errors import MissingExtraError, OptionError
from whyalike.files import write_whole
from whyalike.models.installed import MultipleNegativesRankingLoss, Pooling, Transformer
from whyalike.models.loading import load
from whyalike.training.data import Split, number_texts, split_pairs
from whyalike.training.fusing import fuse_scores
from whyalike.training.loop import (
    RecoBERTTrainer,
    Say,
    own_random_state,
    run_loop,
    training_arguments,
    world_size,
)
from whyalike.training.recobert import Base, RecoBERT, call_base, open_base, quiet
from whyalike.training.result import (
    WORDS_ALONE,
    HeldOut,
    ModelFigures,
    TrainingProgress,
    TrainingResult,
    guess_kind,
    write_card,
)
from whyalike.training.retrieval import rank_descriptions
from whyalike.training.saving import embed_texts, said_where_unwritable, save_as_pipeline
from whyalike.training.settings import TrainingSettings
from whyalike.training.unfinished import (
    begin_run,
    digest_of,
    refuse_what_is_there,
    remove_broken,
    step_of,
    unfinished,
)


def train_ranking_baseline(
    base: str,
    pairs: Sequence[tuple[str, str]],
    settings: TrainingSettings,
    scratch: Path,
    *,
    steps: int,
    device: str | None = None,
    trust_remote_code: bool = False,
    allow_pickle: bool = False,
) -> SentenceTransformer:
    """Return ``base`` trained by MultipleNegativesRankingLoss (Henderson et al. 2017).

    The pairs, the steps, the size of a batch, the learning rate and its course are those of
    the run that it is held against; a bare encoder gets mean pooling.

    Parameters
    ----------
    base : str
        A hub name or a local path.
    pairs : Sequence[tuple[str, str]]
        To learn from.
    settings : TrainingSettings
        That run's.
    scratch : Path
        A folder for files that are not kept.
    steps : int
        How many that run did.
    device : str, optional
        ``"cpu"``, or None for the best there is.
    trust_remote_code : bool, default=False
        Allow code that comes with the model to run.
    allow_pickle : bool, default=False
        Allow weights that are not safetensors.
    """
    from datasets import Dataset

    loaded = load(
        base, device=device, trust_remote_code=trust_remote_code, allow_pickle=allow_pickle
    )
    pipeline = loaded.pipeline
    if pipeline is None:
        loaded.transformer.save_pretrained(scratch / "base")
        loaded.tokenizer.save_pretrained(scratch / "base")
        transformer = Transformer(str(scratch / "base"))
        size = loaded.transformer.config.hidden_size
        pipeline = SentenceTransformer(modules=[transformer, Pooling(size)], device=device)
    pipeline.max_seq_length = min(settings.max_length, pipeline.max_seq_length or 10**9)
    ours = training_arguments(settings, scratch, items=len(pairs), device=device, looks=False)
    same = (
        "per_device_train_batch_size", "learning_rate", "lr_scheduler_type", "warmup_steps",
        "weight_decay", "max_grad_norm", "seed", "data_seed", "bf16", "use_cpu",
        "dataloader_pin_memory", "disable_tqdm", "report_to",
    )  # fmt: skip
    arguments = SentenceTransformerTrainingArguments(
        output_dir=str(scratch),
        max_steps=steps,
        save_strategy="no",
        logging_strategy="no",
        **{name: getattr(ours, name) for name in same},
    )
    # Otherwise the trainer embeds examples for a model card that nobody sees.
    pipeline.model_card_data.generate_widget_examples = False
    with quiet():
        trainer = SentenceTransformerTrainer(
            model=pipeline,
            args=arguments,
            train_dataset=Dataset.from_dict(
                {"anchor": [t for t, _ in pairs], "positive": [d for _, d in pairs]}
            ),
            loss=MultipleNegativesRankingLoss(pipeline),
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    return pipeline.eval()


Baseline = Literal["mnrl"]
RESULT = "training.json"

WATCHED_AT_MOST = 1000
"""Items that a look embeds, so that looks stay cheap on large catalogues."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is trained on what, and where it goes."""

    name: str
    base: str
    out: Path
    folder: Path
    held_out: HeldOut
    split: Split
    settings: TrainingSettings
    kind: str | None
    left_out: int
    baseline: Baseline | None
    device: str | None
    trust_remote_code: bool
    allow_pickle: bool

    def run(
        self,
        checkpoint: Path | None,
        progress: Callable[[TrainingProgress], None] | None,
        say: Say,
    ) -> TrainingResult:
        """Train, measure, save, and leave nothing but ``out``."""
        base = open_base(
            self.base,
            masked_words=self.settings.mlm_weight > 0,
            seed=self.settings.seed,
            **self._loading,
        )
        settings = self.settings
        if base.limit is not None and base.limit < settings.max_length:
            settings = replace(settings, max_length=base.limit)
        model, trainer, seconds = run_loop(
            base,
            [self.held_out.pairs[index] for index in self.split.train],
            settings,
            self.folder,
            look=(lambda model: self._look(model, base)) if self.split.watched else None,
            resume_from=checkpoint,
            tell=progress,
            say=say,
            device=self.device,
        )
        if trainer.is_world_process_zero():
            self._finish(model, base, trainer, seconds, say)
        if distributed.is_available() and distributed.is_initialized():
            distributed.barrier()
        found = json.loads((self.out / RESULT).read_text(encoding="utf-8"))
        return TrainingResult.from_dict(found, folder=self.out)

    @property
    def _loading(self) -> dict[str, Any]:
        return {
            "device": self.device,
            "trust_remote_code": self.trust_remote_code,
            "allow_pickle": self.allow_pickle,
        }

    def _look(self, model: RecoBERT, base: Base) -> float:
        """Return the MRR of the watched titles among the watched descriptions."""
        pairs = [self.held_out.pairs[index] for index in self.held_out.watched]
        sides = [
            embed_texts(model.encoder, base.tokenizer, texts, max_length=self.settings.max_length)
            for texts in zip(*pairs, strict=True)
        ]
        numbers = number_texts([description for _, description in pairs]).tolist()
        found = rank_descriptions(sides[0], sides[1], own=range(len(pairs)), texts=numbers)
        return found.mrr

    def _finish(
        self,
        model: RecoBERT,
        base: Base,
        trainer: RecoBERTTrainer,
        seconds: float,
        say: Say,
    ) -> None:
        """Write the model as it was at its best step, with its figures, and remove the rest."""
        best = trainer.state.best_model_checkpoint
        step = trainer.state.global_step
        if best is not None and trainer.state.best_global_step:
            model.load_state_dict(load_file(Path(best) / "model.safetensors"))
            step = trainer.state.best_global_step
        with tempfile.TemporaryDirectory(dir=self.out.parent, prefix=".whyalike-") as scratch:
            made = Path(scratch) / "model"
            say(f"Saving the model of step {step}.")
            with quiet():
                save_as_pipeline(base, made)
            result = TrainingResult(
                folder=None,
                base=call_base(self.base),
                catalogue=self.name,
                items=len(self.held_out.pairs),
                trained=len(self.split.train),
                watched=len(self.split.watched),
                held_out=len(self.split.held_out),
                steps=trainer.state.global_step,
                best_step=step,
                seconds=seconds,
                history=_history(trainer),
                figures=self._measure(made, trainer, Path(scratch), say),
                settings=self.settings.to_dict(),
                notes=(*base.notes, *self._notes(base)),
            )
            card = write_card(result).encode()
            said = json.dumps(result.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)
            write_whole(made / "README.md", lambda stream: stream.write(card))
            write_whole(made / RESULT, lambda stream: stream.write(said.encode()))
            with suppress(FileNotFoundError):
                self.out.rmdir()
            made.rename(self.out)
        shutil.rmtree(self.folder)

    def _measure(
        self, made: Path, trainer: RecoBERTTrainer, scratch: Path, say: Say
    ) -> tuple[ModelFigures, ...]:
        if not self.split.held_out:
            return ()
        titles = f"on {len(self.split.held_out):,} held-out titles"
        say(f"Measuring the base {titles}.")
        held_out = self.held_out
        figures = [held_out.measure(held_out.embed(self.base, **self._loading), "base, untrained")]
        say(f"Measuring the trained model {titles}.")
        near, words = held_out.embed(str(made), device=self.device), held_out.count_words()
        figures.append(held_out.measure(near, self.settings.objective))
        figures.append(held_out.measure(words, WORDS_ALONE))
        if held_out.watched:
            weight = held_out.choose_weight(near, words)
            fused = fuse_scores(near, words, weight)
            figures.append(held_out.measure(fused, f"trained, with TF-IDF × {weight:g}"))
        if self.baseline == "mnrl":
            say(f"Training the baseline, {trainer.state.global_step:,} steps, and measuring it.")
            ranked = train_ranking_baseline(
                self.base,
                [held_out.pairs[index] for index in self.split.train],
                self.settings,
                scratch,
                steps=trainer.state.global_step,
                **self._loading,
            )
            # It was trained without prompts, as ours was.
            near = held_out.embed(ranked, prompted=False)
            figures.append(held_out.measure(near, "MultipleNegativesRankingLoss"))
        return tuple(figures)

    def _notes(self, base: Base) -> list[str]:
        """Return what was cut, and what is taken for the kind of an item."""
        notes = []
        if self.left_out:
            notes.append(f"{self.left_out} items lack a title or a description, and were left out.")
        texts = [text for index in self.split.train for text in self.held_out.pairs[index]]
        lengths = [len(ids) for ids in base.tokenizer(texts, verbose=False)["input_ids"]]
        cut = sum(length > self.settings.max_length for length in lengths)
        if cut:
            notes.append(
                f"{cut} of {len(texts)} texts are longer than {self.settings.max_length} tokens, "
                "and were cut in training."
            )
        if self.kind is not None:
            notes.append(f"The kind of an item is its {self.kind!r}.")
        return notes


def _history(trainer: RecoBERTTrainer) -> tuple[TrainingProgress, ...]:
    """Return what was logged; every checkpoint keeps it, so that a resumed run has it whole."""
    return tuple(
        TrainingProgress(
            step=int(entry["step"]),
            steps=trainer.state.max_steps,
            title_description=entry.get("title_description"),
            masked_words=entry.get("masked_words"),
            mrr=entry.get("eval_mrr"),
            seconds_left=None,
        )
        for entry in trainer.state.log_history
        if "title_description" in entry or "eval_mrr" in entry
    )


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
    force: bool = False,
    progress: Callable[[TrainingProgress], None] | None = None,
    say: Callable[[str], object] | None = None,
    device: str | None = None,
    trust_remote_code: bool = False,
    allow_pickle: bool = False,
) -> TrainingResult:
    """Train an encoder on titles and descriptions, without labels, and measure what came of it.

    By default a title must find its description among those of a batch (a ranking loss), with a
    little masked-language modelling. ``settings=TrainingSettings.of(preset="recobert")`` has
    RecoBERT's own objective (Malkiel et al., Findings of EMNLP 2020). ``out`` appears when all is
    done: a SentenceTransformer with a model card. Until then, checkpoints stand beside it, in
    ``out`` + ``.unfinished``; on a CPU a resumed run ends with the same bits as one that was never
    cut off. Under torchrun every process calls this, and gets the same result.

    Parameters
    ----------
    catalogue : iterable of Item
        The items; those without a title or a description are left out.
    out : str | PathLike[str]
        The folder to make.
    base : str | PathLike[str], optional
        A hub name or a local path; by default all-MiniLM-L6-v2.
    settings : TrainingSettings, optional
        Every choice of the objective and of the optimiser.
    name : str, optional
        What the catalogue is called in the model card; by default its own name.
    kind : str, optional
        The metadata that says of what kind an item is; by default one that looks so.
    baseline : Baseline, optional
        ``"mnrl"`` trains the base by MultipleNegativesRankingLoss too, for comparison.
    resume : bool, default=False
        Go on with an unfinished run.
    force : bool, default=False
        Throw an unfinished run away, and begin anew.
    progress : Callable[[TrainingProgress], None], optional
        Is called with losses and evaluations.
    say : Callable[[str], object], optional
        Is called with what is done besides: from which step it goes on, that it saves or measures.
    device : str, optional
        ``"cpu"``, or None for the best there is.
    trust_remote_code : bool, default=False
        Allow code that comes with the model to run.
    allow_pickle : bool, default=False
        Allow weights that are not safetensors.

    Raises
    ------
    MissingExtraError
        The extra ``train`` is not installed.
    OptionError
        ``out`` holds something, there is an unfinished run and neither ``resume`` nor ``force`` (or
        one of other data or settings), or there are too few items.
    ModelNotFoundError, UnsafeModelError, ModelError
        The base can't be found or trained.
    OutputError
        A checkpoint or the model can't be written; whole checkpoints are kept.
    KeyboardInterrupt
        After Ctrl-C, with a checkpoint of the last step.
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
    if baseline is not None and world_size() > 1:
        raise OptionError(
            f"baseline={baseline!r} trains in one process, and torchrun started {world_size()}: "
            "leave it out (--baseline), or train in one."
        )
    refuse_what_is_there(target)

    folder = unfinished(target)
    rank = int(os.environ.get("RANK", "0"))
    description = {
        "texts": digest_of(pairs),
        "base": str(base or DEFAULT_BASE),
        "processes": world_size(),
        "settings": chosen.to_dict(),
    }
    checkpoint = begin_run(folder, description, resume=resume, force=force, rank=rank)
    tell = say if say is not None and rank == 0 else _say_nothing
    if checkpoint is not None:
        tell(f"Going on from the checkpoint of step {step_of(checkpoint):,}.")
    elif resume:
        tell("There is no checkpoint to go on from: the run begins anew.")
    if rank == 0:
        remove_broken(folder)
    task = Task(
        name=name or str(getattr(catalogue, "name", "a catalogue")),
        base=str(base or DEFAULT_BASE),
        out=target,
        folder=folder,
        held_out=HeldOut(
            pairs,
            split.held_out,
            [_kind_of(item, kind) for item in items],
            split.watched[:WATCHED_AT_MOST],
        ),
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
        return task.run(checkpoint, progress, tell)


def _say_nothing(_said: str) -> None:
    """Take no notice."""


def _require_extra() -> None:
    """Raise MissingExtraError unless the packages of the extra are there."""
    for package in ("accelerate", "datasets"):
        if find_spec(package) is None:
            raise MissingExtraError("Training", package, "train")


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
