"""A scorer that is a table of pairs of words: its ranks, and the words that count, are known."""

import numpy as np

from whyalike.models.scorer import Decomposition, OpaqueScorer
from whyalike.texts import find_words


def words_of(text):
    return [text[start:end] for start, end in find_words(text)]


class PairTable(OpaqueScorer):
    """The sum, over all pairs of words, of what a table says of them; other pairs add nothing."""

    capabilities = frozenset({"tokens", "decomposition"})

    def __init__(self, name, table):
        self.name, self.table = name, table
        self.asked = []

    def score(self, pairs, *, prompts=("", ""), long_text="truncate"):
        self.asked += pairs
        return np.array([self.parts(*map(words_of, pair)).sum() for pair in pairs])

    def parts(self, left, right):
        parts = np.zeros((len(left) + 1, len(right) + 1))
        for i, one in enumerate(left):
            for j, other in enumerate(right):
                parts[i, j] = self.table.get((one, other), 0.0)
        return parts

    def decompose(self, pairs):
        found = []
        for left, right in pairs:
            parts = self.parts(words_of(left.text), words_of(right.text))
            vectors = np.ones((len(parts) - 1, 1)), np.ones((parts.shape[1] - 1, 1))
            found.append(Decomposition.of_parts(float(parts.sum()), parts, vectors))
        return found
