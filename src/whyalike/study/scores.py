"""Scores of methods: mean opinions, paired differences, and their intervals."""

import itertools
from dataclasses import dataclass

import numpy as np
from scipy import stats

from whyalike.arrays import Floats
from whyalike.errors import OptionError
from whyalike.options import check_whole
from whyalike.statistics import Interval, compare_paired, holm
from whyalike.study.agreement import CrossedMean, crossed_mean
from whyalike.study.ratings import Panel, average


def resample_means(values: Floats, *, resamples: int = 2000, seed: int = 0) -> Floats:
    """Draw judges and samples with replacement, all methods with them (pigeonhole: Owen 2007).

    A rating counts as often as its judge was drawn times as often as its sample was. One draw
    serves all methods, so that differences of columns are differences on the same draw.

    Parameters
    ----------
    values : Floats
        (R, S, M), NaN where there is no rating.
    resamples : int, default=2000
        B, how many draws.
    seed : int, default=0
        Of the draws.

    Returns
    -------
    Floats
        (B, M), the mean of each method; NaN where a draw holds no rating of it.

    Raises
    ------
    OptionError
        Fewer than one resample, a seed below 0, or no judges or samples.
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

    Raises
    ------
    OptionError
        No draw has a value.
    """
    known = draws[np.isfinite(draws)]
    if not len(known):
        raise OptionError("No draw held a rating: there is no interval.")
    low, high = np.quantile(known, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(mean, float(low), float(high), count, confidence)


@dataclass(frozen=True, slots=True)
class MethodScore:
    """How one method was rated, on the scale of 1 to 5.

    mos: mean over all its ratings.
    sd: standard deviation (n − 1) of the judges' means, the ± of Table 1; None for one judge.
    sd_samples, sd_ratings: of the samples' means, and of single ratings; None for one.
    votes: ITU-T P.800/P.808: Student's t over single ratings, as if each had a judge of its own.
    crossed: Student's t for other judges and other samples; None where it can't be estimated.
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

    Parameters
    ----------
    panel : Panel
        Of R judges, S samples and M methods.
    draws : Floats
        (B, M), from ``resample_means`` of the same panel.
    confidence : float, default=0.95
        Of all intervals.
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


@dataclass(frozen=True, slots=True)
class MethodDifference:
    """One method's ratings minus another's.

    difference: mean over samples of the difference of their means, each judge's own level off.
    p, p_holm: Wilcoxon's signed-rank test on these means: other samples, the same judges.
    crossed: interval of the mean difference that a judge sees on a sample, for other judges too;
    p_crossed, p_crossed_holm: its test. None where hardly a judge rated a sample by both methods.
    resampled: percentiles of the bootstrap over judges and samples, None without a draw of both.
    samples: that were rated by both methods.
    """

    first: str
    second: str
    difference: float
    p: float
    p_holm: float
    crossed: Interval | None
    p_crossed: float | None
    p_crossed_holm: float | None
    resampled: Interval | None
    samples: int


def compare_methods(
    panel: Panel, draws: Floats, *, reference: str | None = None, confidence: float = 0.95
) -> tuple[MethodDifference, ...]:
    """Test each two methods, or all against one, with Holm's correction for all tests of a kind.

    Parameters
    ----------
    panel : Panel
        Of R judges, S samples and M methods.
    draws : Floats
        (B, M), from ``resample_means`` of the same panel.
    reference : str, optional
        Test the others against this one only.
    confidence : float, default=0.95
        Of the intervals.

    Raises
    ------
    OptionError
        ``reference`` is not among the methods.
    """
    means = sample_means(panel)
    tests = compare_paired(
        {name: means[:, place] for place, name in enumerate(panel.methods)}, reference=reference
    )
    crossed = [_cross(panel, test.first, test.second) for test in tests]
    corrected = iter(holm([one.p for one in crossed if one is not None]))
    found = []
    for test, one in zip(tests, crossed, strict=True):
        places = panel.methods.index(test.first), panel.methods.index(test.second)
        found.append(
            MethodDifference(
                first=test.first,
                second=test.second,
                difference=test.difference,
                p=test.p,
                p_holm=test.p_holm,
                crossed=None if one is None else one.interval(confidence=confidence),
                p_crossed=None if one is None else one.p,
                p_crossed_holm=None if one is None else next(corrected),
                resampled=_resample(panel, draws, places, confidence),
                samples=test.count,
            )
        )
    return tuple(found)


def sample_means(panel: Panel) -> Floats:
    """Return the mean of each sample by each method, judges' own levels taken off, (S, M).

    A judge's level is the mean of all ratings of that judge. Where all judges rate all it changes
    no difference; where they don't, a strict judge is not held against what fell to that judge.
    """
    known = np.isfinite(panel.values)
    filled = np.where(known, panel.values, 0.0)
    levels = average(filled.sum(axis=(1, 2)), known.sum(axis=(1, 2)))
    off = np.where(known, panel.values - levels[:, None, None], 0.0)
    return average(off.sum(axis=0), known.sum(axis=0))


def judge_means(panel: Panel) -> Floats:
    """Return the mean rating of each judge for each method, (R, M), NaN where there is none."""
    known = np.isfinite(panel.values)
    return average(np.where(known, panel.values, 0.0).sum(axis=1), known.sum(axis=1))


def differences(panel: Panel) -> list[Floats]:
    """Return for each two methods what each judge saw between them on each sample, (R, S) each."""
    blocks = np.moveaxis(panel.values, 2, 0)
    return [first - second for first, second in itertools.combinations(blocks, 2)]


def _cross(panel: Panel, first: str, second: str) -> CrossedMean | None:
    one, other = (panel.values[:, :, panel.methods.index(name)] for name in (first, second))
    try:
        return crossed_mean(one - other)
    except OptionError:
        return None


def _resample(
    panel: Panel, draws: Floats, places: tuple[int, int], confidence: float
) -> Interval | None:
    one, other = (panel.values[:, :, place] for place in places)
    if not (np.isfinite(one).any() and np.isfinite(other).any()):
        return None
    count = int(np.isfinite(one - other).sum())
    drawn = draws[:, places[0]] - draws[:, places[1]]
    if not np.isfinite(drawn).any():
        return None
    mean = float(np.nanmean(one) - np.nanmean(other))
    return percentile_interval(mean, drawn, count=count, confidence=confidence)
