"""Look inside one forward pass: hooks that are always removed, settings always given back."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any

from torch import Tensor, nn

from whyalike.encoder.sites import EmbeddingSites
from whyalike.errors import OptionError
from whyalike.types.options import Activation


@dataclass(eq=False)
class Captured:
    """Tensors of one forward pass, filled in by the hooks as it runs.

    leaf: where the gradient is taken, (B, T, D). position, segment: what the model adds to a
    token embedding, None where it adds nothing. last_hidden: (B, T, H). latent: (B, T, H).
    """

    leaf: Tensor | None = None
    position: Tensor | None = None
    segment: Tensor | None = None
    last_hidden: Tensor | None = None
    latent: Tensor | None = None


@contextmanager
def capture(
    sites: EmbeddingSites,
    *,
    activation: Activation,
    latent_layer: int = -1,
    leaf: Tensor | None = None,
) -> Iterator[Captured]:
    """Make the embedding of a model a leaf of the graph, and keep what passes by.

    The embedding's output is replaced by itself, detached and requiring a gradient. Feeding
    ``inputs_embeds`` instead would change position ids (RoBERTa under left padding). A ``leaf``
    given, (B, T, D), takes the place of the embedding's own output.

    Raises:
        OptionError: the model has no LayerNorm behind its embeddings, and ``activation`` asks for
            it; or no layer ``latent_layer``.
    """
    captured = Captured()
    with ExitStack() as hooks:
        leaves = [sites.norm_or_raise()] if activation == "after_norm" else sites.tokens
        for module in leaves:
            hooks.callback(module.register_forward_hook(_make_leaf(captured, leaf)).remove)
        for modules, slot in ((sites.positions, "position"), (sites.segments, "segment")):
            for module in modules:
                hooks.callback(module.register_forward_hook(_keep(captured, slot)).remove)
        hooks.enter_context(_keeping_output(sites.body, captured, latent_layer))
        yield captured


@contextmanager
def frozen(model: nn.Module) -> Iterator[None]:
    """Put a model into evaluation mode without gradients of weights; undo both at the end."""
    training = [module for module in model.modules() if module.training]
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    try:
        if training:
            model.eval()
        for parameter in trainable:
            parameter.requires_grad_(False)
        yield
    finally:
        for module in training:
            module.training = True
        for parameter in trainable:
            parameter.requires_grad_(True)


def _make_leaf(
    captured: Captured, leaf: Tensor | None
) -> Callable[[nn.Module, Any, Tensor], Tensor]:
    def hook(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        captured.leaf = output.detach().requires_grad_() if leaf is None else leaf
        return captured.leaf

    return hook


def _keep(captured: Captured, slot: str) -> Callable[[nn.Module, Any, Tensor], None]:
    def hook(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
        setattr(captured, slot, output.detach())

    return hook


@contextmanager
def _keeping_output(body: nn.Module, captured: Captured, latent_layer: int) -> Iterator[None]:
    """Keep the hidden states that ``body`` returns.

    sentence-transformers calls ``forward`` itself, past all hooks; so forward is wrapped.
    """
    before = body.__dict__.get("forward")
    forward = body.forward

    @wraps(forward)
    def keeping(*args: Any, **kwargs: Any) -> Any:
        if latent_layer != -1:
            kwargs = {**kwargs, "output_hidden_states": True, "return_dict": True}
        output = forward(*args, **kwargs)
        captured.last_hidden = captured.latent = output[0]
        if latent_layer != -1:
            captured.latent = _pick(output.hidden_states, latent_layer, type(body).__name__)
        return output

    body.forward = keeping
    try:
        yield
    finally:
        if before is None:
            del body.forward
        else:
            body.forward = before


def _pick(states: Sequence[Tensor], layer: int, model: str) -> Tensor:
    if not -len(states) <= layer < len(states):
        raise OptionError(
            f"latent_layer is {layer}; {model} has the hidden states 0 to {len(states) - 1} (0 is "
            "the embeddings), or -1 for the last."
        )
    return states[layer]
