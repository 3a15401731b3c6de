"""Raw text: what may be explained, and where its words are. No model is involved here."""

from whyalike.text.cleaning import CleanText, clean_text, without_surrogates
from whyalike.text.removal import keep_words
from whyalike.text.segmentation import find_words, is_mark

__all__ = ["CleanText", "clean_text", "find_words", "is_mark", "keep_words", "without_surrogates"]
