"""The caller's random numbers, which training must not disturb."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def own_random_state() -> Iterator[None]:
    """Put the caller's random states back: Trainer seeds them all."""
    kept, numpy_kept = random.getstate(), np.random.get_state()
    with torch.random.fork_rng():
        try:
            yield
        finally:
            random.setstate(kept)
            np.random.set_state(numpy_kept)
