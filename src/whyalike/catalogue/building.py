"""A segment in the making: items first, then their vectors, chunk by chunk, from where it stopped.

Everything lies in one folder until it is whole. Chunks are always the same, so that a run that was
cut off and went on gives the same bytes as one that was not.
"""

import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from whyalike.catalogue.files import checksum, sync_folder
from whyalike.catalogue.identity import policy_of
from whyalike.catalogue.item import Item
from whyalike.catalogue.item_store import ItemStore, field_text, write_items
from whyalike.catalogue.manifest import (
    FORMAT,
    SEGMENTS,
    DType,
    Field,
    FileNote,
    IndexedModel,
    Segment,
)
from whyalike.catalogue.unfinished import Unfinished
from whyalike.catalogue.vector_file import append_vectors, row_bytes, vector_file_name
from whyalike.encoder.similarity_matrix import comparable
from whyalike.errors import ModelError, OptionError, OutputError

if TYPE_CHECKING:
    from typing import TypeGuard

    from whyalike.encoder.encoder import Encoder
    from whyalike.encoder.text_model import TextModel
    from whyalike.explain import Explainer

CHUNK = 2048
"""Items embedded between two savings: sorted by length among themselves, lost by a kill at most."""

EMBEDDED_AT_ONCE = 256
"""Texts between two signs of progress."""

BUILDING, ITEMS = "building", "items.sqlite"

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
    resume: bool,
    progress: Progress,
) -> Segment:
    """Make a segment of an index, or go on making it, and put it in its place.

    Args:
        folder: the index, of which nobody else is a writer now.
        items: at least one, with different ids.
        recipe: the model and the form of the vectors.
        number: of the segment.
        resume: whether what an earlier run left may be used.
        progress: see Progress.

    Raises:
        OptionError: there are no items, or two have one id.
        OutputError: a file can't be written.
        ModelError: vectors that can't be stored.
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
        plan = _plan(recipe, digest)
        saved = Unfinished(folder / BUILDING, plan, recipe.model.reference)
        done, cut = saved.found(_sizes(place, recipe), rows=count) if resume else (0, 0)
        _cut_back(place, recipe, done=done)
        saved.save(done, cut)
        cut = _embed_rest(place, recipe, saved, count=count, progress=progress)
        return _finish(place, target, recipe, count=count, cut=cut)
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


def _sizes(place: Path, recipe: Recipe) -> list[int]:
    """Return how many whole vectors each file has."""
    width = row_bytes(recipe.model.dimension, recipe.dtype)
    paths = [place / vector_file_name(field, recipe.dtype) for field in recipe.fields]
    return [path.stat().st_size // width if path.exists() else 0 for path in paths]


def _cut_back(place: Path, recipe: Recipe, *, done: int) -> None:
    """Take away a chunk that was not written to its end."""
    for field in recipe.fields:
        with (place / vector_file_name(field, recipe.dtype)).open("ab") as stream:
            stream.truncate(done * row_bytes(recipe.model.dimension, recipe.dtype))


def _embed_rest(
    place: Path, recipe: Recipe, saved: Unfinished, *, count: int, progress: Progress
) -> int:
    """Embed what is not embedded yet; return how many texts of all were cut."""
    done, cut = saved.rows, saved.cut
    total = count * len(recipe.fields)
    told = done * len(recipe.fields)
    progress(told, total)
    store = ItemStore(place / ITEMS)
    try:
        for start in range(done, count, CHUNK):
            items = store.items(start, min(start + CHUNK, count))
            for field in recipe.fields:
                texts = [field_text(item, field) for item in items]

                def tell(part: int, told: int = told) -> None:
                    progress(told + part, total)

                vectors, were_cut = _embed(recipe, texts, tell)
                append_vectors(
                    place / vector_file_name(field, recipe.dtype), vectors, dtype=recipe.dtype
                )
                cut += were_cut
                told += len(texts)
            saved.save(start + len(items), cut)
    finally:
        store.close()
    return cut


def _embed(
    recipe: Recipe, texts: Sequence[str], tell: Callable[[int], None]
) -> tuple[NDArray[np.float64], int]:
    """Return the vectors (N, H) of N texts, as they are compared, and how many were cut."""
    different = sorted(dict.fromkeys(texts), key=lambda text: -len(text))
    model, prompt = recipe.explainer.model, recipe.model.prompts[1]
    found: dict[str, NDArray[np.float64]] = {}
    cut: dict[str, bool] = {}
    for start in range(0, len(different), EMBEDDED_AT_ONCE):
        part = different[start : start + EMBEDDED_AT_ONCE]
        if _tells_cuts(model):
            vectors, were_cut = model.embed_and_tell(
                part, prompt=prompt, long_text=policy_of(recipe.explainer)
            )
            cut.update(zip(part, were_cut.tolist(), strict=True))
        else:
            vectors = model.embed(part, prompt=prompt)
        vectors = _checked(vectors, recipe.model)
        found.update(
            zip(part, comparable(vectors, function=recipe.model.similarity_function), strict=True)
        )
        tell(len(texts) * len(found) // len(different))
    return np.stack([found[text] for text in texts]), sum(cut.get(text, False) for text in texts)


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


def _finish(place: Path, target: Path, recipe: Recipe, *, count: int, cut: int) -> Segment:
    """Move the segment to its place, where only a manifest that names it makes it part of all."""
    names = [ITEMS, *(vector_file_name(field, recipe.dtype) for field in recipe.fields)]
    notes = {
        name: FileNote((place / name).stat().st_size, checksum(place / name)) for name in names
    }
    for leftover in {path.name for path in place.iterdir()} - set(names):
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
    from whyalike.encoder.encoder import Encoder

    return isinstance(model, Encoder)
