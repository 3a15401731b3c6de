"""The training loop: its course, and random states that go on."""

import math
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn
from transformers import (
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from whyalike.training.caching import cached_backward
from whyalike.training.data import PairCollator, PairDataset
from whyalike.training.processes import mean_over_processes
from whyalike.training.recobert import Base, RecoBERT, quiet
from whyalike.training.result import TrainingProgress
from whyalike.training.settings import TrainingSettings
from whyalike.training.unfinished import note_seconds, seconds_of

Tell = Callable[[TrainingProgress], None]
Say = Callable[[str], object]
"""Is called with what is done besides steps."""


class Course(TrainerCallback):
    """Tells how far the run is, and ends it early: without progress, or on Ctrl-C."""

    def __init__(
        self, *, patience: int | None, tell: Tell | None, say: Say, spent: float = 0.0
    ) -> None:
        self.patience = patience
        self.tell, self.say = tell, say
        self.interrupted = False
        self.began = (time.monotonic(), 0)
        self.spent = spent

    @property
    def seconds(self) -> float:
        """How long training took so far, runs before this one included."""
        return self.spent + time.monotonic() - self.began[0]

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Start the clock."""
        del args, control
        self.began = (time.monotonic(), state.global_step)

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Look at the end too; after Ctrl-C keep a checkpoint and stop."""
        if state.global_step >= state.max_steps and args.eval_strategy != "no":
            control.should_evaluate = True
        if self.interrupted:
            control.should_save = True
            control.should_training_stop = True

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Note the time in the checkpoint, for the run that goes on from it."""
        del control
        if state.is_world_process_zero:
            folder = Path(str(args.output_dir)) / f"checkpoint-{state.global_step}"
            note_seconds(folder, self.seconds)

    def on_evaluate(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Stop where the best look is ``patience`` looks old.

        What has been seen is read from the log, which every checkpoint keeps.
        """
        del args
        if lacks_progress(state, self.patience):
            control.should_training_stop = True
            control.should_save = True

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        """Tell what was logged."""
        del control
        logged = logs or {}
        if self.tell is None or not state.is_world_process_zero:
            return
        if "title_description" in logged or "eval_mrr" in logged:
            since, first = self.began
            done = state.global_step - first
            left = state.max_steps - state.global_step
            self.tell(
                TrainingProgress(
                    step=state.global_step,
                    steps=state.max_steps,
                    title_description=logged.get("title_description"),
                    masked_words=logged.get("masked_words"),
                    mrr=logged.get("eval_mrr"),
                    seconds_left=(time.monotonic() - since) / done * left if done else None,
                )
            )
            if not left and "eval_mrr" not in logged:
                look = args.eval_strategy != "no"
                self.say(
                    "All steps are done; "
                    f"{'looking at the watched items, and ' if look else ''}keeping a checkpoint."
                )


def lacks_progress(state: TrainerState, patience: int | None) -> bool:
    """Return whether the best look is ``patience`` looks old."""
    looks = [entry["eval_mrr"] for entry in state.log_history if "eval_mrr" in entry]
    if patience is None or not looks:
        return False
    return len(looks) - 1 - int(np.argmax(looks)) >= patience


@contextmanager
def stopped_by_signal(course: Course) -> Iterator[None]:
    """Let the first Ctrl-C end the step and keep a checkpoint; the second ends at once."""
    if threading.current_thread() is not threading.main_thread() or world_size() > 1:
        # Elsewhere there are no handlers; and several processes would stop at different steps.
        yield
        return
    before = signal.getsignal(signal.SIGINT)

    def stop(_number: int, _frame: FrameType | None) -> None:
        if course.interrupted:
            raise KeyboardInterrupt
        course.interrupted = True

    signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def world_size() -> int:
    """Return how many processes train together, as torchrun says."""
    return int(os.environ.get("WORLD_SIZE", "1"))


@contextmanager
def own_random_state() -> Iterator[None]:
    """Put the caller's random states back: Trainer seeds them all."""
    kept, numpy_kept = random.getstate(), np.random.get_state()
    with torch.random.fork_rng():
        try:
            yield
        finally:
            random.setstate(kept)
            np.random.set_state(numpy_kept)


Look = Callable[[], float]


class RecoBERTTrainer(Trainer):
    """A Trainer that keeps both losses apart, and looks at the watched items in its own way.

    Parameters
    ----------
    look : Look | None
        Returns the MRR of the watched items; None never looks.
    options : Any
        What Trainer takes.
    """

    def __init__(self, *, look: Look | None, **options: Any) -> None:
        super().__init__(**options)
        self.look = look
        self.parts: list[tuple[torch.Tensor, torch.Tensor]] = []

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """Return the weighted sum of both losses, and note each."""
        del num_items_in_batch
        found = model(**inputs)
        self.parts.append((found["title_description"], found["masked_words"]))
        return (found["loss"], found) if return_outputs else found["loss"]

    def training_step(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor:
        """Run forward and backward; with a cached batch, rows are looked at a few at a time."""
        bare = self.accelerator.unwrap_model(model)
        if not bare.settings.cached_batch:
            return super().training_step(model, inputs, num_items_in_batch)
        model.train()
        prepared: dict[str, Any] = self._prepare_inputs(inputs)
        found = cached_backward(
            model,
            bare,
            **prepared,
            backward=self.accelerator.backward,
            autocast=self.accelerator.autocast,
            no_sync=lambda: self.accelerator.no_sync(model),
        )
        self.parts.append((found["title_description"], found["masked_words"]))
        return found["loss"]

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Add the means of both losses since the last time, over all processes."""
        if "loss" in logs and self.parts:
            means = torch.tensor(self.parts, dtype=torch.float64).mean(0)
            shared = means.to(self.args.device) if world_size() > 1 else means
            pairs, words = mean_over_processes(shared).tolist()
            logs = {**logs, "title_description": pairs, "masked_words": words}
            self.parts = []
        super().log(logs, *args, **kwargs)

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """Look at the watched items; one process looks, so that all stop at the same step."""
        from accelerate.utils import broadcast_object_list

        found: list[float | None] = [None]
        if self.look is not None and self.is_world_process_zero():
            found = [self.look()]
        broadcast_object_list(found)
        metrics = {"eval_mrr": float(found[0] or 0.0)}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        return metrics


class Epochs(TrainerCallback):
    """Tells the data which epoch it is; accelerate's loaders do so with some samplers only."""

    def __init__(self, dataset: PairDataset, *, batch_size: int) -> None:
        self.dataset = dataset
        self.steps = math.ceil(len(dataset) / (batch_size * world_size()))

    def on_epoch_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Count epochs by steps, which a resumed run knows too."""
        del args, control
        self.dataset.epoch = state.global_step // self.steps


def run_loop(
    base: Base,
    pairs: Sequence[tuple[str, str]],
    settings: TrainingSettings,
    folder: Path,
    *,
    look: Callable[[RecoBERT], float] | None,
    resume_from: Path | None,
    tell: Tell | None,
    say: Say,
    device: str | None = None,
) -> tuple[RecoBERT, RecoBERTTrainer, float]:
    """Train to the end, to a stop, or to Ctrl-C (then KeyboardInterrupt, with a checkpoint).

    Returns the model, its trainer, and the seconds that it took, runs before this one included.

    Parameters
    ----------
    base : Base
        Where to start.
    pairs : Sequence[tuple[str, str]]
        To learn from.
    settings : TrainingSettings
        how.
    folder : Path
        For checkpoints.
    look : Callable[[RecoBERT], float] | None
        The MRR of the watched items by the model as it is; None trains to the end.
    resume_from : Path | None
        The checkpoint to go on from.
    tell : Tell | None
        Is called with the progress.
    say : Say
        Is called with what is done besides steps.
    device : str, optional
        ``"cpu"``, or None for the best there is.
    """
    model = RecoBERT(base, settings)
    spent = seconds_of(resume_from)
    course = Course(patience=settings.patience, tell=tell, say=say, spent=spent)
    dataset = PairDataset(pairs, settings)
    arguments = training_arguments(
        settings, folder, items=len(pairs), device=device, looks=look is not None
    )
    arguments.ddp_find_unused_parameters = base.head is None
    trainer = RecoBERTTrainer(
        model=model,
        args=arguments,
        train_dataset=dataset,
        # Its length alone is asked for: evaluate() looks in its own way.
        eval_dataset=[0] if look is not None else None,
        data_collator=PairCollator(base.tokenizer, settings, segments=base.segments),
        callbacks=[course, Epochs(dataset, batch_size=settings.batch_size)],
        look=None if look is None else lambda: look(model),
    )
    trainer.remove_callback(PrinterCallback)
    if resume_from is not None and take_up_the_end(trainer, model, resume_from, settings):
        return model, trainer, spent
    with stopped_by_signal(course), quiet():
        trainer.train(resume_from_checkpoint=None if resume_from is None else str(resume_from))
    if course.interrupted:
        raise KeyboardInterrupt
    return model, trainer, course.seconds


def take_up_the_end(
    trainer: Trainer, model: RecoBERT, checkpoint: Path, settings: TrainingSettings
) -> bool:
    """Load a checkpoint after which nothing was left to train, and return whether it is one."""
    state = TrainerState.load_from_json(str(checkpoint / "trainer_state.json"))
    if state.global_step < state.max_steps and not lacks_progress(state, settings.patience):
        return False
    trainer.state = state
    model.load_state_dict(load_file(checkpoint / "model.safetensors"))
    return True


def training_arguments(
    settings: TrainingSettings, folder: Path, *, items: int, device: str | None, looks: bool
) -> TrainingArguments:
    """Return the settings in Trainer's words."""
    on_cpu = device == "cpu" or not torch.cuda.is_available()
    steps = count_steps(settings, items)
    every = max(1, steps // settings.looks)
    return TrainingArguments(
        output_dir=str(folder),
        max_steps=steps,
        per_device_train_batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=math.ceil(settings.warmup * steps),
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.clip,
        seed=settings.seed,
        data_seed=settings.seed,
        bf16=not on_cpu and torch.cuda.is_bf16_supported(),
        use_cpu=on_cpu,
        ddp_backend="gloo" if on_cpu and world_size() > 1 else None,
        logging_strategy="steps",
        logging_steps=max(1, min(every, 10)),
        eval_strategy="steps" if looks else "no",
        eval_steps=every,
        save_strategy="steps",
        save_steps=every,
        save_total_limit=2,
        metric_for_best_model="mrr" if looks else None,
        greater_is_better=True,
        remove_unused_columns=False,
        label_names=[],
        dataloader_pin_memory=not on_cpu,
        disable_tqdm=True,
        report_to=[],
    )


def count_steps(settings: TrainingSettings, items: int) -> int:
    """Return how many steps there are at most."""
    if settings.max_steps is not None:
        return settings.max_steps
    return max(1, round(settings.epochs * math.ceil(items / (settings.batch_size * world_size()))))
