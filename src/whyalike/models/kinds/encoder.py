"""Bi-encoders: a SentenceTransformer, a bare encoder with its tokenizer, or a name or folder."""

from pathlib import Path
from typing import cast

from whyalike.errors import ModelError, OptionError
from whyalike.models.encoder import Encoder
from whyalike.models.loading import ModelSource, folder_here, load
from whyalike.models.locating import find_model
from whyalike.models.opening import Opening, open_scorer, register_kind
from whyalike.models.scorer import Scorer


@register_kind("encoder", last=True)
def open_encoder(source: object, opening: Opening) -> Scorer:
    """Return an Encoder of the model; what can't be one is refused, with what to do instead.

    A model that was not here is fetched, and then any kind may know it.
    """
    if isinstance(source, str | Path) and folder_here(source) is None:
        find_model(str(source), allow_pickle=opening.allow_pickle)
        if folder_here(source) is not None:
            return open_scorer(source, opening)
    loaded = load(
        cast("ModelSource", source),
        device=opening.device,
        trust_remote_code=opening.trust_remote_code,
        allow_pickle=opening.allow_pickle,
    )
    if opening.label is not None:
        raise OptionError(
            f"label is {opening.label!r}, and {loaded.name} gives vectors of texts and no labels: "
            "leave label out. It goes with cross-encoders and classifiers of several labels."
        )
    if opening.pooling == "auto" and loaded.unpooled:
        raise ModelError(loaded.unpooled)
    return Encoder(loaded, pooling=opening.pooling)
