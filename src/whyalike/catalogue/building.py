"""A segment in the making: items first, then their vectors, chunk by chunk, from where it stopped.

Everything lies in one folder until it is whole. Chunks are always the same, so that a run that was
cut off and went on gives the same bytes as one that was not.
"""

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from whyalike.catalogue.files import FileNote, checksum, sync_folder
from whyalike.catalogue.identity import policy_of
from whyalike.catalogue.item_store import ItemStore, field_text, write_items
from whyalike.catalogue.known_texts import (
    KnownSegment,
    Read,
    Reading,
    representatives,
    stored_vectors,
)
from whyalike.catalogue.manifest import (
    BUILDING,
    FORMAT,
    ITEMS,
    SEGMENTS,
    Field,
    IndexedModel,
    Segment,
)
from whyalike.catalogue.unfinished import Unfinished
from whyalike.catalogue.vector_file import DType, VectorWriter, vector_file_name
from whyalike.data.items import Item
from whyalike.errors import ModelError, OptionError, OutputError
from whyalike.models.scores import comparable

if TYPE_CHECKING:
    from typing import TypeGuard

    from whyalike.explainer import Explainer
    from whyalike.models.encoder import Encoder
    from whyalike.models.text_model import TextModel

CHUNK = 2048
"""Items embedded between two savings: sorted by length among themselves, lost by a kill at most."""

EMBEDDED_AT_ONCE = 256
"""Texts between two signs of progress."""

Progress = Callable[[int, int], object]
"""Is told how many of how many texts are embedded; the first time, how many were found done."""


@dataclass(frozen=True)
class Recipe:
    """How vectors are made: all that a segment depends on besides its items."""

    explainer: "Explainer"
    model: IndexedModel
    fields: tuple[Field, ...]
    dtype: DType


def build_segment(
    folder: Path,
    items: Iterable[Item],
    recipe: Recipe,
    *,
    number: int,
    known: Sequence[KnownSegment],
    resume: bool,
    progress: Progress,
) -> Segment:
    """Make a segment of an index, or go on making it, and put it in its place.

    Args:
        folder: the index, of which nobody else is a writer now.
        items: at least one, with different ids.
        recipe: the model and the form of the vectors.
        number: of the segment.
        known: the segments before it; a text that is there already has its vector from there.
        resume: whether what an earlier run left may be used.
        progress: see Progress.

    Raises:
        OptionError: there are no items, or two have one id.
        OutputError: a file can't be written.
        ModelError: vectors that can't be stored.
        FormatError: a segment before it is damaged.
    """
    name = f"{number:06d}"
    place, target = folder / BUILDING / "segment", folder / SEGMENTS / name
    try:
        if target.exists() and not place.exists():
            # A run ended between moving the segment and naming it in the manifest.
            place.parent.mkdir(exist_ok=True)
            target.rename(place)
        place.mkdir(parents=True, exist_ok=True)
        count, digest = write_items(place / ITEMS, items)
        if not count:
            shutil.rmtree(place.parent)
            raise OptionError("There are no items to index: give a catalogue that has some.")
        saved = Unfinished(folder / BUILDING, _plan(recipe, digest), recipe.model.reference)
        writers: dict[Field, VectorWriter] = {
            field: VectorWriter(
                place / vector_file_name(field, recipe.dtype),
                dimension=recipe.model.dimension,
                dtype=recipe.dtype,
            )
            for field in recipe.fields
        }
        if not (resume and saved.find(rows=count) and _go_on(writers, saved.files)):
            for writer in writers.values():
                writer.clear()
            saved.save(0, 0, _notes(writers))
        cut = _embed_rest(
            place, recipe, saved, writers, known=known, count=count, progress=progress
        )
        return _finish(place, target, recipe, writers, count=count, cut=cut)
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(
            f"Could not write the index {folder}: {error.strerror}. What is done is kept: make "
            "room and run it again."
        ) from error


def _plan(recipe: Recipe, digest: str) -> dict[str, object]:
    model = asdict(recipe.model)
    del model["reference"]
    return {
        "format": FORMAT,
        "items": digest,
        "model": model,
        "fields": recipe.fields,
        "dtype": recipe.dtype,
        "chunk": CHUNK,
    }


def _go_on(writers: "Mapping[Field, VectorWriter]", files: Mapping[str, FileNote]) -> bool:
    """Take away what was not written to its end; return whether the rest is what was written."""
    return all(
        field in files and writer.cut_back(files[field]) for field, writer in writers.items()
    )


def _notes(writers: "Mapping[Field, VectorWriter]") -> dict[str, FileNote]:
    return {field: writer.note for field, writer in writers.items()}


