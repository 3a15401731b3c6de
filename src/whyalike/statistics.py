"""How sure a figure is, and whether two methods differ: what measuring and rating share.

SciPy's bootstrap, its signed-rank test, and Holm's correction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from whyalike.arrays import Floats
from whyalike.errors import OptionError

DRAWN_AT_ONCE = 2**21
"""Values that are held while items are drawn again; it moves no figure."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over ``count`` items, and the interval that holds it with ``confidence``."""

    mean: float
    low: float
    high: float
    count: int
    confidence: float = 0.95

    def __str__(self) -> str:
        return f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]"


def mean_interval(
    values: Sequence[float] | Floats,
    *,
    seed: int = 0,
    resamples: int = 2000,
    confidence: float = 0.95,
) -> Interval:
    """Return the mean with its percentile bootstrap interval (Efron 1979; SciPy's ``bootstrap``).

    Items are drawn again with replacement. One item, or equal ones, have an interval of no width.

    Raises
    ------
    OptionError
        There are no values, some are not finite, or the seed is below 0.
    """
    if type(seed) is not int or seed < 0:
        raise OptionError(f"seed is {seed!r}; give a whole number from 0 on.")
    array = _checked(values)
    mean = float(array.mean())
    if len(array) == 1 or np.ptp(array) == 0:
        return Interval(mean, mean, mean, len(array), confidence)
    found = stats.bootstrap(
        (array,),
        np.mean,
        n_resamples=resamples,
        batch=max(1, DRAWN_AT_ONCE // len(array)),
        confidence_level=confidence,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Interval(mean, float(found.low), float(found.high), len(array), confidence)


def _checked(values: Sequence[float] | Floats) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    if not len(array) or not np.isfinite(array).all():
        raise OptionError(
            f"An interval needs finite values; got {len(array)}, of which "
            f"{int(np.isfinite(array).sum())} are finite."
        )
    return array


@dataclass(frozen=True, slots=True)
class PairedTest:
    """Whether one method's values on the same items are higher than another's.

    difference: mean of first minus second. p: two-sided, of Wilcoxon's signed-rank test.
    p_holm: corrected for all the tests made together.
    """

    first: str
    second: str
    difference: float
    p: float
    p_holm: float
    count: int


def compare_paired(
    values: Mapping[str, Sequence[float] | Floats], *, reference: str | None = None
) -> tuple[PairedTest, ...]:
    """Test methods against each other on the same items (Wilcoxon 1945; Holm 1979).

    Parameters
    ----------
    values : Mapping[str, sequence of float | Floats]
        The values of each method, item by item; items where either is undefined (NaN) are left out
        of that test.
    reference : str, optional
        Test all others against this one only.

    Raises
    ------
    OptionError
        Lengths differ, or ``reference`` is not among the methods.
    """
    if len({len(items) for items in values.values()}) > 1:
        lengths = ", ".join(f"{name}: {len(items)}" for name, items in values.items())
        raise OptionError(f"Paired tests need the same items for all methods; got {lengths}.")
    names = list(values)
    if reference is not None and reference not in values:
        raise OptionError(f"There are no values of {reference!r}; there are: {', '.join(names)}.")
    places = [
        (first, second)
        for n, first in enumerate(names)
        for second in names[n + 1 :]
        if reference is None or reference in (first, second)
    ]
    raw = [_signed_rank(values[first], values[second]) for first, second in places]
    corrected = holm([p for _, p, _ in raw])
    return tuple(
        PairedTest(first, second, difference, p, adjusted, count)
        for (first, second), (difference, p, count), adjusted in zip(
            places, raw, corrected, strict=True
        )
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Return Holm's step-down adjusted p-values (Holm 1979), in the order given, at most 1."""
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda n: p_values[n])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = highest
    return adjusted


def _signed_rank(first: Any, second: Any) -> tuple[float, float, int]:
    """Return the mean difference, p, and on how many items."""
    differences = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    # Means of ratings that differ equally must tie, and equal ones be zero, whatever rounding says.
    differences = differences[np.isfinite(differences)].round(12)
    if not len(differences):
        return 0.0, 1.0, 0
    if not np.any(differences):
        return 0.0, 1.0, len(differences)
    p = float(stats.wilcoxon(differences, zero_method="pratt").pvalue)
    return float(differences.mean()), p, len(differences)
