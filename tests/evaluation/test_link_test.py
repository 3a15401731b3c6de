"""Noreen's paired randomisation test of F over all links."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from raising import raises
from whyalike.errors import OptionError
from whyalike.evaluation.gold_counts import LinkCounts, compare_links
from whyalike.evaluation.leaderboard import Entry, Leaderboard
from whyalike.statistics import Interval


def counts(rows):
    """Given, correct, wanted, found of each pair."""
    return LinkCounts(*np.array(rows, dtype=float).T)


FIRST = [(4, 4, 5, 4), (3, 2, 4, 2), (6, 5, 6, 5), (2, 2, 3, 2), (5, 3, 5, 3), (1, 1, 1, 1)]
SECOND = [(5, 2, 5, 2), (4, 2, 4, 2), (6, 3, 6, 3), (2, 0, 3, 0), (5, 4, 5, 4), (0, 0, 1, 0)]


def f_by_hand(rows):
    given, correct, wanted, found = (sum(column) for column in zip(*rows, strict=True))
    precision, recall = correct / given, found / wanted
    return 2 * precision * recall / (precision + recall)


def test_p_is_that_of_all_swaps():
    (test,) = compare_links({"a": counts(FIRST), "b": counts(SECOND)}, reference="a")
    difference = f_by_hand(FIRST) - f_by_hand(SECOND)
    as_great, total = 0, 0
    for swaps in itertools.product((False, True), repeat=len(FIRST)):
        one = [b if s else a for a, b, s in zip(FIRST, SECOND, swaps, strict=True)]
        two = [a if s else b for a, b, s in zip(FIRST, SECOND, swaps, strict=True)]
        total += 1
        as_great += abs(f_by_hand(one) - f_by_hand(two)) >= abs(difference) - 1e-12
    exact = as_great / total
    assert 0.02 < exact < 0.98
    assert test.difference == pytest.approx(difference)
    # 9,999 draws: three standard errors.
    assert test.p == pytest.approx(exact, abs=3 * (exact * (1 - exact) / 9999) ** 0.5 + 1e-4)


def test_equal_methods_do_not_differ_and_very_different_ones_do():
    same = compare_links({"a": counts(FIRST), "b": counts(FIRST)}, reference="a")[0]
    assert (same.difference, same.p) == (0.0, 1.0)
    good, bad = counts([(4, 4, 4, 4)] * 30), counts([(4, 1, 4, 1)] * 30)
    found = compare_links({"good": good, "bad": bad, "worse": bad}, reference="good")
    assert [test.second for test in found] == ["bad", "worse"]
    assert found[0].p == 1 / 10_000
    assert found[0].p_holm == pytest.approx(2 / 10_000)


def test_a_chance_difference_is_rarely_found():
    random = np.random.default_rng(0)
    found = []
    for _ in range(200):
        correct = random.integers(0, 5, size=(2, 25))
        one, two = (counts([(5, c, 5, c) for c in row]) for row in correct)
        (test,) = compare_links({"a": one, "b": two}, reference="a", resamples=199)
        found.append(test.p <= 0.05)
    assert 1 <= sum(found) <= 22


def test_wrong_use_is_refused():
    with raises(OptionError, "'c'"):
        compare_links({"a": counts(FIRST)}, reference="c")
    with pytest.raises(OptionError, match="same pairs"):
        compare_links({"a": counts(FIRST), "b": counts(FIRST[:2])}, reference="a")
    with pytest.raises(OptionError, match="resamples"):
        compare_links({"a": counts(FIRST), "b": counts(FIRST)}, reference="a", resamples=0)


def test_a_leaderboard_tests_an_f_by_its_links():
    def entry(method, rows):
        found = counts(rows)
        return Entry(
            dataset="gold",
            method=method,
            metric="alignment_f",
            figure=Interval(found.f(), 0.0, 1.0, len(rows)),
            values=tuple(found.pair_f().tolist()),
            counts=tuple(map(tuple, found.table().tolist())),
        )

    first, second = entry("a", FIRST), entry("b", SECOND)
    board = Leaderboard(
        entries=(second, first), model="m", pooling="p", version="0", items={"gold": 6}
    )
    both = {"a": counts(FIRST), "b": counts(SECOND)}
    assert board.tests["gold", "alignment_f"] == compare_links(both, reference="a")
    without = replace(board, entries=(second, replace(first, counts=None)))
    assert without.tests["gold", "alignment_f"] != board.tests["gold", "alignment_f"]
