"""A gradient that is not the slope of the model's vectors is refused, and what can be chosen said."""

import copy

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from torch import nn
from transformers import ReformerConfig, ReformerModel, XLNetConfig, XLNetModel

from raising import raises
from tiny_models import ARCHITECTURES, TEXTS, tiny, wordpiece
from whyalike import BTIOptions, Explainer
from whyalike.errors import ModelError
from whyalike.models.gradient_check import gradient_error
from whyalike.models.installed import Pooling, Transformer

PAIR = TEXTS[:2]
NEED_GRADIENTS = (
    "bti", "whyalike", "gradient_x_activation", "integrated_gradients", "bilrp",
    "integrated_jacobians",
)  # fmt: skip


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_a_true_gradient_is_accepted(name, dtype):
    model = copy.deepcopy(tiny(name).model).to(dtype)
    explainer = Explainer((model, tiny(name).tokenizer), pooling=tiny(name).pooling)
    # T5's random weights depend on the version of transformers, and with some the steps are long.
    coarse = dtype == torch.bfloat16 or name == "t5"
    assert gradient_error(explainer.encoder) < (0.1 if coarse else 0.01)


class Scaling(torch.autograd.Function):
    """The identity, whose backward gives ``factor`` times the gradient."""

    @staticmethod
    def forward(ctx, values, factor):
        ctx.factor = factor
        return values.view_as(values)

    @staticmethod
    def backward(ctx, gradient):
        return gradient * ctx.factor, None


class Step(nn.Module):
    def __init__(self, step):
        super().__init__()
        self.step = step

    def forward(self, features):
        features["sentence_embedding"] = self.step(features["sentence_embedding"])
        return features


@pytest.fixture
def with_step(tmp_path):
    tiny("bert").model.save_pretrained(tmp_path)
    tiny("bert").tokenizer.save_pretrained(tmp_path)

    def make(step):
        modules = [Transformer(str(tmp_path)), Pooling(32), Step(step)]
        return SentenceTransformer(modules=modules, device="cpu")

    return make


@pytest.mark.parametrize("factor", [1.0, 0.9, 1.1, 0.5, 2.0, -1.0])
def test_a_gradient_of_known_error_is_measured(with_step, factor):
    """Differences see the identity, the gradient is ``factor`` times it: by hand."""
    encoder = Explainer(with_step(lambda v: Scaling.apply(v, factor))).encoder
    by_hand = abs(factor - 1) / max(1, abs(factor))
    assert gradient_error(encoder) == pytest.approx(by_hand, abs=2e-3)


@pytest.mark.filterwarnings("ignore:.*quantiz", "ignore:.*autograd kernel was not registered")
@pytest.mark.parametrize("method", NEED_GRADIENTS)
def test_a_gradient_that_runs_past_layers_is_refused(method):
    from torch.ao import quantization

    bert = copy.deepcopy(tiny("bert").model)
    int8 = quantization.quantize_dynamic(bert, {nn.Linear}, dtype=torch.qint8)
    explainer = Explainer((int8, tiny("bert").tokenizer), method=method)
    for _ in range(2):
        with raises(ModelError, "gradient", "%", "'occlusion'"):
            explainer.explain(*PAIR)
    plain = Explainer(tiny("bert").parts, method="occlusion").explain(*PAIR)
    occluded = explainer.with_method("occlusion").explain(*PAIR)
    assert occluded.similarity == pytest.approx(plain.similarity, abs=0.05)
    assert explainer.with_method("token_similarity").explain(*PAIR).completeness_gap < 1e-4


WEIGHT = np.random.default_rng(0).normal(size=(32, 8)).astype("float32")


@pytest.mark.parametrize("method", NEED_GRADIENTS)
@pytest.mark.parametrize(
    "step",
    [
        lambda v: torch.from_numpy(v.detach().cpu().numpy() @ WEIGHT),
        lambda v: (v > 0).float(),
        lambda v: torch.quantize_per_tensor(v, 0.01, 0, torch.qint8).dequantize(),
        lambda v: v.detach() * 2,
    ],
    ids=["NumPy", "binary", "int8", "detached"],
)
@pytest.mark.filterwarnings("ignore:.*quantiz")
def test_vectors_without_any_gradient_are_refused(with_step, method, step):
    model = with_step(step)
    with raises(ModelError, "vectors", "gradient", "'occlusion'"):
        Explainer(model, method=method).explain(*PAIR)
    vectors = model.encode(list(PAIR), convert_to_tensor=True)
    explained = Explainer(model, method="occlusion").explain(*PAIR)
    own = float(model.similarity(vectors[:1], vectors[1:]))
    assert explained.similarity == pytest.approx(own, abs=1e-5)


