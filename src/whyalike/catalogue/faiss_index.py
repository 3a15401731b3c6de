"""Search by a graph of near vectors (HNSW): faster on millions, and now and then it misses one."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from whyalike.catalogue.exact_index import CHUNK, ExactIndex
from whyalike.catalogue.vector_index import Block, Bools, Floats, Ints
from whyalike.errors import FormatError, MissingExtraError, OptionError
from whyalike.explain.output import write_whole
from whyalike.types import SimilarityFunction

if TYPE_CHECKING:
    from typing import BinaryIO

NEIGHBOURS, BUILD_WIDTH, SEARCH_WIDTH = 32, 200, 128
"""HNSW's M, efConstruction and efSearch."""

FEW_ALLOWED = 0.05
"""With a smaller part of the vectors allowed than this, the graph leads nowhere: all are looked at.
"""


class HnswIndex:
    """FAISS's HNSW over vectors that are compared by cosine or by euclidean distance.

    Args:
        blocks: the vectors (N, H) in order; for a cosine of length 1.
        function: how they are compared.
        file: where the graph is read from, or written to where it is not there yet.

    Raises:
        OptionError: a similarity function that is no distance, so that a graph would miss much.
        MissingExtraError: faiss is not installed (extra ``faiss``).
        FormatError: the file is no graph of these vectors.
    """

    def __init__(
        self,
        blocks: Sequence[Block],
        *,
        function: SimilarityFunction = "cosine",
        file: Path | None = None,
    ) -> None:
        if function not in ("cosine", "euclidean"):
            raise OptionError(
                f"The engine 'hnsw' compares by cosine or euclidean distance, and this model by "
                f"{function}: use the engine 'exact'."
            )
        self._faiss = _import_faiss()
        self.exact = ExactIndex(blocks, function=function)
        if file is not None and file.exists():
            self._graph = self._read(file)
        else:
            self._graph = self._make()
            if file is not None:
                file.parent.mkdir(parents=True, exist_ok=True)
                write_whole(file, self._write)

    def __len__(self) -> int:
        """Return how many vectors there are."""
        return len(self.exact)

    def search(self, queries: Floats, k: int, allowed: Bools | None = None) -> tuple[Ints, Floats]:
        """See VectorIndex; a true neighbour may be missed."""
        if allowed is not None and allowed.sum() < max(FEW_ALLOWED * len(self), k):
            return self.exact.search(queries, k, allowed)
        width = min(max(SEARCH_WIDTH, 2 * k), len(self))
        options: dict[str, Any] = {"efSearch": width}
        if allowed is not None:
            # Kept in a name: FAISS holds the bits by their address only.
            bits = np.packbits(allowed, bitorder="little")
            options["sel"] = self._faiss.IDSelectorBitmap(bits)
        parameters = self._faiss.SearchParametersHNSW(**options)
        queries = np.ascontiguousarray(queries, dtype=np.float32)
        scores, positions = self._graph.search(queries, k, params=parameters)
        if self.exact.function == "euclidean":
            scores = 0.0 - np.sqrt(np.maximum(scores, 0))
        scores[positions < 0] = -np.inf
        order = np.lexsort((positions, -scores), axis=1)
        found = np.take_along_axis(scores, order, axis=1).astype(np.float32)
        return np.take_along_axis(positions, order, axis=1).astype(np.intp), found

    def _make(self) -> Any:
        bilinear = self.exact.function == "cosine"
        metric = self._faiss.METRIC_INNER_PRODUCT if bilinear else self._faiss.METRIC_L2
        width = self.exact.blocks[0].shape[1]
        graph = self._faiss.IndexHNSWFlat(width, NEIGHBOURS, metric)
        graph.hnsw.efConstruction = BUILD_WIDTH
        for block in self.exact.blocks:
            for start in range(0, block.shape[0], CHUNK):
                part = np.asarray(block[start : start + CHUNK], dtype=np.float32)
                graph.add(np.ascontiguousarray(part))
        return graph

    def _write(self, stream: "BinaryIO") -> None:
        stream.write(self._faiss.serialize_index(self._graph).tobytes())

    def _read(self, file: Path) -> Any:
        try:
            graph = self._faiss.deserialize_index(np.fromfile(file, dtype=np.uint8))
        except (OSError, RuntimeError) as error:
            raise FormatError(f"{file} is damaged: remove it, and it is made anew.") from error
        if graph.ntotal != len(self) or graph.d != self.exact.blocks[0].shape[1]:
            raise FormatError(f"{file} is of other vectors: remove it, and it is made anew.")
        return graph


def _import_faiss() -> Any:
    try:
        import faiss
    except ImportError as error:
        raise MissingExtraError("The engine 'hnsw'", "faiss-cpu", "faiss") from error
    return faiss
