"""BiLRP against a dense Jacobian of BERT's forward pass, written out by hand, in double."""

import copy
import math

import numpy as np
import pytest
import torch

from tiny_models import ARCHITECTURES, TEXTS, tiny
from whyalike import BTIOptions, Explainer
from whyalike.methods.contribution_vectors import linear_end, token_derivatives
from whyalike.models.embedded import EmbeddedText
from whyalike.models.encoder import Encoder
from whyalike.models.loading import load
from whyalike.models.replica import ConstantStatistics

LEFT, RIGHT = TEXTS[0], TEXTS[1]


def explain(model, **options):
    explainer = Explainer(
        (model, tiny("bert").tokenizer),
        method="bilrp",
        options=BTIOptions(words="token", **options),
    )
    return explainer.explain(LEFT, RIGHT)


def norm(layer, hidden):
    """The standard deviation is a constant; the mean is not."""
    centred = hidden - hidden.mean(-1, keepdim=True)
    deviation = torch.sqrt((centred**2).mean(-1, keepdim=True) + layer.eps).detach()
    return layer.weight * centred / deviation + layer.bias


def attend(attention, hidden):
    heads, size = 4, 8
    outputs = []
    query, key, value = (
        getattr(attention.self, part)(hidden) for part in ("query", "key", "value")
    )
    for head in range(heads):
        part = slice(head * size, (head + 1) * size)
        logits = query[:, part] @ key[:, part].T / math.sqrt(size)
        outputs.append(torch.softmax(logits, -1).detach() @ value[:, part])
    return attention.output.dense(torch.cat(outputs, -1))


def by_hand():
    model, tokenizer = copy.deepcopy(tiny("bert").model).double(), tiny("bert").tokenizer
    table = model.embeddings

    def vector(embedding):  # (T, D), token + position
        hidden = norm(table.LayerNorm, embedding + table.token_type_embeddings.weight[0])
        for block in model.encoder.layer:
            hidden = norm(
                block.attention.output.LayerNorm, attend(block.attention, hidden) + hidden
            )
            inner = torch.nn.functional.gelu(block.intermediate.dense(hidden))
            hidden = norm(block.output.LayerNorm, block.output.dense(inner) + hidden)
        return hidden[1:-1].mean(0)

    sides = []
    for text in (LEFT, RIGHT):
        ids = tokenizer(text, return_tensors="pt")["input_ids"][0]
        embedding = (
            table.word_embeddings.weight[ids] + table.position_embeddings.weight[: len(ids)]
        ).detach()
        jacobian = torch.autograd.functional.jacobian(vector, embedding)  # (H, T, D)
        contributions = [jacobian[:, n] @ embedding[n] for n in range(1, len(ids) - 1)]
        sides.append((contributions, vector(embedding).detach()))
    (first, f), (second, g) = sides
    lengths = float(f.norm() * g.norm())
    matrix = np.array([[float(u @ v) / lengths for v in second] for u in first])
    signed = [float(u @ g) / lengths for u in first], [float(v @ f) / lengths for v in second]
    return matrix, signed, float(f @ g) / lengths


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_against_a_forward_pass_by_hand(attention):
    matrix, signed, score = by_hand()
    model = copy.deepcopy(tiny("bert").model).double()
    model.set_attn_implementation(attention)
    explanation = explain(model)
    assert explanation.similarity == pytest.approx(score, abs=1e-9)
    np.testing.assert_allclose(explanation.matrix, matrix, atol=1e-7)
    assert explanation.remainder == pytest.approx(score - matrix.sum(), abs=1e-6)
    for side, expected in zip((explanation.left, explanation.right), signed, strict=True):
        np.testing.assert_allclose([w.contribution for w in side.words], expected, atol=1e-7)


def test_it_is_not_the_plain_gradient():
    """Without the rules a LayerNorm behind the embedding makes a text's sum vanish."""
    encoder = Encoder(load(tiny("bert").parts))
    (text,) = encoder.tokenize([LEFT])
    with encoder.held():
        embedded = EmbeddedText(encoder, text, options=BTIOptions(activation="token"))
        plain = token_derivatives(
            lambda point: embedded.ends(point)[1], embedded.embedding, embedded.embedding
        )

        def ruled(point):
            with ConstantStatistics():
                return linear_end(embedded, point)

        relevance = token_derivatives(ruled, embedded.embedding, embedded.embedding)
    assert not np.allclose(plain, relevance, atol=1e-2)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_forward_mode_against_reverse_mode(name):
    """The same derivative by backward passes, one per feature of the vector."""
    encoder = Encoder(load(tiny(name).parts), pooling=tiny(name).pooling)
    (text,) = encoder.tokenize(["Knit gloves, warm hands."])
    with encoder.held():
        embedded = EmbeddedText(encoder, text, options=BTIOptions())

        def vector(point):
            with ConstantStatistics():
                return embedded.ends(point)[1]

        with torch.no_grad():
            assert torch.allclose(vector(embedded.embedding), embedded.raw, atol=1e-5)
        found = token_derivatives(vector, embedded.embedding, embedded.embedding)
        point = embedded.embedding.clone().requires_grad_()
        scored = vector(point)[0]
        expected = torch.stack(
            [
                (torch.autograd.grad(feature, point, retain_graph=True)[0] * point).sum(-1)[0]
                for feature in scored
            ],
            dim=1,
        )
    assert expected.abs().max() > 0
    torch.testing.assert_close(found, expected.detach(), atol=2e-5, rtol=1e-3)
