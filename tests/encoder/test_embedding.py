"""Vectors of whole texts, and their similarities without torch."""

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from raising import raises
from tiny_models import ARCHITECTURES, TEXTS, tiny
from whyalike import Explainer
from whyalike.errors import ModelError, TextError
from whyalike.models import encoder as encoder_module
from whyalike.models.installed import Normalize, Pooling, Transformer
from whyalike.models.pipeline import SIMILARITIES
from whyalike.similarity import comparable, is_bilinear, similarity_matrix


@pytest.mark.parametrize("function", list(SIMILARITIES))
def test_similarities_equal_those_of_torch(function):
    random = np.random.default_rng(1)
    left, right = random.normal(size=(4, 6)), random.normal(size=(5, 6))
    left[1], right[2], right[3] = 0, 0, left[2]
    found = similarity_matrix(left, right, function=function)
    assert found.shape == (4, 5)
    for i in range(4):
        for j in range(5):
            one, other = (torch.tensor(v)[None] for v in (left[i], right[j]))
            expected = float(SIMILARITIES[function](one, other))
            assert found[i, j] == pytest.approx(expected, abs=1e-12)
            if is_bilinear(function):
                product = comparable(left[i], function=function) @ comparable(
                    right[j], function=function
                )
                assert product == pytest.approx(expected, abs=1e-12)
    assert similarity_matrix(left[:0], right, function=function).shape == (0, 5)
    assert not np.signbit(similarity_matrix(left[:1], left[:1], function=function)[0, 0])


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_batch_gives_what_each_text_gives_and_what_the_score_is_made_of(name):
    encoder = Explainer(tiny(name).parts, pooling=tiny(name).pooling).encoder
    texts = [*TEXTS, "gloves", TEXTS[0]]
    found = encoder.embed(texts)
    assert found.shape == (6, 32)
    assert found.dtype == np.float64
    for text, vector in zip(texts, found, strict=True):
        np.testing.assert_allclose(encoder.embed([text])[0], vector, atol=2e-5)
    explanation = Explainer(tiny(name).parts, pooling=tiny(name).pooling).explain(*TEXTS[:2])
    cosine = found[0] @ found[1] / np.linalg.norm(found[0]) / np.linalg.norm(found[1])
    assert cosine == pytest.approx(explanation.similarity, abs=1e-5)


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    path = tmp_path_factory.mktemp("bert")
    tiny("bert").model.save_pretrained(path)
    tiny("bert").tokenizer.save_pretrained(path)
    return SentenceTransformer(
        modules=[Transformer(str(path)), Pooling(32), Normalize()], device="cpu"
    )


def test_vectors_are_those_of_the_pipelines_encode(pipeline, monkeypatch):
    monkeypatch.setattr(encoder_module, "EMBEDDED_AT_ONCE", 2)
    encoder = Explainer(pipeline).encoder
    texts = ["", *TEXTS, "gloves " * 300]
    np.testing.assert_allclose(
        encoder.embed(texts, prompt="warm: "),
        pipeline.encode(texts, prompt="warm: "),
        atol=1e-5,
    )


def test_the_model_is_left_as_it_was_and_no_graph_is_made(pipeline):
    pipeline.train()
    vectors = Explainer(pipeline).encoder.embed([TEXTS[0]])
    assert all(module.training for module in pipeline.modules())
    assert all(parameter.requires_grad for parameter in pipeline.parameters())
    assert not any(module._forward_hooks for module in pipeline.modules())
    pipeline.eval()
    np.testing.assert_allclose(vectors, pipeline.encode([TEXTS[0]]), atol=1e-5)


def test_a_long_text_is_cut_read_in_windows_or_refused():
    encoder = Explainer(tiny("bert").parts).encoder
    long = "gloves " * 200 + "wool " * 200
    cut, whole = (encoder.embed([long], long_text=kind)[0] for kind in ("truncate", "windows"))
    np.testing.assert_allclose(cut, encoder.embed(["gloves " * 158])[0], atol=1e-5)
    assert np.abs(cut - whole).max() > 1e-2
    with raises(TextError, "160", "tokens"):
        encoder.embed(["short", long], long_text="error")


def test_texts_without_tokens_are_zero_at_the_width_of_the_others():
    encoder = Explainer(tiny("qwen3").parts, pooling="last").encoder
    found = encoder.embed(["", "gloves"])
    assert found.shape == (2, 32)
    assert not found[0].any()
    assert found[1].any()
    assert encoder.embed([""]).shape == (1, 1)
    assert encoder.embed([]).shape == (0, 1)


def test_the_mask_token_is_the_tokenizers():
    assert Explainer(tiny("bert").parts).encoder.mask_token == "[MASK]"


def test_nan_is_an_error():
    model, tokenizer = tiny("bert").parts
    weight = model.encoder.layer[1].output.dense.weight
    before = weight.data[0, 0].clone()
    try:
        weight.data[0, 0] = float("nan")
        with raises(ModelError, "NaN", "infinity"):
            Explainer((model, tokenizer)).encoder.embed(["gloves"])
    finally:
        weight.data[0, 0] = before
