"""A model whose scores are known by hand: the cosine of counts of words, of a text's first ones."""

import numpy as np

from whyalike.models.scorer import OpaqueScorer, score_by_vectors
from whyalike.models.tokens import TokenizedText
from whyalike.texts import find_words

MARK = 0.1
"""What a final mark counts."""


class WordCounter(OpaqueScorer):
    """Counts the first ``limit`` words of a text; ``meanings`` are words that count as another."""

    capabilities = frozenset({"vectors"})
    similarity_function = "cosine"
    name = "word counter"

    def __init__(self, *, limit=None, meanings=None):
        self.limit, self.meanings = limit, dict(meanings or {})
        self.axes, self.embedded = {}, []

    def embed(self, texts, *, prompt="", long_text="truncate"):
        self.embedded += [(prompt, text) for text in texts]
        vectors = np.zeros((len(texts), 400))
        for row, text in enumerate(texts):
            for start, end in find_words(text)[: self.limit]:
                word = text[start:end].lower()
                word = self.meanings.get(word, word)
                axis = self.axes.setdefault(word, len(self.axes))
                vectors[row, axis] += 1 if word.isalnum() else MARK
        return vectors

    def score(self, pairs, *, prompts=("", ""), long_text="truncate"):
        return score_by_vectors(self, pairs, prompts=prompts, long_text=long_text)

    def tokenize(self, texts, *, prompt="", long_text="truncate"):
        found = []
        for text in texts:
            spans = find_words(text)
            read = spans if long_text == "windows" else spans[: self.limit]
            found.append(
                TokenizedText(
                    text=text,
                    prompt=prompt,
                    rows=(),
                    offsets=np.array(read, dtype=np.intp).reshape(-1, 2),
                    pretokens=np.arange(len(read), dtype=np.intp),
                    truncated=len(read) < len(spans),
                )
            )
        return found
