"""Fake raters whose truth is known, to test a study with. They are marked as simulated for good."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from whyalike.errors import OptionError
from whyalike.options import check_whole
from whyalike.study.answers import Answer
from whyalike.study.design import plan
from whyalike.study.model import HIGHEST, LOWEST, Stimulus, Study, Task
from whyalike.study.shuffle import Shuffle

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

    Args:
        study: whose plans they follow.
        storage: of the study, without any real rater.
        truth: what they think.
        raters: how many.
        seed: of all that is drawn; further raters share what samples are like.

    Raises:
        OptionError: the storage has real raters; a mean is missing or too many; fewer raters than
            careless ones.
        StorageError: they can't be stored.
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
