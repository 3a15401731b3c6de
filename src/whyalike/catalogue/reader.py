"""An open index, read: its items, their number, and the values of their metadata."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import numpy as np

from whyalike.catalogue.faiss_index import HnswIndex, keep_graph, load_graph
from whyalike.catalogue.files import check_file
from whyalike.catalogue.grouping import group_codes
from whyalike.catalogue.item_store import ItemStore, field_text
from whyalike.catalogue.manifest import (
    GRAPHS,
    ITEMS,
    SEGMENTS,
    Field,
    Manifest,
    Segment,
    read_manifest,
)
from whyalike.catalogue.reasons import ReasonsReader, open_reasons
from whyalike.catalogue.vectors import (
    Block,
    Bools,
    Engine,
    ExactIndex,
    Ints,
    MeanBlock,
    StoredVectors,
    VectorIndex,
    Vectors,
    vector_file_name,
)
from whyalike.catalogue.where_query import filter_by
from whyalike.data.items import Item
from whyalike.errors import FormatError, OptionError
from whyalike.stored_reasons import StoredText

Score = Literal["cosine", "four"]

LOOKED_AT, LONG, FEWEST = 1000, 120, 3
"""Items by which it is decided what is shown; characters of a long text; of fewer items all is."""

ITEMS_KEPT = 64
"""Items whose stored reasons are kept in memory; of one with 60 words they take .2 MB."""

_TRIES = 5


class IndexReader:
    """The items and the vectors of an index, by their positions: those of the segments in a row.

    present: (N,), False where an item was removed.

    Raises
    ------
    FormatError
        The index is damaged.
    """

    def __init__(self, folder: Path, manifest: Manifest, engine: Engine) -> None:
        self.folder, self.manifest, self.engine = folder, manifest, engine
        self.counts = [segment.items for segment in manifest.segments]
        self._starts = np.cumsum([0, *self.counts])
        self._blocks: dict[Field, list[Block]] = {name: [] for name in manifest.fields}
        self._kept_text = lru_cache(ITEMS_KEPT)(self._stored_text)
        self._reasons: dict[Field, list[ReasonsReader | None]] = {n: [] for n in manifest.fields}
        for segment in manifest.segments:
            for name in manifest.fields:
                self._blocks[name].append(open_vectors(folder, manifest, segment, name))
                self._reasons[name].append(open_reasons(folder, manifest, segment, name))
        self._stores = open_stores(folder, manifest)
        self.present: Bools = np.ones(sum(self.counts), dtype=np.bool_)
        for start, segment in zip(self._starts, manifest.segments, strict=False):
            self.present[start + np.array(segment.removed, dtype=np.intp)] = False
        self._cached_blocks: Callable[[Field], list[Block]] = cache(self._in_memory)
        self.exact: Callable[[Score], ExactIndex] = cache(self._exact)
        self.search_engine: Callable[[Score], VectorIndex] = cache(self._engine)
        self.groups: Callable[[str], Ints] = cache(self._groups)
        self.telling_fields: Callable[[], frozenset[str]] = cache(self._telling_fields)

    @property
    def stores(self) -> list[ItemStore]:
        """The items of each segment, in order."""
        return self._stores

    @property
    def compared(self) -> Field:
        """The field that a plain similarity compares."""
        return self.manifest.compared

    @property
    def usual_score(self) -> Score:
        """What a search goes by that names no score: the mean of four where it has weights."""
        return "four" if self.manifest.weights else "cosine"

    def item(self, position: int) -> Item:
        """Return the item at a position."""
        segment, row = self._locate(position)
        return self._stores[segment].items(row, row + 1)[0]

    def texts(self) -> list[str]:
        """Return the text of each item that is there which a plain similarity compares."""
        return [
            field_text(item, self.compared)
            for start, count, store in zip(self._starts, self.counts, self._stores, strict=False)
            for place, item in enumerate(chain.from_iterable(store.batches(count)), start)
            if self.present[place]
        ]

    def ids(self, positions: Ints) -> list[str]:
        """Return the ids of the items at some positions, in their order."""
        found: dict[int, str] = {}
        for number, store in enumerate(self._stores):
            start, end = self._starts[number], self._starts[number + 1]
            rows = positions[(start <= positions) & (positions < end)] - start
            found.update((int(start) + row, id_) for row, id_ in store.ids(rows.tolist()))
        return [found[place] for place in positions.tolist()]

    def position_of(self, id: str) -> int:
        """Return where an item stands. Raises OptionError where there is none of that id."""
        for start, store in zip(self._starts, self._stores, strict=False):
            row = store.position_of(id)
            if row is not None and self.present[start + row]:
                return int(start + row)
        raise OptionError(f"The index has no item with the id {id!r}: check the id.")

    def alike(self, text: str, field: Field) -> list[int]:
        """Return where items stand of which that text is embedded, but for case and spaces."""
        return [
            int(start + row)
            for start, store in zip(self._starts, self._stores, strict=False)
            for row in store.alike(text, field)
        ]

    def allowed(self, where: str | None) -> Bools:
        """Return which items (N,) are present and pass a filter; see whyalike.catalogue.where."""
        return self.filtered(where)[0]

    def filtered(self, where: str | None) -> tuple[Bools, int]:
        """Return ``allowed``, and how many present values the filter could not be compared with."""
        if where is None:
            return self.present.copy(), 0
        found = filter_by(where, self._stores, self.counts)
        unknown = sum(int((mask & self.present).sum()) for mask in found.not_compared.values())
        return self.present & found.allowed, unknown

    def rows(self, score: Score, positions: Ints) -> Vectors:
        """Return the vectors (K, H) that a score compares, at some positions."""
        exact = self.exact(score)
        found = list[Vectors]()
        for place in positions.tolist():
            segment, row = self._locate(place)
            found.append(np.asarray(exact.blocks[segment][row : row + 1], dtype=np.float32))
        width = self.manifest.model.dimension
        return np.concatenate([*found, np.zeros((0, width), dtype=np.float32)])

    def vector(self, field: Field, position: int) -> Vectors:
        """Return the vector (H,) of one field of an item."""
        segment, row = self._locate(position)
        found: Vectors = np.asarray(self._blocks[field][segment][row : row + 1], dtype=np.float32)[
            0
        ]
        return found

    def stored_text(self, field: Field, position: int) -> StoredText | None:
        """Return what is stored of the text of an item's field; None without reasons.

        The last ITEMS_KEPT are kept in memory. Raises FormatError where that is damaged.
        """
        return self._kept_text(field, int(position))

    def _stored_text(self, field: Field, position: int) -> StoredText | None:
        segment, row = self._locate(position)
        reasons = self._reasons[field][segment]
        if reasons is None:
            return None
        vector = self.vector(field, position).astype(np.float64)
        return StoredText(field_text(self.item(position), field), vector, reasons[row])

    def metadata_fields(self) -> list[str]:
        """Return the names of the fields beside id, title and description."""
        return list(dict.fromkeys(name for store in self._stores for name in store.fields))

    def verify(self) -> None:
        """Read every file. Raises FormatError where one is not what was written."""
        for segment in self.manifest.segments:
            for file, note in segment.files.items():
                check_file(self.folder / SEGMENTS / segment.name / file, note)
        for file, note in self.manifest.graphs.items():
            check_file(self.folder / GRAPHS / file, note)

    def _locate(self, position: int) -> tuple[int, int]:
        segment = int(np.searchsorted(self._starts, position, side="right")) - 1
        return segment, int(position - self._starts[segment])

    def _groups(self, field: str) -> Ints:
        """Return which items (N,) belong together; see ``group_codes``."""
        return group_codes(self._stores, self.counts, field)

    def _telling_fields(self) -> frozenset[str]:
        """Return the fields worth showing of an item, by the first items of each segment.

        Left out are those that are the same everywhere, and addresses, long texts and lists of
        numbers, which say nothing at a glance.
        """
        values: dict[str, set[object]] = {}
        counts: dict[str, list[int]] = {}
        for store in self._stores:
            names = {number: name for name, number in store.fields.items()}
            statement = (
                "SELECT field, value FROM facts WHERE position < ? AND kind IN "
                "('text', 'number', 'boolean')"
            )
            for number, value in store.query(statement, (LOOKED_AT,)):
                name = names[number]
                values.setdefault(name, set()).add(value)
                seen = counts.setdefault(name, [0, 0])
                seen[0] += 1
                seen[1] += isinstance(value, str) and (
                    len(value) > LONG or value.startswith(("http://", "https://", "//", "[", "{"))
                )
        few = self.manifest.items < FEWEST
        looked_at = sum(min(count, LOOKED_AT) for count in self.counts)
        return frozenset(
            name
            for name, (all_, noisy) in counts.items()
            if 2 * noisy < all_ and (few or len(values[name]) > 1 or all_ < looked_at)
        )

    def _in_memory(self, field: Field) -> list[Block]:
        """Return vectors that can be multiplied at once: half precision would be cast each time."""
        if self.manifest.dtype == "float32":
            return self._blocks[field]
        return [np.asarray(block[:], dtype=np.float32) for block in self._blocks[field]]

    def _exact(self, score: Score) -> ExactIndex:
        function = self.manifest.model.similarity_function
        if score == "cosine":
            blocks = self._cached_blocks(self.compared)
            return ExactIndex(blocks, function=function, names=self.ids)
        titles, descriptions = self._cached_blocks("title"), self._cached_blocks("description")
        shares = self.manifest.shares
        means = [MeanBlock(*parts, shares) for parts in zip(titles, descriptions, strict=True)]
        return ExactIndex(means, function="dot", names=self.ids)

    def _engine(self, score: Score) -> VectorIndex:
        if self.engine == "exact" or score == "four":
            return self.exact(score)
        name = "-".join([self.compared, *(segment.name for segment in self.manifest.segments)])
        name = f"{name}.faiss"
        kept = load_graph(self.folder, self.manifest, name)
        engine = HnswIndex(
            self._blocks[self.compared],
            function=self.manifest.model.similarity_function,
            graph=kept,
            names=self.ids,
        )
        if kept is None:
            keep_graph(self.folder, self.manifest, name, engine.to_bytes())
        return engine


def open_reader(folder: Path, engine: Engine) -> IndexReader:
    """Open the newest state of an index. Raises FormatError where there is none or it is damaged.

    A writer may remove files between the reading of the manifest and theirs: then there is a newer
    manifest.
    """
    manifest = read_manifest(folder)
    for _ in range(_TRIES):
        try:
            return IndexReader(folder, manifest, engine)
        except FormatError:
            newer = read_manifest(folder)
            if newer.generation == manifest.generation:
                raise
            manifest = newer
    raise FormatError(f"{folder} changes faster than it can be read: wait for its writers.")


def open_stores(folder: Path, manifest: Manifest) -> list[ItemStore]:
    """Return the items of each segment. Raises FormatError where a file is not what was written."""
    return [
        ItemStore(folder / SEGMENTS / s.name / ITEMS, s.files[ITEMS]) for s in manifest.segments
    ]


def open_vectors(folder: Path, manifest: Manifest, segment: Segment, field: Field) -> StoredVectors:
    """Return the vectors of a segment. Raises FormatError where there is no file of that size."""
    name = vector_file_name(field, manifest.dtype)
    return StoredVectors(
        folder / SEGMENTS / segment.name / name,
        segment.files[name],
        rows=segment.items,
        dimension=manifest.model.dimension,
        dtype=manifest.dtype,
    )


MOST_VALUES, MOST_SEARCHED = 40, 500
"""Values of a field that are listed, and that are offered where one searches among more."""


@dataclass(frozen=True, slots=True)
class Facet:
    """A field with its values, commonest first, each with its count; or, of numbers, its range.

    ``searched``: there are too many to be listed, and these are only the commonest. Items that were
    removed count until the index is made anew.
    """

    name: str
    kind: Literal["text", "boolean", "number"]
    values: tuple[tuple[str, int], ...] = ()
    low: float = 0.0
    high: float = 0.0
    searched: bool = False


def find_facets(reader: IndexReader, *, most_values: int = MOST_VALUES) -> list[Facet]:
    """Return the fields that a reader can choose from.

    Texts with more than ``most_values`` values are to be searched. Left out are texts that are all
    different, fields with one value only, and those that hold values of several kinds. Yes and no
    stand for booleans.

    Raises FormatError on a damaged index.
    """
    found = (_facet(reader, name, most_values) for name in reader.metadata_fields())
    return [facet for facet in found if facet is not None]


def _facet(reader: IndexReader, name: str, most_values: int) -> Facet | None:
    kinds = set[str]().union(*(store.kinds(name) for store in reader.stores))
    # What a text says besides counts where all texts say it.
    beside = next(
        (k for k in ("boolean", "number") if k in kinds and _all_say(reader, name, k)), ""
    )
    kinds = {beside} if beside else kinds - {"date"}
    if kinds == {"number"}:
        return _range_of(reader, name)
    if kinds not in ({"text"}, {"boolean"}):
        return None
    kind: Literal["text", "boolean"] = "text" if kinds == {"text"} else "boolean"
    return _values_of(reader, name, kind, most_values)


def _range_of(reader: IndexReader, name: str) -> Facet | None:
    found = _ask(reader, name, "SELECT min(value), max(value)", "AND kind = 'number'")
    ends = [float(end) for both in found for end in both if isinstance(end, int | float)]
    if not ends or min(ends) == max(ends):
        return None
    return Facet(name, "number", low=min(ends), high=max(ends))


def _values_of(
    reader: IndexReader, name: str, kind: Literal["text", "boolean"], most_values: int
) -> Facet | None:
    counts: dict[object, int] = {}
    rest = f"AND kind = '{kind}' GROUP BY value ORDER BY 2 DESC LIMIT {MOST_SEARCHED}"
    for value, count in _ask(reader, name, "SELECT value, count(*)", rest):
        counts[value] = counts.get(value, 0) + int(str(count))
    if len(counts) < 2 or set(counts.values()) == {1}:
        return None
    ordered = sorted(counts.items(), key=lambda one: (-one[1], str(one[0])))[:MOST_SEARCHED]
    if kind == "boolean":
        said = tuple(("yes" if value else "no", count) for value, count in ordered)
    else:
        said = tuple((str(value), count) for value, count in ordered)
    return Facet(name, kind, said, searched=len(ordered) > most_values)


def _all_say(reader: IndexReader, name: str, kind: str) -> bool:
    """Return whether each item that has a value of a field has one of that kind; it is ours."""
    select = (
        f"SELECT count(DISTINCT position), count(DISTINCT iif(kind = '{kind}', position, NULL))"
    )
    counts = _ask(reader, name, select, "")
    return all(known == of_kind for known, of_kind in counts)


def _ask(reader: IndexReader, name: str, select: str, rest: str) -> list[tuple[object, object]]:
    """Return the rows of all segments; ``select`` and ``rest`` are ours, the name is a value."""
    return [
        (row[0], row[1])
        for store in reader.stores
        if name in store.fields
        for row in store.query(f"{select} FROM facts WHERE field = ? {rest}", (store.fields[name],))
    ]


def describe_index(reader: IndexReader) -> dict[str, Any]:
    """Return counts, the model, the fields and the sizes of an index.

    ``cut`` is how many of its texts are longer than the model reads, those of removed items
    included, and None where that is unknown.
    """
    manifest = reader.manifest
    cuts = [segment.cut for segment in manifest.segments if segment.cut is not None]
    return {
        "folder": str(reader.folder),
        "name": manifest.name,
        "items": manifest.items,
        "removed": sum(len(segment.removed) for segment in manifest.segments),
        "segments": len(manifest.segments),
        "generation": manifest.generation,
        "fields": list(manifest.fields),
        "weights": dict(manifest.weights),
        "group_by": manifest.group_by,
        "maps": sorted(name.split("-")[1] for name in manifest.graphs if name.startswith("map-")),
        "dtype": manifest.dtype,
        "dimension": manifest.model.dimension,
        "model": manifest.model.name,
        "pooling": manifest.model.pooling,
        "similarity_function": manifest.model.similarity_function,
        "prompts": list(manifest.model.prompts),
        "long_text": manifest.model.long_text,
        "explainable": None if manifest.reasons is None else manifest.reasons.numbers,
        "cut": sum(cuts) if len(cuts) == len(manifest.segments) else None,
        "metadata": reader.metadata_fields(),
        "bytes": sum(note.size for s in manifest.segments for note in s.files.values()),
    }
