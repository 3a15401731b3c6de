"""A figure of a leaderboard: one method by one metric on one dataset."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from whyalike.evaluation.gold_counts import LinkCounts
from whyalike.statistics import Interval

LARGEST = 1e100
"""Of a figure that is read. Tests and plots square them, and no metric comes near."""


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


def check_entries(entries: Iterable[Entry]) -> None:
    """Raise ValueError on entries that were read and can't have been written.

    Those of one dataset and metric are of the same pairs, and have the same points of a curve.
    """
    lengths: dict[tuple[str, str], int] = {}
    points: dict[tuple[str, str], tuple[float, ...]] = {}
    known: set[tuple[str, str, str]] = set()
    for entry in entries:
        table = entry.dataset, entry.metric
        name = f"{entry.method} on {entry.dataset} by {entry.metric}"
        if (*table, entry.method) in known:
            raise ValueError(f"{name} is there twice")
        known.add((*table, entry.method))
        _check_numbers(entry, name)
        if lengths.setdefault(table, len(entry.values)) != len(entry.values):
            raise ValueError(f"{name} has another number of values than the methods before it")
        if entry.counts is not None and (
            len(entry.counts) != 4
            or any(len(row) != len(entry.values) for row in entry.counts)
            or any(count < 0 for row in entry.counts for count in row)
        ):
            raise ValueError(f"{name} has no four counts of each pair")
        if entry.curve is not None:
            if len(entry.curve[0]) != len(entry.curve[1]):
                raise ValueError(f"{name} has a curve of {len(entry.curve[0])} points")
            if points.setdefault(table, entry.curve[0]) != entry.curve[0]:
                raise ValueError(f"{name} has other points than the curves before it")


def _check_numbers(entry: Entry, name: str) -> None:
    figure = (
        () if entry.figure is None else (entry.figure.mean, entry.figure.low, entry.figure.high)
    )
    rows = (*(entry.counts or ()), *(entry.curve or ()), figure, entry.values, (entry.chance,))
    for row in rows:
        for number in row:
            if number is not None and not math.fabs(number) <= LARGEST:
                raise ValueError(f"{name} has the number {number}")
    if entry.figure is not None and entry.figure.count < 1:
        raise ValueError(f"{name} has a figure of {entry.figure.count} pairs")
