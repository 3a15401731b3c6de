"""Which word of one text goes with which word of the other."""

from whyalike.matching.nearest import match_words

__all__ = ["match_words"]
