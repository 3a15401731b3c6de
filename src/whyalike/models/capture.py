"""Hidden states and embeddings of a running model: where they are, read and replaced."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from whyalike.errors import ModelError, OptionError
from whyalike.options import Activation

_POSITION_NAMES = ("position_embeddings", "embed_positions", "wpe", "position_embedding")
_SEGMENT_NAMES = ("token_type_embeddings",)
_NORM_NAMES = ("LayerNorm", "layer_norm", "norm", "layernorm", "emb_layer_norm_before")


@dataclass(frozen=True, eq=False)
class EmbeddingSites:
    """The modules of a model that make up its input embeddings.

    body: the model without its head. tokens: the token table, and every module that shares its
    weight (T5 has two). positions, segments: tables whose rows are added to the tokens', often
    none. norm: the LayerNorm behind their sum, if there is one.
    """

    body: PreTrainedModel
    tokens: tuple[nn.Module, ...]
    positions: tuple[nn.Embedding, ...]
    segments: tuple[nn.Embedding, ...]
    norm: nn.Module | None

    @property
    def table_size(self) -> int:
        """How many tokens the token table knows."""
        return len(cast("nn.Embedding", self.tokens[0]).weight)

    @property
    def position_limit(self) -> int | None:
        """How many positions the position table has, or None without such a table."""
        for table in self.positions:
            # RoBERTa counts positions from padding_idx + 1: so many rows are never used.
            used = 0 if table.padding_idx is None else table.padding_idx + 1
            return int(table.num_embeddings) - used
        return None

    def norm_or_raise(self) -> nn.Module:
        """Return the LayerNorm. Raises OptionError where there is none."""
        if self.norm is None:
            raise OptionError(
                f"{type(self.body).__name__} has no LayerNorm behind its embeddings: "
                "activation='after_norm' is not available; choose 'token+position' or 'token'."
            )
        return self.norm


def find_sites(model: PreTrainedModel) -> EmbeddingSites:
    """Find the embeddings of ``model``.

    Raises ModelError if it has none, or such as can't be differentiated (quantised ones).
    """
    body = cast("PreTrainedModel", model.base_model)
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
    if not isinstance(weight, Tensor) or not weight.is_floating_point():
        raise ModelError(
            f"The input embeddings of {type(body).__name__} are quantised "
            f"({type(embedding).__module__}.{type(embedding).__name__}), and can't be "
            "differentiated. Give the model as it was before, or explain it as a function: "
            "Explainer(embed=model.encode)."
        )
    tables = {n: m for n, m in body.named_modules() if isinstance(m, nn.Embedding)}
    same = tuple(table for table in tables.values() if table.weight is weight)
    return EmbeddingSites(
        body=body,
        tokens=same or (embedding,),
        positions=_added(tables, _POSITION_NAMES, weight.shape[-1]),
        segments=_added(tables, _SEGMENT_NAMES, weight.shape[-1]),
        norm=_norm_behind(body, embedding),
    )


def _added(
    tables: dict[str, nn.Embedding], names: tuple[str, ...], width: int
) -> tuple[nn.Embedding, ...]:
    """Return tables of that name and width: one of another width can't be added to the tokens'."""
    return tuple(
        table
        for name, table in tables.items()
        if name.rpartition(".")[2] in names and table.embedding_dim == width
    )


def _norm_behind(body: PreTrainedModel, embedding: nn.Module) -> nn.Module | None:
    for parent in body.modules():
        children = dict(parent.named_children())
        # The norm beside a stack of layers, as in T5 and Qwen, is the last one and not this.
        if embedding not in children.values() or any(
            isinstance(child, nn.ModuleList) for child in children.values()
        ):
            continue
        for name in _NORM_NAMES:
            if name in children:
                return children[name]
    return None


@dataclass(eq=False)
class Captured:
    """Tensors of one forward pass, filled in by the hooks as it runs.

    leaf: where the gradient is taken, (B, T, D). position, segment: what the model adds to a
    token embedding, None where it adds nothing. last_hidden: (B, T, H). latent: (B, T, H).
    state: (B, T, H), the hidden state that was asked for besides. output: all that the model gave.
    """

    leaf: Tensor | None = None
    position: Tensor | None = None
    segment: Tensor | None = None
    last_hidden: Tensor | None = None
    latent: Tensor | None = None
    state: Tensor | None = None
    output: Any = None


@contextmanager
def capture(
    sites: EmbeddingSites,
    *,
    activation: Activation,
    latent_layer: int = -1,
    state: int | None = None,
    leaf: Tensor | None = None,
    output: Any = None,
    ids: Tensor | None = None,
    added: Tensor | None = None,
    from_embedding: bool = True,
) -> Iterator[Captured]:
    """Make the embedding of a model a leaf of the graph, and keep what passes by.

    The embedding's output is replaced by itself, detached and requiring a gradient. Feeding
    ``inputs_embeds`` instead would change position ids (RoBERTa under left padding). A ``leaf``
    given, (B, T, D), takes the place of the embedding's own output. ``state`` is the index of
    a hidden state to keep besides the latent one. An ``output`` given is returned in place of
    running the model at all. ``ids`` are the rows' tokens (B, T), by which a model is known that
    embeds them the other way round, (T, B, D). ``added``, (B, T, H), is added to the last hidden
    states. Without ``from_embedding`` the leaf has no gradient: the graph starts where something
    else that has one comes in.

    Raises
    ------
    OptionError
        The model has no LayerNorm behind its embeddings, and ``activation`` asks for it; or no such
        layer.
    """
    captured = Captured()
    with ExitStack() as hooks:
        leaves = [sites.norm_or_raise()] if activation == "after_norm" else sites.tokens
        for module in leaves:
            hook = _make_leaf(captured, leaf, ids, gradient=from_embedding)
            hooks.callback(module.register_forward_hook(hook).remove)
        for modules, slot in ((sites.positions, "position"), (sites.segments, "segment")):
            for module in modules:
                hooks.callback(module.register_forward_hook(_keep(captured, slot)).remove)
        hooks.enter_context(
            _keeping_output(sites.body, captured, latent_layer, state, output, added)
        )
        yield captured


def _make_leaf(
    captured: Captured, leaf: Tensor | None, ids: Tensor | None, *, gradient: bool
) -> Callable[[nn.Module, Any, Tensor], Tensor]:
    def hook(module: nn.Module, inputs: Any, output: Tensor) -> Tensor:
        if not isinstance(output, Tensor) or output.dim() != 3:
            raise ModelError(
                f"The embedding {type(module).__name__} gives no tensor of texts, tokens and "
                "features: this architecture can't be explained."
            )
        turned = tokens_first(inputs, ids)
        if leaf is None:
            made = output.detach()
            captured.leaf = (made.transpose(0, 1) if turned else made).requires_grad_(gradient)
        else:
            captured.leaf = leaf
        return captured.leaf.transpose(0, 1) if turned else captured.leaf

    return hook


def tokens_first(inputs: Any, ids: Tensor | None) -> bool:
    """Return whether a table was given the tokens (T, B) of rows ``ids``, (B, T), as in XLNet."""
    given = inputs[0] if isinstance(inputs, tuple) and inputs else None
    if ids is None or not isinstance(given, Tensor) or given.shape != ids.T.shape:
        return False
    same = given.shape == ids.shape and torch.equal(given, ids)
    return not same and torch.equal(given, ids.T)


def _keep(captured: Captured, slot: str) -> Callable[[nn.Module, Any, Tensor], None]:
    def hook(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
        setattr(captured, slot, output.detach())

    return hook


@contextmanager
def _keeping_output(  # noqa: PLR0917
    body: nn.Module,
    captured: Captured,
    latent_layer: int,
    state: int | None,
    given: Any,
    added: Tensor | None = None,
) -> Iterator[None]:
    """Keep the hidden states that ``body`` returns.

    sentence-transformers calls ``forward`` itself, past all hooks; so forward is wrapped.
    """
    before = body.__dict__.get("forward")
    forward = body.forward

    @wraps(forward)
    def keeping(*args: Any, **kwargs: Any) -> Any:
        if latent_layer != -1 or state is not None:
            kwargs = {**kwargs, "output_hidden_states": True, "return_dict": True}
        output = forward(*args, **kwargs) if given is None else given
        if added is not None:
            output = with_state(output, output[0] + added)
        captured.output = output
        captured.last_hidden = captured.latent = output[0]
        if latent_layer != -1:
            captured.latent = _pick(output, latent_layer, "latent_layer", type(body).__name__)
        if state is not None:
            captured.state = _pick(output, state, "layer", type(body).__name__)
        return output

    body.forward = keeping
    try:
        yield
    finally:
        if before is None:
            del body.forward
        else:
            body.forward = before


def with_state(output: Any, state: Tensor) -> Any:
    """Return a module's output, a tensor, tuple or mapping, with ``state`` for its first tensor."""
    if isinstance(output, Tensor):
        return state
    if isinstance(output, tuple):
        return (state, *output[1:])
    return type(output)(**{**output, next(iter(output)): state})


def _pick(output: Any, layer: int, option: str, model: str) -> Tensor:
    states: Sequence[Tensor] = output.hidden_states
    if not -len(states) <= layer < len(states):
        raise OptionError(
            f"{option} is {layer}; {model} has the hidden states 0 to {len(states) - 1} (0 is "
            "the embeddings), or -1 for the last."
        )
    # Before transformers 5, some states of the last layer lacked the norm behind it (ModernBERT).
    return output[0] if layer in (-1, len(states) - 1) else states[layer]
