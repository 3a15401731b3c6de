"""Whether methods were rated differently on the same samples."""

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whyalike.errors import OptionError
from whyalike.statistics import Interval, compare_paired, holm
from whyalike.study.bootstrap import percentile_interval
from whyalike.study.crossed import CrossedMean, crossed_mean
from whyalike.study.panel import Panel, average

Floats = NDArray[np.float64]


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

    Args:
        panel: of R judges, S samples and M methods.
        draws: (B, M), from ``resample_means`` of the same panel.
        reference: test the others against this one only.
        confidence: of the intervals.

    Raises:
        OptionError: ``reference`` is not among the methods.
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
