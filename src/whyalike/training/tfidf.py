"""TF-IDF between titles and descriptions: what words alone find, without any model."""

from collections.abc import Sequence
from typing import Any

from whyalike.arrays import Floats
from whyalike.texts import word_forms


class WordCounts:
    """Texts of a catalogue as TF-IDF vectors of length 1, sparse: (N, V) of N items, V words.

    A word that stands c times in a text has (1 + ln c) idf, with idf = ln((1 + n) / (1 + df)) + 1:
    of the catalogue's n texts, titles and descriptions each by itself, df have the word
    (scikit-learn's TfidfVectorizer, with the words that explanations have). Which title goes with
    which description is not read, so that nothing of held-out pairs is in it.

    Parameters
    ----------
    titles : sequence of str
        Of all items; the idf is counted in them, and in the descriptions.
    descriptions : sequence of str
        (N,), of all items.
    """

    def __init__(self, titles: Sequence[str], descriptions: Sequence[str]) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        texts = [*titles, *descriptions]
        counted = TfidfVectorizer(analyzer=word_forms, sublinear_tf=True)
        try:
            counted.fit(texts)
        except ValueError:
            # There is no word in any of them: all texts are equally near.
            counted = TfidfVectorizer(analyzer=_one_word).fit(texts)
        self._counted = counted
        self.descriptions: Any = counted.transform(descriptions)

    def cosines(self, texts: Sequence[str]) -> Floats:
        """Return the cosines (n, N) of n texts with all descriptions."""
        found: Floats = (self._counted.transform(texts) @ self.descriptions.T).toarray()
        return found

    def cosines_of(self, rows: Sequence[int]) -> Floats:
        """Return the cosines (n, N) of n of the descriptions with all of them."""
        found: Floats = (self.descriptions[list(rows)] @ self.descriptions.T).toarray()
        return found


def _one_word(_text: str) -> list[str]:
    return [""]
