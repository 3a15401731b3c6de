"""Fake raters whose truth is known, to test a study with. They are marked as simulated for good."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from whyalike.arrays import Floats
from whyalike.errors import OptionError
from whyalike.options import check_whole
from whyalike.study.agreement import Components, add_variances, find_components
from whyalike.study.design import Shuffle, plan
from whyalike.study.engine import Answer
from whyalike.study.model import HIGHEST, LOWEST, Stimulus, Study, Task

if TYPE_CHECKING:
    from whyalike.study.storage import Storage


BEGIN = datetime(2000, 1, 1, tzinfo=UTC)
"""When simulated raters rate: a time at which nobody can have."""

BEST, WORST = 4.0, 2.5
ATTENTIVE_SECONDS, CARELESS_SECONDS = 12.0, 0.8


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What simulated raters think. All numbers are in steps of the scale.

    A rating is the method's mean, plus what the rater gives too much or too little, plus what the
    sample is easier or harder to explain, plus how well this method does on it, plus noise; then
    rounded, and cut to 1 to 5. All but the means are drawn from normal distributions around 0.

    means: by method, before rounding and cutting.
    rater_sd, sample_sd, interaction_sd, noise_sd: standard deviations of the four.
    careless: how many raters, the last ones, answer anything at random and at once.

    Raises OptionError on a number that is not allowed.
    """

    means: Mapping[str, float]
    rater_sd: float = 0.4
    sample_sd: float = 0.4
    interaction_sd: float = 0.4
    noise_sd: float = 0.6
    careless: int = 0

    def __post_init__(self) -> None:
        """Refuse what can't be drawn from."""
        for name in ("rater_sd", "sample_sd", "interaction_sd", "noise_sd", "careless"):
            value = getattr(self, name)
            if not 0 <= value < float("inf"):
                raise OptionError(f"{name} is {value!r}; give 0 or more.")
        for name, mean in self.means.items():
            if not LOWEST <= mean <= HIGHEST:
                raise OptionError(f"The mean of {name!r} is {mean!r}; give 1 to 5.")


def default_means(study: Study) -> dict[str, float]:
    """Return means at equal steps, in an order drawn by the seed: nobody's opinion on methods."""
    order = Shuffle(str(study.seed)).order(study.methods, "simulated means")
    steps = np.linspace(BEST, WORST, len(order)).round(2).tolist()
    by_name = dict(zip(order, steps, strict=True))
    return {name: by_name[name] for name in study.methods}


def simulate_ratings(
    study: Study, storage: "Storage", truth: Truth, *, raters: int = 5, seed: int = 0
) -> list[int]:
    """Add simulated raters who answer everything, and return their numbers.

    Parameters
    ----------
    study : Study
        Whose plans they follow.
    storage : Storage
        Of the study, without any real rater.
    truth : Truth
        What they think.
    raters : int, default=5
        How many.
    seed : int, default=0
        Of all that is drawn; further raters share what samples are like.

    Raises
    ------
    OptionError
        The storage has real raters; a mean is missing or too many; fewer raters than careless ones.
    StorageError
        They can't be stored.
    """
    if set(truth.means) != set(study.methods):
        raise OptionError(
            f"Means are given for {', '.join(truth.means)}; the study's methods are "
            f"{', '.join(study.methods)}."
        )
    if type(raters) is not int or not max(truth.careless, 1) <= raters:
        raise OptionError(f"raters is {raters!r}; give 1 or more, the careless ones included.")
    check_whole("seed", seed, least=0)
    added = []
    for n in range(raters):
        careless = n >= raters - truth.careless
        name = "simulated, careless" if careless else "simulated"
        rater = storage.add_rater(name, simulated=True)
        storage.consent(rater.rater_id)
        tasks = plan(study, rater.number)
        values = simulated_values(study, tasks, truth, rater.number, careless=careless, seed=seed)
        mean = CARELESS_SECONDS if careless else ATTENTIVE_SECONDS
        rng = np.random.default_rng([seed, 5, rater.number])
        seconds = (mean * rng.lognormal(0.0, 0.4, len(tasks))).tolist()
        storage.record_many(rater.rater_id, _answers(tasks, values, seconds))
        added.append(rater.number)
    return added


def simulated_values(
    study: Study,
    tasks: Sequence[Task],
    truth: Truth,
    rater_number: int,
    *,
    careless: bool,
    seed: int,
) -> list[int]:
    """Return the answers of one simulated rater, one for each task."""
    rng = np.random.default_rng([seed, 1, rater_number])
    if careless:
        return [int(value) for value in rng.integers(LOWEST, HIGHEST + 1, len(tasks))]
    of_samples = _draw(seed, 2, study.samples, truth.sample_sd)
    of_both = _draw(seed, 3, study.samples * len(study.methods), truth.interaction_sd)
    of_rater = float(np.random.default_rng([seed, 4, rater_number]).normal(0, truth.rater_sd))
    places = {name: n for n, name in enumerate(study.methods)}
    values = []
    for task in tasks:
        shown = study.shown(task.stimulus_id)
        noise = float(rng.normal(0, truth.noise_sd))
        if not isinstance(shown, Stimulus):
            values.append(int(rng.integers(shown.low, shown.high + 1)))
            continue
        both = shown.sample * len(study.methods) + places[shown.method]
        felt = truth.means[shown.method] + of_rater + of_samples[shown.sample] + of_both[both]
        values.append(int(np.clip(np.floor(felt + noise + 0.5), LOWEST, HIGHEST)))
    return values


def _draw(seed: int, what: int, count: int, sd: float) -> NDArray[np.float64]:
    return np.random.default_rng([seed, what]).normal(0, sd, count)


def _answers(tasks: Sequence[Task], values: list[int], seconds: list[float]) -> list[Answer]:
    found = []
    now = BEGIN
    for task, value, spent in zip(tasks, values, seconds, strict=True):
        shown_at, now = now, now + timedelta(seconds=spent)
        found.append(
            Answer(
                position=task.position,
                stimulus_id=task.stimulus_id,
                value=value,
                client_key=f"simulated-{task.position}",
                shown_at=shown_at,
                answered_at=now,
            )
        )
    return found


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

    Raises
    ------
    OptionError
        No table shows how judges and samples differ.
    """
    found = []
    for values in differences:
        try:
            found.append(find_components(values))
        except OptionError:
            continue
    if not found:
        raise OptionError(
            "How many judges a difference needs can be estimated only where judges rated the same "
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

    Raises
    ------
    OptionError
        Fewer than two judges for other judges, than one otherwise, or two samples.
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

    Parameters
    ----------
    components : Components
        Of differences, from ``pool_components``.
    samples : int
        How many there are now.
    difference : float, default=0.3
        In steps of the scale.
    judges : sequence of int, default=(3, 5, 7, 10, 15, 20, 30)
        Numbers to try, each 2 or more.
    power : float, default=0.8
        How often the difference shall be found.
    significance : float, default=0.05
        Of the test, two-sided; of one comparison.

    Raises
    ------
    OptionError
        A number out of range.
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
