"""What else could have been trained on the same pairs: sentence-transformers' own way."""

from collections.abc import Sequence
from pathlib import Path

from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
from transformers import PrinterCallback

from whyalike.models.loading import load
from whyalike.training.heads import quiet
from whyalike.training.loop import training_arguments
from whyalike.training.settings import TrainingSettings


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
    RecoBERT's run; a bare encoder gets mean pooling.

    Args:
        base: a hub name or a local path.
        pairs: to learn from.
        settings: RecoBERT's.
        scratch: a folder for files that are not kept.
        steps: how many RecoBERT did.
        device: ``"cpu"``, or None for the best there is.
        trust_remote_code: allow code that comes with the model to run.
        allow_pickle: allow weights that are not safetensors.
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
