"""RecoBERT's score of two items: the mean of the similarities of their titles and descriptions.

Malkiel et al., Findings of EMNLP 2020: title with title, description with description, and each
with the other. Where each part is a product of vectors, the mean of the four is the product of two
means: ((t + d) / 2) · ((t' + d') / 2).
"""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from whyalike.catalogue.vector_index import Block, Floats, Ints

Part = Literal["title-title", "description-description", "title-description", "description-title"]
PARTS: tuple[Part, ...] = (
    "title-title",
    "description-description",
    "title-description",
    "description-title",
)


class MeanBlock:
    """The means (N, H) of titles' and descriptions' vectors, worked out slice by slice."""

    def __init__(self, titles: Block, descriptions: Block) -> None:
        self._parts = titles, descriptions

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, H)."""
        return self._parts[0].shape

    def __getitem__(self, rows: slice | Ints, /) -> NDArray[np.floating]:
        """Return some of the means."""
        title, description = (np.asarray(part[rows], dtype=np.float32) for part in self._parts)
        return mean_vectors(title, description)


def mean_vectors(title: Floats, description: Floats) -> Floats:
    """Return (..., H): half of the sum of both (..., H)."""
    mean: Floats = (title + description) / np.float32(2)
    return mean


def part_scores(query: tuple[Any, Any], item: tuple[Any, Any]) -> dict[Part, float]:
    """Return the four products of a query's title and description (H,) with an item's (H,)."""
    fields = {"title": 0, "description": 1}
    found: dict[Part, float] = {}
    for part in PARTS:
        left, right = part.split("-")
        product = np.dot(
            np.asarray(query[fields[left]], dtype=np.float64),
            np.asarray(item[fields[right]], dtype=np.float64),
        )
        found[part] = float(product)
    return found
