"""Plain data that every layer shares: frozen dataclasses, NumPy arrays, no torch.

Shape letters, defined here and used everywhere:

- B: rows of a batch (one row is one text as the model reads it)
- T: tokens of a row, or of a text
- W: words of a text
- D: features of an input embedding
- H: features of a hidden state

Offsets are counted in Python characters (code points), ends exclusive.
"""

from whyalike.types.arrays import PairSaliency, WordSaliency
from whyalike.types.comparison import ComparisonData
from whyalike.types.explanation import (
    ExplainedText,
    ExplanationData,
    SimilarityFunction,
    Word,
    WordPair,
)
from whyalike.types.options import BTIOptions

__all__ = [
    "BTIOptions",
    "ComparisonData",
    "ExplainedText",
    "ExplanationData",
    "PairSaliency",
    "SimilarityFunction",
    "Word",
    "WordPair",
    "WordSaliency",
]
