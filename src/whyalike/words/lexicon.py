"""Lexicons: word vectors and how rare words are, from general English or from a catalogue."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from whyalike.arrays import Floats
from whyalike.errors import TextError
from whyalike.texts import checked_texts, is_mark, word_forms
from whyalike.words.vectors import WordVectors, find_rows

BY_RANK = (
    "How rare a word is was guessed from its rank in the word vectors' vocabulary (Zipf's law), "
    "because no texts were given to count in: Lexicon.fit(texts) takes those of a catalogue."
)


@dataclass(frozen=True, eq=False, repr=False)
class Rarity:
    """Inverse document frequencies (idf) of V words.

    index: the row of each word. idf: (V,), 1 for a word of every text. unseen: the idf of a word of
    no text. note: what the reader of an explanation must know, or nothing.
    """

    index: Mapping[str, int]
    idf: NDArray[np.float64]
    unseen: float
    note: str = ""

    def __repr__(self) -> str:
        """Return one line."""
        count = len(self.index)
        return f"Rarity({count:,} word{'s' * (count != 1)})"

    def find(self, word: str) -> float | None:
        """Return the idf of a word, in whatever case it is written, or None.

        A word that is unknown as a whole has that of its rarest known part; see ``find_rows``.
        """
        rows = find_rows(word.lower(), self.index) or find_rows(word, self.index)
        return float(self.idf[rows].max()) if rows else None

    @classmethod
    def fit(cls, texts: Iterable[str]) -> "Rarity":
        """Count in how many texts of a catalogue each word stands.

        idf = ln((1 + n) / (1 + df)) + 1, n texts, df of them with the word: scikit-learn's
        TfidfVectorizer, with the words that explanations have, in lower case, without marks.

        Raises
        ------
        TextError
            Something that is no text, or no word in any.
        """
        from sklearn.feature_extraction.text import TfidfVectorizer

        counted = TfidfVectorizer(analyzer=word_forms)
        found = checked_texts(texts)
        try:
            counted.fit(found)
        except ValueError as error:
            raise TextError(f"There are no words in these {len(found):,} texts.") from error
        return cls(counted.vocabulary_, counted.idf_, float(np.log(1 + len(found))) + 1)

    @classmethod
    def by_rank(cls, vectors: WordVectors) -> "Rarity":
        """Guess, where there is no catalogue: idf = ln(rank) + 1.

        By Zipf's law a word's frequency is as 1 / rank. With the most frequent word in each of n
        texts, df = n / rank, and idf = ln(n / df) + 1 as above without its smoothing.
        """
        count = len(vectors.index)
        idf = np.log(np.arange(1, count + 1)) + 1
        return cls(vectors.index, idf, float(np.log(count + 1)) + 1, note=BY_RANK)


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

        Raises
        ------
        MissingExtraError
            The extra ``lexical`` is not installed.
        """
        return _packaged()

    @classmethod
    def of(cls, vectors: WordVectors) -> "Lexicon":
        """Return these vectors, with rarity guessed from the ranks of their words."""
        return cls(vectors, Rarity.by_rank(vectors))

    @classmethod
    def fit(cls, texts: Iterable[str], *, vectors: WordVectors | None = None) -> "Lexicon":
        """Learn the rarity of words from a catalogue.

        Parameters
        ----------
        texts : iterable of str
            The texts of the catalogue, such as all descriptions.
        vectors : WordVectors, optional
            Word vectors; GloVe's if there are none. ``WordVectors.train(texts)`` gives those of the
            catalogue itself.

        Raises
        ------
        TextError
            Something that is no text, or no word in any.
        MissingExtraError
            No vectors are given and the extra ``lexical`` is not installed.
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
