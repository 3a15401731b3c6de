"""How far raters agree: intraclass correlations, crossed effects, and their intervals."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from whyalike.arrays import Floats
from whyalike.errors import OptionError
from whyalike.options import check_whole
from whyalike.statistics import Interval

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

    Parameters
    ----------
    ratings : Floats
        (R, U), one row for each judge and one column for each unit, NaN for none.
    confidence : float, default=0.95
        Of the intervals.

    Raises
    ------
    OptionError
        Fewer than two judges, or than two units that all of them rated, or no ratings differ.
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
        raise OptionError("All ratings are equal: an ICC can't be computed.")
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

    Parameters
    ----------
    values : Floats
        (R, S), NaN where there is no rating.

    Raises
    ------
    OptionError
        Fewer than two judges share a sample, or fewer than two samples a judge, or all ratings
        share one of both.
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
            "How much judges and samples differ can be estimated only where two judges rated the "
            "same sample and a judge two samples; these ratings have no such overlap."
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

    Parameters
    ----------
    values : Floats
        (R, S), NaN where there is no rating.

    Raises
    ------
    OptionError
        As ``find_components``, or one judge or sample outweighs all others.
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
            "differ can't be estimated."
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


Level = Literal["nominal", "ordinal", "interval"]


@dataclass(frozen=True, slots=True)
class Alpha:
    """α: 1 is perfect agreement, 0 is chance, below 0 is worse.

    low, high: percentiles of α when the units are drawn again, the same judges staying.
    units: that two judges or more rated. ratings: of these units.
    """

    value: float
    low: float
    high: float
    level: Level
    units: int
    ratings: int


def krippendorff_alpha(
    ratings: Floats,
    *,
    level: Level = "ordinal",
    drawn_together: Sequence[int] | None = None,
    resamples: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Alpha:
    """Return Krippendorff's α = 1 − D_observed / D_expected.

    From coincidences: within a unit of m ratings, each ordered pair counts 1 / (m − 1).

    Source: Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), sections C and D.

    Parameters
    ----------
    ratings : Floats
        (R, U), one row for each judge and one column for each unit, NaN for none.
    level : Level, default='ordinal'
        What a difference of values is: none or all, by ranks, or squared.
    drawn_together : sequence of int, optional
        (U,), the group of each unit, such as its sample, if groups of units are to be drawn again
        and not units.
    resamples : int, default=2000
        How many times units are drawn again for the interval.
    seed : int, default=0
        Of these draws.
    confidence : float, default=0.95
        Of the interval.

    Raises
    ------
    OptionError
        No such level or seed, no unit with two ratings, groups of another number, or all ratings
        equal, where chance would agree too.
    """
    if level not in get_args(Level):
        raise OptionError(f"There is no level {level!r}: choose {', '.join(get_args(Level))}.")
    check_whole("seed", seed, least=0)
    values = np.unique(ratings[np.isfinite(ratings)])
    # (V, U): how often each value was given to each unit that two or more rated.
    counts = np.stack([(ratings == value).sum(axis=0) for value in values] or [np.zeros(0)])
    shared = counts.sum(axis=0) > 1
    if not shared.any():
        raise OptionError("Agreement needs a stimulus that two judges rated; there is none.")
    counts = counts[:, shared].astype(np.float64)
    by_unit = _coincidences(counts)
    # Ranks depend on the marginals, and so each draw has distances of its own.
    found = _alpha(by_unit.sum(axis=0)[None], level, values)[0]
    if np.isnan(found):
        raise OptionError("All ratings are equal: agreement can't be distinguished from chance.")
    groups = by_unit if drawn_together is None else _join(by_unit, drawn_together, shared)
    random = np.random.default_rng(seed)
    size = len(groups)
    weights = random.multinomial(size, np.full(size, 1 / size), size=resamples)
    totals = (weights @ groups.reshape(size, -1)).reshape(-1, len(values), len(values))
    draws = _alpha(totals, level, values)
    low, high = np.nanquantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Alpha(float(found), float(low), float(high), level, len(by_unit), int(counts.sum()))


def _join(by_unit: Floats, labels: Sequence[int], shared: NDArray[np.bool_]) -> Floats:
    """Return the coincidences of each group, (G, V, V)."""
    if len(labels) != len(shared):
        raise OptionError(f"There are {len(shared)} units, and groups of {len(labels)}.")
    _, group = np.unique(np.asarray(labels)[shared], return_inverse=True)
    joined = np.zeros((group.max() + 1, *by_unit.shape[1:]))
    np.add.at(joined, group, by_unit)
    return joined


def _coincidences(counts: Floats) -> Floats:
    """Return (U, V, V): ordered pairs of values within each unit, over m − 1."""
    pairs = np.einsum("vu,wu->uvw", counts, counts)
    place = np.arange(len(counts))
    pairs[:, place, place] -= counts.T
    return np.asarray(pairs / (counts.sum(axis=0) - 1)[:, None, None], dtype=np.float64)


def _alpha(coincidences: Floats, level: Level, values: Floats) -> Floats:
    """Return α of each coincidence matrix (B, V, V); NaN where only one value occurs."""
    marginals = coincidences.sum(axis=2)
    total = marginals.sum(axis=1)
    distances = _distances(marginals, level, values)
    observed = (coincidences * distances).sum(axis=(1, 2))
    expected = np.einsum("bv,bw,bvw->b", marginals, marginals, distances) / (total - 1)
    with np.errstate(invalid="ignore"):
        return np.asarray(1 - np.where(expected > 0, observed / expected, np.nan))


def _distances(marginals: Floats, level: Level, values: Floats) -> Floats:
    """Return δ² of each two values, (B, V, V) or (1, V, V)."""
    if level == "ordinal":
        # Half of one's own, all between, half of the other's: a difference of mid-ranks.
        places = marginals.cumsum(axis=1) - marginals / 2
    else:
        places = values[None].astype(np.float64)
    apart = places[:, :, None] - places[:, None]
    squared: Floats = np.square(apart)
    return (squared > 0).astype(np.float64) if level == "nominal" else squared
