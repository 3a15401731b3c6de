"""Look inside one forward pass: hooks that are always removed, settings always given back."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any, cast

from torch import Tensor, nn
from transformers import PreTrainedModel

from whyalike.errors import ModelError, OptionError
from whyalike.types.options import Activation

_POSITION_NAMES = ("position_embeddings", "embed_positions", "wpe", "position_embedding")
_SEGMENT_NAMES = ("token_type_embeddings",)
_NORM_NAMES = ("LayerNorm", "layer_norm", "norm", "layernorm", "emb_layer_norm_before")


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
    model: PreTrainedModel, *, activation: Activation, latent_layer: int = -1
) -> Iterator[Captured]:
    """Make the embedding of ``model`` a leaf of the graph, and keep what passes by.

    The embedding's output is replaced by itself, detached and requiring a gradient. Feeding
    ``inputs_embeds`` instead would change position ids (RoBERTa under left padding).

    Raises:
        ModelError: the model has no input embeddings.
        OptionError: it has no LayerNorm behind them, and ``activation`` asks for it; or no layer
            ``latent_layer``.
    """
    body = _body(model)
    tokens = _embedding_modules(body)
    captured = Captured()
    with ExitStack() as hooks:
        after_norm = activation == "after_norm"
        for module in [_norm_behind(body, tokens[0])] if after_norm else tokens:
            hooks.callback(module.register_forward_hook(_make_leaf(captured)).remove)
        for names, slot in ((_POSITION_NAMES, "position"), (_SEGMENT_NAMES, "segment")):
            for module in _added_embeddings(body, names):
                hooks.callback(module.register_forward_hook(_keep(captured, slot)).remove)
        hooks.enter_context(_keeping_output(body, captured, latent_layer))
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


def position_limit(model: PreTrainedModel) -> int | None:
    """Return how many positions a model's position table has, or None without such a table."""
    for module in _added_embeddings(_body(model), _POSITION_NAMES):
        # RoBERTa counts positions from padding_idx + 1, so that many rows are never used.
        used = 0 if module.padding_idx is None else module.padding_idx + 1
        return int(module.num_embeddings) - used
    return None


def has_added(model: PreTrainedModel, slot: str) -> bool:
    """Return whether the model adds embeddings of positions ("position") or of segments."""
    names = _POSITION_NAMES if slot == "position" else _SEGMENT_NAMES
    return bool(_added_embeddings(_body(model), names))


def _body(model: PreTrainedModel) -> PreTrainedModel:
    """Return the model without its head."""
    return cast("PreTrainedModel", model.base_model)


def _embedding_modules(body: PreTrainedModel) -> list[nn.Module]:
    """Return the input embedding and every module that shares its weight (T5 has two)."""
    try:
        embedding = body.get_input_embeddings()
    except (NotImplementedError, AttributeError):
        embedding = None
    weight = getattr(embedding, "weight", None)
    if embedding is None or weight is None:
        raise ModelError(
            f"{type(body).__name__} has no input embeddings (get_input_embeddings), so there is "
            "nothing to differentiate. Give a text encoder."
        )
    same: list[nn.Module] = [
        module
        for module in body.modules()
        if isinstance(module, nn.Embedding) and module.weight is weight
    ]
    return same or [embedding]


def _added_embeddings(body: PreTrainedModel, names: tuple[str, ...]) -> list[nn.Embedding]:
    return [
        module
        for name, module in body.named_modules()
        if isinstance(module, nn.Embedding) and name.rpartition(".")[2] in names
    ]


def _norm_behind(body: PreTrainedModel, embedding: nn.Module) -> nn.Module:
    for parent in body.modules():
        children = dict(parent.named_children())
        if embedding in children.values():
            for name in _NORM_NAMES:
                # The norm beside the layers, as in T5 and Qwen, is the last one and not this.
                if name in children and not any(
                    isinstance(child, nn.ModuleList) for child in children.values()
                ):
                    return children[name]
    raise OptionError(
        f"{type(body).__name__} has no LayerNorm behind its embeddings: activation='after_norm' "
        "can't be had; choose 'token+position' or 'token'."
    )


def _make_leaf(captured: Captured) -> Callable[[nn.Module, Any, Tensor], Tensor]:
    def hook(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        captured.leaf = output.detach().requires_grad_()
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
