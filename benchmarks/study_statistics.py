"""How often a study's intervals hold the truth, and its tests find a difference or none.

    python benchmarks/study_statistics.py [trials]

Ratings are drawn from known normal distributions. First the mean of one method, not rounded:
P.808's interval, the bootstrap over judges and samples, and Student's t for both. Then two methods
rated 1 to 5, where judges differ in taste (how much better they like one method) or don't.
"""

import sys

import numpy as np

from whyalike.study.agreement import crossed_mean
from whyalike.study.ratings import Panel
from whyalike.study.scores import (
    compare_methods,
    percentile_interval,
    resample_means,
    votes_interval,
)

DESIGNS = (
    (5, 100, 0.3, 0.4, 0.6),
    (5, 100, 0.0, 0.5, 0.9),
    (10, 100, 0.3, 0.4, 0.6),
    (20, 30, 0.3, 0.4, 0.6),
)


def cover(random, judges, samples, sds, trials):
    held = np.zeros(3)
    for trial in range(trials):
        parts = [
            random.normal(0, sd, size)
            for sd, size in zip(sds, ((judges, 1), (1, samples), (judges, samples)), strict=True)
        ]
        values = sum(parts)
        draws = resample_means(values[:, :, None], resamples=1000, seed=trial)[:, 0]
        found = (
            votes_interval(values.ravel()),
            percentile_interval(values.mean(), draws, count=values.size),
            crossed_mean(values).interval(),
        )
        held += [one.low <= 0 <= one.high for one in found]
    return held / trials


def rate(random, judges, samples, *, apart, taste):
    felt = (
        3.2
        + np.array([apart, 0.0])
        + random.normal(0, 0.4, (judges, 1, 1))
        + random.normal(0, 0.4, (1, samples, 1))
        + random.normal(0, 0.3, (1, samples, 2))
        + random.normal(0, taste, (judges, 1, 2))
        + random.normal(0, 0.6, (judges, samples, 2))
    )
    return np.clip(np.round(felt), 1, 5)


def detect(random, judges, samples, *, apart, taste, trials):
    found = np.zeros(3)
    for trial in range(trials):
        values = rate(random, judges, samples, apart=apart, taste=taste)
        panel = Panel(values, tuple(range(judges)), tuple(range(samples)), ("a", "b"))
        (test,) = compare_methods(panel, resample_means(values, resamples=500, seed=trial))
        outside = not test.resampled.low <= 0 <= test.resampled.high
        found += [test.p < 0.05, test.p_crossed < 0.05, outside]
    return found / trials


def main():
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    random = np.random.default_rng(0)
    print("judges samples  sd: judges samples rest | held by P.808, bootstrap, t for both")
    for judges, samples, *sds in DESIGNS:
        held = cover(random, judges, samples, sds, trials)
        print(f"{judges:6} {samples:7}  {sds} | {held.round(3)}", flush=True)
    print("judges  taste  difference | found by Wilcoxon, quasi-F, bootstrap")
    for judges in (5, 10):
        for taste in (0.0, 0.2):
            for apart in (0.0, 0.3):
                found = detect(random, judges, 100, apart=apart, taste=taste, trials=trials)
                print(f"{judges:6} {taste:6} {apart:11} | {found.round(3)}", flush=True)


if __name__ == "__main__":
    main()
