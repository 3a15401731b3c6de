"""From the hidden states of one row to its vector, where the model itself does not say how."""

from typing import Literal

import torch
from torch import Tensor

Pooling = Literal["auto", "model", "paper", "cls", "last"]


def pool(hidden: Tensor, mask: Tensor, content: Tensor, *, pooling: Pooling) -> Tensor:
    """Return (B, H) vectors.

    ``"paper"`` is Eq. 1 of Malkiel et al. 2022 (row 11): the mean over tokens of the text, without
    special tokens; a row without any gets the zero vector. ``"cls"`` and ``"last"`` take the
    first and the last token that is not padding.

    Args:
        hidden: (B, T, H).
        mask: (B, T), 1 where there is no padding.
        content: (B, T), 1 on tokens of the text that the row owns.
        pooling: which of the three.
    """
    if pooling == "paper":
        weights = content.to(hidden.dtype).unsqueeze(-1)
        return (hidden * weights).sum(1) / weights.sum(1).clamp(min=1)
    rows = torch.arange(len(hidden), device=hidden.device)
    if pooling == "cls":
        return hidden[rows, mask.argmax(1)]
    last = mask.shape[1] - 1 - mask.flip(1).argmax(1)
    return hidden[rows, last]
