"""Randomised models differ from the original where asked, and nowhere else; it stays as it was."""

from copy import deepcopy

import pytest
import torch
from sentence_transformers import SentenceTransformer
from torch import nn
from transformers import AutoModel, T5EncoderModel

from raising import raises
from tiny_models import ARCHITECTURES, TEXTS, tiny
from whyalike import Explainer
from whyalike.errors import ModelError, OptionError
from whyalike.evaluation.changed_models import count_states, find_parts, randomized_states
from whyalike.models.installed import Dense, Normalize, Pooling, Transformer, WordWeights


def explainer_of(name):
    made = tiny(name)
    return Explainer(made.parts, pooling=made.pooling)


def weights(explainer):
    """Clones of all weights by part and place."""
    return {
        (part.name, n): parameter.detach().clone()
        for part in find_parts(explainer.encoder)
        for n, parameter in enumerate(part.parameters)
    }


def changed(before, after):
    """The parts of which some weight is not the same."""
    return {part for part, n in before if not torch.equal(before[part, n], after[part, n])}


@pytest.fixture
def untouched():
    """Check that a model and torch's random state are bit for bit what they were."""
    held = []

    def hold(model):
        held.append((model, {k: v.clone() for k, v in model.state_dict().items()}, modes(model)))

    def modes(model):
        return (
            [m.training for m in model.modules()],
            [p.requires_grad for p in model.parameters()],
            [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules()],
            ["forward" in vars(m) for m in model.modules()],
            [getattr(p, "_is_hf_initialized", None) for p in model.parameters()],
        )

    random = torch.random.get_rng_state()
    yield hold
    assert held
    assert torch.equal(random, torch.random.get_rng_state())
    for model, state, before in held:
        assert modes(model) == before
        assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_parts_hold_every_weight_once_in_the_order_of_the_pass(name):
    explainer = explainer_of(name)
    body = explainer.encoder.sites.body
    parts = find_parts(explainer.encoder)
    held = [id(p) for part in parts for p in part.parameters]
    assert len(held) == len(set(held))
    pooler = {id(p) for n, p in body.named_parameters() if n.startswith("pooler")}
    assert set(held) == {id(p) for p in body.parameters()} - pooler
    layers = (
        ["layer 1, one for 3 layers"] if name == "albert" else [f"layer {n}" for n in (1, 2, 3)]
    )
    head = ["head"] if name in ("modernbert", "t5", "qwen3") else []
    assert [part.name for part in parts] == ["embeddings", *layers, *head]
    assert id(explainer.encoder.sites.tokens[0].weight) in {id(p) for p in parts[0].parameters}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_each_state_differs_where_asked_and_nowhere_else(name, untouched):
    explainer = explainer_of(name)
    untouched(tiny(name).model)
    before = weights(explainer)
    parts = [part.name for part in find_parts(explainer.encoder)]
    # Norms of these models are as they were initialised, so that a head of one does not change.
    telling = {part for part, n in before if before[part, n].dim() > 1}
    for mode, states in (
        ("full", [parts]),
        ("cascade", [parts[n:] for n in reversed(range(len(parts)))]),
        ("cascade_up", [parts[: n + 1] for n in range(len(parts))]),
        ("independent", [[part] for part in parts]),
    ):
        assert count_states(explainer, mode=mode, keep_embeddings=False) == len(states)
        for state, expected in zip(randomized_states(explainer, mode=mode), states, strict=True):
            assert set(state.parts) == set(expected)
            assert changed(before, weights(state.explainer)) == set(expected) & telling
            assert state.explainer.encoder.source.module is not explainer.encoder.source.module


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_weights_are_drawn_as_the_architecture_draws_them(name):
    explainer = explainer_of(name)
    config = tiny(name).model.config
    with torch.random.fork_rng():
        torch.manual_seed(1)
        fresh = T5EncoderModel(config) if name == "t5" else AutoModel.from_config(config)
    (state,) = randomized_states(explainer)
    ours = state.explainer.encoder.sites.body.state_dict()
    trained = tiny(name).model.state_dict()
    for key in dict(fresh.base_model.named_parameters()):
        value = fresh.base_model.state_dict()[key]
        if key.startswith("pooler"):
            assert torch.equal(ours[key], trained[key])
        elif value.std() == 0 or value.numel() < 2:
            assert torch.equal(ours[key], value), key
        else:
            # The standard error of a standard deviation is 1 / sqrt(2 n) of it.
            spread = 5 / (2 * value.numel()) ** 0.5
            assert ours[key].std() == pytest.approx(float(value.std()), rel=2**0.5 * spread), key
            assert not torch.equal(ours[key], value)


