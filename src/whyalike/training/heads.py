"""A base model for training: its encoder, and a head that guesses masked tokens."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from logging import ERROR
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForMaskedLM, PreTrainedModel, PreTrainedTokenizerBase
from transformers.modeling_outputs import BaseModelOutput
from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING
from transformers.utils import logging

from whyalike.errors import ModelError
from whyalike.models.loading import load
from whyalike.models.locating import explain_failure, find_model


@dataclass(frozen=True, eq=False)
class Base:
    """What training starts from.

    Attributes:
        name: as the user called it.
        encoder: gives the hidden states; it is what is trained.
        whole: the model as it is loaded elsewhere, with parts that no hidden state needs.
        head: from hidden states to logits of tokens; None where no masked language is learnt.
        tokenizer: the base's.
        segments: whether the encoder tells title and description by segment ids.
        limit: the tokens that it can read; None where that is unknown.
        notes: what a user should know of it.
    """

    name: str
    encoder: PreTrainedModel
    whole: PreTrainedModel
    head: "MaskedWordHead | None"
    tokenizer: PreTrainedTokenizerBase
    segments: bool
    limit: int | None
    notes: tuple[str, ...]


class HandedOn(nn.Module):
    """Stands where an encoder was, and gives back the hidden states that it is handed."""

    def forward(self, *_: Any, inputs_embeds: Tensor, **__: Any) -> BaseModelOutput:
        """Return ``inputs_embeds`` as the last hidden states."""
        return BaseModelOutput(last_hidden_state=inputs_embeds)


class MaskedWordHead(nn.Module):
    """What is left of a masked-language model without its encoder.

    So the head, its names, its activation and its tied weights are the architecture's own, and
    it runs on the masked tokens only. As a module of the model that is trained, it is
    synchronised between processes.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        setattr(model, model.base_model_prefix, HandedOn())
        self.model = model

    def forward(self, hidden: Tensor) -> Tensor:
        """Return logits (M, V) of M hidden states (M, H)."""
        logits: Tensor = self.model(inputs_embeds=hidden[None]).logits
        return logits[0]


def open_base(
    name: str,
    *,
    masked_words: bool,
    seed: int,
    device: str | None = None,
    trust_remote_code: bool = False,
    allow_pickle: bool = False,
) -> Base:
    """Load a base; a head that its files lack is drawn from ``seed``, and a note says so.

    Raises:
        ModelNotFoundError, UnsafeModelError, ModelError: it can't be had, or has no such head.
    """
    with torch.random.fork_rng(), quiet():
        # What the files lack, such as a pooler that nobody reads, is drawn too.
        torch.manual_seed(seed)
        loaded = load(
            name, device=device, trust_remote_code=trust_remote_code, allow_pickle=allow_pickle
        )
    head: MaskedWordHead | None = None
    notes: tuple[str, ...] = ()
    encoder = loaded.transformer
    nn.Module.float(encoder)
    if masked_words:
        if loaded.tokenizer.mask_token is None or type(encoder.config) not in _WITH_HEADS:
            raise ModelError(
                f"{name} is a {type(encoder).__name__}, whose architecture or tokenizer knows no "
                "masked tokens: train it without that loss (mlm_weight=0, --mlm-weight 0), or "
                "choose a base such as BERT, RoBERTa, MPNet or ModernBERT."
            )
        with torch.random.fork_rng(), quiet():
            torch.manual_seed(seed)
            encoder, head, notes = _with_head(name, allow_pickle, trust_remote_code)
        for module in (encoder, head):
            nn.Module.to(module, loaded.transformer.device)
    limit = None if loaded.pipeline is None else loaded.pipeline.max_seq_length
    if limit is None and loaded.tokenizer.model_max_length < 10**9:
        limit = loaded.tokenizer.model_max_length
    return Base(
        name=name,
        encoder=encoder,
        whole=loaded.transformer,
        head=head,
        tokenizer=loaded.tokenizer,
        segments=(getattr(encoder.config, "type_vocab_size", 0) or 0) > 1,
        limit=limit,
        notes=notes,
    )


def call_base(name: str) -> str:
    """Return what to call a base where others read it: of a folder the last part alone."""
    path = Path(name).expanduser()
    return path.resolve().name if path.is_dir() else name


_WITH_HEADS = frozenset(MODEL_FOR_MASKED_LM_MAPPING)


def _with_head(
    name: str, allow_pickle: bool, trust_remote_code: bool
) -> tuple[PreTrainedModel, MaskedWordHead, tuple[str, ...]]:
    found = find_model(name, allow_pickle=allow_pickle)
    folder = _transformers_folder(found.folder)
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=trust_remote_code)
        loaded: Any = AutoModelForMaskedLM.from_pretrained(
            folder,
            config=config,
            trust_remote_code=trust_remote_code,
            local_files_only=True,
            output_loading_info=True,
            # The same numbers as the encoder had: half precision would train badly.
            dtype=torch.float32,
            **({} if allow_pickle else {"use_safetensors": True}),
        )
    except Exception as error:
        raise explain_failure(found, error, trusted=trust_remote_code) from error
    model, report = loaded
    prefix = model.base_model_prefix
    missing = [key for key in report["missing_keys"] if not key.startswith(f"{prefix}.")]
    notes: tuple[str, ...] = ()
    if missing:
        tied = model.get_output_embeddings().weight is model.get_input_embeddings().weight
        notes = (
            f"{call_base(name)} has no trained head for masked tokens: it gets a new one, "
            + ("tied to its input embeddings." if tied else "with an output layer of its own."),
        )
    encoder = model.base_model
    return encoder, MaskedWordHead(model), notes


@contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers from printing tables of missing tensors; a note says it better.

    Nor does it warn that it orders checkpoints of one second by their numbers, which is right.
    """
    before = logging.get_verbosity()
    logging.set_verbosity(ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="mtime may not be reliable")
            yield
    finally:
        logging.set_verbosity(before)


def _transformers_folder(folder: Path) -> Path:
    """Return where the transformer's own files are: a pipeline may keep them in a folder below."""
    if (folder / "config.json").is_file():
        return folder
    return next((path.parent for path in sorted(folder.glob("*/config.json"))), folder)
