"""Rows that go together: every way of cutting is tried, and none is cheaper."""

import random
from itertools import combinations, pairwise

import pytest

from whyalike.models.tokens import PASS_TOKENS, group_rows


def cost(groups, lengths):
    return sum(len(group) * max(lengths[row] for row in group) + PASS_TOKENS for group in groups)


def allowed(groups, lengths, most):
    return all(len(g) == 1 or len(g) * max(lengths[row] for row in g) <= most for g in groups)


@pytest.mark.parametrize("most", [10_000, 300])
@pytest.mark.parametrize("seed", range(20))
def test_no_cut_is_cheaper(seed, most):
    choose = random.Random(seed)
    lengths = [choose.randint(1, choose.choice([30, 400])) for _ in range(8)]
    found = group_rows(lengths, ["same"] * 8, most_tokens=most)
    assert sorted(row for group in found for row in group) == list(range(8))
    assert allowed(found, lengths, most)
    order = sorted(range(8), key=lambda row: -lengths[row])
    ways = []
    for count in range(8):
        for cuts in combinations(range(1, 8), count):
            ends = [0, *cuts, 8]
            ways.append([order[a:b] for a, b in pairwise(ends)])
    cheapest = min(cost(way, lengths) for way in ways if allowed(way, lengths, most))
    assert cost(found, lengths) == cheapest


def test_keys_are_not_mixed_and_empty_rows_are_left_out():
    lengths, keys = [9, 0, 8, 7, 9], ["a", "a", "b", "a", "b"]
    assert group_rows(lengths, keys, most_tokens=100) == [[0, 3], [4, 2]]
    assert group_rows([], [], most_tokens=100) == group_rows([0], ["a"], most_tokens=100) == []
    assert group_rows([500, 500], ["a", "a"], most_tokens=100) == [[0], [1]]
