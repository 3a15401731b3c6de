"""Changes of an index: each makes a new segment or none, and then a new manifest, at once."""

import math
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from whyalike.catalogue.building import FILE as PROGRESS
from whyalike.catalogue.building import Progress, build_segment
from whyalike.catalogue.catalogue import Catalogue, name_of
from whyalike.catalogue.embedding import KnownSegment, Recipe
from whyalike.catalogue.files import LOCK, only_writer
from whyalike.catalogue.given_vectors import GivenVectors, VectorSource, open_given
from whyalike.catalogue.item_store import ItemStore
from whyalike.catalogue.manifest import (
    ALONE,
    BUILDING,
    GRAPHS,
    ITEMS,
    MANIFEST,
    OWN,
    REFERENCE_TEXTS,
    SEGMENTS,
    Field,
    Manifest,
    Segment,
    check_model,
    describe_model,
    read_manifest,
    write_manifest,
)
from whyalike.catalogue.reader import open_stores, open_vectors
from whyalike.catalogue.reasons import describe_reasons
from whyalike.catalogue.vectors import DType
from whyalike.data.columns import guess_group
from whyalike.data.items import Item
from whyalike.data.stream import ReadReport, stream_items
from whyalike.engines.runner import Runner, run_here
from whyalike.errors import FormatError, OptionError
from whyalike.options import check_choice
from whyalike.stored_reasons import NUMBERS, Numbers

if TYPE_CHECKING:
    from whyalike.explainer import Explainer

TEMPORARY = ".whyalike-"
"""How files begin that are being written; a killed process leaves them."""

Source = Catalogue | str | os.PathLike[str] | Iterable[Item]


def write_index(
    folder: Path,
    source: Source,
    explainer: "Explainer",
    *,
    name: str | None,
    fields: Sequence[Field],
    weights: Mapping[str, float],
    group_by: str | None,
    dtype: DType,
    vectors: VectorSource | GivenVectors | None,
    resume: bool,
    overwrite: bool,
    report: ReadReport | None,
    progress: Progress,
    explainable: Numbers | None = None,
    runner: Runner = run_here,
) -> None:
    """Make an index; see CatalogueIndex.build."""
    check_choice("dtype", dtype, get_args(DType))
    if explainable is not None:
        check_choice("explainable", explainable, NUMBERS)
    for field in fields:
        check_choice("fields", field, get_args(Field))
    if isinstance(fields, str) or not fields or len(set(fields)) != len(fields):
        raise OptionError(f"fields is {fields!r}; give one or several of {get_args(Field)}.")
    check_weights(weights, fields)
    check_place(folder, overwrite=overwrite)
    items, called, read = _open_source(source, report)
    if group_by is None:
        group_by = guess_group(() if read.columns is None else read.columns.metadata)
    items, given = _given(items, vectors, fields, read)
    with only_writer(folder, OWN):
        check_place(folder, overwrite=overwrite)
        generation, number = _next_numbers(folder)
        model = describe_model(explainer)
        reasons = None
        if explainable is not None:
            reasons = describe_reasons(explainer, explainable, REFERENCE_TEXTS)
        recipe = Recipe(explainer, model, tuple(fields), dtype, given, reasons)
        segment = build_segment(
            folder,
            items,
            recipe,
            number=number,
            known=(),
            resume=resume,
            report=read,
            progress=progress,
            warn=report is None,
            runner=runner,
        )
        manifest = Manifest(
            generation=generation,
            next_segment=number + 1,
            name=name or called,
            model=model,
            fields=tuple(fields),
            weights=dict(weights),
            group_by=group_by or None,
            dtype=dtype,
            segments=(segment,),
            reasons=reasons,
        )
        write_manifest(folder, manifest)
        _tidy(folder, manifest)


def check_weights(weights: Mapping[str, float], fields: Sequence[Field]) -> None:
    """Raise OptionError unless weights are those of titles and descriptions, or none."""
    if not weights:
        return
    if not set(ALONE) <= set(fields) or set(weights) != set(ALONE):
        raise OptionError(
            f"weights is {dict(weights)!r}, and fields {tuple(fields)!r}: give a weight for "
            "'title' and one for 'description', and embed both (--fields title,description)."
        )
    if not all(0 <= weight < math.inf for weight in weights.values()) or not any(weights.values()):
        raise OptionError(
            f"weights is {dict(weights)!r}; give two numbers from 0, of which one is more."
        )


