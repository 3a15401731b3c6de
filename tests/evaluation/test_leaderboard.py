"""A leaderboard ranks by its figures, and says what its tests do not tell apart."""

import json
import math
from dataclasses import replace

import numpy as np

from whyalike.evaluation.leaderboard import Entry, Leaderboard
from whyalike.statistics import Interval, compare_paired


def entry(method, values, metric="aopc_deletion"):
    defined = [v for v in values if v is not None]
    mean = float(np.mean(defined))
    figure = Interval(mean, mean - 0.01, mean + 0.01, len(defined))
    return Entry(dataset="shop", method=method, metric=metric, figure=figure, values=tuple(values))


def board(*entries):
    return Leaderboard(entries=entries, model="m", pooling="model", version="0", items={"shop": 12})


GOOD = [0.30 + 0.01 * k for k in range(12)]
NEAR = [value + (0.004 if k % 2 else -0.005) for k, value in enumerate(GOOD)]
BAD = [value - 0.2 - 0.001 * k for k, value in enumerate(GOOD)]


def test_ranks_and_ties_follow_the_tests():
    found = board(entry("bad", BAD), entry("near", NEAR), entry("good", GOOD))
    assert found.methods("shop") == ("good", "near", "bad")
    assert found.ties_with_best("shop", "aopc_deletion") == {"good", "near"}
    values = {"good": GOOD, "near": NEAR, "bad": BAD}
    assert found.tests["shop", "aopc_deletion"] == compare_paired(values, reference="good")
    table = found.to_markdown(command="whyalike evaluate")
    assert "| `good` | **0.355** [0.345, 0.365] |" in table
    assert "| `near` | **0.35" in table
    assert "| `bad` | 0.1" in table
    assert "`whyalike evaluate`" in table
    lower = board(
        *(entry(name, values, "sufficiency") for name, values in (("bad", GOOD), ("good", BAD)))
    )
    assert lower.methods("shop") == ("good", "bad")


def test_a_method_whose_items_are_better_is_no_worse_than_the_best():
    # F over all links weighs pairs by their links, so that its best need not win most pairs.
    first = entry("first", BAD, "alignment_f")
    first = replace(first, figure=Interval(0.9, 0.8, 0.95, 12))
    found = board(first, entry("other", GOOD, "alignment_f"))
    (test,) = found.tests["shop", "alignment_f"]
    assert (test.first, test.p_holm < 0.05, test.difference < 0) == ("first", True, True)
    assert found.ties_with_best("shop", "alignment_f") == {"first", "other"}
    lower = board(entry("worse", GOOD, "sufficiency"), entry("best", BAD, "sufficiency"))
    assert lower.ties_with_best("shop", "sufficiency") == {"best"}


def test_undefined_values_are_left_out_and_said():
    nothing = Entry(
        dataset="shop", method="x", metric="aopc_deletion", figure=None, values=(None,) * 12
    )
    found = board(entry("good", [None, *GOOD[1:]]), entry("bad", BAD), nothing)
    (test,) = found.tests["shop", "aopc_deletion"]
    assert test.count == 11
    assert "| `x` | – |" in found.to_markdown()
    content = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert content["entries"][0]["values"][0] is None
    assert content["tests"][0]["first"] == "good"
    assert not math.isnan(content["entries"][0]["figure"]["mean"])


def test_an_order_by_chance_is_flagged():
    flat = Entry(**{**entry("flat", GOOD).__dict__, "constant": 3})
    assert "(3 by chance)" in board(flat).to_markdown()
