"""What an index says of itself: its parts, and the score that it was built by."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from whyalike.catalogue.files import FileNote, read_note, sync_folder
from whyalike.catalogue.vectors import DType, row_bytes, vector_file_name
from whyalike.documents import read_json, write_json
from whyalike.errors import FormatError, ModelError, OptionError
from whyalike.explanation import SimilarityFunction
from whyalike.files import write_whole
from whyalike.options import LongText, policy_for, refuse_chunks
from whyalike.stored_reasons import PLACE, Numbers, reason_file_names, row_type

if TYPE_CHECKING:
    from whyalike.explainer import Explainer
    from whyalike.models.scorer import Embedder


FORMAT = 3
"""1 had no checksum of the manifest itself, and no graphs in it; 2 no weights and no groups, and
one value for each field of an item."""

WITH_REASONS = 4
"""The format of an index that stores reasons, whose files older releases do not know."""

READ = (1, 2, FORMAT, WITH_REASONS)

SEAL = "sha256"
"""The key of the checksum of all the rest."""

MANIFEST = "manifest.json"
SEGMENTS, GRAPHS, BUILDING = "segments", "graphs", "building"

OWN = (MANIFEST, SEGMENTS, GRAPHS, BUILDING)
"""What belongs to an index in its folder, besides the lock."""

ITEMS = "items.sqlite"
Field = Literal["title", "description", "title+description"]
"""What is embedded of an item: a text of its own, or both as one text."""

ALONE: tuple[Field, Field] = ("title", "description")


@dataclass(frozen=True, slots=True)
class Segment:
    """Items that were added together: a folder whose files never change.

    removed: positions in the segment of items that are no longer in the index. cut: how many of
    its texts are longer than the model reads; None where that is unknown. files: by name.
    """

    name: str
    items: int
    cut: int | None
    removed: tuple[int, ...]
    files: Mapping[str, FileNote]


@dataclass(frozen=True, slots=True)
class IndexedModel:
    """The model whose vectors an index holds, and what tells it from others of the same name.

    prompts: put before a text that is looked for, and before an item. reference: components of its
    vectors of a few fixed texts.
    """

    name: str
    pooling: str
    similarity_function: SimilarityFunction
    prompts: tuple[str, str]
    long_text: LongText
    dimension: int
    reference: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class StoredReasons:
    """How the reasons of items are stored, and what they are.

    numbers: the format of their vectors. method: whose contributions they give, with its usual
    options. length_share: how much of the fall of a vector's length they count. word_width: H', of
    the vectors by which words match.
    """

    numbers: Numbers
    method: str
    length_share: float
    word_width: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """One state of an index. A writer replaces the whole manifest at once.

    generation: counts the states, from 1. next_segment: the number of the segment to come.
    graphs: what was made of the vectors for faster search, by name; it may be none. weights: how
    much titles and descriptions count where both are embedded each by itself; none where only one
    text is compared. group_by: the field that variants of one product share. reasons: how reasons
    are stored, if they are.
    """

    generation: int
    next_segment: int
    name: str
    model: IndexedModel
    fields: tuple[Field, ...]
    dtype: DType
    segments: tuple[Segment, ...]
    graphs: Mapping[str, FileNote] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)
    group_by: str | None = None
    reasons: StoredReasons | None = None

    @property
    def compared(self) -> Field:
        """The field that a plain similarity compares."""
        order: tuple[Field, ...] = ("title+description", "description", "title")
        return next(one for one in order if one in self.fields)

    @property
    def shares(self) -> tuple[float, float]:
        """How much a title and a description count where both are compared, 1 together."""
        title, description = (self.weights.get(name, 1.0) for name in ALONE)
        return title / (title + description), description / (title + description)

    @property
    def items(self) -> int:
        """How many items there are, removed ones left out."""
        return sum(segment.items - len(segment.removed) for segment in self.segments)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Replace the manifest at once, and see it on the disk. Raises OutputError if that fails."""
    plain = asdict(manifest)
    if manifest.reasons is None:
        del plain["reasons"]
    version = FORMAT if manifest.reasons is None else WITH_REASONS
    content = sealed({"format": version, **plain})
    write_whole(folder / MANIFEST, lambda stream: stream.write(content))
    sync_folder(folder)


def sealed(content: Mapping[str, Any]) -> bytes:
    """Return JSON that tells by itself whether it is damaged."""
    # As it comes back from a file: lists for tuples.
    plain = json.loads(write_json(content))
    return write_json({**plain, SEAL: _digest(plain)}, indent=1).encode()


def is_sealed(content: Mapping[str, Any]) -> bool:
    """Return whether that is what ``sealed`` wrote."""
    return content.get(SEAL) == _digest(content)


