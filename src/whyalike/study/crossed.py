"""How sure a mean over judges and samples is, when both are a draw from many."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from whyalike.errors import OptionError
from whyalike.statistics import Interval

Floats = NDArray[np.float64]

# Two judges have about one; below a half an interval is wider than any scale.
LEAST_FREEDOM = 0.5


@dataclass(frozen=True, slots=True)
class Components:
    """Variances of x = mean + judge + sample + rest; estimates, of which some may be below zero.

    In the units of x, squared. ``rest`` holds noise and what a judge thinks of a certain sample.
    """

    judges: float
    samples: float
    rest: float

    @property
    def truncated(self) -> "Components":
        """The same without the negative ones, which are estimates of about zero."""
        return Components(max(self.judges, 0.0), max(self.samples, 0.0), max(self.rest, 0.0))


@dataclass(frozen=True, slots=True)
class CrossedMean:
    """A mean with its standard error and Satterthwaite's degrees of freedom.

    count: ratings. judges, samples: how many equally busy ones would give the same error.
    """

    mean: float
    error: float
    freedom: float
    count: int
    judges: float
    samples: float
    components: Components

    def interval(self, *, confidence: float = 0.95) -> Interval:
        """Return the interval of Student's t around the mean."""
        half = float(stats.t.ppf((1 + confidence) / 2, self.freedom)) * self.error
        return Interval(self.mean, self.mean - half, self.mean + half, self.count, confidence)

    @property
    def p(self) -> float:
        """Two-sided, against a true mean of zero (for differences: Clark's quasi-F, 1973)."""
        if self.error == 0:
            return 1.0 if self.mean == 0 else 0.0
        return float(2 * stats.t.sf(abs(self.mean) / self.error, self.freedom))


def find_components(values: Floats) -> Components:
    """Estimate the variances of judges, samples and the rest, gaps allowed.

    Half the mean squared difference of two ratings holds rest + judges where they are of one
    sample, rest + samples where of one judge, and all three where of neither (Henderson 1953; for a
    full table these are the estimates of the analysis of variance, Searle et al. 1992, ch. 4).

    Args:
        values: (R, S), NaN where there is no rating.

    Raises:
        OptionError: fewer than two judges share a sample, or fewer than two samples a judge, or all
            ratings share one of both.
    """
    known = np.isfinite(values)
    # Differences don't see the level; taking it off keeps the sums of squares exact.
    x = np.where(known, values - np.nanmean(values) if known.any() else 0.0, 0.0)
    squares = x**2

    def halves(axis: int | None) -> tuple[float, int]:
        """Sum of half squared differences within each line of ``axis``, and how many pairs."""
        n = known.sum(axis=axis)
        total = np.sum(n * squares.sum(axis=axis) - x.sum(axis=axis) ** 2)
        return float(total) / 2, int(np.sum(n * (n - 1))) // 2

    one_sample, one_judge, every = halves(0), halves(1), halves(None)
    neither = (every[0] - one_sample[0] - one_judge[0], every[1] - one_sample[1] - one_judge[1])
    if not (one_sample[1] and one_judge[1] and neither[1]):
        raise OptionError(
            "How much judges and samples differ can be told only where two judges rated the same "
            "sample and a judge two samples; these ratings have no such overlap."
        )
    within_sample, within_judge, apart = (
        total / pairs for total, pairs in (one_sample, one_judge, neither)
    )
    return Components(
        judges=apart - within_judge,
        samples=apart - within_sample,
        rest=within_sample + within_judge - apart,
    )


def crossed_mean(values: Floats) -> CrossedMean:
    """Return the mean of judges' ratings of samples, sure for other judges and other samples.

    The variance of the mean is judges / R + samples / S + rest / N (for gaps, R and S are
    N² / Σ n² with n the ratings of a judge or of a sample), negative estimates taken as zero;
    Satterthwaite (1946) gives the degrees of freedom, of the parts that are left.

    Args:
        values: (R, S), NaN where there is no rating.

    Raises:
        OptionError: as ``find_components``, or one judge or sample outweighs all others.
    """
    found = find_components(values)
    known = np.isfinite(values)
    count = int(known.sum())
    judges = count**2 / float(np.sum(known.sum(axis=1) ** 2))
    samples = count**2 / float(np.sum(known.sum(axis=0) ** 2))
    busy_judges, busy_samples = int(known.any(axis=1).sum()), int(known.any(axis=0).sum())
    rest_freedom = max(count - busy_judges - busy_samples + 1, 1)
    variance, freedom = add_variances(found, judges, samples, count, rest_freedom=rest_freedom)
    if freedom < LEAST_FREEDOM:
        raise OptionError(
            "One judge gave nearly all the ratings, or one sample got them: how much others would "
            "differ can't be told."
        )
    mean = float(values[known].mean())
    return CrossedMean(mean, variance**0.5, freedom, count, judges, samples, found)


def add_variances(
    components: Components, judges: float, samples: float, count: float, *, rest_freedom: float
) -> tuple[float, float]:
    """Return the variance of a mean over judges and samples, and its degrees of freedom.

    Each mean square of the analysis of variance, divided by N, is a part of the variance: judges /
    R + rest / N with R − 1 degrees of freedom, and so on; the variance is judges' part plus
    samples' part minus the rest's.
    """
    noise = max(components.rest, 0.0) / count
    parts = []
    if components.judges > 0:
        parts.append((components.judges / judges + noise, judges - 1))
    if components.samples > 0:
        parts.append((components.samples / samples + noise, samples - 1))
    # Noise is in both of them, in one, or in neither: it must be counted once.
    extra = (1 - len(parts)) * noise
    variance = sum(part for part, _ in parts) + extra
    spread = sum(part**2 / freedom for part, freedom in parts) + extra**2 / rest_freedom
    if spread == 0:
        return 0.0, float(rest_freedom)
    return variance, variance**2 / spread
