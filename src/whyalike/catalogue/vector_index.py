"""What a search over vectors is, whatever engine does it."""

from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Scores = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]

Engine = Literal["exact", "hnsw"]


class VectorIndex(Protocol):
    """N vectors of H features, known by their positions 0 to N - 1."""

    def __len__(self) -> int:
        """Return N."""

    def search(self, queries: Floats, k: int, allowed: Bools | None = None) -> tuple[Ints, Scores]:
        """Return the k best positions (Q, K) of each query (Q, H), and their scores (Q, K).

        Best first. Scores are rounded to single precision; of equal ones the one with the first
        name comes first, or the first position where there are no names. ``allowed`` (N,) says
        which may be found. Where fewer than k are found, -1 stands for a position and minus
        infinity for its score.
        """


class Block(Protocol):
    """Vectors (N, H) that are taken slice by slice: an array, a memory map, or a mean of both."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, H)."""

    def __getitem__(self, rows: slice | Ints, /) -> NDArray[np.floating]:
        """Return some of the rows."""
