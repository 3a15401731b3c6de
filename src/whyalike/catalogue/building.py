"""An index built: items embedded batch by batch, resumed where it was cut off.

Everything lies in one folder until it is whole. Chunks are always the same, so that a run that was
cut off and went on gives the same bytes as one that was not.
"""

import json
import shutil
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from whyalike.catalogue.embedding import (
    Ahead,
    KnownSegment,
    PartEmbedder,
    Recipe,
    TextParts,
    embed_texts,
    tells_cuts,
    texts_of,
)
from whyalike.catalogue.files import FileNote, checksum, read_note, sync_folder
from whyalike.catalogue.item_store import ItemStore, field_text, write_items
from whyalike.catalogue.manifest import (
    BUILDING,
    FORMAT,
    ITEMS,
    SEGMENTS,
    Field,
    Segment,
    is_sealed,
    policy_of,
    same_reference,
    sealed,
)
from whyalike.catalogue.reasons import TEXTS_AT_ONCE, ReasonsWriter, derive
from whyalike.catalogue.unknown_tokens import LOOKED_AT, say_unknown
from whyalike.catalogue.vector_check import check_given
from whyalike.catalogue.vectors import VectorWriter, vector_file_name
from whyalike.data.items import Item
from whyalike.data.stream import ReadReport
from whyalike.documents import read_json, write_json
from whyalike.engines.runner import Runner, run_here
from whyalike.errors import (
    FormatError,
    OptionError,
    OutputError,
    WhyalikeError,
)
from whyalike.files import write_whole
from whyalike.similarity import comparable
from whyalike.stored_reasons import TextReasons

FILE = "progress.json"


class Unfinished:
    """The progress of one plan.

    rows: how many items are embedded and on the disk. cut: how many of their texts were cut. files:
    what is written of the vectors of each field.

    Parameters
    ----------
    folder : Path
        Where the progress is kept.
    plan : Mapping[str, object]
        All that the result depends on, as plain values, but the model's weights.
    reference : sequence of float
        What tells those; see whyalike.catalogue.manifest.
    """

    def __init__(
        self, folder: Path, plan: Mapping[str, object], reference: Sequence[float]
    ) -> None:
        self.path = folder / FILE
        # As it comes back from a file: lists for tuples.
        self.plan = json.loads(write_json(plan))
        self.reference = tuple(reference)
        self.rows = self.cut = 0
        self.files: dict[str, FileNote] = {}

    def find(self, *, rows: int) -> bool:
        """Take over what an earlier run of the same plan noted; return whether there is such.

        Parameters
        ----------
        rows : int
            How many items there are in all.
        """
        found = self._read()
        if found is None or self._differences(found) or found["rows"] > rows:
            return False
        self.rows, self.cut = found["rows"], found["cut"]
        self.files = {name: FileNote(**note) for name, note in found["files"].items()}
        return True

    def refuse_others(self) -> None:
        """Raise OptionError where a run of another plan has embedded something already."""
        found = self._read()
        if found is None or not found["rows"] or not (other := self._differences(found)):
            return
        raise OptionError(
            f"{self.path.parent.parent} holds an unfinished run of {found['rows']:,} items, and it "
            f"has other {' and '.join(other)}: nothing was done. Run it again as it was begun, "
            "choose another folder, or throw away what it has with resume=False (--force)."
        )

    def _read(self) -> dict[str, Any] | None:
        """Return what an earlier run noted, or None where there is none that is whole."""
        try:
            content = read_json(read_note(self.path))
        except FormatError:
            return None
        if not isinstance(content, dict) or not is_sealed(content):
            return None
        return content if isinstance(content.get("plan"), dict) else None

    def _differences(self, found: Mapping[str, Any]) -> list[str]:
        """Return what is another one in the plan of an earlier run."""
        before = found["plan"]
        names = {**before, **self.plan}
        other = [name for name in names if before.get(name) != self.plan.get(name)]
        if "model" not in other and not same_reference(found["reference"], self.reference):
            other.append("vectors of its model")
        return other

    def save(self, rows: int, cut: int, files: Mapping[str, FileNote]) -> None:
        """Note how far it has come, whole or not at all."""
        self.rows, self.cut, self.files = rows, cut, dict(files)
        content = sealed(
            {
                "plan": self.plan,
                "reference": self.reference,
                "rows": rows,
                "cut": cut,
                "files": {name: asdict(note) for name, note in files.items()},
            }
        )
        write_whole(self.path, lambda stream: stream.write(content))


NUMBERS_AT_ONCE = 1 << 23
"""Of vectors that are in memory; of a vocabulary's, that is fewer items than CHUNK."""

Progress = Callable[[int, int], object]
"""Is called with how many of how many texts are embedded; at first, how many were found done."""


