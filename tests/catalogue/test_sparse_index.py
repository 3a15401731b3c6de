"""The vectors of a vocabulary in an index: told apart, and taken in parts that fit into memory."""

import numpy as np
import pytest
from scipy import sparse

from whyalike.catalogue import vectors as stored
from whyalike.catalogue.manifest import COMPONENTS, WIDE, _sample
from whyalike.catalogue.vectors import ExactIndex


def wide_vectors(seed, count=2):
    width = WIDE + 1000
    drawn = sparse.random_array((count, width), density=0.005, rng=np.random.default_rng(seed))
    return drawn.toarray()


def test_two_models_of_a_vocabulary_have_other_references():
    one, other = (_sample(wide_vectors(seed)) for seed in (1, 2))
    assert one.shape == (2, COMPONENTS)
    # Single components of it would nearly all be zero, and so the same.
    assert (one != 0).mean() > 0.4
    assert np.abs(one - other).max() > 0.1
    np.testing.assert_allclose(one.sum(axis=1), wide_vectors(1).sum(axis=1))


def test_wide_vectors_are_compared_in_smaller_parts(monkeypatch):
    vectors = wide_vectors(3, count=30).astype(np.float32)
    taken = []

    class Block:
        shape = vectors.shape

        def __getitem__(self, rows):
            if isinstance(rows, slice):
                taken.append(len(vectors[rows]))
            return vectors[rows]

    monkeypatch.setattr(stored, "NUMBERS", 4 * vectors.shape[1])
    positions, scores = ExactIndex([Block()], function="dot").search(vectors[:1], 3)
    assert max(taken) == 4
    products = vectors.astype(np.float64) @ vectors[0].astype(np.float64)
    assert positions[0].tolist() == np.argsort(-products, kind="stable")[:3].tolist()
    assert scores[0] == pytest.approx(np.sort(products)[::-1][:3], rel=1e-6)
