"""Vectors of texts during training, by the encoder as it is at the moment."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from whyalike.training.objective import mean_of_tokens
from whyalike.training.pairs import frame_tokens

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
