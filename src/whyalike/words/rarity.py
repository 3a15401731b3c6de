"""How rare a word is: its inverse document frequency."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whyalike.errors import TextError
from whyalike.words.corpus import checked_texts, word_forms
from whyalike.words.lookup import find_rows
from whyalike.words.word_vectors import WordVectors

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

        Raises:
            TextError: something that is no text, or no word in any.
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
