"""Curves of methods: every value where it belongs, names apart, numbers written."""

from itertools import pairwise

import pytest

from whyalike.render.leaderboard import (
    BOTTOM,
    HEIGHT,
    LABEL,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Curve,
    plot_curves,
)


def test_points_stand_where_their_values_say():
    plot = plot_curves(
        (1, 2, 4), [Curve("a", (0.0, 0.5, 1.0), True), Curve("b", (0, None, -1), False)]
    )
    lines = {line.method: line for line in plot.lines}
    found = [tuple(map(float, pair.split(","))) for pair in lines["a"].path.split()]
    across, up = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    assert found == [
        pytest.approx((LEFT, TOP + up / 2), abs=0.06),
        pytest.approx((LEFT + across / 3, TOP + up / 4), abs=0.06),
        pytest.approx((LEFT + across, TOP), abs=0.06),
    ]
    assert len(lines["b"].path.split()) == 2
    assert plot.lines[-1].method == "a", "the best lies on top"
    assert plot.rows == (("a", ("0.000", "0.500", "1.000")), ("b", ("0.000", "–", "−1.000")))
    assert [said for _, said in plot.up] == ["−1.00", "0.00", "1.00"]


def test_only_the_best_and_random_have_names_and_they_lie_apart():
    curves = [Curve(f"m{n}", (0.1, 0.5 + n / 1000), n < 5) for n in range(20)]
    plot = plot_curves((0, 1), [*curves, Curve("random", (0.0, 0.5), False)])
    places = {line.method: line.name_at for line in plot.lines if line.name_at is not None}
    assert set(places) == {"m0", "m1", "m2", "m3", "m4", "random"}
    ordered = sorted(places.values())
    assert all(b - a >= LABEL - 0.11 for a, b in pairwise(ordered))
    assert all(0 <= place <= HEIGHT for place in ordered)


def test_nothing_to_draw():
    assert plot_curves((), []) is None
    assert plot_curves((1, 2), [Curve("a", (None, None), True)]) is None
    flat = plot_curves((1, 2), [Curve("a", (0.0, 0.0), True)])
    assert "nan" not in flat.lines[0].path
