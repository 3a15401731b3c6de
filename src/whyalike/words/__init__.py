"""From tokens to words: which tokens make up a word, and what the word inherits from them."""

from whyalike.words.aggregation import (
    aggregate,
    mean_vectors,
    scale_signed,
    sum_over_word_pairs,
    sum_over_words,
)
from whyalike.words.alignment import Alignment, align, merge_spans
from whyalike.words.lexicon import Lexicon
from whyalike.words.rarity import Rarity
from whyalike.words.word_vectors import WordVectors

__all__ = [
    "Alignment",
    "Lexicon",
    "Rarity",
    "WordVectors",
    "aggregate",
    "align",
    "mean_vectors",
    "merge_spans",
    "scale_signed",
    "sum_over_word_pairs",
    "sum_over_words",
]
