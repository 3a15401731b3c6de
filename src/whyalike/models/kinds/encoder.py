"""Bi-encoders: a SentenceTransformer, a bare encoder with its tokenizer, or a name or folder."""

from typing import cast

from whyalike.errors import ModelError
from whyalike.models.encoder import Encoder
from whyalike.models.loading import ModelSource, load
from whyalike.models.opening import Opening, register_kind


@register_kind("encoder", last=True)
def open_encoder(source: object, opening: Opening) -> Encoder:
    """Return an Encoder of the model; what can't be one is refused, with what to do instead."""
    loaded = load(
        cast("ModelSource", source),
        device=opening.device,
        trust_remote_code=opening.trust_remote_code,
        allow_pickle=opening.allow_pickle,
    )
    if opening.pooling == "auto" and loaded.unpooled:
        raise ModelError(loaded.unpooled)
    return Encoder(loaded, pooling=opening.pooling)
