"""What attribution hands on: word saliency as arrays. No torch from here on."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class WordSaliency:
    """Saliency and latent vector of each word of one text.

    spans: (start, end) of each word in the text, W of them. saliency: (W,). vectors: (W, H).
    matchable: (W,), False for a word that the model gave no token (it can match nothing).
    """

    spans: tuple[tuple[int, int], ...]
    saliency: Floats
    vectors: Floats
    matchable: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class PairSaliency:
    """Both sides of a pair after attribution, with the similarity that was explained.

    completeness_gap: what the attributions miss of the difference that they should sum to, as a
    part of it; None for a method that promises no sum.
    """

    similarity: float
    left: WordSaliency
    right: WordSaliency
    warnings: tuple[str, ...] = ()
    completeness_gap: float | None = None
