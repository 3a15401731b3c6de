"""From two texts to an explanation: the pipeline, and the object that users hold."""

from importlib import import_module
from typing import TYPE_CHECKING

from whyalike.explain.comparison import Comparison
from whyalike.explain.explanation import Explanation
from whyalike.explain.output import write_whole

if TYPE_CHECKING:
    from whyalike.explain.explainer import Explainer

__all__ = ["Comparison", "Explainer", "Explanation", "write_whole"]


def __getattr__(name: str) -> object:
    """Load the Explainer, and torch with it, only when it is asked for."""
    if name != "Explainer":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module("whyalike.explain.explainer").Explainer
