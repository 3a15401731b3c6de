"""Gradients in a caller's inference mode."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def outside_inference() -> Iterator[None]:
    """Leave torch's inference mode for the block; whether gradients are wanted stays as it is.

    ``torch.inference_mode(False)`` alone would switch gradients on, inside of ``no_grad`` too.
    """
    if not torch.is_inference_mode_enabled():
        yield
        return
    with torch.inference_mode(False):
        yield
