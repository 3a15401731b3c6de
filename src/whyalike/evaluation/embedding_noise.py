"""Noise on the token embeddings of a model, the same for a text in any batch."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from whyalike.models.encoder import Encoder

Draw = Callable[[list[int], Tensor], NDArray[Any]]
"""From the ids of a text's N tokens and their embeddings (N, D) to the noise (N, D)."""


@contextmanager
def disturbed_embeddings(encoder: Encoder, draw: Draw) -> Iterator[None]:
    """Add noise to the token embeddings (B, T, D) of every pass inside; padding gets none.

    Args:
        encoder: the model; its weights are not touched.
        draw: gives a text's noise, which must hang on nothing but its arguments and a seed.
    """
    padding = encoder.tokenizer.pad_token_id

    def disturb(_module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor | None:
        # Rows of the table alone, (N, D), are looked up for a baseline, and that is no text.
        if output.dim() != 3:
            return None
        found = output.clone()
        for row, ids in enumerate(inputs[0].tolist()):
            places = [place for place, token in enumerate(ids) if token != padding]
            if places:
                noise = torch.from_numpy(
                    draw([ids[place] for place in places], output[row, places])
                )
                found[row, places] += noise.to(output)
        return found

    with ExitStack() as hooks:
        own = hooks.enter_context(encoder.held())
        # Before any other hook there, so that what is explained is the noisy embedding.
        for module in own.sites.tokens:
            hooks.callback(module.register_forward_hook(disturb, prepend=True).remove)
        yield
