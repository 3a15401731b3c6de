"""The whole, with the real all-MiniLM-L6-v2."""

import csv
import random

import numpy as np
import pytest

from whyalike import Explainer

pytestmark = pytest.mark.weights

LEFT = (
    "Keep hands warm with these knit gloves featuring touchscreen-compatible fingertips, a soft "
    "fleece lining and ribbed cuffs for a snug fit."
)
RIGHT = (
    "These smartphone-friendly gloves are cut from stretch wool with leather palms, so you can text "
    "without taking them off in cold weather."
)


@pytest.fixture(scope="module")
def paper(minilm):
    """The paper's pooling on the same weights."""
    return Explainer(minilm.encoder.pipeline, method="bti", pooling="paper")


def named(explanation, pairs):
    left, right = explanation.left.words, explanation.right.words
    return {(left[p.left].text, right[p.right].text): p.score for p in pairs}


def test_gloves_as_in_the_paper(paper):
    explanation = paper.explain(LEFT, RIGHT)
    selected = named(explanation, explanation.pairs)
    assert list(selected) == [("gloves", "gloves"), ("hands", "gloves")]
    assert selected["gloves", "gloves"] == pytest.approx(0.69, abs=0.005)
    assert selected["hands", "gloves"] == pytest.approx(0.34, abs=0.005)
    best = named(explanation, explanation.matches[:5])
    assert best["touchscreen-compatible", "smartphone-friendly"] == pytest.approx(0.18, abs=0.005)


def test_the_papers_score_is_not_the_models(minilm, paper):
    own, mean = minilm.explain(LEFT, RIGHT), paper.explain(LEFT, RIGHT)
    assert own.similarity == pytest.approx(0.4955, abs=1e-4)
    assert mean.similarity == pytest.approx(0.4976, abs=1e-4)
    assert (own.pooling, mean.pooling) == ("model", "paper")
    assert "the model's own score" in str(own)
    assert "as in the paper" in str(mean)


def test_it_reads_what_the_model_reads(minilm):
    """sentence-transformers cuts this model at 256 tokens, though its table has 512 positions."""
    text = "glove " * 400
    explanation = minilm.explain(text, RIGHT)
    assert len(explanation.left.words) == 254
    assert explanation.left.unread_words == 146
    pipeline = minilm.encoder.pipeline
    vectors = pipeline.encode([text, RIGHT], convert_to_tensor=True)
    own = float(pipeline.similarity(vectors[:1], vectors[1:]))
    assert explanation.similarity == pytest.approx(own, abs=1e-5)


def test_batches_of_all_lengths(minilm):
    words = f"{LEFT} {RIGHT}".split()
    pairs = [
        (" ".join(words[:n]), " ".join(words[-k:])) for n, k in ((1, 40), (30, 2), (45, 45), (8, 9))
    ]
    for together, pair in zip(minilm.explain_many(pairs), pairs, strict=True):
        alone = minilm.explain(*pair)
        assert together.similarity == pytest.approx(alone.similarity, abs=1e-6)
        np.testing.assert_allclose(
            [w.saliency for w in together.left.words],
            [w.saliency for w in alone.left.words],
            atol=1e-3,
        )


@pytest.mark.realdata
def test_similarity_is_the_models_on_200_catalogue_pairs(minilm, catalogues):
    generator = random.Random(11)
    texts = []
    for name in ("fashion.csv", "wine.csv"):
        with (catalogues / name).open(encoding="utf-8", newline="") as stream:
            texts.append([row["description"] for row in csv.DictReader(stream)])
    pairs = [tuple(generator.sample(column, 2)) for column in texts for _ in range(100)]
    pipeline = minilm.encoder.pipeline
    left = pipeline.encode([a for a, _ in pairs], convert_to_tensor=True)
    right = pipeline.encode([b for _, b in pairs], convert_to_tensor=True)
    own = pipeline.similarity_pairwise(left, right).tolist()
    found = [explanation.similarity for explanation in minilm.explain_many(pairs)]
    np.testing.assert_allclose(found, own, atol=1e-5)
    assert len(set(own)) > 150
