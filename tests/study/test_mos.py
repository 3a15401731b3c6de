"""Mean opinion scores and their intervals, against loops and against a known truth."""

import math

import numpy as np
import pytest
from rating_tables import draw_ratings, make_rows, make_table, row
from scipy import stats

from raising import raises
from whyalike.errors import OptionError
from whyalike.study.agreement import crossed_mean, find_components
from whyalike.study.ratings import panel_of, table_of
from whyalike.study.scores import percentile_interval, resample_means, score_methods, votes_interval


def with_gaps(values, share, seed=0):
    gaps = np.random.default_rng(seed).random(values.shape) < share
    return np.where(gaps, np.nan, values)


def test_only_latest_ratings_of_items_count():
    rows = make_rows(np.array([[[4, 2], [5, 1]], [[3, 3], [4, np.nan]]], dtype=float))
    rows += [row(0, 0, 1, sample=0, method="bti", current=False)]
    rows += [row(0, n, 1, kind=kind) for n, kind in enumerate(("check", "practice"), start=90)]
    rows += [row(0, 99, 1, kind="repeat", sample=0, method="bti", repeat_of=0)]
    panel = panel_of(table_of(rows), methods=("vg", "bti"))
    assert panel.methods == ("vg", "bti")
    assert panel.values.tolist()[0] == [[2, 4], [1, 5]]
    assert math.isnan(panel.values[1, 1, 0])
    assert panel.without([0]).judges == (1,)
    assert panel.by_stimulus.shape == (2, 4)
    with raises(OptionError, "bti"):
        panel_of(table_of(rows), methods=("vg",))
    with raises(OptionError, "two", "ratings"):
        panel_of(table_of([*rows, row(0, 50, 1, sample=0, method="bti")]))
    with pytest.raises(OptionError, match="no ratings of items"):
        panel_of(table_of(rows[-1:]))


def test_scores_by_hand():
    panel = panel_of(make_table(with_gaps(draw_ratings(4, 9, seed=1), 0.2)))
    draws = resample_means(panel.values, resamples=50)
    for place, score in enumerate(score_methods(panel, draws)):
        block = panel.values[:, :, place]
        ratings = [x for line in block for x in line if not math.isnan(x)]
        mean = sum(ratings) / len(ratings)
        assert score.mos == pytest.approx(mean)
        of_judges = [[x for x in line if not math.isnan(x)] for line in block]
        of_samples = [[x for x in line if not math.isnan(x)] for line in block.T]
        assert score.sd == pytest.approx(deviation([sum(x) / len(x) for x in of_judges if x]))
        sds = deviation([sum(x) / len(x) for x in of_samples if x])
        assert score.sd_samples == pytest.approx(sds)
        assert score.sd_ratings == pytest.approx(deviation(ratings))
        assert score.counts == tuple(ratings.count(step) for step in range(1, 6))
        half = stats.t.ppf(0.975, len(ratings) - 1) * deviation(ratings) / len(ratings) ** 0.5
        assert score.votes.low == pytest.approx(mean - half)
        assert score.votes.high == pytest.approx(mean + half)
        assert score.crossed is not None
        assert score.crossed.mean == pytest.approx(mean)


def deviation(values):
    mean = sum(values) / len(values)
    return math.sqrt(sum((x - mean) ** 2 for x in values) / (len(values) - 1))


def test_the_papers_deviations_can_not_be_those_of_single_ratings():
    """A mean of 4.3 from whole ratings: at the least, all are 4 or 5."""
    least = deviation([4] * 350 + [5] * 150)
    assert least > 0.3 + 0.05


def test_one_judge_and_equal_ratings():
    values = np.full((1, 4, 2), 3.0)
    panel = panel_of(make_table(values))
    (score, _) = score_methods(panel, resample_means(values, resamples=10))
    assert (score.sd, score.crossed) == (None, None)
    assert score.votes.low == score.votes.high == score.resampled.low == 3.0
    assert votes_interval(np.array([2.0])).high == 2.0


@pytest.mark.parametrize("share", [0.0, 0.35])
def test_components_against_every_pair_of_ratings(share):
    values = with_gaps(draw_ratings(5, 8, seed=2)[:, :, 0], share, seed=4)
    cells = [(r, s) for r in range(5) for s in range(8) if not math.isnan(values[r, s])]
    halves = {"sample": [], "judge": [], "neither": []}
    for n, (r, s) in enumerate(cells):
        for other_r, other_s in cells[n + 1 :]:
            kind = "judge" if r == other_r else "sample" if s == other_s else "neither"
            halves[kind].append((values[r, s] - values[other_r, other_s]) ** 2 / 2)
    mean = {kind: sum(found) / len(found) for kind, found in halves.items()}
    found = find_components(values)
    assert found.judges == pytest.approx(mean["neither"] - mean["judge"])
    assert found.samples == pytest.approx(mean["neither"] - mean["sample"])
    assert found.rest == pytest.approx(mean["sample"] + mean["judge"] - mean["neither"])