def _digest(content: Mapping[str, Any]) -> str:
    plain = {key: value for key, value in content.items() if key != SEAL}
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of an index.

    Raises
    ------
    FormatError
        There is none, it is damaged, or another release wrote it.
    """
    path = folder / MANIFEST
    if not path.exists():
        raise FormatError(
            f"{folder} holds no index ({MANIFEST} is missing): make one with `whyalike index`. An "
            "index that was not finished goes on when the same command is run again."
        ) from FileNotFoundError(path)
    raw = read_note(path)
    try:
        content = read_json(raw)
    except FormatError as error:
        raise _damaged(path, str(error)) from error
    if not isinstance(content, dict):
        raise _damaged(path, "it holds no object")
    found = content.get("format")
    if found not in READ:
        said = " and ".join(map(str, READ))
        raise FormatError(
            f"{path} has the format {found!r}, and this release reads {said}: make the index anew, "
            "or use the release that made it."
        )
    if found != 1 and not is_sealed(content):
        raise _damaged(path, "its checksum is another one")
    try:
        return _manifest(content)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise _damaged(path, f"{type(error).__name__}: {error}") from error


def _manifest(content: dict[str, Any]) -> Manifest:
    model = content["model"]
    query, passage = model["prompts"]
    found = Manifest(
        generation=_count(content["generation"]),
        next_segment=_count(content["next_segment"]),
        name=str(content["name"]),
        model=IndexedModel(
            name=str(model["name"]),
            pooling=str(model["pooling"]),
            similarity_function=_choice(model["similarity_function"], SimilarityFunction),
            prompts=(str(query), str(passage)),
            long_text=_choice(model["long_text"], LongText),
            dimension=_count(model["dimension"], least=1),
            reference=tuple(float(value) for value in model["reference"]),
        ),
        fields=tuple(_choice(field, Field) for field in content["fields"]),
        dtype=_choice(content["dtype"], DType),
        segments=tuple(_segment(segment) for segment in content["segments"]),
        graphs=_notes(content.get("graphs", {})),
        weights=_weights(content.get("weights", {})),
        group_by=None if (group := content.get("group_by")) is None else str(group),
        reasons=_reasons(content.get("reasons")),
    )
    names = {segment.name for segment in found.segments}
    if not found.fields or not names or len(names) < len(found.segments):
        raise ValueError("no fields, no segments, or two of one name")
    for segment in found.segments:
        _check_files(segment, found)
    return found


def _weights(content: dict[str, Any]) -> dict[str, float]:
    weights = {str(_choice(name, Field)): float(weight) for name, weight in content.items()}
    if weights and (set(weights) != set(ALONE) or not 0 < sum(weights.values()) < math.inf):
        raise ValueError(f"the weights {weights}")
    if any(weight < 0 for weight in weights.values()):
        raise ValueError(f"the weights {weights}")
    return weights


def _reasons(content: dict[str, Any] | None) -> StoredReasons | None:
    if content is None:
        return None
    share = float(content["length_share"])
    if not 0 <= share < 1:
        raise ValueError(f"the length share {share}")
    return StoredReasons(
        numbers=_choice(content["numbers"], Numbers),
        method=str(content["method"]),
        length_share=share,
        word_width=_count(content["word_width"], least=1),
    )


def _check_files(segment: Segment, manifest: Manifest) -> None:
    """Raise ValueError unless every file of a segment is there, and vectors of the right size."""
    width = row_bytes(manifest.model.dimension, manifest.dtype)
    sizes = {vector_file_name(f, manifest.dtype): segment.items * width for f in manifest.fields}
    rows = dict[str, int]()
    if (reasons := manifest.reasons) is not None:
        kind = row_type(reasons.numbers, manifest.model.dimension, reasons.word_width)
        for one in manifest.fields:
            words, places, notes = reason_file_names(one, reasons.numbers)
            rows |= {words: kind.itemsize, notes: 1}
            sizes[places] = segment.items * PLACE.itemsize
    if segment.files.keys() != {ITEMS, *sizes, *rows}:
        raise ValueError(f"segment {segment.name} has the files {sorted(segment.files)}")
    for name, size in sizes.items():
        if segment.files[name].size != size:
            raise ValueError(
                f"{segment.items} items and {name} of {segment.files[name].size} bytes"
            )
    for name, width in rows.items():
        if segment.files[name].size % width:
            raise ValueError(f"{name} of {segment.files[name].size} bytes")


def _segment(content: dict[str, Any]) -> Segment:
    items = _count(content["items"])
    removed = tuple(_count(row) for row in content["removed"])
    if any(row >= items for row in removed) or len(set(removed)) != len(removed):
        raise ValueError("removed items that are not there")
    name = str(content["name"])
    if not name.isdecimal():
        raise ValueError(f"a segment named {name!r}")
    cut = content["cut"]
    return Segment(
        name=name,
        items=items,
        cut=None if cut is None else _count(cut),
        removed=removed,
        files=_notes(content["files"]),
    )


def _notes(content: dict[str, Any]) -> dict[str, FileNote]:
    return {
        str(file): FileNote(_count(note["size"]), str(note["sha256"]))
        for file, note in content.items()
    }


def _count(value: object, *, least: int = 0) -> int:
    if type(value) is not int or value < least:
        raise ValueError(f"{value!r} is no count")
    return value


def _choice(value: object, choices: Any) -> Any:
    if value not in get_args(choices):
        raise ValueError(f"{value!r} is none of {get_args(choices)}")
    return value


def _damaged(path: Path, reason: str) -> FormatError:
    return FormatError(f"{path} is damaged ({reason}): make the index anew.")


REFERENCE_TEXTS = (
    "A warm pair of woollen gloves for cold mornings.",
    "Pale straw in the glass, with lemon zest and white flowers.",
)

RERANK = (
    "Make the index with a model that gives vectors, and let this one score what it finds: "
    "`whyalike similar INDEX --text TEXT --rerank MODEL`."
)
"""What can be done with a model that has no vectors to search by."""

COMPONENTS = 64
"""Of each text's vector: by them the index differs from others, and its manifest stays small."""

