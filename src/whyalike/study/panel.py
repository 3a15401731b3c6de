"""Ratings as a block: judges × samples × methods, with gaps where nobody rated."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whyalike.errors import OptionError
from whyalike.study.ratings import RatingTable

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Panel:
    """The ratings that count, R judges by S samples by M methods.

    values: (R, S, M), 1 to 5, NaN where a judge gave no rating.
    judges: (R,), their numbers. samples: (S,), theirs. methods: (M,), names.
    """

    values: Floats
    judges: tuple[int, ...]
    samples: tuple[int, ...]
    methods: tuple[str, ...]

    @property
    def by_stimulus(self) -> Floats:
        """The ratings of each stimulus (a sample explained by a method), (R, S·M)."""
        return self.values.reshape(len(self.judges), -1)

    def without(self, judges: Sequence[int]) -> "Panel":
        """Return the panel without these judges; a sample that then has no rating stays."""
        kept = [place for place, judge in enumerate(self.judges) if judge not in set(judges)]
        numbers = tuple(self.judges[place] for place in kept)
        return Panel(self.values[kept], numbers, self.samples, self.methods)


def panel_of(table: RatingTable, *, methods: Sequence[str] | None = None) -> Panel:
    """Return the latest ratings of items as a block; practice, checks and repeats don't count.

    Args:
        table: of a study.
        methods: the order to report them in; by default the order of their names.

    Raises:
        OptionError: there are no ratings of items, ``methods`` lacks one that was rated, or a judge
            has two current ratings of one stimulus.
    """
    items = table.items
    if not len(items):
        raise OptionError(
            "There are no ratings of items yet: let the judges rate, or run `whyalike study "
            "simulate` to see what a report looks like."
        )
    names = tuple(sorted(set(items.method.tolist()))) if methods is None else tuple(methods)
    if missing := sorted(set(items.method.tolist()) - set(names)):
        raise OptionError(f"There are ratings of {', '.join(missing)} too: name all methods.")
    judges, row = np.unique(items.rater, return_inverse=True)
    samples, column = np.unique(items.sample, return_inverse=True)
    depth = np.array([names.index(name) for name in items.method.tolist()], dtype=np.int64)
    values = np.full((len(judges), len(samples), len(names)), np.nan)
    cells = np.ravel_multi_index((row, column, depth), values.shape)
    if len(np.unique(cells)) < len(cells):
        raise OptionError("A judge has two current ratings of one stimulus; only one can count.")
    values.ravel()[cells] = items.value
    return Panel(values, tuple(judges.tolist()), tuple(samples.tolist()), names)


def average(sums: Floats, counts: NDArray[np.integer[Any]] | Floats) -> Floats:
    """Return sums / counts of equal shape, NaN where nothing was counted."""
    found = np.full(sums.shape, np.nan)
    np.divide(sums, counts, out=found, where=counts > 0)
    return found