def build_segment(
    folder: Path,
    items: Iterable[Item],
    recipe: Recipe,
    *,
    number: int,
    known: Sequence[KnownSegment],
    resume: bool,
    report: ReadReport,
    progress: Progress,
    warn: bool = False,
    runner: Runner = run_here,
) -> Segment:
    """Make a segment of an index, or go on making it, and put it in its place.

    Parameters
    ----------
    folder : Path
        The index, of which nobody else is a writer now.
    items : iterable of Item
        At least one, with different ids.
    recipe : Recipe
        The model and the form of the vectors.
    number : int
        Of the segment.
    known : sequence of KnownSegment
        The segments before it; a text that is there already has its vector from there.
    resume : bool
        Whether what an earlier run left may be used.
    report : ReadReport
        How the items were read; gets what is remarkable of the vectors before any is embedded.
    progress : Progress
        See Progress.
    warn : bool, default=False
        Whether to warn of texts that the model has no tokens for, besides noting it.
    runner : Runner, optional
        What embeds; another one than this process takes no segments before.

    Raises
    ------
    OptionError
        There are no items, or two have one id.
    OutputError
        A file can't be written.
    ModelError
        Vectors that can't be stored.
    FormatError
        A segment before it is damaged.
    """
    name = f"{number:06d}"
    place, target = folder / BUILDING / "segment", folder / SEGMENTS / name
    try:
        if target.exists() and not place.exists():
            # A run ended between moving the segment and naming it in the manifest.
            place.parent.mkdir(exist_ok=True)
            target.rename(place)
        place.mkdir(parents=True, exist_ok=True)
        saved, count = _begin(folder, place, items, recipe, resume=resume, report=report, warn=warn)
        writers: dict[Field, VectorWriter] = {
            field: VectorWriter(
                place / vector_file_name(field, recipe.dtype),
                dimension=recipe.model.dimension,
                dtype=recipe.dtype,
            )
            for field in recipe.fields
        }
        reasons = _reason_writers(place, recipe)
        if not (resume and saved.find(rows=count) and _go_on(writers, reasons, saved.files)):
            for writer in writers.values():
                writer.clear()
            for each in reasons.values():
                each.clear()
            saved.save(0, 0, _notes(writers, reasons))
        cut = _embed_rest(
            place,
            recipe,
            saved,
            writers,
            reasons,
            known=known,
            count=count,
            progress=progress,
            runner=runner,
        )
        return _finish(place, target, recipe, writers, reasons, count=count, cut=cut)
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(
            f"Could not write the index {folder}: {error.strerror}. What is done is kept: make "
            "room and run it again."
        ) from error


def _reason_writers(place: Path, recipe: Recipe) -> dict[Field, ReasonsWriter]:
    if recipe.reasons is None:
        return {}
    return {
        field: ReasonsWriter(place, field, recipe.reasons, dimension=recipe.model.dimension)
        for field in recipe.fields
    }


def _plan(recipe: Recipe, digest: str) -> dict[str, object]:
    model = asdict(recipe.model)
    del model["reference"]
    plan: dict[str, object] = {
        "format": FORMAT,
        "items": digest,
        "model": model,
        "fields": recipe.fields,
        "dtype": recipe.dtype,
        "chunk": recipe.chunk,
    }
    if recipe.reasons is not None:
        plan["reasons"] = asdict(recipe.reasons)
    return plan if recipe.given is None else {**plan, "vectors": recipe.given.digest}


def _begin(
    folder: Path,
    place: Path,
    items: Iterable[Item],
    recipe: Recipe,
    *,
    resume: bool,
    report: ReadReport,
    warn: bool,
) -> tuple[Unfinished, int]:
    """Write the items, and return the progress of their plan, and how many there are.

    What an unfinished run has is not touched before these items are seen to be its own.
    """
    draft = place / f"{ITEMS}.draft"
    try:
        count, digest = write_items(draft, items)
        if not count:
            raise OptionError("There are no items to index: give a catalogue that has some.")
        saved = Unfinished(folder / BUILDING, _plan(recipe, digest), recipe.model.reference)
        if resume:
            saved.refuse_others()
        _look_at(draft, recipe, count, report, warn=warn)
    except WhyalikeError:
        draft.unlink(missing_ok=True)
        if not (folder / BUILDING / FILE).exists():
            shutil.rmtree(folder / BUILDING)
        raise
    draft.replace(place / ITEMS)
    return saved, count


CALLER = 6
"""Whose code a warning is about: theirs that calls CatalogueIndex.build or add."""


def _look_at(items: Path, recipe: Recipe, count: int, report: ReadReport, *, warn: bool) -> None:
    """Look at a sample of the items, before anything is embedded or taken over."""
    store = ItemStore(items)
    try:
        texts = [
            field_text(item, field) for item in _sample(store, count) for field in recipe.fields
        ]
        if (said := say_unknown(recipe.explainer, texts)) is not None:
            report.notes.append(said)
            if warn:
                warnings.warn(said, stacklevel=CALLER)
        if recipe.given is not None:
            check_given(
                recipe.given,
                store,
                count,
                explainer=recipe.explainer,
                field=recipe.fields[0],
                report=report,
            )
    finally:
        store.close()


