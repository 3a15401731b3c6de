"""Which description a title is shown with: its own, or one drawn from another item.

A draw depends on the seed, the epoch and the item alone, not on the process, the worker or the
order in which items are asked for.
"""

from collections.abc import Sequence

import numpy as np

from whyalike.errors import OptionError

TRIES = 16
DRAWN, MASKED = 0, 1
"""What a random stream is for: no two uses share one."""


def stream(seed: int, epoch: int, index: int, *, use: int) -> np.random.Generator:
    """Return the random numbers of one item in one epoch."""
    return np.random.default_rng([seed, epoch, index, use])


class Negatives:
    """Draws false pairs: never the item's own description, nor that of an item with equal text.

    Args:
        pairs: title and description of each item.
        seed: of all draws.
        probability: how often an item is shown with a false description.

    Raises:
        OptionError: all items have the same title or description, so that there is no false pair.
    """

    def __init__(
        self, pairs: Sequence[tuple[str, str]], *, seed: int, probability: float = 0.5
    ) -> None:
        self.titles = number_texts([title for title, _ in pairs])
        self.descriptions = number_texts([description for _, description in pairs])
        self.seed = seed
        self.probability = probability
        if probability and not self._count_others().all():
            raise OptionError(
                "There is an item from which every other item has the same title or description, "
                "so no false pair can be drawn. Give a catalogue of more varied items."
            )

    def draw(self, index: int, *, epoch: int) -> int:
        """Return the item whose description goes with the title of item ``index``."""
        random = stream(self.seed, epoch, index, use=DRAWN)
        if random.random() >= self.probability:
            return index
        for _ in range(TRIES):
            other = int(random.integers(len(self.titles)))
            if self._differs(index, other):
                return other
        # Few others differ: draw from a list of them, which costs a pass over the catalogue.
        return int(random.choice(self._others(index)))

    def _differs(self, index: int, other: int) -> bool:
        return bool(
            self.titles[index] != self.titles[other]
            and self.descriptions[index] != self.descriptions[other]
        )

    def _others(self, index: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        differ = (self.titles != self.titles[index]) & (
            self.descriptions != self.descriptions[index]
        )
        return np.flatnonzero(differ)

    def _count_others(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """Return how many items differ from each in both, (N,), without comparing all pairs."""
        both = self.titles * (self.descriptions.max(initial=0) + 1) + self.descriptions
        equal = [
            np.unique(n, return_inverse=True, return_counts=True)[1:]
            for n in (self.titles, self.descriptions, both)
        ]
        title, description, alike = (counts[inverse] for inverse, counts in equal)
        return np.asarray(len(both) - title - description + alike)


def number_texts(texts: Sequence[str]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return a number for each text, equal for texts that differ in blanks or case only."""
    seen: dict[str, int] = {}
    plain = (" ".join(text.split()).casefold() for text in texts)
    return np.array([seen.setdefault(text, len(seen)) for text in plain], dtype=np.int64)
