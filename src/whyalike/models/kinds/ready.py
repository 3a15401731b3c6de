"""Scorers that are ready: BlackBox, PairScorer, an Encoder, and any object with their protocol."""

from typing import cast

from whyalike.models.opening import Opening, register_kind
from whyalike.models.scorer import Scorer


def is_scorer(source: object) -> bool:
    """Return whether an object declares capabilities and scores pairs."""
    declared = isinstance(getattr(source, "capabilities", None), frozenset)
    return declared and callable(getattr(source, "score", None)) and not isinstance(source, type)


@register_kind("ready", takes=is_scorer)
def open_ready(source: object, opening: Opening) -> Scorer:
    """Return the scorer as it is. Raises OptionError where it is to be loaded in some way."""
    scorer = cast("Scorer", source)
    opening.refuse(what=f"With {scorer.name}, which is a scorer already,")
    return scorer
