"""A figure of a leaderboard: one method by one metric on one dataset."""

from dataclasses import dataclass

import numpy as np

from whyalike.evaluation.gold_counts import LinkCounts
from whyalike.statistics import Interval


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A method's figure by one metric on one dataset.

    figure: the mean over items, or F over all links, with its interval; None if undefined.
    values: of each item, None where undefined. constant: how many pairs have a text whose words
    are all equally salient, so that their order is chance. counts: where the figure is an F, each
    item's links: given, correct, wanted, found. curve: where the figure sums up a curve, its
    points and the means there. chance: the figure of random explanations, where known and not 0.
    notes: warnings that every explanation had.

    Paired tests compare counts where there are some, else values.
    """

    dataset: str
    method: str
    metric: str
    figure: Interval | None
    values: tuple[float | None, ...]
    constant: int = 0
    counts: tuple[tuple[float, ...], ...] | None = None
    curve: tuple[tuple[float, ...], tuple[float | None, ...]] | None = None
    chance: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def remarks(self) -> tuple[str, ...]:
        """What to know of a mean: how many pairs are ordered by chance, on how many it stands."""
        found = [f"{self.constant} by chance"] if self.constant else []
        # F over all links takes every pair in, also one that has no F of its own.
        if self.counts is None and self.figure is not None and self.figure.count < len(self.values):
            found.append(f"{self.figure.count} of {len(self.values)} pairs")
        return tuple(found)

    @property
    def shares(self) -> tuple[float, float] | None:
        """Precision and recall over all links, where the figure is an F; NaN where undefined."""
        if self.counts is None:
            return None
        links = LinkCounts(*np.array(self.counts, dtype=np.float64))
        return links.precision(), links.recall()
