"""Vectors of items: kept in a file, searched exactly, in one part or in RecoBERT's four.

A matrix product rounds a row's score by where the row stands and by the processor that multiplies.
It is therefore used only to find the rows that may be among the best; these are scored again, each
by itself, so that equal vectors have equal scores and the order is the same on every machine.

Malkiel et al., Findings of EMNLP 2020: title with title, description with description, and each
with the other. Where each part is a product of vectors, the mean of the four is the product of two
means: ((t + d) / 2) · ((t' + d') / 2).
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from threading import Lock
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from whyalike.catalogue.files import AppendedFile, FileNote, check_size, not_as_written
from whyalike.errors import FormatError, ModelError
from whyalike.explanation import SimilarityFunction
from whyalike.interruption import checkpoint
from whyalike.similarity import agreement, is_bilinear

Vectors = NDArray[np.float32]
Scores = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]
Engine = Literal["exact", "hnsw"]


class VectorIndex(Protocol):
    """N vectors of H features, known by their positions 0 to N - 1."""

    def __len__(self) -> int:
        """Return N."""

    def search(self, queries: Vectors, k: int, allowed: Bools | None = None) -> tuple[Ints, Scores]:
        """Return the k best positions (Q, K) of each query (Q, H), and their scores (Q, K).

        Best first. Scores are rounded to single precision; of equal ones the one with the first
        name comes first, or the first position where there are no names. ``allowed`` (N,) says
        which may be found. Where fewer than k are found, -1 stands for a position and minus
        infinity for its score.
        """


class Block(Protocol):
    """Vectors (N, H) that are taken slice by slice: an array, a memory map, or a mean of both."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, H)."""

    def __getitem__(self, rows: slice | Ints, /) -> NDArray[np.floating]:
        """Return some of the rows."""


DType = Literal["float32", "float16"]
_ON_DISK: dict[DType, str] = {"float32": "<f4", "float16": "<f2"}

_PART = 1 << 22
"""Bytes that are checked at once."""


def vector_file_name(field: str, dtype: DType) -> str:
    """Return what the file of a field's vectors is called."""
    return f"{field}.{dtype}"


def row_bytes(dimension: int, dtype: DType) -> int:
    """Return how many bytes a vector takes."""
    return dimension * np.dtype(_ON_DISK[dtype]).itemsize


class VectorWriter(AppendedFile):
    """The file of a segment in the making: rows at its end, and a checksum of them all.

    Parameters
    ----------
    path : Path
        The file, of which nobody else is a writer now.
    dimension : int
        H, of a vector.
    dtype : DType
        Of the numbers.
    """

    def __init__(self, path: Path, *, dimension: int, dtype: DType) -> None:
        super().__init__(path, width=row_bytes(dimension, dtype))
        self.dimension, self.dtype = dimension, dtype

    def append(self, vectors: NDArray[np.floating]) -> None:
        """Put vectors (N, H) at the end, and see them on the disk.

        Raises ModelError where numbers are too large for the file's, or none at all.
        """
        with np.errstate(over="ignore"):
            stored = vectors.astype(_ON_DISK[self.dtype])
        if not np.isfinite(stored).all():
            raise ModelError(
                f"A vector holds numbers that {self.dtype} can't: choose dtype='float32'."
                if self.dtype == "float16"
                else "A vector holds NaN or infinity: the model is damaged."
            )
        self.write(stored.tobytes())

    def rows(self) -> NDArray[np.floating]:
        """Return the vectors (N, H) that were written so far."""
        return _mapped(self.path, rows=self.count, dimension=self.dimension, dtype=self.dtype)