def add_items(
    folder: Path,
    source: Source,
    explainer: "Explainer",
    *,
    replace_known: bool,
    resume: bool,
    progress: Progress,
    vectors: VectorSource | GivenVectors | None = None,
    report: ReadReport | None = None,
) -> None:
    """Add items to an index; see CatalogueIndex.add."""
    with only_writer(folder, OWN):
        before = read_manifest(folder)
        check_model(explainer, before.model, any_query=True)
        stores = open_stores(folder, before)
        try:
            items, _, read = _open_source(source, report)
            items, given = _given(items, vectors, before.fields, read)
            recipe = Recipe(
                explainer, before.model, before.fields, before.dtype, given, before.reasons
            )
            if not replace_known:
                items = _refuse_known(items, before, stores)
            segment = build_segment(
                folder,
                items,
                recipe,
                number=before.next_segment,
                known=_known(folder, before, stores),
                resume=resume,
                report=read,
                progress=progress,
                warn=report is None,
            )
            added = ItemStore(folder / SEGMENTS / segment.name / ITEMS)
            stores.append(added)
            ids = [item.id for part in added.batches(segment.items) for item in part]
            kept = _without(before, stores, ids)
        finally:
            for store in stores:
                store.close()
        manifest = replace(
            before,
            generation=before.generation + 1,
            next_segment=before.next_segment + 1,
            segments=(*kept, segment),
            graphs={},
        )
        write_manifest(folder, manifest)
        _tidy(folder, manifest)


def remove_items(folder: Path, ids: Sequence[str]) -> None:
    """Take items out of an index; see CatalogueIndex.remove."""
    if isinstance(ids, str):
        raise OptionError(f"ids is the text {ids!r}; give a list of ids.")
    with only_writer(folder, OWN):
        before = read_manifest(folder)
        stores = open_stores(folder, before)
        try:
            if unknown := [id_ for id_ in ids if not _is_known(id_, before, stores)]:
                said = ", ".join(map(repr, unknown[:5])) + (" ..." if len(unknown) > 5 else "")
                raise OptionError(
                    f"The index has no item with the id {said}: nothing was removed. Leave out "
                    "what is not there."
                )
            kept = _without(before, stores, ids)
        finally:
            for store in stores:
                store.close()
        graphs = before.graphs if len(kept) == len(before.segments) else {}
        manifest = replace(before, generation=before.generation + 1, segments=kept, graphs=graphs)
        if not manifest.items:
            raise OptionError(
                "That would leave no item, and nothing was removed: delete the folder of the index "
                "if you want none."
            )
        write_manifest(folder, manifest)


def check_place(folder: Path, *, overwrite: bool) -> None:
    """Refuse a folder before anything is done in it; one that is not there yet is right.

    Raises OptionError where an index may not be replaced, or where the folder holds other files.
    """
    if not folder.is_dir():
        return
    if (folder / MANIFEST).exists() and not overwrite:
        raise OptionError(
            f"{folder} holds an index already: add to it, choose another folder, or say "
            "overwrite=True (--overwrite)."
        )
    if _manifest_of(folder) is None and (foreign := sorted(_foreign_files(folder))):
        raise OptionError(
            f"{folder} holds other files ({', '.join(foreign[:3])}): choose an empty or a "
            "new folder for the index."
        )


def _foreign_files(folder: Path) -> Iterator[str]:
    """Yield what no index has: folders of its names may be somebody's, and would be emptied."""
    for path in folder.iterdir():
        if path.name == SEGMENTS:
            yield from (f"{SEGMENTS}/{p.name}" for p in path.glob("*") if not p.name.isdecimal())
        elif path.name == BUILDING:
            ours = ("segment", PROGRESS, TEMPORARY)
            names = (p.name for p in path.glob("*"))
            yield from (f"{BUILDING}/{name}" for name in names if not name.startswith(ours))
        elif not path.name.startswith((MANIFEST, GRAPHS, LOCK, TEMPORARY)):
            yield path.name


