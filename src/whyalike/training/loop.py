"""The training loop: Hugging Face's Trainer, told what RecoBERT's batches and looks are."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

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

from whyalike.training.course import Course, Tell, lacks_progress, stopped_by_signal, world_size
from whyalike.training.heads import Base, quiet
from whyalike.training.pairs import PairCollator, PairDataset
from whyalike.training.recobert import RecoBERT
from whyalike.training.settings import TrainingSettings

Look = Callable[[], float]


class RecoBERTTrainer(Trainer):
    """A Trainer that keeps both losses apart, and looks at the watched items in its own way.

    Args:
        look: returns the MRR of the watched items; None never looks.
        options: what Trainer takes.
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

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Add the means of both losses since the last time."""
        if "loss" in logs and self.parts:
            pairs, words = torch.tensor(self.parts, dtype=torch.float64).mean(0).tolist()
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
    device: str | None = None,
) -> tuple[RecoBERT, RecoBERTTrainer]:
    """Train to the end, to a stop, or to Ctrl-C (then KeyboardInterrupt, with a checkpoint).

    Args:
        base: where to start.
        pairs: to learn from.
        settings: how.
        folder: for checkpoints.
        look: the MRR of the watched items by the model as it is; None trains to the end.
        resume_from: the checkpoint to go on from.
        tell: is told of progress.
        device: ``"cpu"``, or None for the best there is.
    """
    model = RecoBERT(base, settings)
    course = Course(patience=settings.patience, tell=tell)
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
        return model, trainer
    with stopped_by_signal(course), quiet():
        trainer.train(resume_from_checkpoint=None if resume_from is None else str(resume_from))
    if course.interrupted:
        raise KeyboardInterrupt
    return model, trainer


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
