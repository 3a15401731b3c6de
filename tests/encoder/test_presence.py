"""A token's weight in attention: w copies of it, by whatever function attention is computed."""

from itertools import pairwise

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention, softmax
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from raising import raises
from tiny_models import ARCHITECTURES, TEXTS, tiny
from whyalike import BTIOptions, Explainer
from whyalike.errors import ModelError
from whyalike.models.graph import Presence, presence_slopes
from whyalike.models.pipeline import TokenPair

B, HEADS, T, D = 2, 3, 5, 4


def drawn(*shape):
    return torch.randn(*shape, dtype=torch.double, generator=torch.Generator().manual_seed(0))


def by_softmax(query, key, value, *, mask, causal, **_):
    logits = query @ key.transpose(2, 3) / D**0.5
    if causal:
        logits = logits.masked_fill(torch.ones(T, T).triu(1).bool(), -torch.inf)
    if mask is not None:
        logits = (
            logits.masked_fill(~mask, -torch.inf) if mask.dtype == torch.bool else logits + mask
        )
    return softmax(logits, dim=-1) @ value


def by_sdpa(query, key, value, *, mask, causal, **others):
    return scaled_dot_product_attention(
        query, key, value, attn_mask=mask, is_causal=causal, **others
    )


def by_sdpa_placed(query, key, value, *, mask, causal, **_):
    return scaled_dot_product_attention(query, key, value, mask, 0.0, causal)


def by_sdpa_named(query, key, value, *, mask, causal, **_):
    return scaled_dot_product_attention(
        query=query, key=key, value=value, attn_mask=mask, is_causal=causal
    )


def with_copies(query, key, value, *, mask, causal, copies):
    """The same with the key and the value of a token written down as often as it counts."""
    rows = []
    for row in range(B):
        index = [t for t in range(T) for _ in range(copies[row][t])]
        allowed = torch.zeros(T, T, dtype=torch.double)
        if causal:
            allowed = allowed.masked_fill(torch.ones(T, T).triu(1).bool(), -torch.inf)
        if mask is not None:
            own = mask[row, 0].expand(T, T)
            allowed = (
                allowed.masked_fill(~own, -torch.inf) if mask.dtype == torch.bool else allowed + own
            )
        logits = query[row] @ key[row][:, index].transpose(1, 2) / D**0.5 + allowed[:, index]
        rows.append(logits.softmax(-1) @ value[row][:, index])
    return torch.stack(rows)


MASKS = {
    "none": (None, False),
    "causal": (None, True),
    "bool": (torch.tensor([[1, 1, 1, 1, 0], [1, 0, 1, 1, 1]]).bool()[:, None, None], False),
    "whole": (torch.ones(B, 1, T, T).tril().bool(), False),
    "float": (drawn(B, 1, T, T), False),
}


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("attention", [by_softmax, by_sdpa, by_sdpa_placed, by_sdpa_named])
def test_a_weight_is_a_number_of_copies(attention, mask):
    query, key, value = drawn(3, B, HEADS, T, D)
    mask, causal = MASKS[mask]
    copies = [[1, 2, 1, 3, 1], [2, 1, 1, 1, 1]]
    given = {"mask": mask, "causal": causal}
    presence = Presence(torch.ones(B, T), first=1)
    presence.log_weights = torch.tensor(copies).double().log()[:, None, None]
    with presence:
        below = attention(query, key, value, **given)
        above = attention(query, key, value, **given)
    plain = attention(query, key, value, **given)
    torch.testing.assert_close(below, plain)
    torch.testing.assert_close(
        above, with_copies(query, key, value, copies=copies, **given), atol=1e-9, rtol=1e-9
    )
    assert presence.calls == 2
    assert not torch.allclose(above, plain)


def test_few_keys_serve_many_queries():
    query, (key, value) = drawn(B, 4, T, D), drawn(2, B, 2, T, D)
    presence = Presence(torch.ones(B, T), first=0)
    presence.log_weights = drawn(B, 1, 1, T)
    with presence:
        found = by_sdpa(query, key, value, mask=None, causal=False, enable_gqa=True)
    key, value = (x.repeat_interleave(2, dim=1) for x in (key, value))
    wanted = (query @ key.transpose(2, 3) / 2 + presence.log_weights).softmax(-1) @ value
    torch.testing.assert_close(found, wanted, atol=1e-9, rtol=1e-9)


def test_what_is_no_attention_is_left_alone():
    presence = Presence(torch.ones(B, T), first=0)
    others = [drawn(B, T), drawn(B, HEADS, T, T + 1), drawn(B + 1, HEADS, T, T)]
    with presence:
        for tensor in others:
            assert torch.equal(softmax(tensor, dim=-1), tensor.softmax(-1))
        softmax(drawn(B, HEADS, T, T), dim=1)
    assert presence.calls == 0
    assert drawn(B, HEADS, T, T).softmax(-1).requires_grad is False, "nothing is left in place"


