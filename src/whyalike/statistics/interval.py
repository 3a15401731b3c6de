"""How sure a mean is: SciPy's bootstrap."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from whyalike.errors import OptionError

Floats = NDArray[np.float64]

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

    Raises:
        OptionError: there are no values, some are not finite, or the seed is below 0.
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