class StoredVectors:
    """The vectors (N, H) of a file, left on the disk until they are read.

    Before the first is read all are checked, once: by their checksum, and for being numbers.

    Raises
    ------
    FormatError
        The file is missing or has another size; at the first reading, it is damaged.
    """

    def __init__(
        self, path: Path, note: FileNote, *, rows: int, dimension: int, dtype: DType
    ) -> None:
        check_size(path, note)
        self.path, self.note = path, note
        self._vectors = _mapped(path, rows=rows, dimension=dimension, dtype=dtype)
        self._checked = False
        self._lock = Lock()

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, H)."""
        return self._vectors.shape

    def __getitem__(self, rows: slice | Ints, /) -> NDArray[np.floating]:
        """Return some of the rows. Raises FormatError if the file is damaged."""
        self._check()
        found: NDArray[np.floating] = self._vectors[rows]
        return found

    def _check(self) -> None:
        with self._lock:
            if self._checked:
                return
            digest = hashlib.sha256()
            step = max(1, _PART // max(1, self._vectors.strides[0]))
            for start in range(0, len(self._vectors), step):
                part = np.ascontiguousarray(self._vectors[start : start + step])
                digest.update(part.data)
                if not np.isfinite(part).all():
                    raise FormatError(
                        f"{self.path} holds NaN or infinity: it is damaged; make the index anew."
                    )
            if digest.hexdigest() != self.note.sha256:
                raise not_as_written(self.path)
            self._checked = True


def _mapped(path: Path, *, rows: int, dimension: int, dtype: DType) -> NDArray[np.floating]:
    kind: Any = _ON_DISK[dtype]
    if not rows:
        # Nothing can't be mapped.
        return np.zeros((0, dimension), dtype=kind)
    try:
        return np.memmap(path, dtype=kind, mode="r", shape=(rows, dimension))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise FormatError(f"Could not read {path}: {reason}.") from error


CHUNK = 16384
"""Vectors compared at once: what a distance needs beside the vectors stays in tens of megabytes."""

NUMBERS = 1 << 26
"""Numbers of vectors compared at once: of a vocabulary's vectors, that is fewer than CHUNK."""

UNIT, SMALLEST = float(np.finfo(np.float32).eps), float(np.finfo(np.float32).tiny)

UNIT_LENGTH = 1.01
"""No vector of length 1 is longer, not even in half precision."""

TieOrder = Callable[[Ints], Sequence[str]]
"""Returns the names of some positions; of equal scores the one with the first name comes first."""


