"""Published rules of alignment on matrices small enough to be worked out by hand."""

import sys
from functools import partial

import numpy as np
import pytest

from raising import raises
from whyalike.errors import MissingExtraError, OptionError
from whyalike.evaluation.rival_alignments import (
    RULES,
    align_by_argmax,
    align_by_itermax,
    align_by_matching,
    align_by_softmax,
    align_by_transport,
)

# Cosines: a-c .8, a-d .96, b-c .6, b-d .28; as SimAlign scales them .9, .98, .8, .64.
AB = np.array([[1.0, 0.0], [0.0, 1.0]])
CD = np.array([[0.8, 0.6], [0.96, 0.28]])


def links(rule, left, right):
    return set(map(tuple, np.argwhere(rule(left, right)).tolist()))


def test_argmax_links_only_each_others_nearest():
    # Both of c and d are nearest to a, which is nearest to d; b, nearest to c, is left alone.
    assert links(align_by_argmax, AB, CD) == {(0, 1)}


def test_itermax_lets_a_word_with_a_link_compete_at_nine_tenths():
    # Second round: a-c .9 * .9 = .81, b-c .8, b-d .64 * .9 = .576. So c still prefers a.
    assert links(align_by_itermax, AB, CD) == {(0, 1), (0, 0)}
    # Where c is as near to b as to a, a-c falls to .768 and b-c stays .854.
    between = np.array([[1.0, 1.0], [0.96, 0.28]])
    assert links(align_by_argmax, AB, between) == {(0, 1)}
    assert links(align_by_itermax, AB, between) == {(0, 1), (1, 0)}
    assert links(partial(align_by_itermax, rounds=1), AB, CD) == {(0, 1)}
    with raises(OptionError, "rounds", "0", "1"):
        align_by_itermax(AB, CD, rounds=0)


def test_itermax_ends_where_all_words_of_a_text_have_links():
    # The only word of the left text is linked, and the second of the right gets none.
    assert links(align_by_itermax, AB[:1], CD) == {(0, 1)}


def test_match_takes_the_greatest_sum():
    # a-d + b-c = .98 + .8, a-c + b-d = .9 + .64.
    assert links(align_by_matching, AB, CD) == {(0, 1), (1, 0)}
    # One to one: of three words against two, one is left.
    assert links(align_by_matching, np.vstack([AB, [[-1.0, -1.0]]]), CD) == {(0, 1), (1, 0)}


def test_softmax_needs_both_sides_and_goes_by_products():
    one = np.array([[1.0, 0.0]])
    # Of products 10 and 2 the second has e^-8 = .0003, of 10 and 4 it has e^-6 = .0025.
    assert links(align_by_softmax, one, np.array([[10.0, 0], [2.0, 0]])) == {(0, 0)}
    assert links(align_by_softmax, one, np.array([[10.0, 0], [4.0, 0]])) == {(0, 0), (0, 1)}
    strict = partial(align_by_softmax, threshold=0.01)
    assert links(strict, one, np.array([[10.0, 0], [4.0, 0]])) == {(0, 0)}
    # Of b's side c is all there is; of c's side b has e^-10.
    assert links(align_by_softmax, AB * 10, np.array([[1.0, 0]])) == {(0, 0)}


def test_transport_moves_a_words_mass_to_where_it_is_near():
    pytest.importorskip("ot")
    # Masses .5 each, costs 0 and 1: all but e^-10 of it moves along the diagonal.
    assert links(align_by_transport, AB, AB[::-1]) == {(0, 1), (1, 0)}
    # One word against two must split: by lengths 3 and 1, or evenly.
    one, two = np.array([[1.0, 0.0]]), np.array([[0.0, 3.0], [1.0, 0.0]])
    assert links(align_by_transport, one, two) == {(0, 0)}
    assert links(partial(align_by_transport, mass="even"), one, two) == {(0, 0), (0, 1)}
    # What need not move does not: the far word is left alone.
    for kind in ("partial", "unbalanced"):
        rule = partial(align_by_transport, kind=kind, mass="even", moved=0.5)
        assert links(rule, one, two) == {(0, 1)}


@pytest.mark.parametrize("seed", range(4))
def test_balanced_transport_against_sinkhorn_by_loops(seed):
    pytest.importorskip("ot")
    random = np.random.default_rng(seed)
    left, right = random.normal(size=(4, 3)), random.normal(size=(5, 3))

    def length(vector):
        return sum(x * x for x in vector) ** 0.5

    cost = [[1 - sum(u * v) / length(u) / length(v) for v in right] for u in left]
    low, high = min(map(min, cost)), max(map(max, cost))
    kernel = [[np.exp(-(c - low) / (high - low) / 0.1) for c in row] for row in cost]
    rows = [length(u) / sum(map(length, left)) for u in left]
    columns = [length(v) / sum(map(length, right)) for v in right]
    v = [1.0] * 5
    for _ in range(4000):
        u = [rows[i] / sum(kernel[i][j] * v[j] for j in range(5)) for i in range(4)]
        v = [columns[j] / sum(kernel[i][j] * u[i] for i in range(4)) for j in range(5)]
    plan = {(i, j): u[i] * kernel[i][j] * v[j] for i in range(4) for j in range(5)}
    least, most = min(plan.values()), max(plan.values())
    for threshold in (0.2, 0.5):
        expected = {ij for ij, x in plan.items() if (x - least) / (most - least) > threshold}
        assert links(partial(align_by_transport, threshold=threshold), left, right) == expected


@pytest.mark.parametrize("name", list(RULES))
def test_every_rule_reads_empty_texts_and_vectors_of_zeros(name):
    if name == "transport":
        pytest.importorskip("ot")
    rule = RULES[name]
    for sizes in ((0, 2), (2, 0), (0, 0)):
        found = rule(np.zeros((sizes[0], 3)), np.zeros((sizes[1], 3)))
        assert (found.shape, found.dtype) == (sizes, np.dtype(bool))
    assert rule(np.zeros((2, 3)), np.ones((3, 3))).shape == (2, 3)


def test_transport_says_what_it_needs(monkeypatch):
    with raises(OptionError, "kind", "'all'", "balanced"):
        align_by_transport(AB, CD, kind="all")
    with raises(OptionError, "mass", "'idf'", "length"):
        align_by_transport(AB, CD, mass="idf")
    with raises(OptionError, "moved", "0"):
        align_by_transport(AB, CD, moved=0)
    monkeypatch.setitem(sys.modules, "ot", None)
    with raises(MissingExtraError, "POT", "whyalike[alignment]"):
        align_by_transport(AB, CD)