def test_a_full_table_is_an_analysis_of_variance():
    values = draw_ratings(4, 10, seed=3)[:, :, 0]
    judges, samples = values.shape
    grand, of_judges, of_samples = values.mean(), values.mean(axis=1), values.mean(axis=0)
    judge_square = samples * sum((m - grand) ** 2 for m in of_judges) / (judges - 1)
    sample_square = judges * sum((m - grand) ** 2 for m in of_samples) / (samples - 1)
    rest = sum(
        (values[r, s] - of_judges[r] - of_samples[s] + grand) ** 2
        for r in range(judges)
        for s in range(samples)
    ) / ((judges - 1) * (samples - 1))
    found = find_components(values)
    assert found.rest == pytest.approx(rest)
    assert found.judges == pytest.approx((judge_square - rest) / samples)
    assert found.samples == pytest.approx((sample_square - rest) / judges)
    mean = crossed_mean(values)
    assert mean.error**2 == pytest.approx((judge_square + sample_square - rest) / values.size)
    below = judge_square**2 / (judges - 1) + sample_square**2 / (samples - 1)
    below += rest**2 / ((judges - 1) * (samples - 1))
    assert mean.freedom == pytest.approx((judge_square + sample_square - rest) ** 2 / below)
    # Clark's quasi-F of the mean against zero is the square of its t.
    assert stats.f.sf((mean.mean / mean.error) ** 2, 1, mean.freedom) == pytest.approx(mean.p)


def test_components_need_an_overlap():
    for values in ([[1.0, 2.0]], [[1.0], [2.0]], [[1.0, np.nan], [np.nan, 2.0]], [[np.nan]]):
        with pytest.raises(OptionError, match="no such overlap"):
            find_components(np.array(values))
    lopsided = np.full((2, 2000), np.nan)
    lopsided[0] = 1 + np.arange(2000) % 2
    lopsided[1, 0] = 5.0
    with pytest.raises(OptionError, match="nearly all the ratings"):
        crossed_mean(lopsided)
    same = crossed_mean(np.full((3, 4), 0.0))
    assert (same.error, same.p, same.interval().low) == (0.0, 1.0, 0.0)


def test_the_bootstrap_draws_judges_and_samples_whole():
    values = with_gaps(draw_ratings(4, 6, seed=5), 0.2)
    fast = resample_means(values, resamples=40, seed=9)
    random = np.random.default_rng(9)
    judges = random.multinomial(4, [1 / 4] * 4, size=40)
    samples = random.multinomial(6, [1 / 6] * 6, size=40)
    for draw in range(40):
        for method in range(2):
            drawn = [
                values[r, s, method]
                for r in range(4)
                for s in range(6)
                for _ in range(judges[draw, r] * samples[draw, s])
                if not math.isnan(values[r, s, method])
            ]
            assert fast[draw, method] == pytest.approx(sum(drawn) / len(drawn))
    assert (resample_means(values, resamples=40, seed=9) == fast).all()
    assert (resample_means(values, resamples=40, seed=8) != fast).any()
    with pytest.raises(OptionError, match="needs judges"):
        resample_means(values, resamples=0)


def test_a_draw_without_a_rating_is_left_out():
    values = np.full((3, 3, 1), np.nan)
    values[0, 0, 0] = 4.0
    draws = resample_means(values, resamples=200)[:, 0]
    assert np.isnan(draws).any()
    assert percentile_interval(4.0, draws, count=1).low == 4.0
    with pytest.raises(OptionError, match="No draw"):
        percentile_interval(4.0, draws[np.isnan(draws)], count=1)


def test_intervals_hold_the_true_mean_as_often_as_they_say():
    """P.808's takes ratings of one judge for independent, and holds it far too seldom."""
    random = np.random.default_rng(11)
    held = {"votes": 0, "crossed": 0, "bootstrap": 0}
    trials = 300
    for trial in range(trials):
        judges, samples = random.normal(0, 0.3, (8, 1)), random.normal(0, 0.4, (1, 40))
        values = 3 + judges + samples + random.normal(0, 0.6, (8, 40))
        draws = resample_means(values[:, :, None], resamples=200, seed=trial)[:, 0]
        intervals = {
            "votes": votes_interval(values.ravel()),
            "crossed": crossed_mean(values).interval(),
            "bootstrap": percentile_interval(values.mean(), draws, count=values.size),
        }
        for name, interval in intervals.items():
            held[name] += interval.low <= 3 <= interval.high
    # Binomial(300, .95) is below 271 once in a thousand; the bootstrap of 8 judges is narrower.
    assert held["crossed"] >= 271
    assert held["bootstrap"] >= 255
    assert held["votes"] <= 200
