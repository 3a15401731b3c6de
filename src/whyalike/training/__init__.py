"""Training RecoBERT: an encoder that learns item similarity from titles and descriptions."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from whyalike.training.result import ModelFigures, TrainingProgress, TrainingResult
    from whyalike.training.retrieval import RetrievalMetrics
    from whyalike.training.settings import TrainingSettings
    from whyalike.training.train import train_recobert

__all__ = [
    "ModelFigures",
    "RetrievalMetrics",
    "TrainingProgress",
    "TrainingResult",
    "TrainingSettings",
    "train_recobert",
]

_HOMES = {
    "ModelFigures": "whyalike.training.result",
    "RetrievalMetrics": "whyalike.training.retrieval",
    "TrainingProgress": "whyalike.training.result",
    "TrainingResult": "whyalike.training.result",
    "TrainingSettings": "whyalike.training.settings",
    "train_recobert": "whyalike.training.train",
}


def __getattr__(name: str) -> Any:
    """Load a name on first use: training loads torch and the Trainer."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
