"""Models: where they are, how they are loaded, what they read, and their gradients."""

from whyalike.encoder.encoder import Encoder
from whyalike.encoder.loading import LoadedModel, ModelSource, load
from whyalike.encoder.passes import GroupPass, Pass, Place, Point, TokenPair
from whyalike.encoder.pooling import Pooling
from whyalike.encoder.tokenization import TokenizedText

__all__ = [
    "Encoder",
    "GroupPass",
    "LoadedModel",
    "ModelSource",
    "Pass",
    "Place",
    "Point",
    "Pooling",
    "TokenPair",
    "TokenizedText",
    "load",
]
