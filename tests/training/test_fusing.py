"""A model and TF-IDF together: scores by hand, and who chooses the weight."""

import numpy as np
import pytest

from whyalike.training.fusing import WEIGHTS, Scores, choose_weight, fuse, fuse_scores
from whyalike.training.result import HeldOut

NEAR = np.array([[0.9, 0.1, 0.2, 0.4], [0.3, 0.5, 0.1, 0.1], [0.2, 0.2, 0.2, 0.2]])
WORDS = np.array([[0.0, 0.8, 0.1, 0.1], [0.2, 0.2, 0.2, 0.2], [0.0, 0.0, 0.7, 0.3]])


def z_scores(row):
    mean = sum(row) / len(row)
    deviation = (sum((value - mean) ** 2 for value in row) / len(row)) ** 0.5
    return [(value - mean) / deviation if deviation > 1e-9 else 0.0 for value in row]


def test_scores_are_those_of_a_loop():
    found = fuse(NEAR, WORDS, 0.5)
    for row, near, words in zip(found, NEAR, WORDS, strict=True):
        wanted = [a + 0.5 * b for a, b in zip(z_scores(near), z_scores(words), strict=True)]
        assert row == pytest.approx(wanted)


def test_rounding_of_equal_scores_is_no_evidence():
    level = np.array([[0.1 + 0.2, 0.3, 0.3, 0.3]])
    assert np.all(fuse(level, np.zeros((1, 4)), 1.0) == 0)


def test_a_weight_is_the_one_with_the_most_right_answers():
    """Of one title words know the answer, of the other the model: each alone finds one."""
    near = np.array([[0.5, 0.6, 0.1, 0.1], [0.1, 0.9, 0.2, 0.1]])
    words = np.array([[0.9, 0.1, 0.0, 0.0], [0.2, 0.1, 0.25, 0.2]])
    own, texts = [0, 1], range(4)

    def right(weight):
        return [int(row.argmax()) for row in fuse(near, words, weight)] == own

    assert not right(0.0)
    wanted = next(weight for weight in WEIGHTS if right(weight))

    def chosen(near, words):
        return choose_weight(lambda r: near[r], lambda r: words[r], own=own, texts=texts)

    assert chosen(near, words) == wanted > 0
    assert chosen(near, np.zeros((2, 4))) == 0, "of equally good ones the least"


def test_watched_titles_choose_and_held_out_ones_do_not():
    """Words find what is held out, and mislead what is watched: they get no weight."""
    pairs = [(f"title {n}", f"description {n}") for n in range(4)]
    held_out = HeldOut(pairs, (0, 1), [None] * 4, (2, 3))
    misleading = np.eye(4)[[0, 1, 3, 2]]
    near = Scores(lambda rows: np.eye(4)[rows], lambda rows: np.eye(4)[list(rows)])
    words = Scores(lambda rows: misleading[rows], lambda rows: np.eye(4)[list(rows)])
    assert held_out.titles == ["title 0", "title 1", "title 2", "title 3"]
    assert held_out.choose_weight(near, words) == 0.0
    fused = fuse_scores(words, near, 0.5)
    assert held_out.measure(fused, "both").retrieval.mrr == 1.0
    assert fused.of_titles(slice(2, 3)) == pytest.approx(fuse(misleading[2:3], np.eye(4)[2:3], 0.5))
