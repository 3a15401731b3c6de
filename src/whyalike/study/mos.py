"""Mean opinion scores: Table 1 of the paper, with three kinds of interval."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from whyalike.errors import OptionError
from whyalike.statistics import Interval
from whyalike.study.bootstrap import percentile_interval
from whyalike.study.crossed import crossed_mean
from whyalike.study.panel import Panel, average

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class MethodScore:
    """How one method was rated, on the scale of 1 to 5.

    mos: mean over all its ratings.
    sd: standard deviation (n − 1) of the judges' means, the ± of Table 1; None for one judge.
    sd_samples, sd_ratings: of the samples' means, and of single ratings; None for one.
    votes: ITU-T P.800/P.808: Student's t over single ratings, as if each had a judge of its own.
    crossed: Student's t for other judges and other samples; None where it can't be told.
    resampled: percentiles of the bootstrap over judges and samples.
    counts: ratings of 1, 2, … 5.
    """

    method: str
    mos: float
    sd: float | None
    sd_samples: float | None
    sd_ratings: float | None
    votes: Interval
    crossed: Interval | None
    resampled: Interval
    judges: int
    samples: int
    counts: tuple[int, ...]


def score_methods(
    panel: Panel, draws: Floats, *, confidence: float = 0.95
) -> tuple[MethodScore, ...]:
    """Return each rated method's score, in the panel's order.

    The paper says "mean and standard deviation results over all human judges"; single whole ratings
    with a mean of 4.3 can't have its 0.3, as theirs is at least √(.3·.7) = .46.

    Args:
        panel: of R judges, S samples and M methods.
        draws: (B, M), from ``resample_means`` of the same panel.
        confidence: of all intervals.
    """
    return tuple(
        _score(name, panel.values[:, :, place], draws[:, place], confidence)
        for place, name in enumerate(panel.methods)
        if np.isfinite(panel.values[:, :, place]).any()
    )


def _score(method: str, values: Floats, draws: Floats, confidence: float) -> MethodScore:
    known = np.isfinite(values)
    ratings = values[known]
    mos = float(ratings.mean())
    try:
        crossed = crossed_mean(values).interval(confidence=confidence)
    except OptionError:
        crossed = None
    counts = tuple(int((ratings == step).sum()) for step in range(1, 6))
    return MethodScore(
        method=method,
        mos=mos,
        sd=spread(line_means(values, axis=1)),
        sd_samples=spread(line_means(values, axis=0)),
        sd_ratings=spread(ratings),
        votes=votes_interval(ratings, confidence=confidence),
        crossed=crossed,
        resampled=percentile_interval(mos, draws, count=len(ratings), confidence=confidence),
        judges=int(known.any(axis=1).sum()),
        samples=int(known.any(axis=0).sum()),
        counts=counts,
    )


def votes_interval(ratings: Floats, *, confidence: float = 0.95) -> Interval:
    """Return mean ± t·s/√N over single ratings (N,) (ITU-T P.808, P.800 annex B).

    One rating, or equal ones, have an interval of no width.
    """
    mean, deviation = float(ratings.mean()), spread(ratings)
    if not deviation:
        return Interval(mean, mean, mean, len(ratings), confidence)
    quantile = float(stats.t.ppf((1 + confidence) / 2, len(ratings) - 1))
    half = quantile * deviation / len(ratings) ** 0.5
    return Interval(mean, mean - half, mean + half, len(ratings), confidence)


def line_means(values: Floats, *, axis: int) -> Floats:
    """Return the means along an axis of (R, S), of the lines that have any rating."""
    known = np.isfinite(values)
    means = average(np.where(known, values, 0.0).sum(axis=axis), known.sum(axis=axis))
    return means[np.isfinite(means)]


def spread(values: Floats) -> float | None:
    """Return the standard deviation with n − 1, or None for fewer than two."""
    return float(values.std(ddof=1)) if len(values) > 1 else None
