"""Tables of ratings made from blocks of numbers, without a study or a database."""

import numpy as np

from whyalike.study.ratings import table_of

METHODS = ("bti", "vg", "ig", "tfidf", "random", "occlusion", "maxsim")


def row(rater, position, value, **columns):
    return {
        "rater": rater,
        "name": "",
        "simulated": False,
        "position": position,
        "kind": "item",
        "stimulus": "",
        "sample": -1,
        "method": "",
        "value": value,
        "low": 0,
        "high": 0,
        "repeat_of": -1,
        "seconds": 12.0,
        "answered_at": "",
        "comment": "",
        "current": True,
    } | columns


def make_rows(values, *, methods=METHODS, **columns):
    """Return rows for a block (R, S, M), NaN for none."""
    rows = []
    for rater, sample, place in np.argwhere(np.isfinite(values)).tolist():
        position = sample * values.shape[2] + place
        about = {"sample": sample, "method": methods[place], "stimulus": f"{sample}/{place}"}
        value = int(values[rater, sample, place])
        rows.append(row(rater, position, value, **(about | columns)))
    return rows


def make_table(values, *, extra=(), **columns):
    return table_of([*make_rows(values, **columns), *extra])


def draw_ratings(
    judges,
    samples,
    *,
    means=(4.0, 3.0),
    seed=0,
    judge_sd=0.4,
    sample_sd=0.4,
    both_sd=0.3,
    noise=0.6,
):
    """Return whole ratings (R, S, M) of judges and samples drawn from normal distributions."""
    rng = np.random.default_rng(seed)
    count = len(means)
    felt = (
        np.array(means)
        + rng.normal(0, judge_sd, (judges, 1, 1))
        + rng.normal(0, sample_sd, (1, samples, 1))
        + rng.normal(0, both_sd, (1, samples, count))
        + rng.normal(0, noise, (judges, samples, count))
    )
    return np.clip(np.round(felt), 1, 5)
