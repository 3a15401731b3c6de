"""Vectors of rows: the user's whole sentence-transformers pipeline, or a bare encoder with pooling.

Both build the model's inputs from token ids that are known to be what the model reads, and both
return two vectors per row: the one that is scored, and the same before any final normalisation.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from whyalike.encoder.capture import Captured
from whyalike.encoder.pooling import Pooling, pool
from whyalike.encoder.replica import OwnTokenizer
from whyalike.encoder.tokenization import Row, TokenizedText
from whyalike.errors import ModelError, OptionError

Batch = Sequence[tuple[TokenizedText, Row]]


class VectorSource(Protocol):
    """Where vectors come from."""

    @property
    def module(self) -> nn.Module:
        """All that runs."""

    def features(self, batch: Batch) -> dict[str, Any]:
        """Return the model's inputs, padded, on its device."""

    def vectors(
        self, features: dict[str, Any], content: Tensor, captured: Captured
    ) -> tuple[Tensor, Tensor]:
        """Return (scored, unnormalised) vectors, (B, H) each."""


class PooledEncoder:
    """A Hugging Face encoder whose last hidden states are pooled here."""

    def __init__(
        self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, pooling: Pooling
    ) -> None:
        self.module = model
        self.tokenizer = tokenizer
        self.pooling = pooling

    def features(self, batch: Batch) -> dict[str, Any]:
        """See VectorSource."""
        return pad(batch, self.tokenizer, self.module.device)

    def vectors(
        self, features: dict[str, Any], content: Tensor, captured: Captured
    ) -> tuple[Tensor, Tensor]:
        """See VectorSource."""
        self.module(**features)
        if captured.last_hidden is None:
            raise ModelError(f"{type(self.module).__name__} returned no hidden states.")
        mask = features["attention_mask"]
        vectors = pool(captured.last_hidden, mask, content, pooling=self.pooling)
        return at_least_single(vectors), at_least_single(vectors)


class PipelineEncoder:
    """A SentenceTransformer, run whole: its pooling, Dense, Normalize, prompts and truncation."""

    def __init__(self, pipeline: SentenceTransformer, own: OwnTokenizer) -> None:
        self.module = pipeline
        self.own = own

    def features(self, batch: Batch) -> dict[str, Any]:
        """See VectorSource; all rows are windows, or none.

        Raises:
            ModelError: the pipeline reads other tokens than ours.
            OptionError: windows with a prompt that the pooling leaves out.
        """
        prompt = batch[0][0].prompt
        if len(batch[0][0].rows) > 1:
            if prompt and not all(_pools_prompt(module) for module in self.module.children()):
                raise OptionError(
                    "This pipeline leaves its prompt out of the pooling, which windows can't: "
                    "choose long_text='truncate', or pooling='paper'."
                )
            return pad(batch, self.own.tokenizer, self.module.device)
        texts = [text.text for text, _ in batch]
        with self.own.lock:
            features = self.module.preprocess(texts, prompt=prompt or None)
        ids, mask = features.get("input_ids"), features.get("attention_mask")
        if ids is None or mask is None:
            raise ModelError("The model takes no token ids; only text encoders can be explained.")
        for (_, row), row_ids, row_mask in zip(batch, ids, mask.bool(), strict=True):
            if tuple(row_ids[row_mask].tolist()) != row.input_ids:
                raise ModelError(
                    "The pipeline reads other tokens than its tokenizer gives (a chat template, or "
                    "a step of its own before tokenizing), so words can't be traced through it. "
                    "Choose pooling='paper' to explain its encoder instead."
                )
        device = self.module.device
        return {k: v.to(device) if isinstance(v, Tensor) else v for k, v in features.items()}

    def vectors(
        self, features: dict[str, Any], content: Tensor, captured: Captured
    ) -> tuple[Tensor, Tensor]:
        """See VectorSource; the pipeline does its own pooling, so that two arguments go unused."""
        del content, captured
        with _input_of_last_normalize(self.module) as kept:
            scored = self.module(features)["sentence_embedding"]
        dimensions = self.module.truncate_dim
        raw = kept[0] if kept else scored
        return at_least_single(scored[:, :dimensions]), at_least_single(raw[:, :dimensions])


def _pools_prompt(module: nn.Module) -> bool:
    return bool(getattr(module, "include_prompt", True))


def at_least_single(tensor: Tensor) -> Tensor:
    """Return a tensor in single or double precision: half is too coarse for cosines and sums."""
    return tensor if tensor.dtype == torch.float64 else tensor.float()


def pad(batch: Batch, tokenizer: PreTrainedTokenizerBase, device: torch.device) -> dict[str, Any]:
    """Return input ids and attention mask, (B, T) each, padded on the tokenizer's side."""
    width = max(len(row.input_ids) for _, row in batch)
    token = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0
    ids = torch.full((len(batch), width), token, dtype=torch.long)
    mask = torch.zeros((len(batch), width), dtype=torch.long)
    for index, (_, row) in enumerate(batch):
        start = width - len(row.input_ids) if tokenizer.padding_side == "left" else 0
        place = slice(start, start + len(row.input_ids))
        ids[index, place] = torch.tensor(row.input_ids, dtype=torch.long)
        mask[index, place] = 1
    return {"input_ids": ids.to(device), "attention_mask": mask.to(device)}


@contextmanager
def _input_of_last_normalize(pipeline: SentenceTransformer) -> Iterator[list[Tensor]]:
    """Keep the sentence embedding as it is before a Normalize at the end of the pipeline."""
    kept: list[Tensor] = []
    last = list(pipeline.children())[-1]
    if not isinstance(last, Normalize):
        yield kept
        return

    def keep(_module: nn.Module, args: tuple[dict[str, Any], ...]) -> None:
        kept.append(args[0]["sentence_embedding"])

    hook = last.register_forward_pre_hook(keep)
    try:
        yield kept
    finally:
        hook.remove()
