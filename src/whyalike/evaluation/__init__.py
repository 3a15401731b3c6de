"""Is an explanation true? Sanity, faithfulness, human gold, blind spots. Imports on first use."""

from importlib import import_module
from typing import Any

MODULES: dict[str, str] = {
    "Metric": "whyalike.evaluation.metric",
}

__all__ = sorted(MODULES)


def __getattr__(name: str) -> Any:
    """Import the part that was asked for, so that nobody pays for the others."""
    if name not in MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(MODULES[name]), name)