def test_kept_embeddings_stay_and_are_no_state():
    explainer = explainer_of("bert")
    before = weights(explainer)
    (state,) = randomized_states(explainer, keep_embeddings=True)
    assert changed(before, weights(state.explainer)) == {"layer 1", "layer 2", "layer 3"}
    names = [s.name for s in randomized_states(explainer, mode="cascade", keep_embeddings=True)]
    assert names == ["layer 3 and above", "layer 2 and above", "layer 1 and above"]
    assert count_states(explainer, mode="cascade", keep_embeddings=True) == 3


def test_a_part_depends_on_its_seed_alone():
    explainer = explainer_of("t5")

    def last(**options):
        *_, state = randomized_states(explainer, **options)
        return weights(state.explainer)

    full = last(seed=3)
    assert not changed(full, last(seed=3))
    assert not changed(full, last(mode="cascade", seed=3))
    assert not changed(full, last(mode="cascade_up", seed=3))
    assert changed(full, last(seed=4)) == {"embeddings", "layer 1", "layer 2", "layer 3"}
    assert changed(full, last(seed=3, keep_embeddings=True)) == {"embeddings"}


@pytest.fixture
def with_dense(tmp_path):
    made = tiny("bert")
    made.model.save_pretrained(tmp_path)
    made.tokenizer.save_pretrained(tmp_path)
    dense = Dense(32, 16)
    nn.init.constant_(dense.linear.weight, 0.25)
    modules = [Transformer(str(tmp_path)), Pooling(32), dense, Normalize()]
    return SentenceTransformer(modules=modules, device="cpu")


def test_the_dense_of_a_pipeline_is_its_head(with_dense, untouched):
    untouched(with_dense)
    explainer = Explainer(with_dense)
    (state,) = randomized_states(explainer)
    assert "head" in state.parts
    module = state.explainer.encoder.pipeline
    assert float(module[2].linear.weight.detach().std()) > 0.05
    assert state.explainer.explain(*TEXTS[:2]).similarity != pytest.approx(
        explainer.explain(*TEXTS[:2]).similarity
    )
    # The paper's score does not pass the Dense.
    paper = Explainer(with_dense, pooling="paper")
    assert "head" not in [part.name for part in find_parts(paper.encoder)]


@pytest.fixture
def with_fixed_weights(with_dense):
    """A pipeline that leaves special tokens out, as those do that ``train`` writes."""
    tokenizer = with_dense.tokenizer
    words = sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().get)
    fixed = WordWeights(words, {tokenizer.cls_token: 0.0, tokenizer.sep_token: 0.0})
    first, *others = with_dense.children()
    return SentenceTransformer(modules=[first, fixed, *others], device="cpu")


def test_a_table_of_fixed_weights_is_no_part(with_fixed_weights, untouched):
    """Whether they have a gradient tells nothing: one that is read from a folder has."""
    model = with_fixed_weights
    fixed = model[1]
    assert fixed.emb_layer.weight.requires_grad
    untouched(model)
    explainer = Explainer(model)
    parts = find_parts(explainer.encoder)
    assert [part.name for part in parts][-1] == "head"
    assert [tuple(p.shape) for p in parts[-1].parameters] == [(16, 32), (16,)]
    (state,) = randomized_states(explainer)
    assert torch.equal(state.explainer.encoder.pipeline[1].emb_layer.weight, fixed.emb_layer.weight)
    # A model whose weights are all frozen was trained none the less.
    frozen = deepcopy(model).requires_grad_(requires_grad=False)
    names = [part.name for part in find_parts(Explainer(frozen).encoder)]
    assert names == [part.name for part in parts]


class Scaled(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(2.0))

    def forward(self, features):
        features["sentence_embedding"] = features["sentence_embedding"] * self.scale
        return features


def test_a_module_that_does_not_say_how_it_is_made_is_refused(with_dense, untouched):
    with_dense.append(Scaled())
    untouched(with_dense)
    with pytest.raises(ModelError, match=r"Scaled.*reset_parameters"):
        list(randomized_states(Explainer(with_dense)))


def test_what_a_model_of_its_own_code_sets_besides_is_put_back(monkeypatch):
    explainer = explainer_of("bert")
    before = weights(explainer)
    kind = type(explainer.encoder.sites.body)
    monkeypatch.setattr(
        kind, "initialize_weights", lambda self: [p.data.fill_(0.5) for p in self.parameters()]
    )
    for state in randomized_states(explainer, mode="independent"):
        assert changed(before, weights(state.explainer)) == set(state.parts)


def test_what_cannot_be_randomised_is_told():
    with raises(OptionError, "mode", "'some'"):
        list(randomized_states(explainer_of("bert"), mode="some"))
    blind = Explainer(embed=lambda texts: [[float(len(text)), 1.0] for text in texts])
    with raises(OptionError, "vectors", "whole texts"):
        list(randomized_states(blind))
