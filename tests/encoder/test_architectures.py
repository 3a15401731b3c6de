"""Every architecture, each with a small random model: gradients, batches, and no traces left."""

import copy

import numpy as np
import pytest
import torch

import whyalike.models.tokens
from raising import raises
from tiny_models import ARCHITECTURES, TEXTS, tiny
from whyalike import BTIOptions, Explainer
from whyalike.models.encoder import Encoder
from whyalike.models.loading import load
from whyalike.models.pipeline import TokenPair

# RMSNorm and rotary positions compute in single precision, whatever the model is in.
EXACT = set(ARCHITECTURES) - {"modernbert", "t5", "qwen3"}
every_architecture = pytest.mark.parametrize("name", ARCHITECTURES)


def explainer_of(name, **options):
    model = tiny(name)
    options = BTIOptions(**options)
    return Explainer(model.parts, method="bti", pooling=model.pooling, options=options)


def saliencies(explanation):
    return np.array(
        [w.saliency for side in (explanation.left, explanation.right) for w in side.words]
    )


@every_architecture
def test_explains_and_gives_every_word_back_exactly(name):
    explanation = explainer_of(name).explain(TEXTS[3], TEXTS[1])
    assert explanation.pairs
    assert not explanation.warnings
    for side in (explanation.left, explanation.right):
        assert all(side.text[w.start : w.end] == w.text for w in side.words)
    values = saliencies(explanation)
    assert np.isfinite(values).all()
    assert values.min() >= 0.0
    for side in (explanation.left, explanation.right):
        assert max(w.saliency for w in side.words) == 1.0
    assert {"éclair", "e\u0301clair"} & {w.text for w in explanation.left.words}
    assert {"日", "テキスト", "👍🏽", "שלום", "don't"} <= {
        w.text for side in (explanation.left, explanation.right) for w in side.words
    }


@every_architecture
def test_gradient_agrees_with_finite_differences(name):
    """A second derivation: nudge the embedding's output and look at the score, in double."""
    small = tiny(name)
    model = copy.deepcopy(small.model).double()
    encoder = Encoder(load((model, small.tokenizer)), pooling=small.pooling)
    left, right = encoder.tokenize([TEXTS[0], TEXTS[1]])
    pair = TokenPair(left, right)
    result = encoder.run([pair], options=BTIOptions())
    generator = torch.Generator().manual_seed(3)
    slopes, directions = [], {}
    for group in result.groups:
        direction = torch.randn(group.gradient.shape, generator=generator, dtype=torch.float64)
        directions[tuple(direction.shape)] = direction
        slopes.append(float((group.gradient * direction).sum()))

    def score_after(step):
        def nudge(_module, _inputs, output):
            return output + step * directions[tuple(output.shape)]

        # T5 has two modules for one table, and uses the one that it does not name.
        table = model.get_input_embeddings().weight
        users = [m for m in model.modules() if getattr(m, "weight", None) is table]
        hooks = [module.register_forward_hook(nudge, prepend=True) for module in users]
        try:
            return encoder.run([pair], options=BTIOptions(), gradient=False).similarity[0]
        finally:
            for hook in hooks:
                hook.remove()

    step = 1e-5
    measured = (score_after(step) - score_after(-step)) / (2 * step)
    assert len(directions) == len(result.groups)
    # The others compute parts in single precision: the similarity has 7 digits of which a step of
    # 1e-5 leaves two or three.
    rel, abs_ = (1e-5, 1e-8) if name in EXACT else (5e-3, 1e-4)
    assert measured == pytest.approx(sum(slopes), rel=rel, abs=abs_)


@every_architecture
def test_batch_equals_single(name):
    explainer = explainer_of(name)
    pairs = [(TEXTS[0], TEXTS[1]), (TEXTS[2], TEXTS[0]), ("Wool.", TEXTS[3]), (TEXTS[0], TEXTS[1])]
    for together, (left, right) in zip(explainer.explain_many(pairs), pairs, strict=True):
        alone = explainer.explain(left, right)
        assert together.left.text == left
        assert together.similarity == pytest.approx(alone.similarity, abs=2e-6)
        np.testing.assert_allclose(saliencies(together), saliencies(alone), atol=2e-4)


