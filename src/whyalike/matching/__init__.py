"""Which word of one text goes with which word of the other."""

from whyalike.matching.contribution import match_by_contribution
from whyalike.matching.mutual import match_mutually
from whyalike.matching.nearest import cosine_matrix, match_words
from whyalike.matching.soft import match_softly
from whyalike.matching.unmatched import unmatched_words

__all__ = [
    "cosine_matrix",
    "match_by_contribution",
    "match_mutually",
    "match_softly",
    "match_words",
    "unmatched_words",
]
