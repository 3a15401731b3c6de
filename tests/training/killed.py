"""A training that kills its process with signal 9 when a step is told."""

import os
import signal
from pathlib import Path

from training_catalogue import some_items

from whyalike.training import TrainingProgress, TrainingSettings, train_recobert

SETTINGS = TrainingSettings(
    max_steps=12, looks=4, batch_size=4, max_length=64, learning_rate=1e-3, watched=0.0,
    mlm_weight=0.5, held_out=0.1,
)  # fmt: skip


def main(base: str, out: str, step: int) -> None:
    def kill(now: TrainingProgress) -> None:
        if now.step == step:
            os.kill(os.getpid(), signal.SIGKILL)

    train_recobert(some_items(), out=Path(out), base=base, settings=SETTINGS, progress=kill)