def test_presence_in_a_mean_is_the_derivative_by_its_weights():
    last, own = drawn(B, T, D), torch.tensor([[0, 1, 1, 1, 0], [1, 1, 0, 0, 0]]).bool()
    direction, at_weights = drawn(D), drawn(B, 1, 1, T)
    weights = torch.ones(B, T, dtype=torch.double, requires_grad=True)
    counted = weights * own
    mean = (last * counted[:, :, None]).sum(1) / counted.sum(1, keepdim=True)
    (wanted,) = torch.autograd.grad((mean @ direction).sum(), weights)
    at_last = (own / own.sum(1, keepdim=True))[:, :, None] * direction
    found = presence_slopes(last, at_last, at_weights=at_weights, own=own)
    torch.testing.assert_close(found - at_weights[:, 0, 0], wanted)


def run(explainer, *, first):
    encoder = explainer.encoder
    pairs = [TokenPair(*encoder.tokenize(pair)) for pair in pairwise(TEXTS)]
    return encoder.run(pairs, options=BTIOptions(), point="last_layer", presence_from=first)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_each_layer_of_each_architecture_is_seen(name):
    explainer = Explainer(tiny(name).parts)
    seen = run(explainer, first=0)
    assert all(group.attended for group in seen.groups)
    without = run(explainer, first=explainer.encoder.depth)
    for group, other in zip(seen.groups, without.groups, strict=True):
        assert not torch.allclose(group.presence, other.presence)


def unseen_attention(_module, query, key, value, attention_mask, scaling=None, **_):
    logits = torch.einsum("bhtd,bhsd->bhts", query, key) * (scaling or query.shape[-1] ** -0.5)
    if attention_mask is not None:
        logits = logits.masked_fill(~attention_mask, -torch.inf)
    weights = (logits - logits.amax(-1, keepdim=True)).exp()
    weights = weights / weights.sum(-1, keepdim=True)
    return (weights @ value).transpose(1, 2), None


def test_attention_that_cannot_be_seen_is_said():
    model, tokenizer = tiny("bert").parts
    seen = Explainer((model, tokenizer), method="whyalike").explain(TEXTS[0], TEXTS[1])
    assert not any("attention" in said for said in seen.warnings)
    if not hasattr(ALL_ATTENTION_FUNCTIONS, "get_interface"):
        pytest.skip("BERT chooses its attention when it is made before transformers 5")
    AttentionInterface.register("unseen", unseen_attention)
    AttentionMaskInterface.register("unseen", ALL_MASK_ATTENTION_FUNCTIONS["sdpa"])
    before = model.config._attn_implementation
    model.config._attn_implementation = "unseen"
    try:
        explanation = Explainer((model, tokenizer), method="whyalike").explain(TEXTS[0], TEXTS[1])
    finally:
        model.config._attn_implementation = before
    assert explanation.similarity == pytest.approx(seen.similarity, abs=1e-6)
    assert any("attention" in said for said in explanation.warnings)
    contributions = [word.contribution for word in explanation.left.words]
    assert sum(contributions) == pytest.approx(explanation.similarity)
    assert contributions != pytest.approx([word.contribution for word in seen.left.words], abs=1e-4)


def test_a_state_that_the_score_does_not_use_is_refused():
    model, tokenizer = tiny("bert").parts
    forward = model.forward

    def with_copies_of_states(*given, **named):
        output = forward(*given, **named)
        if output.hidden_states:
            output.hidden_states = tuple(state.clone() for state in output.hidden_states)
        return output

    model.forward = with_copies_of_states
    try:
        for method in ("whyalike", "gradient_x_activation"):
            with raises(ModelError, "hidden state"):
                Explainer((model, tokenizer), method=method).explain(TEXTS[0], TEXTS[1])
    finally:
        del model.forward


@pytest.mark.parametrize(("method", "needed"), [("whyalike", False), ("bti", True)])
def test_layers_below_what_is_differentiated_keep_no_graph(method, needed):
    model, tokenizer = tiny("bert").parts
    model = type(model)(type(model.config)(**{**model.config.to_dict(), "num_hidden_layers": 4}))
    model.eval()
    kept = []
    explainer = Explainer((model, tokenizer), method=method)
    explainer.explain(TEXTS[0], TEXTS[1])  # The check of the gradient has a pass of its own.
    hook = model.encoder.layer[0].register_forward_hook(
        lambda _module, _given, output: kept.append(
            (output[0] if isinstance(output, tuple) else output).requires_grad
        )
    )
    try:
        explainer.explain(TEXTS[0], TEXTS[1])
    finally:
        hook.remove()
    assert set(kept) == {needed}
