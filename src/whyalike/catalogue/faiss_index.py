"""Vectors searched by faiss, and its graphs as files.

What the manifest does not confirm is never read: a graph can always be made anew.
"""

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from whyalike.catalogue.files import FileNote, check_size, only_writer, open_regular
from whyalike.catalogue.manifest import GRAPHS, OWN, Manifest, read_manifest, write_manifest
from whyalike.catalogue.vectors import (
    CHUNK,
    Block,
    Bools,
    ExactIndex,
    Ints,
    Scores,
    TieOrder,
    Vectors,
    best_first,
    padded,
)
from whyalike.errors import FormatError, MissingExtraError, OptionError, OutputError
from whyalike.explanation import SimilarityFunction
from whyalike.files import write_whole

NEIGHBOURS, BUILD_WIDTH, SEARCH_WIDTH = 32, 200, 128
"""HNSW's M, efConstruction and efSearch."""

FEW_ALLOWED = 0.05
"""With a smaller part of the vectors allowed than this, the graph leads nowhere: all are looked at.
"""


class HnswIndex:
    """FAISS's HNSW over vectors that are compared by cosine or by euclidean distance.

    Parameters
    ----------
    blocks : sequence of Block
        The vectors (N, H) in order; for a cosine of length 1.
    function : SimilarityFunction, default='cosine'
        How they are compared.
    graph : bytes, optional
        One that ``to_bytes`` gave; by default one is made.
    names : TieOrder, optional
        What ties are ordered by; by default the positions.

    Raises
    ------
    OptionError
        A similarity function that is no distance, so that a graph would miss much.
    MissingExtraError
        Faiss is not installed (extra ``faiss``).
    FormatError
        What was given is no graph of these vectors.
    """

    def __init__(
        self,
        blocks: Sequence[Block],
        *,
        function: SimilarityFunction = "cosine",
        graph: bytes | None = None,
        names: TieOrder | None = None,
    ) -> None:
        if function not in ("cosine", "euclidean"):
            raise OptionError(
                f"The engine 'hnsw' compares by cosine or euclidean distance, and this model by "
                f"{function}: use the engine 'exact'."
            )
        self._faiss = _import_faiss()
        self.exact = ExactIndex(blocks, function=function, names=names)
        self._graph = self._make() if graph is None else self._read(graph)

    def __len__(self) -> int:
        """Return how many vectors there are."""
        return len(self.exact)

    def search(self, queries: Vectors, k: int, allowed: Bools | None = None) -> tuple[Ints, Scores]:
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
        # All that the graph looks at: its own scores depend on the processor, and so would the end.
        _, positions = self._graph.search(queries, width, params=parameters)
        found = []
        for query, row in zip(queries, positions, strict=True):
            places = row[row >= 0].astype(np.intp)
            scores = self.exact.rescore(query, places)
            found.append(best_first(places, scores, k, self.exact.names))
        return padded(found, k)

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

    def to_bytes(self) -> bytes:
        """Return the graph and its vectors, for another HnswIndex of the same vectors."""
        content: bytes = self._faiss.serialize_index(self._graph).tobytes()
        return content

    def _read(self, content: bytes) -> Any:
        try:
            graph = self._faiss.deserialize_index(np.frombuffer(content, dtype=np.uint8))
        except RuntimeError as error:
            raise FormatError(f"This is no graph that FAISS reads: {error}.") from error
        if graph.ntotal != len(self) or graph.d != self.exact.blocks[0].shape[1]:
            raise FormatError("This graph is of other vectors.")
        return graph


def _import_faiss() -> Any:
    try:
        import faiss
    except ImportError as error:
        raise MissingExtraError("The engine 'hnsw'", "faiss-cpu", "faiss") from error
    return faiss


def load_graph(folder: Path, manifest: Manifest, name: str) -> bytes | None:
    """Return a graph as it was kept; None where there is none, or another than the manifest's."""
    note = manifest.graphs.get(name)
    if note is None:
        return None
    path = folder / GRAPHS / name
    try:
        check_size(path, note)
        with open_regular(path) as stream:
            content = stream.read(note.size)
    except (OSError, FormatError):
        return None
    return content if _note_of(content) == note else None


def keep_graph(folder: Path, manifest: Manifest, name: str, content: bytes) -> None:
    """Keep a graph beside the vectors that it was made of, for whoever opens the index next.

    Where that can't be, a warning says so: the folder may be read-only, or somebody writes there.
    """
    try:
        write_graph(folder, manifest, name, content)
    except (OSError, OutputError, FormatError) as error:
        warnings.warn(
            f"The graph of {folder} could not be kept, and is made again by the next who opens the "
            f"index: {error}",
            stacklevel=2,
        )


def write_graph(folder: Path, manifest: Manifest, name: str, content: bytes) -> None:
    """Write what was made of the vectors of a state of an index; nothing where that is past.

    Raises
    ------
    OutputError, FormatError, OSError
        It can't be written, or somebody else writes there.
    """
    with only_writer(folder, OWN):
        newest = read_manifest(folder)
        if newest.generation != manifest.generation:
            return
        (folder / GRAPHS).mkdir(exist_ok=True)
        write_whole(folder / GRAPHS / name, lambda stream: stream.write(content))
        graphs = {**newest.graphs, name: _note_of(content)}
        write_manifest(folder, replace(newest, graphs=graphs))


def _note_of(content: bytes) -> FileNote:
    return FileNote(len(content), hashlib.sha256(content).hexdigest())
