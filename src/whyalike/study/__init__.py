"""A blind study of explanations: stimuli frozen, orders balanced, ratings kept, and exported."""

from importlib import import_module
from typing import Any

_HOMES = {
    "Check": "whyalike.study.model",
    "Invitation": "whyalike.study.engine",
    "Practice": "whyalike.study.model",
    "Rater": "whyalike.study.engine",
    "RatingTable": "whyalike.study.ratings",
    "Receipt": "whyalike.study.engine",
    "Stimulus": "whyalike.study.model",
    "Storage": "whyalike.study.storage",
    "Study": "whyalike.study.model",
    "Task": "whyalike.study.model",
    "Truth": "whyalike.study.power",
    "create_study": "whyalike.study.creation",
    "from_storage": "whyalike.study.ratings",
    "open_storage": "whyalike.study.storage",
    "plan": "whyalike.study.design",
    "read_study": "whyalike.study.folder",
    "simulate_ratings": "whyalike.study.power",
}

__all__ = [
    "Check",
    "Invitation",
    "Practice",
    "Rater",
    "RatingTable",
    "Receipt",
    "Stimulus",
    "Storage",
    "Study",
    "Task",
    "Truth",
    "create_study",
    "from_storage",
    "open_storage",
    "plan",
    "read_study",
    "simulate_ratings",
]


def __getattr__(name: str) -> Any:
    """Load a name on first use: a database is needed only where ratings are."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