def _sample(store: ItemStore, count: int) -> list[Item]:
    """Return items from the first to the last, with equal gaps between them."""
    places = np.unique(np.linspace(0, count - 1, min(LOOKED_AT, count)).round().astype(int))
    return [item for place in places.tolist() for item in store.items(place, place + 1)]


def _go_on(
    writers: "Mapping[Field, VectorWriter]",
    reasons: Mapping[Field, ReasonsWriter],
    files: Mapping[str, FileNote],
) -> bool:
    """Take away what was not written to its end; return whether the rest is what was written."""
    vectors = all(
        field in files and writer.cut_back(files[field]) for field, writer in writers.items()
    )
    return vectors and all(writer.cut_back(files) for writer in reasons.values())


def _notes(
    writers: "Mapping[Field, VectorWriter]", reasons: Mapping[Field, ReasonsWriter]
) -> dict[str, FileNote]:
    notes: dict[str, FileNote] = {field: writer.note for field, writer in writers.items()}
    for writer in reasons.values():
        notes |= writer.notes
    return notes


def _embed_rest(
    place: Path,
    recipe: Recipe,
    saved: Unfinished,
    writers: "Mapping[Field, VectorWriter]",
    reasons: Mapping[Field, ReasonsWriter],
    *,
    known: Sequence[KnownSegment],
    count: int,
    progress: Progress,
    runner: Runner,
) -> int:
    """Embed what is not embedded yet, or take it over; return how many texts of all were cut."""
    done, cut = saved.rows, saved.cut
    total = count * len(writers)
    size = max(1, min(recipe.chunk, NUMBERS_AT_ONCE // recipe.model.dimension))
    progress(done * len(writers), total)
    items_file = (place / ITEMS).resolve()
    embed = (
        PartEmbedder(recipe)
        if runner is run_here
        else Ahead(runner, TextParts(items_file, recipe, done, count, size), recipe)
    )
    store = ItemStore(items_file)
    try:
        for start in range(done, count, size):
            items = store.items(start, min(start + size, count))
            texts = texts_of(items, recipe)

            def tell(share: float, start: int = start, taken: int = len(items)) -> None:
                progress(int((start + share * taken) * len(writers)), total)

            if recipe.given is not None:
                rows = recipe.given.take(recipe.given.rows_of([i.id for i in items], start))
                for writer in writers.values():
                    writer.append(comparable(rows, function=recipe.model.similarity_function))
            else:
                mine = {field: writer.rows() for field, writer in writers.items()}
                vectors, were_cut = embed_texts(
                    recipe,
                    [text for several in texts.values() for text in several],
                    [*known, KnownSegment(store, mine, start)],
                    tell if not reasons else _tell_nobody,
                    embed,
                )
                for field, writer in writers.items():
                    writer.append(np.stack([vectors[text] for text in texts[field]]))
                    cut += sum(text in were_cut for text in texts[field])
            if reasons:
                _derive(recipe, texts, reasons, tell)
            saved.save(start + len(items), cut, _notes(writers, reasons))
            tell(1)
    finally:
        store.close()
    return cut


def _tell_nobody(share: float) -> None:
    """Take no notice: what is embedded is a small part of the work."""


def _derive(
    recipe: Recipe,
    texts: Mapping[Field, Sequence[str]],
    writers: Mapping[Field, ReasonsWriter],
    tell: Callable[[float], None],
) -> None:
    """Store the reasons of some items; each text is differentiated once."""
    different = dict.fromkeys(text for several in texts.values() for text in several)
    wanted = sorted(different, key=lambda text: -len(text))
    found: dict[str, TextReasons] = {}
    prompt, policy = recipe.model.prompts[1], policy_of(recipe.explainer)
    for start in range(0, len(wanted), TEXTS_AT_ONCE):
        part = wanted[start : start + TEXTS_AT_ONCE]
        made = derive(recipe.explainer, part, prompt=prompt, long_text=policy)
        found.update(zip(part, made, strict=True))
        tell((start + len(part)) / len(wanted))
    for field, writer in writers.items():
        writer.append([found[text] for text in texts[field]])


def _finish(
    place: Path,
    target: Path,
    recipe: Recipe,
    writers: "Mapping[Field, VectorWriter]",
    reasons: Mapping[Field, ReasonsWriter],
    *,
    count: int,
    cut: int,
) -> Segment:
    """Move the segment to its place, where only a manifest that names it makes it part of all."""
    items = place / ITEMS
    notes = {ITEMS: FileNote(items.stat().st_size, checksum(items))}
    notes |= {writer.path.name: writer.note for writer in writers.values()}
    for each in reasons.values():
        notes |= each.notes
    for leftover in {path.name for path in place.iterdir()} - set(notes):
        (place / leftover).unlink()
    target.parent.mkdir(exist_ok=True)
    shutil.rmtree(target, ignore_errors=True)
    place.rename(target)
    sync_folder(target)
    sync_folder(target.parent)
    known = cut if recipe.given is None and tells_cuts(recipe.explainer.model) else None
    return Segment(target.name, count, known, (), notes)