@every_architecture
def test_padded_equals_unpadded(name, monkeypatch):
    explainer = explainer_of(name)
    left, right = "Knit gloves.", TEXTS[0]
    monkeypatch.setattr(whyalike.models.tokens, "PASS_TOKENS", 0)
    apart = explainer.explain(left, right)
    monkeypatch.setattr(whyalike.models.tokens, "PASS_TOKENS", 10**6)
    together = explainer.explain(left, right)
    assert together.similarity == pytest.approx(apart.similarity, abs=2e-6)
    np.testing.assert_allclose(saliencies(together), saliencies(apart), atol=2e-4)


@every_architecture
def test_the_model_is_left_as_it_was(name):
    model = copy.deepcopy(tiny(name).model).train()
    next(model.parameters()).requires_grad_(False)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    trainable = [p.requires_grad for p in model.parameters()]
    # transformers leaves hooks of its own once hidden states were asked for.
    hooks = [(dict(m._forward_hooks), dict(m._forward_pre_hooks)) for m in model.modules()]
    explainer = Explainer((model, tiny(name).tokenizer), method="bti", pooling=tiny(name).pooling)
    first = explainer.explain(TEXTS[0], TEXTS[1])
    assert explainer.explain(TEXTS[0], TEXTS[1]) == first, "dropout was on"
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert [p.requires_grad for p in model.parameters()] == trainable
    assert all(p.grad is None for p in model.parameters())
    assert all(module.training for module in model.modules())
    after = [(dict(m._forward_hooks), dict(m._forward_pre_hooks)) for m in model.modules()]
    assert after == hooks
    assert not any("forward" in vars(m) for m in model.modules())


@pytest.mark.parametrize(
    "name", ["bert", "roberta", "xlm-r", "mpnet", "distilbert", "electra", "albert"]
)
def test_position_embeddings_are_part_of_the_activation(name):
    """Encoders with a position table: E = token + position (row 9)."""
    plain = explainer_of(name, activation="token").explain(TEXTS[0], TEXTS[1])
    whole = explainer_of(name).explain(TEXTS[0], TEXTS[1])
    assert not np.allclose(saliencies(plain), saliencies(whole))


@pytest.mark.parametrize("name", ["deberta-v2", "modernbert", "t5", "qwen3"])
def test_without_a_position_table_the_activation_is_the_token(name):
    plain = explainer_of(name, activation="token").explain(TEXTS[0], TEXTS[1])
    assert explainer_of(name).explain(TEXTS[0], TEXTS[1]).left == plain.left


@pytest.mark.parametrize("name", ["bert", "roberta", "modernbert", "qwen3"])
def test_attention_implementations_agree(name):
    eager = copy.deepcopy(tiny(name).model)
    eager.set_attn_implementation("eager")
    other = Explainer((eager, tiny(name).tokenizer), method="bti", pooling=tiny(name).pooling)
    ours = explainer_of(name).explain(TEXTS[0], TEXTS[1])
    theirs = other.explain(TEXTS[0], TEXTS[1])
    assert theirs.similarity == pytest.approx(ours.similarity, abs=1e-6)
    np.testing.assert_allclose(saliencies(theirs), saliencies(ours), atol=1e-4)


@pytest.mark.parametrize("name", ["bert", "distilbert", "modernbert"])
def test_activation_after_the_norm(name):
    explanation = explainer_of(name, activation="after_norm").explain(TEXTS[0], TEXTS[1])
    assert not np.allclose(
        saliencies(explanation), saliencies(explainer_of(name).explain(TEXTS[0], TEXTS[1]))
    )


