"""A lexicon: what is known of words without any text around them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from whyalike.text import is_mark
from whyalike.words.corpus import checked_texts
from whyalike.words.rarity import Rarity
from whyalike.words.word_vectors import WordVectors

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class Lexicon:
    """Word vectors and the rarity of words: what the methods ``tfidf_w2v`` and ``idf`` go by.

    Marks of punctuation are no words of it.
    """

    vectors: WordVectors
    rarity: Rarity

    def __repr__(self) -> str:
        """Return one line: the words are hundreds of thousands."""
        return f"Lexicon({self.vectors!r}, {self.rarity!r})"

    @staticmethod
    def packaged() -> "Lexicon":
        """Return GloVe's vectors, with rarity guessed from the ranks of its words; loaded once.

        Raises:
            MissingExtraError: the extra ``lexical`` is not installed.
        """
        return _packaged()

    @classmethod
    def of(cls, vectors: WordVectors) -> "Lexicon":
        """Return these vectors, with rarity guessed from the ranks of their words."""
        return cls(vectors, Rarity.by_rank(vectors))

    @classmethod
    def fit(cls, texts: Iterable[str], *, vectors: WordVectors | None = None) -> "Lexicon":
        """Learn the rarity of words from a catalogue.

        Args:
            texts: the texts of the catalogue, such as all descriptions.
            vectors: word vectors; GloVe's if there are none. ``WordVectors.train(texts)`` gives
                those of the catalogue itself.

        Raises:
            TextError: something that is no text, or no word in any.
            MissingExtraError: no vectors are given and the extra ``lexical`` is not installed.
        """
        found = checked_texts(texts)
        return cls(vectors or WordVectors.packaged(), Rarity.fit(found))

    def vectors_of(self, words: Sequence[str]) -> tuple[Floats, NDArray[np.bool_]]:
        """Return the vectors (W, H) of words, zeros where there is none, and who has one (W,)."""
        table = np.zeros((len(words), self.vectors.table.shape[1]))
        known = np.zeros(len(words), dtype=bool)
        for row, word in enumerate(words):
            vector = None if is_mark(word) else self.vectors.find(word)
            if vector is not None:
                table[row], known[row] = vector, True
        return table, known

    def idf(self, words: Sequence[str]) -> Floats:
        """(W,): the idf of words; that of a word of no text where unknown, 0 for a mark."""
        found = (0.0 if is_mark(word) else self.rarity.find(word) for word in words)
        return np.array([self.rarity.unseen if idf is None else idf for idf in found])

    def tf_idf(self, words: Sequence[str]) -> Floats:
        """(W,): how often each word stands among these, times its idf; 0 where that is unknown."""
        counts = Counter(word.lower() for word in words)
        found = (None if is_mark(word) else self.rarity.find(word) for word in words)
        weights = zip(words, found, strict=True)
        return np.array([counts[word.lower()] * (idf or 0.0) for word, idf in weights])


@cache
def _packaged() -> Lexicon:
    return Lexicon.of(WordVectors.packaged())