class ExactIndex:
    """Every vector is compared with the query, chunk by chunk.

    Parameters
    ----------
    blocks : sequence of Block
        The vectors, in order; memory maps stay on the disk.
    function : SimilarityFunction, default='cosine'
        How vectors are compared. For a cosine they must have length 1.
    names : TieOrder, optional
        What ties are ordered by; by default the positions.
    """

    def __init__(
        self,
        blocks: Sequence[Block],
        *,
        function: SimilarityFunction = "cosine",
        names: TieOrder | None = None,
    ) -> None:
        self.blocks = tuple(blocks)
        self.function: SimilarityFunction = function
        self.names = names
        self._starts = np.cumsum([0, *(block.shape[0] for block in self.blocks)])

    def __len__(self) -> int:
        """Return how many vectors there are."""
        return int(self._starts[-1])

    def search(self, queries: Vectors, k: int, allowed: Bools | None = None) -> tuple[Ints, Scores]:
        """See VectorIndex; the recall is perfect."""
        nothing = np.zeros(0, dtype=np.intp), np.zeros(0)
        found: list[tuple[Ints, Scores]] = [nothing] * len(queries)
        for start, chunk in self._chunks():
            rough = self._compare(queries, chunk)
            may = None if allowed is None else allowed[start : start + len(chunk)]
            for row, query in enumerate(queries):
                places = self._promising(query, rough[row], k, may=may, found=found[row][1])
                fresh = start + places, self._score(query, chunk[places])
                found[row] = _best_of(found[row], fresh, k)
        return padded([best_first(*one, k, self.names) for one in found], k)

    def rank(self, query: Vectors, position: int, allowed: Bools) -> tuple[float, int]:
        """Return one vector's score with a query (H,), and how many allowed (N,) come before it."""
        value = float(self.rescore(query, np.array([position]))[0])
        error = self._error(query, value)
        before, level = 0, [np.array([position])]
        for start, chunk in self._chunks():
            beyond = self._compare(query[None], chunk)[0].astype(np.float64) - value
            may = allowed[start : start + len(chunk)]
            unsure = np.flatnonzero(may & ~(np.abs(beyond) > error))
            scores = self._score(query, chunk[unsure])
            before += int((may & (beyond > error)).sum()) + int((scores > value).sum())
            level.append(start + unsure[scores == value])
        tied = np.unique(np.concatenate(level))
        order, _ = best_first(tied, np.zeros(len(tied)), len(tied), self.names)
        ahead = order[: int(np.flatnonzero(order == position)[0])]
        return value, before + int(allowed[ahead].sum())

    def rescore(self, query: Vectors, positions: Ints) -> Scores:
        """Return the scores (K,) of some vectors with a query (H,), each computed by itself."""
        scores = np.zeros(len(positions))
        owners = np.searchsorted(self._starts, positions, side="right") - 1
        for number in np.unique(owners):
            mine = owners == number
            scores[mine] = self._score(
                query, self.blocks[number][positions[mine] - self._starts[number]]
            )
        return scores

    def _promising(
        self, query: Vectors, rough: Vectors, k: int, *, may: Bools | None, found: Scores
    ) -> Ints:
        """Return the places in a chunk of all that may be among the k best, by what was found too.

        rough: the chunk's scores (N,), each off by ``_error`` at most, or NaN. may: (N,).
        """
        places = np.arange(len(rough)) if may is None else np.flatnonzero(may)
        # Comparisons are written so that NaN stays in.
        if len(places) > k:
            least = kth_greatest(np.nan_to_num(rough[places], nan=-np.inf), k)
            places = places[~(rough[places] < least - 2 * self._error(query, least))]
        if len(found) >= k:
            least = float(found.min())
            places = places[~(rough[places] < least - self._error(query, least))]
        return places

    def _chunks(self) -> Iterator[tuple[int, Vectors]]:
        for first, block in zip(self._starts, self.blocks, strict=False):
            size = max(1, min(CHUNK, NUMBERS // max(1, block.shape[1])))
            for start in range(0, block.shape[0], size):
                checkpoint()
                chunk = np.asarray(block[start : start + size], dtype=np.float32)
                yield int(first) + start, chunk

    def _compare(self, queries: Vectors, chunk: Vectors) -> Vectors:
        """Return scores (Q, N) fast, each off by ``_error`` at most; NaN for what is not finite."""
        with np.errstate(over="ignore", invalid="ignore"):
            if is_bilinear(self.function):
                rough: Vectors = queries @ chunk.T
            elif self.function == "hamming":
                rough = agreement(
                    (queries @ chunk.T).astype(np.float64), bits=queries.shape[1]
                ).astype(np.float32)
            else:
                order = 2 if self.function == "euclidean" else 1
                rows = [-np.linalg.norm(chunk - query, ord=order, axis=1) for query in queries]
                rough = np.asarray(rows, dtype=np.float32).reshape(len(queries), len(chunk))
            rough[~np.isfinite(rough)] = np.nan
        return rough

    def _score(self, query: Vectors, rows: object) -> Scores:
        """Return the scores (N,) of rows (N, H): sums in double precision, rounded to single.

        Products of single precision are exact in double, and a row's sum depends on nothing else.
        """
        left, right = query.astype(np.float64), np.asarray(rows, dtype=np.float64)
        if is_bilinear(self.function):
            return to_single((right * left).sum(axis=1))
        if self.function == "hamming":
            return to_single(agreement((right * left).sum(axis=1), bits=len(left)))
        differences = np.abs(right - left)
        if self.function == "euclidean":
            return to_single(0.0 - np.sqrt((differences**2).sum(axis=1)))
        return to_single(0.0 - differences.sum(axis=1))

    def _error(self, query: Vectors, score: float) -> float:
        """Return how far a score of ``_compare`` may be from the one of ``_score``, near ``score``.

        Higham, Accuracy and Stability of Numerical Algorithms, 3.1: in any order, a sum of H
        products is off by H u / (1 - H u) of the sum of their magnitudes at most, which is no more
        than the product of both lengths.
        """
        # Four more roundings: of the difference, of the root, and of both results to single.
        steps = (len(query) + 4) * UNIT / 2
        share = steps / (1 - steps) if steps < 1 else np.inf
        # What is smaller is zero on some processors.
        lost = len(query) * SMALLEST
        if is_bilinear(self.function):
            return share * float(np.linalg.norm(query.astype(np.float64))) * self._longest + lost
        if self.function == "hamming":
            return share  # The greatest score is 1.
        # Twice, for the distance itself is rounded.
        return 2 * share * abs(score) + (lost if self.function == "manhattan" else lost**0.5)

    @cached_property
    def _longest(self) -> float:
        """The length of the longest vector."""
        if self.function == "cosine":
            return UNIT_LENGTH
        lengths = [
            np.linalg.norm(chunk.astype(np.float64), axis=1).max(initial=0.0)
            for _, chunk in self._chunks()
        ]
        return float(max(lengths, default=0.0))


def kth_greatest(scores: Vectors | Scores, k: int) -> float:
    """Return the k-th greatest of more than k scores."""
    return float(np.partition(scores, len(scores) - k)[len(scores) - k])


def _best_of(one: tuple[Ints, Scores], other: tuple[Ints, Scores], k: int) -> tuple[Ints, Scores]:
    """Return the k best of both, with all that are level with the last of them."""
    positions, scores = np.concatenate([one[0], other[0]]), np.concatenate([one[1], other[1]])
    if len(scores) > k:
        kept = scores >= kth_greatest(scores, k)
        positions, scores = positions[kept], scores[kept]
    return positions, scores


def to_single(scores: Scores) -> Scores:
    """Return scores rounded to the precision of float32, but not to its range."""
    parts, exponents = np.frexp(scores)
    rounded: Scores = np.ldexp(parts.astype(np.float32).astype(np.float64), exponents)
    return rounded


def best_first(
    positions: Ints, scores: Scores, k: int, names: TieOrder | None
) -> tuple[Ints, Scores]:
    """Return the k best positions (K,) with their scores (K,); of equal ones the first name first.

    All that are level with the k-th must be among them.
    """
    order = np.lexsort((positions, -scores))
    positions, scores = positions[order], scores[order]
    if names is not None:
        edges = [0, *(np.flatnonzero(np.diff(scores)) + 1).tolist(), len(scores)]
        for start, end in pairwise(edges):
            if start < k and end - start > 1:
                run = positions[start:end]
                named = sorted(zip(names(run), run.tolist(), strict=True))
                positions[start:end] = [position for _, position in named]
    return positions[:k], scores[:k]


def padded(found: Sequence[tuple[Ints, Scores]], k: int) -> tuple[Ints, Scores]:
    """Return positions and scores (Q, K) of Q queries; see VectorIndex for what fills them up."""
    positions = np.full((len(found), k), -1, dtype=np.intp)
    scores = np.full((len(found), k), -np.inf)
    for row, (places, values) in enumerate(found):
        positions[row, : len(places)], scores[row, : len(values)] = places, values
    return positions, scores


Part = Literal["title-title", "description-description", "title-description", "description-title"]

PARTS: tuple[Part, ...] = (
    "title-title",
    "description-description",
    "title-description",
    "description-title",
)


class MeanBlock:
    """The means (N, H) of titles' and descriptions' vectors, worked out slice by slice.

    ``shares`` are how much either counts.
    """

    def __init__(
        self, titles: Block, descriptions: Block, shares: tuple[float, float] = (0.5, 0.5)
    ) -> None:
        self._parts, self._shares = (titles, descriptions), shares

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, H)."""
        return self._parts[0].shape

    def __getitem__(self, rows: slice | Ints, /) -> NDArray[np.floating]:
        """Return some of the means."""
        title, description = (np.asarray(part[rows], dtype=np.float32) for part in self._parts)
        return mean_vectors(title, description, self._shares)


def mean_vectors(
    title: Vectors, description: Vectors, shares: tuple[float, float] = (0.5, 0.5)
) -> Vectors:
    """Return (..., H): the mean of both (..., H), in which each has its share."""
    if shares == (0.5, 0.5):
        mean: Vectors = (title + description) / np.float32(2)
        return mean
    weighted: Vectors = title * np.float32(shares[0]) + description * np.float32(shares[1])
    return weighted


def part_scores(query: tuple[Any, Any], item: tuple[Any, Any]) -> dict[Part, float]:
    """Return the four products of a query's title and description (H,) with an item's (H,)."""
    fields = {"title": 0, "description": 1}
    found: dict[Part, float] = {}
    for part in PARTS:
        left, right = part.split("-")
        product = np.dot(
            np.asarray(query[fields[left]], dtype=np.float64),
            np.asarray(item[fields[right]], dtype=np.float64),
        )
        found[part] = float(product)
    return found
