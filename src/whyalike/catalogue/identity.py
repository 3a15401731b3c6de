"""Whether a model is the one that an index was made with."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from whyalike.catalogue.manifest import IndexedModel
from whyalike.errors import ModelError, OptionError
from whyalike.options import LongText

if TYPE_CHECKING:
    from whyalike.explainer import Explainer

REFERENCE_TEXTS = (
    "A warm pair of woollen gloves for cold mornings.",
    "Pale straw in the glass, with lemon zest and white flowers.",
)
COMPONENTS = 64
"""Of each text's vector: the index is told from others by them, and its manifest stays small."""

TOLERANCE = 2e-3
"""Of the greatest component: more than rounding on another machine, less than more training."""


def describe_model(explainer: "Explainer") -> IndexedModel:
    """Return what an index notes of its model. Raises ModelError on vectors that are no numbers."""
    vectors = _embed(explainer)
    name = explainer.model.name
    return IndexedModel(
        # A relative path would name another folder from elsewhere.
        name=str(Path(name).resolve()) if Path(name).is_dir() else name,
        pooling=explainer.model.pooling,
        similarity_function=explainer.model.similarity_function,
        prompts=explainer.prompts,
        long_text=policy_of(explainer),
        dimension=vectors.shape[1],
        reference=tuple(_sample(vectors).ravel().tolist()),
    )


def policy_of(explainer: "Explainer") -> LongText:
    """Return how long texts are read for an index: in windows, or cut and counted."""
    return "windows" if explainer.options.long_text == "windows" else "truncate"


def check_model(explainer: "Explainer", model: IndexedModel, *, any_query: bool = False) -> None:
    """Raise OptionError unless the Explainer scores as the indexed model does.

    ``any_query`` lets it have another prompt for queries: no vector of the index depends on that.
    """
    found = describe_model(explainer)
    for what in ("dimension", "similarity_function", "prompts", "long_text"):
        had, has = getattr(model, what), getattr(found, what)
        if what == "prompts" and any_query:
            had, has = had[1], has[1]
        if had != has:
            raise OptionError(
                f"The index was made with {model.name}, whose {what} is {had!r}, and {found.name} "
                f"has {has!r}: give the model of the index, or make the index anew."
            )
    if not same_reference(found.reference, model.reference):
        raise OptionError(
            f"The index was made with {model.name} (pooling {model.pooling!r}), and {found.name} "
            f"(pooling {found.pooling!r}) gives other vectors: give the model of the index, or "
            "make the index anew."
        )


def same_reference(one: Sequence[float], other: Sequence[float]) -> bool:
    """Return whether two models gave the reference texts the same vectors, but for rounding."""
    left, right = np.array(one), np.array(other)
    if left.shape != right.shape:
        return False
    scale = float(np.abs(right).max(initial=0.0)) or 1.0
    return bool(np.abs(left - right).max(initial=0.0) <= TOLERANCE * scale)


def _embed(explainer: "Explainer") -> NDArray[np.float64]:
    vectors = explainer.model.embed(
        list(REFERENCE_TEXTS), prompt=explainer.prompts[1], long_text=policy_of(explainer)
    )
    if not np.isfinite(vectors).all():
        raise ModelError(f"The vectors of {explainer.model.name} hold NaN or infinity.")
    return vectors


def _sample(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    width = vectors.shape[1]
    places = np.linspace(0, width - 1, min(COMPONENTS, width)).round().astype(int)
    return vectors[:, places]
