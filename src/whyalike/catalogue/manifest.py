"""What an index says of itself: how it was made, and which files make it up."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from whyalike.catalogue.files import sync_folder
from whyalike.errors import FormatError
from whyalike.explain.output import write_whole
from whyalike.explain.serialization import read_json, write_json
from whyalike.types import SimilarityFunction
from whyalike.types.options import LongText

FORMAT = 1
MANIFEST = "manifest.json"
SEGMENTS, GRAPHS = "segments", "graphs"

Field = Literal["title", "description"]
DType = Literal["float32", "float16"]


@dataclass(frozen=True, slots=True)
class FileNote:
    """How many bytes a file has, and their SHA-256."""

    size: int
    sha256: str


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

    prompts: put before a query and before an item. reference: components of its vectors of a few
    fixed texts.
    """

    name: str
    pooling: str
    similarity_function: SimilarityFunction
    prompts: tuple[str, str]
    long_text: LongText
    dimension: int
    reference: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """One state of an index. A writer replaces the whole manifest at once.

    generation: counts the states, from 1. next_segment: the number of the segment to come.
    """

    generation: int
    next_segment: int
    name: str
    model: IndexedModel
    fields: tuple[Field, ...]
    dtype: DType
    segments: tuple[Segment, ...]

    @property
    def items(self) -> int:
        """How many items there are, removed ones left out."""
        return sum(segment.items - len(segment.removed) for segment in self.segments)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Replace the manifest at once, and see it on the disk. Raises OutputError if that fails."""
    content = write_json({"format": FORMAT, **asdict(manifest)}, indent=1).encode()
    write_whole(folder / MANIFEST, lambda stream: stream.write(content))
    sync_folder(folder)


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of an index.

    Raises:
        FormatError: there is none, it is damaged, or another release wrote it.
    """
    path = folder / MANIFEST
    try:
        content = read_json(path.read_bytes())
    except FileNotFoundError as error:
        raise FormatError(
            f"{folder} holds no index ({MANIFEST} is missing): make one with `whyalike index`. An "
            "index that was not finished goes on when the same command is run again."
        ) from error
    except OSError as error:
        raise FormatError(f"Could not read {path}: {error.strerror}.") from error
    except FormatError as error:
        raise _damaged(path, str(error)) from error
    if not isinstance(content, dict):
        raise _damaged(path, "it holds no object")
    if content.get("format") != FORMAT:
        raise FormatError(
            f"{path} has the format {content.get('format')!r}, and this release reads {FORMAT}: "
            "make the index anew, or use the release that made it."
        )
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
            dimension=_count(model["dimension"]),
            reference=tuple(float(value) for value in model["reference"]),
        ),
        fields=tuple(_choice(field, Field) for field in content["fields"]),
        dtype=_choice(content["dtype"], DType),
        segments=tuple(_segment(segment) for segment in content["segments"]),
    )
    if not found.fields or not found.segments:
        raise ValueError("no fields or no segments")
    return found


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
        files={
            str(file): FileNote(_count(note["size"]), str(note["sha256"]))
            for file, note in content["files"].items()
        },
    )


def _count(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r} is no count")
    return value


def _choice(value: object, choices: Any) -> Any:
    if value not in get_args(choices):
        raise ValueError(f"{value!r} is none of {get_args(choices)}")
    return value


def _damaged(path: Path, reason: str) -> FormatError:
    return FormatError(f"{path} is damaged ({reason}): make the index anew.")
