"""The course of a training run: how far it is, and what ends it early."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import numpy as np
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from whyalike.training.result import TrainingProgress

Tell = Callable[[TrainingProgress], None]


class Course(TrainerCallback):
    """Tells how far the run is, and ends it early: without progress, or on Ctrl-C."""

    def __init__(self, *, patience: int | None, tell: Tell | None) -> None:
        self.patience = patience
        self.tell = tell
        self.interrupted = False
        self.began = (0.0, 0)

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
        del args, control
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
