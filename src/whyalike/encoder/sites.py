"""Where a model embeds its input: found once, so that each pass only has to put hooks there."""

from dataclasses import dataclass
from typing import cast

from torch import Tensor, nn
from transformers import PreTrainedModel

from whyalike.errors import ModelError, OptionError

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
                "activation='after_norm' can't be had; choose 'token+position' or 'token'."
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
