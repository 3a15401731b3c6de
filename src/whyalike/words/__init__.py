"""From tokens to words: which tokens make up a word, and what the word inherits from them."""

from whyalike.words.alignment import (
    Alignment,
    aggregate,
    aggregate_all,
    align,
    mean_vectors,
    merge_spans,
    scale_signed,
    sum_over_word_pairs,
    sum_over_words,
)
from whyalike.words.lexicon import Lexicon, Rarity
from whyalike.words.sharing import IDENTICAL, missing_part, nothing_found, share_the_rest
from whyalike.words.thesaurus import Thesaurus
from whyalike.words.vectors import WordVectors

__all__ = [
    "IDENTICAL",
    "Alignment",
    "Lexicon",
    "Rarity",
    "Thesaurus",
    "WordVectors",
    "aggregate",
    "aggregate_all",
    "align",
    "mean_vectors",
    "merge_spans",
    "missing_part",
    "nothing_found",
    "scale_signed",
    "share_the_rest",
    "sum_over_word_pairs",
    "sum_over_words",
]
