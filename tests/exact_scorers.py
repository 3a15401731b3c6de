"""What every scorer with an exact decomposition must do, checked on random pairs of small models."""

import random

import numpy as np
import pytest

from tiny_models import PIECES
from whyalike import Explainer, Explanation

PAIRS = 200
BLANK = ("", "knit gloves")
UNKNOWN = ("warm ☃ gloves", "☃ ☄ gloves")


def random_pairs(count=PAIRS):
    draw = random.Random(7)
    words = [piece for piece in PIECES if len(piece) > 1]
    return [
        tuple(" ".join(draw.choices(words, k=draw.randint(1, 9))) for _ in range(2))
        for _ in range(count)
    ]


def check_scores(explainer, own, pairs=None):
    """The score is the model's own, by ``own(pairs)``, and the matrix and remainder sum to it."""
    pairs = pairs or random_pairs()
    expected = np.asarray(own(pairs), dtype=np.float64)
    found = list(explainer.explain_many(pairs))
    scores = np.array([each.similarity for each in found])
    np.testing.assert_allclose(scores, expected, rtol=1e-6, atol=1e-5)
    np.testing.assert_allclose(
        explainer.model.score(pairs, prompts=explainer.prompts), expected, rtol=1e-6, atol=1e-5
    )
    assert len(set(np.round(scores, 6))) > len(pairs) / 2
    for each in found:
        assert each.method == "exact"
        assert each.completeness_gap < 1e-5
        carried = float(np.sum(each.pair_contributions))
        assert carried + each.remainder == pytest.approx(each.similarity, rel=1e-6, abs=1e-6)
    return found


def check_batches(explainer):
    """A pair has the explanation that it has alone, whatever is beside it; the order is kept."""
    pairs = [*random_pairs(7), BLANK, UNKNOWN, ("wool " * 40, "wool")]
    together = list(explainer.explain_many(pairs))
    for pair, each in zip(pairs, together, strict=True):
        alone = Explainer(explainer.model, prompts=explainer.prompts).explain(*pair)
        assert (each.left.text, each.right.text) == pair
        assert alone.similarity == pytest.approx(each.similarity, rel=1e-6, abs=1e-5)
        assert alone.warnings == each.warnings
        np.testing.assert_allclose(alone.matrix, each.matrix, atol=1e-5)


def check_whole(explanation):
    """It is stored, read back, and drawn."""
    assert Explanation.from_json(explanation.to_json()) == explanation
    for drawn in (str(explanation), explanation.to_html(), explanation.to_markdown()):
        assert "exact" in drawn
        for warning in explanation.warnings:
            assert warning.split()[0] in drawn


def check_perturbation(explainer, left, right):
    """Occlusion and Shapley explain the same score, by scores alone."""
    whole = explainer.explain(left, right)
    occluded = explainer.with_method("occlusion").explain(left, right)
    shapley = explainer.with_method("shapley").explain(left, right)
    for each in (occluded, shapley):
        assert each.similarity == pytest.approx(whole.similarity, rel=1e-6, abs=1e-6)
    without = explainer.explain(" ".join(left.split()[1:]), right)
    assert occluded.left.words[0].contribution == pytest.approx(
        whole.similarity - without.similarity, rel=1e-4, abs=1e-5
    )
    assert shapley.completeness_gap < 1e-5
