"""One training run, from a base to a finished folder."""

import json
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from safetensors.torch import load_file
from torch import distributed

from whyalike.files import write_whole
from whyalike.training.baselines import train_ranking_baseline
from whyalike.training.card import write_card
from whyalike.training.embedding import embed_texts
from whyalike.training.heads import Base, call_base, open_base, quiet
from whyalike.training.loop import RecoBERTTrainer, run_loop
from whyalike.training.measuring import HeldOut
from whyalike.training.negatives import number_texts
from whyalike.training.recobert import RecoBERT
from whyalike.training.result import ModelFigures, TrainingProgress, TrainingResult
from whyalike.training.retrieval import rank_descriptions
from whyalike.training.saving import save_as_pipeline
from whyalike.training.settings import TrainingSettings
from whyalike.training.split import Split

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
        self, checkpoint: Path | None, progress: Callable[[TrainingProgress], None] | None
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
        began = time.monotonic()
        model, trainer = run_loop(
            base,
            [self.held_out.pairs[index] for index in self.split.train],
            settings,
            self.folder,
            look=(lambda model: self._look(model, base)) if self.split.watched else None,
            resume_from=checkpoint,
            tell=progress,
            device=self.device,
        )
        seconds = time.monotonic() - began
        if trainer.is_world_process_zero():
            self._finish(model, base, trainer, seconds)
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
        pairs = [self.held_out.pairs[index] for index in self.split.watched[:WATCHED_AT_MOST]]
        sides = [
            embed_texts(model.encoder, base.tokenizer, texts, max_length=self.settings.max_length)
            for texts in zip(*pairs, strict=True)
        ]
        numbers = number_texts([description for _, description in pairs]).tolist()
        found = rank_descriptions(sides[0], sides[1], own=range(len(pairs)), texts=numbers)
        return found.mrr

    def _finish(
        self, model: RecoBERT, base: Base, trainer: RecoBERTTrainer, seconds: float
    ) -> None:
        """Write the model as it was at its best step, with its figures, and remove the rest."""
        best = trainer.state.best_model_checkpoint
        step = trainer.state.global_step
        if best is not None and trainer.state.best_global_step:
            model.load_state_dict(load_file(Path(best) / "model.safetensors"))
            step = trainer.state.best_global_step
        with tempfile.TemporaryDirectory(dir=self.out.parent, prefix=".whyalike-") as scratch:
            made = Path(scratch) / "model"
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
                figures=self._measure(made, trainer, Path(scratch)),
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
        self, made: Path, trainer: RecoBERTTrainer, scratch: Path
    ) -> tuple[ModelFigures, ...]:
        if not self.split.held_out:
            return ()
        figures = [
            self.held_out.measure(self.base, "base, untrained", **self._loading),
            self.held_out.measure(str(made), "RecoBERT", device=self.device),
        ]
        if self.baseline == "mnrl":
            ranked = train_ranking_baseline(
                self.base,
                [self.held_out.pairs[index] for index in self.split.train],
                self.settings,
                scratch,
                steps=trainer.state.global_step,
                **self._loading,
            )
            figures.append(
                # It was trained without prompts, as RecoBERT was.
                self.held_out.measure(ranked, "MultipleNegativesRankingLoss", prompted=False)
            )
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
