"""Krippendorff's α: how far judges agree beyond chance, gaps allowed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from whyalike.errors import OptionError
from whyalike.options import check_whole

Floats = NDArray[np.float64]
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

    Args:
        ratings: (R, U), one row for each judge and one column for each unit, NaN for none.
        level: what a difference of values is: none or all, by ranks, or squared.
        drawn_together: (U,), the group of each unit, such as its sample, if groups of units are to
            be drawn again and not units.
        resamples: how many times units are drawn again for the interval.
        seed: of these draws.
        confidence: of the interval.

    Raises:
        OptionError: no such level or seed, no unit with two ratings, groups of another number, or
            all ratings equal, where chance would agree too.
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
        raise OptionError("All ratings are equal: agreement can't be told from chance.")
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
