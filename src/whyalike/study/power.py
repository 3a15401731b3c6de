"""How many judges and samples it takes to see a difference between two methods."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from whyalike.errors import OptionError
from whyalike.study.crossed import Components, add_variances, find_components

Floats = NDArray[np.float64]
MOST_SAMPLES = 10_000


@dataclass(frozen=True, slots=True)
class Need:
    """Samples that ``judges`` judges must rate; None where no number up to 10,000 will do.

    same_judges: to claim the difference for these judges (paired t over samples).
    other_judges: to claim it for other judges too (crossed t).
    power: of the crossed test with as many samples as there are now.
    """

    judges: int
    same_judges: int | None
    other_judges: int | None
    power: float


@dataclass(frozen=True, slots=True)
class PowerPlan:
    """What a difference needs, from the variances of differences between two methods.

    components: of the difference that a judge sees on a sample; mean over each two methods.
    """

    difference: float
    wanted: float
    significance: float
    components: Components
    samples: int
    needs: tuple[Need, ...]


def pool_components(differences: Sequence[Floats]) -> Components:
    """Return the mean variances over tables of differences (R, S), negative ones taken as zero.

    Raises:
        OptionError: no table shows how judges and samples differ.
    """
    found = []
    for values in differences:
        try:
            found.append(find_components(values))
        except OptionError:
            continue
    if not found:
        raise OptionError(
            "How many judges a difference needs can be told only where judges rated the same "
            "samples by the same two methods; these ratings have no such overlap."
        )
    return Components(
        judges=float(np.mean([one.judges for one in found])),
        samples=float(np.mean([one.samples for one in found])),
        rest=float(np.mean([one.rest for one in found])),
    ).truncated


def power_of(
    components: Components,
    *,
    difference: float,
    judges: int,
    samples: int,
    significance: float = 0.05,
    other_judges: bool = True,
) -> float:
    """Return how often a two-sided test finds a mean difference, from the noncentral t.

    With ``other_judges`` the test is that of ``CrossedMean.p``; otherwise a paired t over samples
    of the judges' mean, where judges' own opinions are part of what is claimed.

    Raises:
        OptionError: fewer than two judges for other judges, than one otherwise, or two samples.
    """
    if samples < 2 or judges < (2 if other_judges else 1):
        raise OptionError(f"A test needs two samples and two judges; got {samples} and {judges}.")
    if other_judges:
        rest_freedom = (judges - 1) * (samples - 1)
        variance, freedom = add_variances(
            components, judges, samples, judges * samples, rest_freedom=rest_freedom
        )
    else:
        variance = (components.samples + components.rest / judges) / samples
        freedom = samples - 1
    if variance == 0:
        return 1.0 if difference else significance
    shift = difference / variance**0.5
    critical = stats.t.ppf(1 - significance / 2, freedom)
    # SciPy's noncentral t gives NaN far in the tail, where the answer is 0.
    lower = float(np.nan_to_num(stats.nct.cdf(-critical, freedom, shift)))
    upper = float(np.nan_to_num(stats.nct.cdf(critical, freedom, shift)))
    return min(1.0, max(0.0, 1 - upper + lower))


def samples_needed(
    components: Components,
    *,
    difference: float,
    judges: int,
    power: float = 0.8,
    significance: float = 0.05,
    other_judges: bool = True,
) -> int | None:
    """Return the fewest samples with which the test has that power, or None beyond 10,000."""

    def enough(samples: int) -> bool:
        reached = power_of(
            components,
            difference=difference,
            judges=judges,
            samples=samples,
            significance=significance,
            other_judges=other_judges,
        )
        return reached >= power

    if not enough(MOST_SAMPLES):
        return None
    low, high = 1, MOST_SAMPLES
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def plan_power(
    components: Components,
    *,
    samples: int,
    difference: float = 0.3,
    judges: Sequence[int] = (3, 5, 7, 10, 15, 20, 30),
    power: float = 0.8,
    significance: float = 0.05,
) -> PowerPlan:
    """Return how many samples each number of judges needs for a difference.

    Args:
        components: of differences, from ``pool_components``.
        samples: how many there are now.
        difference: in steps of the scale.
        judges: numbers to try, each 2 or more.
        power: how often the difference shall be found.
        significance: of the test, two-sided; of one comparison.

    Raises:
        OptionError: a number out of range.
    """
    if not (difference > 0 and 0 < power < 1 and 0 < significance < 1):
        raise OptionError(
            "Power needs a difference above 0, and a power and a significance between 0 and 1; "
            f"got {difference!r}, {power!r} and {significance!r}."
        )
    needs = []
    for count in judges:
        same, other = (
            samples_needed(
                components,
                difference=difference,
                judges=count,
                power=power,
                significance=significance,
                other_judges=others,
            )
            for others in (False, True)
        )
        reached = power_of(
            components,
            difference=difference,
            judges=count,
            samples=max(samples, 2),
            significance=significance,
        )
        needs.append(Need(count, same, other, reached))
    return PowerPlan(difference, power, significance, components, samples, tuple(needs))
