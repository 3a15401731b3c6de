"""A hidden state put back in its own place changes nothing; a nudged one changes what follows."""

import copy

import pytest
import torch

from raising import raises
from tiny_models import ARCHITECTURES, TEXTS, tiny
from whyalike import BTIOptions
from whyalike.errors import OptionError
from whyalike.models.embedded import LayeredText
from whyalike.models.encoder import Encoder
from whyalike.models.replica import ConstantStatistics


def layered(name, layer, model=None, text=TEXTS[0]):
    encoder = Encoder(
        load_parts(model or tiny(name).model, tiny(name).tokenizer), pooling=tiny(name).pooling
    )
    (tokens,) = encoder.tokenize([text])
    return LayeredText(encoder, tokens, options=BTIOptions(), row=tokens.rows[0], layer=layer)


def load_parts(model, tokenizer):
    from whyalike.models.loading import load

    return load((model, tokenizer))


@pytest.mark.parametrize("layer", [0, 1, -2, -1])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_state_in_its_place(name, layer):
    text = layered(name, layer)
    with torch.no_grad():
        torch.testing.assert_close(text.ends(text.state)[0], text.vector, atol=1e-6, rtol=1e-5)
        other = text.ends(text.state.flip(1) * 0.5)[0]
    assert not torch.allclose(other, text.vector, atol=1e-3)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_layers_above_see_the_replaced_state(name):
    """The states of another text of equal length give the other text's vector."""
    first, second = "warm wool gloves", "warm knit gloves"
    one, other = layered(name, -2, text=first), layered(name, -2, text=second)
    if one.state.shape != other.state.shape:
        second = "cold wool gloves"
        other = layered(name, -2, text=second)
    assert one.state.shape == other.state.shape
    with torch.no_grad():
        torch.testing.assert_close(one.ends(other.state)[0], other.vector, atol=1e-5, rtol=1e-4)


def test_a_state_that_no_module_makes():
    model = copy.deepcopy(tiny("bert").model)
    forward = model.forward

    def shifting(*args, **kwargs):
        output = forward(*args, **kwargs)
        if output.hidden_states:
            output.hidden_states = tuple(state + 0 for state in output.hidden_states)
        return output

    model.forward = shifting
    with raises(OptionError, "hidden state", "1", "module"):
        layered("bert", 1, model=model)
    assert layered("bert", -1, model=model).state.shape[-1] == 32


def spread(x):
    return torch.sqrt(((x - x.mean(-1, keepdim=True)) ** 2).mean(-1, keepdim=True) + 1e-5)


WEIGHT = torch.linspace(0.5, 2.0, 6, dtype=torch.float64)
RMS = torch.nn.RMSNorm(6).double().requires_grad_(False)
VALUES = torch.randn(4, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.parametrize(
    ("function", "derivative"),
    [
        # What each derivative is along v, with its constant written out.
        (lambda x: torch.nn.functional.layer_norm(x, (6,), WEIGHT, WEIGHT),
         lambda x, v: WEIGHT * (v - v.mean(-1, keepdim=True)) / spread(x)),
        (lambda x: torch.nn.functional.layer_norm(x, (4, 6)),
         lambda x, v: (v - v.mean()) / torch.sqrt(((x - x.mean()) ** 2).mean() + 1e-5)),
        (lambda x: torch.nn.functional.rms_norm(x, (6,), WEIGHT, 1e-5),
         lambda x, v: WEIGHT * v / torch.sqrt((x**2).mean(-1, keepdim=True) + 1e-5)),
        (lambda x: RMS(x),
         lambda x, v: v / torch.sqrt((x**2).mean(-1, keepdim=True) + torch.finfo(x.dtype).eps)),
        (lambda x: x * torch.rsqrt((x**2).mean(-1, keepdim=True)),
         lambda x, v: v / torch.sqrt((x**2).mean(-1, keepdim=True))),
        (lambda x: x / (x**2).mean(-1, keepdim=True).sqrt(),
         lambda x, v: v / torch.sqrt((x**2).mean(-1, keepdim=True))),
        (lambda x: torch.softmax(x @ x.T, -1) @ x, lambda x, v: torch.softmax(x @ x.T, -1) @ v),
        (lambda x: (x @ x.T).softmax(-1) @ x, lambda x, v: torch.softmax(x @ x.T, -1) @ v),
        (lambda x: torch.nn.Softmax(-1)(x @ x.T) @ x,
         lambda x, v: torch.softmax(x @ x.T, -1) @ v),
        (lambda x: torch.nn.functional.scaled_dot_product_attention(
            x[None], key=x[None], value=x[None], scale=1.0)[0],
         lambda x, v: torch.softmax(x @ x.T, -1) @ v),
    ],
)  # fmt: skip
def test_constant_statistics(function, derivative):
    from torch.nn.attention import SDPBackend, sdpa_kernel

    direction = VALUES.flip(0) + 0.3

    def constant(x):
        with ConstantStatistics():
            return function(x)

    torch.testing.assert_close(constant(VALUES), function(VALUES))
    with sdpa_kernel(SDPBackend.MATH):
        value, slope = torch.func.jvp(constant, (VALUES,), (direction,))
    torch.testing.assert_close(value, function(VALUES))
    torch.testing.assert_close(slope, derivative(VALUES, direction))
    point = VALUES.clone().requires_grad_()
    backward = torch.autograd.grad((constant(point) * WEIGHT).sum(), point)[0]
    assert float((backward * direction).sum()) == pytest.approx(float((slope * WEIGHT).sum()))
