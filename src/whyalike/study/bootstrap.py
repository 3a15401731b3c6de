"""Means of ratings when judges and samples are drawn again, both at once."""

import numpy as np
from numpy.typing import NDArray

from whyalike.errors import OptionError
from whyalike.options import check_whole
from whyalike.statistics import Interval
from whyalike.study.panel import average

Floats = NDArray[np.float64]


def resample_means(values: Floats, *, resamples: int = 2000, seed: int = 0) -> Floats:
    """Draw judges and samples with replacement, all methods with them (pigeonhole: Owen 2007).

    A rating counts as often as its judge was drawn times as often as its sample was. One draw
    serves all methods, so that differences of columns are differences on the same draw.

    Args:
        values: (R, S, M), NaN where there is no rating.
        resamples: B, how many draws.
        seed: of the draws.

    Returns:
        (B, M), the mean of each method; NaN where a draw holds no rating of it.

    Raises:
        OptionError: fewer than one resample, a seed below 0, or no judges or samples.
    """
    check_whole("seed", seed, least=0)
    judges, samples, _ = values.shape
    if resamples < 1 or not judges or not samples:
        raise OptionError(
            f"A bootstrap needs judges, samples and draws; got {judges}, {samples} and {resamples}."
        )
    random = np.random.default_rng(seed)
    drawn_judges = random.multinomial(judges, np.full(judges, 1 / judges), size=resamples)
    drawn_samples = random.multinomial(samples, np.full(samples, 1 / samples), size=resamples)
    known = np.isfinite(values)

    def total(block: Floats) -> Floats:
        by_sample = np.einsum("br,rsm->bsm", drawn_judges, block, optimize=True)
        sums: Floats = np.einsum("bs,bsm->bm", drawn_samples, by_sample, optimize=True)
        return sums

    return average(total(np.where(known, values, 0.0)), total(known.astype(np.float64)))


def percentile_interval(
    mean: float, draws: Floats, *, count: int, confidence: float = 0.95
) -> Interval:
    """Return the interval between the outer percentiles of the draws (B,); NaN draws are left out.

    Raises:
        OptionError: no draw has a value.
    """
    known = draws[np.isfinite(draws)]
    if not len(known):
        raise OptionError("No draw held a rating: there is no interval.")
    low, high = np.quantile(known, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(mean, float(low), float(high), count, confidence)
