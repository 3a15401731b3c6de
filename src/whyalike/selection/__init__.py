"""Which of the matches explain the similarity."""

from whyalike.selection.meanshift import Clusters, estimate_bandwidth, mean_shift
from whyalike.selection.top_words import best_first, top_words

__all__ = ["Clusters", "best_first", "estimate_bandwidth", "mean_shift", "top_words"]
