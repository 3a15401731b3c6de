"""A model in half precision gives vectors of eight bits; what is worked out of them has more."""

import copy

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from tiny_models import TEXTS, tiny
from whyalike import Explainer
from whyalike.models.installed import Normalize, Pooling, Transformer

PAIRS = [(left, right) for left in TEXTS for right in TEXTS if left < right]


def encoder():
    return copy.deepcopy(tiny("bert").model).to(torch.bfloat16), tiny("bert").tokenizer


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("half")
    for part in (tiny("bert").model, tiny("bert").tokenizer):
        part.save_pretrained(path)
    return str(path)


def pipeline(folder, *, normalize):
    modules = [Transformer(folder), Pooling(32, pooling_mode="mean")]
    if normalize:
        modules.append(Normalize())
    return SentenceTransformer(modules=modules, device="cpu").to(torch.bfloat16)


def is_half(value):
    """Whether a number is one of those that bfloat16 has: eight significant bits."""
    return float(torch.tensor(value, dtype=torch.float64).bfloat16()) == value


@pytest.mark.parametrize("kind", ["paper", "cls", "pipeline", "pipeline that normalises"])
def test_the_cosine_of_half_vectors_is_in_single_precision(folder, kind):
    if kind.startswith("pipeline"):
        explainer = Explainer(pipeline(folder, normalize="normalises" in kind))
    else:
        explainer = Explainer(encoder(), pooling=kind)
    found = [explanation.similarity for explanation in explainer.explain_many(PAIRS)]
    # Each text alone, so that no padding moves a bit of its vector.
    vectors = {text: explainer.model.embed([text])[0] for text in TEXTS}
    for (left, right), similarity in zip(PAIRS, found, strict=True):
        one, other = vectors[left], vectors[right]
        cosine = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
        alone = explainer.explain(left, right).similarity
        assert similarity == pytest.approx(cosine, abs=0.02)
        assert alone == pytest.approx(cosine, abs=0.02)
    assert not all(map(is_half, found)), "cosines of eight bits"
    assert sum(map(is_half, found)) <= 1


@pytest.mark.parametrize("method", ["bti", "whyalike", "gradient_x_activation"])
def test_what_half_vectors_are_explained_by_has_more_than_eight_bits(method):
    explanation = Explainer(encoder(), method=method).explain(TEXTS[0], TEXTS[1])
    single = Explainer(tiny("bert").parts, method=method).explain(TEXTS[0], TEXTS[1])
    numbers = [pair.similarity for pair in explanation.matches]
    numbers += [
        word.saliency for side in (explanation.left, explanation.right) for word in side.words
    ]
    assert len([value for value in numbers if is_half(value)]) < len(numbers) / 3
    assert explanation.similarity == pytest.approx(single.similarity, abs=0.02)
