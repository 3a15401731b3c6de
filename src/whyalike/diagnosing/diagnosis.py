"""The diagnosis of a search: what it misses, why, and what would find it."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from whyalike.catalogue.index import CatalogueIndex
from whyalike.catalogue.rerank import open_reranker
from whyalike.data.items import Item
from whyalike.data.passages import read_passages
from whyalike.data.queries import LabelledQuery, ids_of, read_queries
from whyalike.data.stream import ReadReport
from whyalike.data.trec import Qrels, Run, read_qrels, read_run
from whyalike.diagnosing.causes import Case, find_causes
from whyalike.diagnosing.corpus import Corpus, Tell
from whyalike.diagnosing.measures import DEPTH, measure
from whyalike.diagnosing.remedies import CHUNKS, Asked, Remedies
from whyalike.errors import FormatError, MissingExtraError, OptionError
from whyalike.explainer import Explainer
from whyalike.options import check_whole
from whyalike.reports.diagnosis import CauseTest, Diagnosis, Miss, PlacedItem, Remedy, SkippedQuery

Folder = str | os.PathLike[str]


@dataclass(eq=False)
class _Reading:
    """What was read, and what of it was left out."""

    skipped: list[SkippedQuery] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def note(self, report: ReadReport) -> None:
        """Keep what became of the rows of a file."""
        name = Path(report.path).name
        self.notes += [f"{name}: {note}" for note in report.say_notes()]
        self.skipped += [
            SkippedQuery(f"{name}, {report.unit} {row.line}", row.excerpt, row.reason)
            for row in report.bad
        ]


def diagnose(
    queries: Folder | Iterable[Any],
    *,
    index: CatalogueIndex | Folder | None = None,
    passages: Folder | Iterable[Item | str] | None = None,
    model: Any = None,
    run: Folder | Run | None = None,
    qrels: Folder | Qrels | None = None,
    k: int = 5,
    chunks: Sequence[int] = CHUNKS,
    reranker: Any = None,
    remedies: bool = True,
    strict: bool = False,
    progress: Tell | None = None,
) -> Diagnosis:
    """Say of each query whose right item is not among the first k, why, and what would find it.

    All queries are searched once and embedded once; only misses are explained. The causes and their
    tests are described in ``docs/diagnosis.md`` and ``whyalike.diagnosing.causes``.

    Parameters
    ----------
    queries : path or iterable
        A file, as ``read_queries`` takes it; or LabelledQuery, or tuples of a query and the id of
        its right item, or a list of ids.
    index : CatalogueIndex or path, optional
        What is searched, with its model.
    passages : path or iterable of Item or str, optional
        What is searched, instead of an index: a table, lines, items, or texts, which are called by
        their numbers.
    model : Explainer, or what one is made of, optional
        What searches passages; of an index, where its model is now. By default all-MiniLM-L6-v2.
    run : path or Run, optional
        What was found by another search of these items, in TREC's format: it says what is missed,
        and the model says why.
    qrels : path or Qrels, optional
        Which items are right, in TREC's format; by default the queries name them.
    k : int, default=5
        A right item among the first k is found.
    chunks : sequence of int, default=(64, 128)
        Tokens of chunks that are tried.
    reranker : Explainer, or what one is made of, optional
        A model that is tried on the first 50 of each query.
    remedies : bool, default=True
        Whether remedies are tried; chunks and titles embed the items anew.
    strict : bool, default=False
        Whether a bad row of a file is an error.
    progress : callable, optional
        Is called with what is done, how much of it, and how much there is.

    Raises
    ------
    OptionError
        Neither an index nor passages, or both; no query whose right item is there.
    FormatError
        A file that can't be read.
    TextError, ModelError, ModelNotFoundError, UnsafeModelError
        As ``Explainer``.
    """
    check_whole("k", k)
    if (index is None) == (passages is None):
        raise OptionError("Give either an index to be searched, or passages.")
    reading, tell = _Reading(), progress or _tell_nobody
    judged = _read_qrels(qrels, reading, strict=strict)
    asked = _read_queries(queries, judged, reading, strict=strict)
    found_by = _read_run(run, reading, strict=strict)
    corpus = _open_corpus(index, passages, model, reading, strict=strict, tell=tell)
    behind = None if reranker is None else open_reranker(reranker)
    kept = _with_items(asked, corpus, reading)
    searched = _search(kept, corpus)
    order = Remedies(corpus, [], {}, k=k, with_measures=False).order
    rankings = {
        each.query.id: [corpus.ids[place] for place in order(each.base, most=max(k, DEPTH))]
        for each in searched
    }
    if found_by is not None:
        rankings = {id: [one for one, _ in found_by.get(id, ())] for id in rankings}
        _note_run(found_by, searched, corpus, reading, k=k)
    right = {each.query.id: [corpus.ids[place] for place in each.right] for each in searched}
    measures, with_measures = {}, True
    try:
        measures = measure(rankings, right, k=k)
    except MissingExtraError as error:
        reading.notes.append(str(error))
        with_measures = False
    missed = [
        each
        for each in searched
        if not set(rankings[each.query.id][:k]) & set(right[each.query.id])
    ]
    misses = _explain(
        missed, corpus, found_by, k=k, queries=[each.query.query for each in searched]
    )
    tried: list[Remedy] = []
    if remedies and misses:
        trying = Remedies(corpus, searched, rankings, k=k, with_measures=with_measures)
        tried, said = trying.try_all(chunks=tuple(dict.fromkeys(chunks)), reranker=behind)
        reading.notes += said
    ids = {each.query.id for each in missed}
    return Diagnosis(
        model=corpus.explainer.model.name,
        similarity_function=corpus.explainer.model.similarity_function,
        k=k,
        items=len(corpus),
        found=tuple(each.query.id for each in searched if each.query.id not in ids),
        misses=tuple(misses),
        source="search" if found_by is None else "run",
        limit=corpus.explainer.model.limit,
        measures=measures,
        remedies=tuple(tried),
        skipped=tuple(reading.skipped),
        notes=tuple(reading.notes),
    )


def _tell_nobody(what: str, done: int, total: int) -> None:
    """Take no notice of progress."""


def _read_qrels(given: Folder | Qrels | None, reading: _Reading, *, strict: bool) -> Qrels | None:
    if given is None or isinstance(given, Mapping):
        return given
    report = ReadReport()
    found = read_qrels(given, strict=strict, report=report)
    reading.note(report)
    return found


def _read_run(given: Folder | Run | None, reading: _Reading, *, strict: bool) -> Run | None:
    if given is None or isinstance(given, Mapping):
        return given
    report = ReadReport()
    found = read_run(given, strict=strict, report=report)
    reading.note(report)
    return found


def _read_queries(
    given: Folder | Iterable[Any], qrels: Qrels | None, reading: _Reading, *, strict: bool
) -> list[LabelledQuery]:
    """Return the queries, with the ids that the qrels call relevant, where there are any."""
    if isinstance(given, str | os.PathLike):
        report = ReadReport()
        found = read_queries(given, labelled=qrels is None, strict=strict, report=report)
        reading.note(report)
    else:
        found = [_query_of(each, number) for number, each in enumerate(given, start=1)]
    ids: set[str] = set()
    for each in found:
        if each.id in ids:
            raise OptionError(f"Two queries have the id {each.id!r}: give each one of its own.")
        ids.add(each.id)
    if qrels is None:
        return found
    unknown = [id for id in qrels if id not in ids]
    if unknown:
        which = "1 query" if len(unknown) == 1 else f"{len(unknown):,} queries"
        are = "is" if len(unknown) == 1 else "are"
        reading.notes.append(
            f"{which} of the qrels {are} not among the queries, such as {unknown[0]!r}."
        )
    return [
        LabelledQuery(
            each.id,
            each.query,
            tuple(id for id, value in qrels.get(each.id, {}).items() if value > 0),
            each.answer,
        )
        for each in found
    ]


def _query_of(given: object, number: int) -> LabelledQuery:
    if isinstance(given, LabelledQuery):
        return given
    if isinstance(given, tuple | list) and len(given) == 2 and isinstance(given[0], str):
        try:
            return LabelledQuery(str(number), given[0], ids_of(given[1]))
        except FormatError as error:
            raise OptionError(f"Query {number}: {error}.") from error
    raise OptionError(
        f"Query {number} is of type {type(given).__name__}; give LabelledQuery(...), or a tuple of "
        "a query and the id of its right item."
    )


def _open_corpus(
    index: CatalogueIndex | Folder | None,
    passages: Folder | Iterable[Item | str] | None,
    model: Any,
    reading: _Reading,
    *,
    strict: bool,
    tell: Tell,
) -> Corpus:
    if index is not None:
        if isinstance(index, CatalogueIndex):
            if model is not None:
                raise OptionError("An open index has its model: leave out the other.")
            return Corpus.of_index(index, tell=tell)
        return Corpus.of_index(CatalogueIndex.open(index, model=model), tell=tell)
    if isinstance(passages, str | os.PathLike):
        report = ReadReport()
        items = read_passages(Path(passages), strict=strict, report=report)
        reading.note(report)
    else:
        items = [
            each if isinstance(each, Item) else Item(str(number), "", each)
            for number, each in enumerate(passages or (), start=1)
        ]
    explainer = model if isinstance(model, Explainer) else Explainer(model)
    return Corpus.of_items(items, explainer, tell=tell)


def _with_items(
    asked: Sequence[LabelledQuery], corpus: Corpus, reading: _Reading
) -> list[tuple[LabelledQuery, tuple[int, ...]]]:
    """Return those queries of which a right item is there, with its position."""
    kept, missing = [], 0
    for each in asked:
        there = tuple(corpus.places[id] for id in each.right if id in corpus.places)
        missing += len(each.right) - len(there)
        if there:
            kept.append((each, there))
            continue
        reason = "no item is called right for it"
        if each.right:
            reason = f"no item has the id {each.right[0]!r}"
        reading.skipped.append(SkippedQuery(each.id, each.query, reason))
    if not kept:
        why = f" The first: {reading.skipped[-1].reason}." if reading.skipped else ""
        raise OptionError(
            f"Of {len(asked):,} queries none has a right item among the {len(corpus):,} items: "
            f"check the ids.{why}"
        )
    if missing:
        which = "1 right item is" if missing == 1 else f"{missing:,} right items are"
        reading.notes.append(f"{which} not among the items.")
    return kept


def _search(kept: Sequence[tuple[LabelledQuery, tuple[int, ...]]], corpus: Corpus) -> list[Asked]:
    corpus.embed((each.query for each, _ in kept), side=0, what="embedding queries")
    found = []
    for number, (each, right) in enumerate(kept):
        corpus.tell("searching", number, len(kept))
        found.append(Asked(each, right, corpus.scores(each.query)))
    corpus.tell("searching", len(kept), len(kept))
    return found


def _note_run(
    run: Run, searched: Sequence[Asked], corpus: Corpus, reading: _Reading, *, k: int
) -> None:
    """Say what does not fit between a run and what is searched here."""
    absent = sum(each.query.id not in run for each in searched)
    if absent:
        reading.notes.append(
            f"{absent:,} queries are not in the run: all they should find is missed."
        )
    unknown = {id for found in run.values() for id, _ in found} - corpus.places.keys()
    if unknown:
        items = "1 item of the run is"
        if len(unknown) > 1:
            items = f"{len(unknown):,} items of the run are"
        reading.notes.append(f"{items} not among the passages, such as {min(unknown)!r}.")
    found = sum(corpus.place(each.base, each.right, k).rank <= k for each in searched)
    reading.notes.append(
        f"{corpus.explainer.model.name} itself, over these items, finds {found:,} of "
        f"{len(searched):,}: causes and remedies are measured with it."
    )


def _explain(
    missed: Sequence[Asked],
    corpus: Corpus,
    run: Run | None,
    *,
    k: int,
    queries: Sequence[str],
) -> list[Miss]:
    cases, others = [], dict[str, Miss]()
    for each in missed:
        placing = corpus.place(each.base, each.right, k)
        if placing.rank <= k:
            # Only where a run missed it.
            others[each.query.id] = _found_here(each, corpus, placing.item, placing.rank)
        else:
            text = corpus.texts[placing.item]
            cases.append(Case(each.query, each.right, each.base, placing, text))
    causes = find_causes(corpus, cases, k=k, queries=queries) if cases else []
    by_id = {miss.id: miss for miss in causes} | others
    return [_as_run(by_id[each.query.id], run) for each in missed]


def _found_here(each: Asked, corpus: Corpus, item: int, rank: int) -> Miss:
    wrong = [place for place in range(len(corpus)) if place not in each.right]
    rival = max(wrong, key=lambda place: each.base[place], default=item)

    def placed(place: int, rank: int) -> PlacedItem:
        own, text = corpus.items[place], corpus.texts[place]
        return PlacedItem(own.id, own.title, text, float(each.base[place]), rank, len(text))

    note = (
        f"the model itself places it at {rank}: the run is of another model, or of a search that "
        "is not exact"
    )
    return Miss(
        id=each.query.id,
        query=each.query.query,
        right=tuple(corpus.ids[place] for place in each.right),
        item=placed(item, rank),
        rival=placed(rival, 1),
        bar=float(each.base[rival]),
        noise=0.0,
        cause="unknown",
        tests=(CauseTest("unknown", True, rank=rank, note=note),),
    )


def _as_run(miss: Miss, run: Run | None) -> Miss:
    """Return a miss with the rank that the run gives its item."""
    if run is None:
        return miss
    ranks = {id: rank for rank, (id, _) in enumerate(run.get(miss.id, ()), start=1)}
    return replace(miss, item=replace(miss.item, rank=ranks.get(miss.item.id)))
