"""A trained encoder as a sentence-transformers model, saved whole."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from sentence_transformers import SentenceTransformer
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from whyalike.errors import OutputError
from whyalike.models.installed import Pooling, Transformer, WordWeights
from whyalike.training.data import frame_tokens
from whyalike.training.recobert import Base, mean_of_tokens

AT_ONCE = 64
"""Texts that go through the model together."""


def embed_texts(
    encoder: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[str],
    *,
    max_length: int,
) -> NDArray[np.float64]:
    """Return the vectors (N, H) of N lone texts: Malkiel et al. 2022, Eq. 1.

    The encoder's mode is put back.
    """
    frame = torch.tensor(sorted(frame_tokens(tokenizer)))
    found = np.zeros((len(texts), encoder.config.hidden_size))
    order = sorted(range(len(texts)), key=lambda index: -len(texts[index]))
    training = encoder.training
    encoder.train(False)
    try:
        for start in range(0, len(order), AT_ONCE):
            chosen = order[start : start + AT_ONCE]
            encoded = tokenizer(
                [texts[index] for index in chosen],
                padding=True,
                truncation=True,
                max_length=max_length,
                return_tensors="pt",
            )
            inputs = {
                name: encoded[name].to(encoder.device) for name in ("input_ids", "attention_mask")
            }
            own = ~torch.isin(encoded["input_ids"], frame) & encoded["attention_mask"].bool()
            with torch.no_grad():
                hidden = encoder(**inputs).last_hidden_state
            found[chosen] = mean_of_tokens(hidden, own.to(hidden.device)).double().cpu().numpy()
    finally:
        encoder.train(training)
    return found


def save_as_pipeline(base: Base, folder: Path) -> None:
    """Write encoder and tokenizer with the paper's pooling: the mean without special tokens.

    sentence-transformers pools over special tokens; WordWeights gives them the weight 0.

    Parameters
    ----------
    base : Base
        Whose encoder was trained.
    folder : Path
        Is made, and should not exist.
    """
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".whyalike-") as scratch:
        # Saved whole: who loads it would read of a pooler that is missing.
        base.whole.load_state_dict(base.encoder.state_dict(), strict=False)
        base.whole.save_pretrained(scratch)
        base.tokenizer.save_pretrained(scratch)
        transformer = Transformer(scratch, max_seq_length=base.limit)
        pipeline = SentenceTransformer(
            modules=[
                transformer,
                without_special_tokens(base.tokenizer, rows=_table_size(base.encoder)),
                Pooling(base.encoder.config.hidden_size, pooling_mode="mean"),
            ],
            similarity_fn_name="cosine",
            device="cpu",
        )
        pipeline.save_pretrained(str(folder), create_model_card=False)


@contextmanager
def said_where_unwritable(out: Path) -> Iterator[None]:
    """Say as OutputError that there is no room: safetensors and torch raise errors of their own."""
    try:
        yield
    except OutputError:
        raise
    except (OSError, SafetensorError, RuntimeError) as error:
        said = str(error)
        if not isinstance(error, OSError) and not any(sign in said for sign in _UNWRITABLE):
            raise
        # Those of safetensors and torch speak of places in a file.
        reason = getattr(error, "strerror", None) or "a file could not be written to its end"
        raise OutputError(
            f"Could not write {out}: {reason}. Whole checkpoints are kept: make room, and go on "
            "with resume=True (--resume)."
        ) from error


_UNWRITABLE = ("I/O error", "PytorchStreamWriter", "inline_container", "iostream error")


def without_special_tokens(tokenizer: PreTrainedTokenizerBase, *, rows: int) -> WordWeights:
    """Return a module that leaves the tokens around a text out of its mean."""
    words = {index: word for word, index in tokenizer.get_vocab().items()}
    vocabulary = [words.get(index, f"[unused {index}]") for index in range(rows)]
    frame = frame_tokens(tokenizer)
    module = WordWeights(vocabulary, {words[token]: 0.0 for token in sorted(frame)})
    # By number: WordWeights ignores case, so that a word like "</S>" would go with "</s>".
    weights = torch.ones(rows, 1)
    weights[sorted(frame)] = 0.0
    module.emb_layer.weight = torch.nn.Parameter(weights, requires_grad=False)
    return module


def _table_size(encoder: PreTrainedModel) -> int:
    weight = cast("torch.Tensor", encoder.get_input_embeddings().weight)
    return int(weight.shape[0])
