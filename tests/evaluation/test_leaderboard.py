"""A leaderboard ranks by its figures, and says what its tests do not tell apart."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

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


def test_where_no_test_could_find_a_difference_nothing_is_best():
    few = board(entry("good", GOOD[:5]), entry("bad", BAD[:5]))
    (test,) = few.tests["shop", "aopc_deletion"]
    assert test.p_holm == pytest.approx(2 / 2**5), "the least there is"
    assert few.ties_with_best("shop", "aopc_deletion") == frozenset()
    assert "**0." not in few.to_markdown()
    (note,) = few.notes("shop")
    assert note.startswith("Nothing is marked as best by aopc_deletion: no paired test of so few")
    assert f"- {note}" in few.to_markdown()
    enough = board(entry("good", GOOD[:6]), entry("bad", BAD[:6]))
    assert enough.ties_with_best("shop", "aopc_deletion") == {"good"}
    assert enough.notes("shop") == ()
    # Of two comparisons the first must come below half of it.
    three = board(entry("good", GOOD[:6]), entry("bad", BAD[:6]), entry("near", NEAR[:6]))
    assert three.ties_with_best("shop", "aopc_deletion") == frozenset()
    alone = board(entry("good", GOOD))
    assert alone.ties_with_best("shop", "aopc_deletion") == frozenset()
    assert alone.notes("shop") == ()


def test_a_method_with_few_values_is_not_taken_for_as_good_as_the_best():
    sparse = [GOOD[0] - 0.001, *[None] * 11]
    found = board(entry("good", GOOD), entry("bad", BAD), entry("sparse", sparse))
    assert found.ties_with_best("shop", "aopc_deletion") == {"good"}
    assert "(1 of 12 pairs)" in found.to_markdown()


def test_random_weights_are_a_test_and_no_contest():
    """Who is furthest below 0 hangs on something else than the weights as much as who is above."""
    said = {"inverted": -0.4, "none": -0.004, "same": 0.9}
    entries = [
        entry(name, [mean + 0.001 * k for k in range(-6, 6)], "spearman_random")
        for name, mean in said.items()
    ]
    found = board(*entries)
    assert found.methods("shop") == ("none", "inverted", "same")
    assert found.ties_with_best("shop", "spearman_random") == frozenset()
    assert found.tests["shop", "spearman_random"] == ()
    page = found.to_markdown()
    assert "| method | spearman_random |" in page
    assert "no method is best" in page
    assert "**" not in page.split("## shop")[1]
    chance = [replace(e, metric="jaccard_words_random", chance=0.9) for e in entries]
    assert board(*chance).methods("shop")[0] == "same"


def test_precision_and_recall_stand_beside_an_f():
    counts = ((2.0, 2.0), (1.0, 2.0), (4.0, 1.0), (1.0, 1.0))
    found = board(replace(entry("good", [0.5, 0.6], "alignment_f"), counts=counts))
    assert ", P 0.750, R 0.400 |" in found.to_markdown()
    assert found.entries[0].shares == (3 / 4, 2 / 5)
    nothing = ((0.0, 0.0), (0.0, 0.0), (4.0, 1.0), (0.0, 0.0))
    found = board(replace(entry("silent", [0.0, 0.0], "alignment_f"), counts=nothing))
    assert ", P –, R 0.000 |" in found.to_markdown()


def test_what_every_explanation_says_is_said_once():
    noted = [replace(entry(name, GOOD), notes=("A guess.",)) for name in ("idf", "tfidf_w2v")]
    found = board(*noted, entry("bti", BAD))
    assert "idf, tfidf_w2v: A guess." in found.notes("shop")


def test_an_order_by_chance_is_flagged():
    flat = Entry(**{**entry("flat", GOOD).__dict__, "constant": 3})
    assert "(3 by chance)" in board(flat).to_markdown()