def _next_numbers(folder: Path) -> tuple[int, int]:
    """Return the numbers of the next generation and segment."""
    if (before := _manifest_of(folder)) is not None:
        return before.generation + 1, before.next_segment
    if not (folder / MANIFEST).exists():
        return 1, 1
    # A damaged one can be replaced, too; no segment's number is used twice.
    known = [int(p.name) for p in (folder / SEGMENTS).glob("*") if p.name.isdecimal()]
    return 1, max(known, default=0) + 1


def _manifest_of(folder: Path) -> Manifest | None:
    try:
        return read_manifest(folder)
    except FormatError:
        return None


def _open_source(
    source: Source, report: ReadReport | None
) -> tuple[Iterable[Item], str, ReadReport]:
    """Return the items, one by one, what they are called, and the report of how they are read.

    A bad row of a file is an error.
    """
    if isinstance(source, Catalogue):
        # A copy: notes on vectors are of this index, and not of the catalogue.
        own = replace(source.report, notes=list(source.report.notes))
        return source, source.name, own if report is None else report
    report = ReadReport() if report is None else report
    if not isinstance(source, str | os.PathLike):
        return source, "items", report
    read = stream_items(source, strict=True, report=report)
    return chain(list(islice(read, 1)), read), name_of(Path(source)), report


def _given(
    items: Iterable[Item],
    vectors: VectorSource | GivenVectors | None,
    fields: Sequence[Field],
    report: ReadReport,
) -> tuple[Iterable[Item], GivenVectors | None]:
    """Return the items and their vectors, which are not kept as text besides.

    Raises what ``open_given`` raises, and OptionError where several texts of an item are embedded.
    """
    if vectors is None:
        return items, None
    if len(fields) > 1:
        raise OptionError(
            f"vectors are given, and fields is {tuple(fields)!r}: one vector of an item is of one "
            "text; give the field that was embedded."
        )
    given = open_given(vectors, report.columns)
    own = given.path is not None and report.path and Path(report.path).exists()
    if not own or not given.path or not given.path.samefile(report.path):
        return items, given
    column = given.column
    spared = (
        replace(item, metadata={k: v for k, v in item.metadata.items() if k != column})
        for item in items
    )
    return spared, given


def _known(folder: Path, manifest: Manifest, stores: Sequence[ItemStore]) -> list[KnownSegment]:
    """Return the segments of an index, with their vectors."""
    return [
        KnownSegment(
            store=store,
            vectors={
                field: open_vectors(folder, manifest, segment, field) for field in manifest.fields
            },
            rows=segment.items,
        )
        for segment, store in zip(manifest.segments, stores, strict=True)
    ]


def _refuse_known(
    items: Iterable[Item], manifest: Manifest, stores: Sequence[ItemStore]
) -> Iterable[Item]:
    for item in items:
        if _is_known(item.id, manifest, stores):
            raise OptionError(
                f"The index has an item {item.id!r} already, and nothing was added: leave it out, "
                "or say replace=True (--replace) to put the new one in its place."
            )
        yield item


def _is_known(id_: str, manifest: Manifest, stores: Sequence[ItemStore]) -> bool:
    # Stores may hold one more than the manifest: the segment to come.
    for segment, store in zip(manifest.segments, stores, strict=False):
        place = store.position_of(id_)
        if place is not None and place not in segment.removed:
            return True
    return False


def _without(
    manifest: Manifest, stores: Sequence[ItemStore], ids: Iterable[str]
) -> tuple[Segment, ...]:
    """Return the segments with those items removed, and without a segment that has none left."""
    wanted = list(ids)
    kept = []
    for segment, store in zip(manifest.segments, stores, strict=False):
        places = (store.position_of(id_) for id_ in wanted)
        removed = {*segment.removed, *(place for place in places if place is not None)}
        kept.append(replace(segment, removed=tuple(sorted(removed))))
    return tuple(segment for segment in kept if len(segment.removed) < segment.items)


def _tidy(folder: Path, manifest: Manifest) -> None:
    """Remove what no manifest names any more; an open reader has its files nevertheless."""
    shutil.rmtree(folder / BUILDING, ignore_errors=True)
    names = {segment.name for segment in manifest.segments}
    graphs = (folder / GRAPHS).glob("*")
    for path in chain((folder / SEGMENTS).iterdir(), graphs):
        if path.is_dir() and path.name not in names:
            shutil.rmtree(path, ignore_errors=True)
        elif path.is_file():
            path.unlink(missing_ok=True)