def test_a_model_that_is_changed_is_checked_anew(with_step):
    model = with_step(lambda v: v * 2)
    explainer = Explainer(model)
    explainer.explain(*PAIR)
    model[2] = Step(torch.Tensor.detach)
    model.append(nn.Identity())
    with pytest.raises(ModelError, match="no gradient"):
        explainer.explain(*PAIR)


@pytest.fixture(scope="module")
def xlnet():
    tokenizer = wordpiece()
    config = XLNetConfig(
        vocab_size=len(tokenizer), d_model=32, n_layer=2, n_head=4, d_inner=64, pad_token_id=0
    )
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return XLNetModel(config).eval(), tokenizer


@pytest.mark.parametrize("texts", [PAIR, ("gloves", "wool"), TEXTS[2:]])
def test_an_embedding_with_tokens_first(xlnet, texts):
    """BTI by hand, with texts one by one: the leaf is turned, (T, 1, D)."""
    model, tokenizer = xlnet
    explained = Explainer(xlnet, method="bti", options=BTIOptions(words="token")).explain(*texts)
    leaves, vectors = [], []
    for text in texts:
        ids = tokenizer(text, return_tensors="pt")["input_ids"]
        leaf = model.word_embedding(ids).detach().requires_grad_()
        vectors.append(model(inputs_embeds=leaf)[0][0, 1:-1].mean(0))
        leaves.append(leaf)
    cosine = torch.cosine_similarity(*vectors, dim=0)
    cosine.backward()
    assert explained.similarity == pytest.approx(float(cosine.detach()), abs=1e-5)
    for leaf, side in zip(leaves, (explained.left, explained.right), strict=True):
        raw = (leaf * leaf.grad).relu().sum(-1)[0, 1:-1].detach()
        spread = raw.max() - raw.min()
        expected = (raw - raw.min()) / spread if spread else torch.ones_like(raw)
        np.testing.assert_allclose([w.saliency for w in side.words], expected, atol=1e-3)


def test_what_a_model_with_tokens_first_has_no_gradient_of_is_refused(xlnet):
    with raises(ModelError, "hidden state"):
        Explainer(xlnet, method="whyalike").explain(*PAIR)


@pytest.mark.parametrize("method", [*NEED_GRADIENTS, "occlusion", "token_similarity"])
def test_a_model_that_fails_is_an_error_of_ours(method):
    """Reformer wants lengths that are multiples of its chunks, and a backward of its own."""
    tokenizer = wordpiece()
    config = ReformerConfig(
        vocab_size=len(tokenizer), hidden_size=32, attention_head_size=8, num_attention_heads=4,
        feed_forward_size=64, axial_pos_embds=False, attn_layers=["local", "lsh"], is_decoder=False,
        max_position_embeddings=160, local_attn_chunk_length=4, lsh_attn_chunk_length=4,
    )  # fmt: skip
    explainer = Explainer((ReformerModel(config).eval(), tokenizer), method=method)
    failure = None
    try:
        explained = explainer.explain(*PAIR)
    except ModelError as error:
        failure = str(error)
    if failure is None:
        assert np.isfinite([w.saliency for w in explained.left.words]).all()
    else:
        assert "Reformer" in failure or "forward mode" in failure


def test_what_a_model_raises_is_named():
    model = copy.deepcopy(tiny("bert").model)

    def fail(*_):
        raise KeyError("rope")

    model.encoder.layer[0].register_forward_hook(fail)
    for method in ("bti", "occlusion", "integrated_gradients"):
        with raises(ModelError, "BertModel", "KeyError: 'rope'"):
            Explainer((model, tiny("bert").tokenizer), method=method).explain(*PAIR)


def test_too_little_memory_is_said():
    model = copy.deepcopy(tiny("bert").model)

    def fail(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    model.encoder.layer[0].register_forward_hook(fail)
    with raises(ModelError, "memory", "batch_size"):
        Explainer((model, tiny("bert").tokenizer)).explain(*PAIR)


@pytest.mark.parametrize("limit", [1, 2])
@pytest.mark.parametrize("long_text", ["truncate", "windows", "error"])
def test_a_limit_without_room_for_words(with_step, limit, long_text):
    model = with_step(lambda v: v)
    model.max_seq_length = limit
    explainer = Explainer(model, options=BTIOptions(long_text=long_text))
    with raises(ModelError, limit, "words", "max_seq_length"):
        explainer.explain(*PAIR)


@pytest.mark.parametrize("long_text", ["truncate", "windows"])
def test_a_limit_of_one_word(with_step, long_text):
    model = with_step(lambda v: v)
    model.max_seq_length = 3
    explained = Explainer(model, options=BTIOptions(long_text=long_text)).explain(
        "warm gloves", "wool"
    )
    assert len(explained.left.words) == (1 if long_text == "truncate" else 2)
