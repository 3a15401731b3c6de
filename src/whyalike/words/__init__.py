"""From tokens to words: which tokens make up a word, and what the word inherits from them."""

from whyalike.words.aggregation import aggregate
from whyalike.words.alignment import Alignment, align, merge_spans

__all__ = ["Alignment", "aggregate", "align", "merge_spans"]
