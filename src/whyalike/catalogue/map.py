"""Items of an index in two dimensions: what the model finds alike lies near, as far as that goes.

The map is made of the vectors alone and kept beside them, as graphs are: it ends with the items
that it was made of.
"""

import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from whyalike.catalogue.faiss_index import load_graph, write_graph
from whyalike.catalogue.manifest import Manifest
from whyalike.catalogue.reader import IndexReader, open_reader
from whyalike.catalogue.vectors import Block
from whyalike.errors import FormatError, MissingExtraError, OptionError
from whyalike.options import check_choice

MapKind = Literal["pca", "umap"]

Places = NDArray[np.float32]

NUMBERS_FITTED = 1 << 26
"""Of vectors by which the axes are chosen: of more items than that, evenly spaced ones do it."""

WIDE = 4096
"""Numbers of a vector, from which on the axes are sought by a randomized method."""

ROUNDING = 1e-12
"""Of the variance of vectors: those that differ by no more are the same."""

ROWS_AT_ONCE = 4096
SEED = 0


@dataclass(frozen=True, slots=True)
class CatalogueMap:
    """Where each item stands.

    places: (N, 2), by positions in the index, removed items among them; -1 to 1, with one scale for
    both axes. shares: of PCA, what each axis has of all that tells the items apart (their
    variance), 0 to 1; 0 of UMAP, whose axes have no such share.
    """

    kind: MapKind
    places: Places
    shares: tuple[float, float]

    @property
    def said(self) -> str:
        """What to know of the map, in a sentence."""
        if self.kind == "umap":
            return (
                "UMAP keeps near items near; how far apart groups stand, and how large they are, "
                "says little."
            )
        return (
            f"The two axes hold {sum(self.shares):.0%} of what tells the items apart (principal "
            "components): items that stand far apart differ, those that lie on each other may too."
        )


def map_name(manifest: Manifest, kind: MapKind) -> str:
    """Return what the file of a map is called: by what it was made of."""
    return "-".join(["map", kind, *(segment.name for segment in manifest.segments)]) + ".npy"


def write_map(folder: str | os.PathLike[str], *, kind: MapKind = "pca") -> CatalogueMap:
    """Make the map of an index, and keep it there.

    Parameters
    ----------
    folder : str or PathLike[str]
        The index.
    kind : {'pca', 'umap'}, default='pca'
        ``"pca"`` takes the two directions in which the items differ most, as scikit-learn finds
        them; ``"umap"`` keeps neighbours together, takes longer, and needs the extra ``map``.

    Raises
    ------
    FormatError
        There is no index, or it is damaged.
    OptionError
        Fewer than three items.
    MissingExtraError
        umap-learn is not installed.
    OutputError
        The map can't be written.
    """
    check_choice("kind", kind, get_args(MapKind))
    place = Path(folder)
    reader = open_reader(place, "exact")
    made = make_map(reader, kind=kind)
    stream = BytesIO()
    np.save(
        stream,
        np.concatenate([np.array([made.shares], np.float32), made.places]),
        allow_pickle=False,
    )
    write_graph(place, reader.manifest, map_name(reader.manifest, kind), stream.getvalue())
    return made


def read_map(reader: IndexReader, kind: MapKind | None = None) -> CatalogueMap | None:
    """Return the map of an index, of UMAP where there are both; None where there is none.

    One that is damaged, or of other items, is none.
    """
    kinds: tuple[MapKind, ...] = ("umap", "pca") if kind is None else (kind,)
    for one in kinds:
        content = load_graph(reader.folder, reader.manifest, map_name(reader.manifest, one))
        if content is None:
            continue
        try:
            found = np.load(BytesIO(content), allow_pickle=False)
        except ValueError:
            continue
        if found.shape == (len(reader.present) + 1, 2) and np.isfinite(found).all():
            first, second = found[0].tolist()
            return CatalogueMap(one, np.asarray(found[1:], dtype=np.float32), (first, second))
    return None


def make_map(reader: IndexReader, *, kind: MapKind = "pca") -> CatalogueMap:
    """Return the map of an open index; see ``write_map``."""
    blocks = reader.exact(reader.usual_score).blocks
    count = sum(reader.counts)
    if count < 3:
        raise OptionError(f"The index has {count} items: a map is of three or more.")
    unit = reader.manifest.model.similarity_function == "cosine"
    if kind == "umap":
        places, shares = _by_umap(blocks, unit=unit), (0.0, 0.0)
    else:
        places, shares = _by_pca(blocks, count, reader.manifest.model.dimension, unit=unit)
    if not np.isfinite(places).all():
        raise FormatError("The vectors of the index can't be put on a map: they are not finite.")
    low, high = places.min(axis=0), places.max(axis=0)
    half = float((high - low).max()) / 2 or 1.0
    return CatalogueMap(kind, np.asarray((places - (low + high) / 2) / half, np.float32), shares)


def _batches(blocks: Sequence[Block], *, unit: bool) -> Iterator[NDArray[np.float32]]:
    """Yield vectors in order; of length 1 where the model compares directions."""
    for block in blocks:
        for start in range(0, block.shape[0], ROWS_AT_ONCE):
            rows = np.array(block[start : start + ROWS_AT_ONCE], dtype=np.float32)
            if unit:
                lengths = np.linalg.norm(rows, axis=1, keepdims=True)
                rows /= np.where(lengths > 0, lengths, 1.0)
            yield rows


def _by_pca(
    blocks: Sequence[Block], count: int, dimension: int, *, unit: bool
) -> tuple[NDArray[np.float64], tuple[float, float]]:
    from sklearn.decomposition import PCA

    step = max(1, -(-count * dimension // NUMBERS_FITTED))
    sample, start = [], 0
    for rows in _batches(blocks, unit=unit):
        sample.append(rows[-start % step :: step])
        start += len(rows)
    fitted = np.concatenate(sample)
    if float(fitted.var(axis=0).sum()) <= ROUNDING:
        return np.zeros((count, 2)), (0.0, 0.0)
    size = min(2, *fitted.shape)
    solver = "covariance_eigh" if dimension <= WIDE else "randomized"
    found = PCA(size, svd_solver=solver, random_state=SEED).fit(fitted)
    shares = np.zeros(2)
    shares[:size] = found.explained_variance_ratio_
    places = np.zeros((count, 2))
    start = 0
    for rows in _batches(blocks, unit=unit):
        places[start : start + len(rows), :size] = found.transform(rows)
        start += len(rows)
    return places, (float(shares[0]), float(shares[1]))


def _by_umap(blocks: Sequence[Block], *, unit: bool) -> NDArray[np.float64]:
    try:
        with warnings.catch_warnings():
            # It warns on its import that TensorFlow is not installed, which none of this needs.
            warnings.simplefilter("ignore", ImportWarning)
            from umap import UMAP
    except ImportError as error:
        raise MissingExtraError("A map by UMAP", "umap-learn", "map") from error
    vectors = np.concatenate(list(_batches(blocks, unit=unit)))
    # Of vectors of length 1, Euclid's order is that of cosines.
    made = UMAP(n_components=2, n_neighbors=min(15, len(vectors) - 1), random_state=SEED, n_jobs=1)
    return np.asarray(made.fit_transform(vectors), dtype=np.float64)
