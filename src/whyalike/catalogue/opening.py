"""The model of an index, opened as it was when the index was made."""

import os
from typing import TYPE_CHECKING, Any

from whyalike.catalogue.manifest import IndexedModel
from whyalike.options import BTIOptions

if TYPE_CHECKING:
    from whyalike.explainer import Explainer


def open_explainer(
    model: str | os.PathLike[str] | None,
    *,
    indexed: IndexedModel | None = None,
    **opening: Any,
) -> "Explainer":
    """Return an Explainer of a model, with the pooling and prompts of an index if one is given.

    ``opening`` are arguments of Explainer; prompts among them take the place of the index's.

    Raises:
        ModelNotFoundError, UnsafeModelError, ModelError: the model can't be had or used.
        OptionError: an argument that does not go with it.
    """
    from whyalike.explainer import Explainer

    name = None if model is None else str(model)
    if indexed is None:
        return Explainer(name, **opening)
    pooling: Any = indexed.pooling
    if opening.get("prompts") is None and opening.get("prompt_names") is None:
        opening["prompts"] = indexed.prompts
    return Explainer(
        name,
        pooling=pooling,
        options=BTIOptions(long_text=indexed.long_text),
        **opening,
    )