@pytest.mark.parametrize("name", ["t5", "qwen3"])
def test_activation_after_the_norm_needs_one(name):
    from whyalike.errors import OptionError

    with raises(OptionError, "LayerNorm", "embeddings"):
        explainer_of(name, activation="after_norm").explain("a", "b")


@every_architecture
def test_another_layer_gives_other_word_vectors(name):
    last = explainer_of(name).explain(TEXTS[0], TEXTS[1])
    count = {"distilbert": "n_layers", "t5": "num_layers"}.get(name, "num_hidden_layers")
    same = explainer_of(name, latent_layer=getattr(tiny(name).model.config, count))
    assert [m.similarity for m in same.explain(TEXTS[0], TEXTS[1]).matches] == pytest.approx(
        [m.similarity for m in last.matches], abs=1e-5
    )
    first = explainer_of(name, latent_layer=1).explain(TEXTS[0], TEXTS[1])
    assert first.left.words == last.left.words, "the layer of the vectors changes no saliency"
    assert [m.similarity for m in first.matches] != [m.similarity for m in last.matches]


def test_a_layer_that_is_not_there():
    from whyalike.errors import OptionError

    with raises(OptionError, "latent_layer", "9", "BertModel", "0", "3"):
        explainer_of("bert", latent_layer=9).explain("a", "b")


def test_glued_tokens_belong_to_the_word():
    """Unigram makes one token of "gloves,": the comma must not inherit what gloves earned."""
    explanation = explainer_of("xlm-r").explain(TEXTS[0], TEXTS[1])
    assert "\u2581gloves," in tiny("xlm-r").tokenizer.tokenize(TEXTS[0])
    words = [word.text for word in explanation.left.words]
    matched = {match.left for match in explanation.matches}
    assert words.index("gloves") in matched
    assert words.index(",") not in matched
    assert explanation.left.words[words.index(",")].saliency == 0


@pytest.mark.parametrize("name", ["roberta", "mpnet", "qwen3"])
def test_left_padding_changes_nothing(name, monkeypatch):
    """RoBERTa counts positions from the first token that is not padding, wherever that stands."""
    model, tokenizer = tiny(name).parts
    left = copy.deepcopy(tokenizer)
    left.padding_side = "left"
    pooling = tiny(name).pooling
    monkeypatch.setattr(whyalike.models.tokens, "PASS_TOKENS", 0)
    alone = Explainer((model, tokenizer), method="bti", pooling=pooling).explain(
        "Knit gloves.", TEXTS[0]
    )
    monkeypatch.setattr(whyalike.models.tokens, "PASS_TOKENS", 10**6)
    padded = Explainer((model, left), method="bti", pooling=pooling).explain(
        "Knit gloves.", TEXTS[0]
    )
    assert padded.similarity == pytest.approx(alone.similarity, abs=2e-6)
    np.testing.assert_allclose(saliencies(padded), saliencies(alone), atol=2e-4)


@pytest.mark.parametrize("kind", ["FNet", "Nystromformer", "ConvBert"])
def test_architectures_that_padding_would_change_get_none(kind):
    """They mix padding into the text; so each row goes with rows of its own length only."""
    import transformers

    config = getattr(transformers, f"{kind}Config")(
        vocab_size=len(tiny("bert").tokenizer), hidden_size=32, num_hidden_layers=2,
        num_attention_heads=4, intermediate_size=64, max_position_embeddings=160,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(4)
        model = getattr(transformers, f"{kind}Model")(config).eval()
    explainer = Explainer((model, tiny("bert").tokenizer), method="bti")
    pairs = [(TEXTS[0], TEXTS[1]), ("Knit gloves, and hands.", TEXTS[0]), (TEXTS[1], TEXTS[3])]
    for together, pair in zip(explainer.explain_many(pairs), pairs, strict=True):
        alone = explainer.explain(*pair)
        assert together.similarity == pytest.approx(alone.similarity, abs=1e-5)
        np.testing.assert_allclose(saliencies(together), saliencies(alone), atol=1e-3)
