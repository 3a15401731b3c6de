"""ICC(2,1) and ICC(2,k): how far a judge's rating, or the mean of k, is the stimulus's own."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from whyalike.errors import OptionError
from whyalike.statistics import Interval

Floats = NDArray[np.float64]

# Of few stimuli, and judges who contradict each other, the formulas make anything down to minus
# infinity and, past that, numbers above one.
LEAST = -1.0


@dataclass(frozen=True, slots=True)
class Intraclass:
    """Absolute agreement, judges and units both drawn at random.

    single: ICC(2,1), of one judge's rating. average: ICC(2,k), of the mean of ``judges`` ratings.
    Both stop at LEAST. units: that all judges rated; ``left_out``: how many others there are.
    """

    single: Interval
    average: Interval
    judges: int
    units: int
    left_out: int


def intraclass(ratings: Floats, *, confidence: float = 0.95) -> Intraclass:
    """Return ICC(2,1) and ICC(2,k) with their F-based intervals.

    Source: Shrout & Fleiss (1979), p. 423 and p. 425; the same as ICC(A,1) and ICC(A,k) of McGraw &
    Wong (1996), table 7. Units that not all judges rated are left out, and counted.

    Args:
        ratings: (R, U), one row for each judge and one column for each unit, NaN for none.
        confidence: of the intervals.

    Raises:
        OptionError: fewer than two judges, or than two units that all of them rated, or no ratings
            differ.
    """
    judges = len(ratings)
    whole = ratings[:, np.isfinite(ratings).all(axis=0)]
    units = whole.shape[1]
    if judges < 2 or units < 2:
        raise OptionError(
            f"An ICC needs two stimuli that all judges rated, and two judges; there are {units} of "
            f"{ratings.shape[1]} stimuli, and {judges} judges. Krippendorff's alpha allows gaps."
        )
    squares = _mean_squares(whole)
    between, by_judge, error = squares
    if not any(squares):
        raise OptionError("All ratings are equal: an ICC can't be told.")
    single = _ratio(
        between - error, between + (judges - 1) * error + judges * (by_judge - error) / units
    )
    low, high = _limits(squares, single, judges, units, confidence=confidence)
    # For ICC(2,k) itself this is (between − error) / (between + (by_judge − error) / units).
    average, longer_low, longer_high = (
        _ratio(judges * one, 1 + (judges - 1) * one) for one in (single, low, high)
    )
    return Intraclass(
        Interval(single, low, high, units, confidence),
        Interval(average, longer_low, longer_high, units, confidence),
        judges,
        units,
        ratings.shape[1] - units,
    )


class _MeanSquares(NamedTuple):
    """Of the units, of the judges, and of what is left."""

    between: float
    by_judge: float
    error: float


def _mean_squares(ratings: Floats) -> _MeanSquares:
    """Return the mean squares of (R, U), one rating in each cell."""
    judges, units = ratings.shape
    x = ratings - ratings.mean()
    of_judges, of_units = x.mean(axis=1, keepdims=True), x.mean(axis=0, keepdims=True)
    rest = x - of_judges - of_units
    between = judges * float((of_units**2).sum()) / (units - 1)
    by_judge = units * float((of_judges**2).sum()) / (judges - 1)
    error = float((rest**2).sum()) / ((units - 1) * (judges - 1))
    return _MeanSquares(between, by_judge, error)


def _limits(
    squares: _MeanSquares, single: float, judges: int, units: int, *, confidence: float
) -> tuple[float, float]:
    """Return the limits of ICC(2,1) by Satterthwaite's approximation (Fleiss & Shrout 1978)."""
    between, by_judge, error = squares
    k, n = judges, units
    if error == 0:
        # Judges differ by a constant or not at all: the F ratios have no rest to be divided by.
        return single, single
    ratio = by_judge / error
    noise = n * (1 + (k - 1) * single) - k * single
    above = k * single * ratio + noise
    below = (n - 1) * (k * single * ratio) ** 2 + noise**2
    # Judges of equal level leave the error alone, with its own degrees of freedom.
    share = above**2 / below if ratio > 1e-12 else 1.0
    # Above zero it is never less than the judges' own; below, the formula may give none at all.
    freedom = max((k - 1) * (n - 1) * share, k - 1)
    quantile = (1 + confidence) / 2
    f_low = float(stats.f.ppf(quantile, n - 1, freedom))
    f_high = float(stats.f.ppf(quantile, freedom, n - 1))
    others = k * by_judge + (k * n - k - n) * error
    low = _ratio(n * (between - f_low * error), f_low * others + n * between)
    high = _ratio(n * (f_high * between - error), others + n * f_high * between)
    return low, high


def _ratio(above: float, below: float) -> float:
    return max(above / below, LEAST) if below > 0 else LEAST