WIDE = 8192
"""Features of a vector, beyond which it is one of a vocabulary."""

TOLERANCE = 2e-3
"""Of the greatest component: more than rounding on another machine, less than more training."""


def describe_model(explainer: "Explainer") -> IndexedModel:
    """Return what an index notes of its model. Raises ModelError on vectors that are no numbers."""
    from whyalike.models.scorer import require_vectors

    model = require_vectors(
        explainer.model, what="An index of a catalogue", sparse=True, instead=RERANK
    )
    vectors = _embed(explainer, model)
    name = explainer.model.name
    return IndexedModel(
        # A relative path would name another folder from elsewhere.
        name=str(Path(name).resolve()) if Path(name).is_dir() else name,
        pooling=explainer.model.pooling,
        similarity_function=model.similarity_function,
        prompts=explainer.prompts,
        long_text=policy_of(explainer),
        dimension=vectors.shape[1],
        reference=tuple(_sample(vectors).ravel().tolist()),
    )


def policy_of(explainer: "Explainer") -> LongText:
    """Return how long texts are read for an index: in windows, or cut and counted."""
    refuse_chunks(explainer.options, what="an index", instead="chunk_items(items, explainer)")
    return policy_for(explainer.options.long_text)


def check_model(explainer: "Explainer", model: IndexedModel, *, any_query: bool = False) -> None:
    """Raise OptionError unless the Explainer scores as the indexed model does.

    ``any_query`` lets it have another prompt for queries: no vector of the index depends on that.
    """
    found = describe_model(explainer)
    for what in ("dimension", "similarity_function", "prompts", "long_text"):
        had, has = getattr(model, what), getattr(found, what)
        if what == "prompts" and any_query:
            had, has = had[1], has[1]
        if had != has:
            raise OptionError(
                f"The index was made with {model.name}, whose {what} is {had!r}, and {found.name} "
                f"has {has!r}: give the model of the index, or make the index anew."
            )
    if not same_reference(found.reference, model.reference):
        raise OptionError(
            f"The index was made with {model.name} (pooling {model.pooling!r}), and {found.name} "
            f"(pooling {found.pooling!r}) gives other vectors: give the model of the index, or "
            "make the index anew."
        )


def same_reference(one: Sequence[float], other: Sequence[float]) -> bool:
    """Return whether two models gave the reference texts the same vectors, but for rounding."""
    left, right = np.array(one), np.array(other)
    if left.shape != right.shape:
        return False
    scale = float(np.abs(right).max(initial=0.0)) or 1.0
    return bool(np.abs(left - right).max(initial=0.0) <= TOLERANCE * scale)


def _embed(explainer: "Explainer", model: "Embedder") -> NDArray[np.float64]:
    vectors = model.embed(
        list(REFERENCE_TEXTS), prompt=explainer.prompts[1], long_text=policy_of(explainer)
    )
    if not np.isfinite(vectors).all():
        raise ModelError(f"The vectors of {explainer.model.name} hold NaN or infinity.")
    return vectors


def _sample(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    width = vectors.shape[1]
    if width > WIDE:
        # Nearly all of a vocabulary's weights are zero, and sums of many are not.
        starts = np.linspace(0, width, COMPONENTS, endpoint=False).astype(int)
        return np.add.reduceat(vectors, starts, axis=1)
    places = np.linspace(0, width - 1, min(COMPONENTS, width)).round().astype(int)
    return vectors[:, places]