def _embed_rest(
    place: Path,
    recipe: Recipe,
    saved: Unfinished,
    writers: "Mapping[Field, VectorWriter]",
    *,
    known: Sequence[KnownSegment],
    count: int,
    progress: Progress,
) -> int:
    """Embed what is not embedded yet; return how many texts of all were cut."""
    done, cut = saved.rows, saved.cut
    total = count * len(writers)
    progress(done * len(writers), total)
    store = ItemStore(place / ITEMS)
    try:
        for start in range(done, count, CHUNK):
            items = store.items(start, min(start + CHUNK, count))
            texts = {field: [field_text(item, field) for item in items] for field in writers}
            mine = {field: writer.rows() for field, writer in writers.items()}

            def tell(share: float, start: int = start, size: int = len(items)) -> None:
                progress(int((start + share * size) * len(writers)), total)

            vectors, were_cut = _embed(
                recipe,
                [text for several in texts.values() for text in several],
                [*known, KnownSegment(store, mine, start)],
                tell,
            )
            for field, writer in writers.items():
                writer.append(np.stack([vectors[text] for text in texts[field]]))
                cut += sum(text in were_cut for text in texts[field])
            saved.save(start + len(items), cut, _notes(writers))
            tell(1)
    finally:
        store.close()
    return cut


def _embed(
    recipe: Recipe,
    texts: Iterable[str],
    known: Sequence[KnownSegment],
    tell: Callable[[float], None],
) -> tuple[dict[str, NDArray[np.float64]], set[str]]:
    """Return the vectors (H,) of texts, as they are compared, and the texts that were cut.

    Each is embedded once: not again where it is known, or where the model reads it as it reads
    another one.
    """
    different = list(dict.fromkeys(texts))
    model, prompt = recipe.explainer.model, recipe.model.prompts[1]
    read = _reader(recipe)
    found = stored_vectors(different, known, read)
    first = representatives([text for text in different if text not in found], read)
    cut = set[str]()
    if read is not None:
        spared = [text for text in different if first.get(text) != text]
        cut |= {text for text, one in zip(spared, read(spared), strict=True) if one.cut}
    wanted = sorted(dict.fromkeys(first.values()), key=lambda text: -len(text))
    for start in range(0, len(wanted), EMBEDDED_AT_ONCE):
        part = wanted[start : start + EMBEDDED_AT_ONCE]
        if _tells_cuts(model):
            vectors, were_cut = model.embed_and_tell(
                part, prompt=prompt, long_text=policy_of(recipe.explainer)
            )
            cut |= {text for text, one in zip(part, were_cut, strict=True) if one}
        else:
            vectors = model.embed(part, prompt=prompt)
        vectors = _checked(vectors, recipe.model)
        found.update(
            zip(part, comparable(vectors, function=recipe.model.similarity_function), strict=True)
        )
        tell((start + len(part)) / len(wanted))
    found |= {text: found[other] for text, other in first.items()}
    return found, cut


def _reader(recipe: Recipe) -> Read | None:
    """Return how the model reads texts, where that can be seen."""
    model = recipe.explainer.model
    if not _tells_cuts(model):
        return None
    prompt, policy = recipe.model.prompts[1], policy_of(recipe.explainer)

    def read(texts: Sequence[str]) -> list[Reading]:
        found = []
        for start in range(0, len(texts), EMBEDDED_AT_ONCE):
            part = texts[start : start + EMBEDDED_AT_ONCE]
            tokenized = model.tokenize(part, prompt=prompt, long_text=policy)
            found += [Reading(tuple(r.input_ids for r in t.rows), t.truncated) for t in tokenized]
        return found

    return read


def _checked(vectors: NDArray[np.float64], model: IndexedModel) -> NDArray[np.float64]:
    """Return vectors of the index's width. Raises ModelError on others."""
    if vectors.shape[1] == model.dimension:
        return vectors
    if not vectors.any():
        # Texts without any token: the model did not tell how wide their zero is.
        return np.zeros((len(vectors), model.dimension))
    raise ModelError(
        f"{model.name} gave vectors of {vectors.shape[1]} numbers, and of {model.dimension} before."
    )


def _finish(
    place: Path,
    target: Path,
    recipe: Recipe,
    writers: "Mapping[Field, VectorWriter]",
    *,
    count: int,
    cut: int,
) -> Segment:
    """Move the segment to its place, where only a manifest that names it makes it part of all."""
    items = place / ITEMS
    notes = {ITEMS: FileNote(items.stat().st_size, checksum(items))}
    notes |= {writer.path.name: writer.note for writer in writers.values()}
    for leftover in {path.name for path in place.iterdir()} - set(notes):
        (place / leftover).unlink()
    target.parent.mkdir(exist_ok=True)
    shutil.rmtree(target, ignore_errors=True)
    place.rename(target)
    sync_folder(target)
    sync_folder(target.parent)
    known = cut if _tells_cuts(recipe.explainer.model) else None
    return Segment(target.name, count, known, (), notes)


def _tells_cuts(model: "TextModel") -> "TypeGuard[Encoder]":
    """Return whether the model tells which texts it did not read to the end."""
    from whyalike.models.encoder import Encoder

    return isinstance(model, Encoder)
