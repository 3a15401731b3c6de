"""The models and indexes of a server, and what they can be asked: explain, compare, search.

An app is put together so (see ``whyalike.web.api.api_app``)::

    pages = Pages("whyalike", assets, [my_templates, api.app.TEMPLATES])
    app = create_app(pages=pages, assets=assets, hosts=…, max_bytes=MOST_BODY)
    add_api(app, service, pages, access=Access(token, secure=address.secure))
"""

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whyalike.comparison import Comparison, read_apart
from whyalike.errors import BusyError, OptionError, TooCostlyError
from whyalike.explanation import Explanation
from whyalike.options import UnitKind
from whyalike.texts import clean_text, without_surrogates
from whyalike.web.api.allowance import Allowance, Allowances, advice, said
from whyalike.web.api.answers import Answer
from whyalike.web.api.background import BackgroundWork, on_queue
from whyalike.web.api.codes import Details, OptionRefusedError, TextRefusedError
from whyalike.web.api.estimates import Estimate
from whyalike.web.api.exchange import current_exchange
from whyalike.web.api.items import ItemPage, find_item, list_items
from whyalike.web.api.kept import KeptResults
from whyalike.web.api.metrics import Metrics
from whyalike.web.api.passages import (
    PassageQuestion,
    RankPassages,
    pair_sizes,
    ranking_cost,
)
from whyalike.web.api.served import (
    Kind,
    RowChecks,
    ServedIndex,
    ServedModel,
    choose,
    free_name,
    names_of,
)
from whyalike.web.api.work_queue import QueueLimits, WorkQueue

if TYPE_CHECKING:
    from whyalike.batch.reading import PairTable
    from whyalike.catalogue import CatalogueIndex, Hit, Item, ItemRank
    from whyalike.catalogue.reader import Score
    from whyalike.catalogue.similar_page import Reasons
    from whyalike.explainer import Explainer
    from whyalike.methods.method import TextSize
    from whyalike.render.similar import SimilarPage
    from whyalike.reports.reading import Report


Options = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ServiceLimits:
    """What one request, and all of them together, may ask for.

    text: characters of one text. words: words, and tokens, of one text where the model would read
    on for ever, or where a matrix of all of them comes out. batch: pairs of one batch. hits: items
    of one search, and passages that are explained. passages: of one ranking. kept_bytes: of results
    that are kept. cost_seconds: how long the model may work for one request, as it is estimated
    from the method, the texts and the speed that was seen. seconds: how long one request may take,
    with the time in which it waits. queue: see QueueLimits.
    """

    text: int = 20_000
    words: int = 1_500
    batch: int = 1_000
    hits: int = 50
    passages: int = 1_000
    kept_bytes: int = 64 * 1024 * 1024
    cost_seconds: float = 120.0
    seconds: float = 600.0
    queue: QueueLimits = field(default_factory=QueueLimits)


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found, as ``catalogue.similar_page`` has it. ``reasons`` may be empty.

    ``asked`` are its keyword arguments.
    """

    index: ServedIndex
    query: "Item | str"
    hits: "Sequence[Hit]"
    reasons: "Sequence[Reasons]"
    page: "SimilarPage"
    asked: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values, with the names under which index and model are served."""
        from whyalike.catalogue.similar_page import search_to_dict

        index = self.index
        told = search_to_dict(index.index, self.query, self.hits, self.reasons, **self.asked)
        return {**told, "index": index.name, "model": index.model.name}


@dataclass(frozen=True, slots=True)
class Placed:
    """Where one item stands in a search, and, where asked for, what explains its score."""

    index: ServedIndex
    standing: "ItemRank"
    explanation: Explanation | None


class Service:
    """Explains, compares and searches for many at once; one for a server.

    Parameters
    ----------
    models : Mapping[str, Explainer]
        Explainers by the names under which requests may ask for them, the default first; without
        any, those of the indexes.
    indexes : Mapping[str, CatalogueIndex], optional
        Indexes by their names. One whose model is among ``models`` shares its queue.
    results : Mapping[str, Path], optional
        Folders with the results of `whyalike evaluate`, by their names.
    pairs : Mapping[str, PairTable], optional
        Files of pairs that were read, by their names.
    reports : Mapping[str, Report], optional
        Reports of searches, by their names.
    limits : ServiceLimits, optional
        What may be asked for.
    queue : WorkQueue, optional
        Where models are asked; by default one of its own. ``close`` closes it.

    Raises
    ------
    OptionError
        There is neither a model nor an index.
    ModelNotFoundError, ModelError
        The model of an index can't be found.
    """

    def __init__(
        self,
        models: "Mapping[str, Explainer]",
        *,
        indexes: "Mapping[str, CatalogueIndex] | None" = None,
        results: Mapping[str, Path] | None = None,
        pairs: "Mapping[str, PairTable] | None" = None,
        reports: "Mapping[str, Report] | None" = None,
        limits: ServiceLimits | None = None,
        queue: WorkQueue | None = None,
    ) -> None:
        self.limits = limits or ServiceLimits()
        self.metrics = Metrics()
        self.kept = KeptResults(self.limits.kept_bytes)
        self.queue = queue or WorkQueue(limits=self.limits.queue, name="whyalike models")
        self.background = BackgroundWork(waiting=max(1, self.limits.queue.waiting // 4))
        self._allowances = Allowances(
            most=self.limits.cost_seconds,
            seconds=self.limits.seconds,
            seconds_until_done=self.queue.seconds_until_done,
        )
        self._served: dict[int, ServedModel] = {}
        self.models = {name: self._serve(name, one) for name, one in models.items()}
        self.metrics.watch(self.queue, self.kept)
        self.results = dict(results or {})
        self.pairs, self.reports = dict(pairs or {}), dict(reports or {})
        self.indexes = {name: self._open(name, one) for name, one in (indexes or {}).items()}
        if not self.models:
            self.models = {one.model.name: one.model for one in self.indexes.values()}
        if not self._served:
            raise OptionError("There is nothing to serve: give a model or an index.")

    @property
    def waiting(self) -> int:
        """How many pairs wait."""
        return self.queue.waiting

    def model(self, name: str | None = None) -> ServedModel:
        """Return the model of that name, by default the first. Raises OptionError."""
        return choose("model", self.models, name)

    def index(self, name: str | None = None) -> ServedIndex:
        """Return the index of that name, by default the first. Raises OptionError."""
        return choose("index", self.indexes, name)

    async def explain(
        self,
        left: str,
        right: str,
        *,
        model: str | None = None,
        method: str | None = None,
        options: Options | None = None,
        documents: bool = False,
        check: int = 0,
        unit: UnitKind = "word",
    ) -> Explanation:
        """Explain one pair.

        Parameters
        ----------
        left : str
            A text of at most ``limits.text`` characters, and perhaps ``limits.words`` words.
        right : str
            The other one.
        model : str, optional
            A name in ``models``; by default the first.
        method : str, optional
            By default the model's.
        options : Options, optional
            Fields of BTIOptions that differ from the model's; another ``top_k`` asks no model
            again, unless pairs of content are checked.
        documents : bool, default=False
            Whether both texts are documents, so that both get the prompt of one; else the left one
            is a query, where the model tells them apart.
        check : int, default=0
            How many of the selected pairs are checked by deletion; see Explainer.explain.
        unit : {'word', 'phrase', 'sentence'}
            What is measured besides words; see Explainer.explain.

        Raises
        ------
        OptionError, TextError
            What was asked for is not allowed.
        TooCostlyError
            It would take too long.
        BusyError
            Too many wait already.
        ModelError
            NaN.
        """
        found = await self.answer(
            left,
            right,
            model=model,
            method=method,
            options=options,
            documents=documents,
            check=check,
            unit=unit,
        )
        return await read_answer(found)

    async def answer(
        self,
        left: str,
        right: str,
        *,
        model: str | None = None,
        method: str | None = None,
        options: Options | None = None,
        documents: bool = False,
        check: int = 0,
        unit: UnitKind = "word",
    ) -> Answer:
        """Explain one pair, as ``explain`` does, and return its JSON too."""
        async with self.request() as allowance:
            return await self._answer(
                allowance,
                self.model(model),
                (left, right),
                method,
                options,
                documents=documents,
                check=check,
                unit=unit,
            )

    def request(self, allowance: Allowance | None = None) -> AbstractAsyncContextManager[Allowance]:
        """Count all that is asked in the block as one request; see Allowances.request."""
        return self._allowances.request(allowance)

    def allowance(self) -> Allowance:
        """Return that of a new request, whose parts are asked for in several tasks."""
        return self._allowances.make()

    async def estimate(
        self,
        left: str,
        right: str,
        *,
        model: str | None = None,
        method: str | None = None,
        options: Options | None = None,
        documents: bool = False,
        check: int = 0,
        unit: UnitKind = "word",
    ) -> Estimate:
        """Return what explaining one pair costs; nothing where the result was kept.

        Raises
        ------
        OptionError, TextError
            As ``explain``.
        """
        pair = left, right
        kind = self._not_kept(
            pair, model, method, options, documents=documents, check=check, unit=unit
        )
        if kind is None:
            return Estimate()
        return kind.model.estimate(kind, await self._sizes(kind.model, kind, pair))

    def _not_kept(
        self,
        pair: tuple[str, str],
        model: str | None,
        method: str | None,
        options: Options | None,
        **how: Any,
    ) -> Kind | None:
        """Return how a pair is to be explained; None where that is kept. Raises as ``estimate``."""
        served = self.model(model)
        for side, text in zip(("left", "right"), pair, strict=True):
            self.check(side, text)
        kind, _ = served.kind(method, options, **how)
        return None if served.key(kind, pair) in self.kept else kind

    async def estimate_pair(
        self,
        allowance: Allowance,
        left: str,
        right: str,
        *,
        model: str | None = None,
        method: str | None = None,
        options: Options | None = None,
        documents: bool = False,
        check: int = 0,
        unit: UnitKind = "word",
    ) -> Estimate:
        """Return what ``estimate`` does, and take it. Raises TooCostlyError, too."""
        pair = left, right
        kind = self._not_kept(
            pair, model, method, options, documents=documents, check=check, unit=unit
        )
        if kind is None:
            return Estimate()
        for side, text in zip(("left", "right"), pair, strict=True):
            await self._check_words(kind.model, kind, side, text)
        return await self._priced(allowance, kind.model, kind, pair)

    async def estimate_comparison(
        self,
        allowance: Allowance,
        query: str,
        better: str,
        worse: str,
        *,
        model: str | None = None,
        method: str | None = None,
        options: Options | None = None,
        check: int | None = None,
    ) -> Estimate:
        """Return what a comparison costs, as ``estimate_pair``; rows are checked if there is time.

        Raises as ``compare``.
        """
        served, kind = self._compared_by((query, better, worse), model, method, options)
        whole = Estimate()
        for side, text in (("better", better), ("worse", worse)):
            if served.key(kind, (query, text)) not in self.kept:
                for name, one in (("query", query), (side, text)):
                    await self._check_words(served, kind, name, one)
                whole += await self._priced(allowance, served, kind, (query, text))
        count = served.explainer.usual_rows if check is None else check
        if count:
            try:
                whole += await self._priced_rows(
                    allowance, served, kind, (query, better, worse), count
                )
            except TooCostlyError:
                if check is not None:
                    raise
        return whole

    async def compare(
        self,
        query: str,
        better: str,
        worse: str,
        *,
        model: str | None = None,
        method: str | None = None,
        options: Options | None = None,
        check: int | None = None,
    ) -> Comparison:
        """Explain why one text is scored above another for a query; below 0 is the margin if not.

        Parameters
        ----------
        query : str
            The text that both are compared with, put left.
        better : str
            The first text.
        worse : str
            The second text.
        model : str, optional
            As ``explain``.
        method : str, optional
            One that promises "signed"; by default one that the model has.
        options : Options, optional
            As ``explain``.
        check : int, optional
            How many rows of each table are checked, as Explainer.compare has it. By default as many
            as there, or none where that would take too long.

        Raises
        ------
        OptionError
            Also a method that gives no signed contributions.
        TextError, TooCostlyError, BusyError, ModelError
            As ``explain``.
        """
        served, kind = self._compared_by((query, better, worse), model, method, options)
        name = kind.method
        async with self.request() as allowance:
            first, second = await all_answers(
                [
                    self._answer(
                        allowance, served, (query, text), name, options, sides=("query", side)
                    )
                    for side, text in (("better", better), ("worse", worse))
                ]
            )
            explained = await read_answer(first), await read_answer(second)
            if apart := read_apart(*explained):
                raise OptionError(apart)
            found = Comparison(better=explained[0], worse=explained[1])
            return await self._checked(allowance, served, kind, found, check)

    def _compared_by(
        self,
        texts: tuple[str, str, str],
        model: str | None,
        method: str | None,
        options: Options | None,
    ) -> tuple[ServedModel, Kind]:
        """Return what compares texts. Raises OptionError or TextError on what is not allowed."""
        for name, text in zip(("query", "better", "worse"), texts, strict=True):
            self.check(name, text)
        served = self.model(model)
        name = method or served.signed_method
        kind, _ = served.kind(name, options)
        signed = [one.name for one in served.methods if "signed" in one.promises]
        if name not in signed:
            raise OptionRefusedError(
                f"{name!r} does not say what a word adds to the score, which a comparison needs; "
                f"these do: {', '.join(signed)}.",
                "invalid_method",
                Details(field="method", value=name),
            )
        return served, kind

    async def _checked(
        self,
        allowance: Allowance,
        served: ServedModel,
        kind: Kind,
        comparison: Comparison,
        check: int | None,
    ) -> Comparison:
        """Return a comparison with its rows checked; None checks them if there is time for it."""
        count = served.explainer.usual_rows if check is None else check
        if not count:
            return comparison
        query, better, worse = (
            comparison.better.left.text,
            comparison.better.right.text,
            comparison.worse.right.text,
        )
        texts = query, better, worse
        try:
            estimate = await self._priced_rows(allowance, served, kind, texts, count)
        except TooCostlyError:
            if check is None:
                return comparison
            raise
        piece: Future[Comparison] = self.queue.submit(
            RowChecks(kind, count),
            comparison,
            cost=estimate.cost,
            seconds=estimate.seconds,
            asker=allowance,
        )
        return await asyncio.wrap_future(piece)

    async def _priced_rows(
        self,
        allowance: Allowance,
        served: ServedModel,
        kind: Kind,
        texts: tuple[str, str, str],
        count: int,
    ) -> Estimate:
        """Return what checking rows of a comparison costs. Raises TooCostlyError."""
        query, *others = texts
        sizes = [await self._sizes(served, kind, (query, text)) for text in others]
        estimate = served.estimate_rows(kind, [size for both in sizes for size in both], count)
        allowance.take(estimate, lambda left: advice(kind, sizes, left))
        return estimate

    def check(self, name: str, text: str) -> None:
        """Raise TextError unless it is a text of at most ``limits.text`` characters."""
        clean_text(text, side=name)
        if len(text) > self.limits.text:
            raise TextRefusedError(
                f"The {name} text has {len(text):,} characters; this server takes "
                f"{self.limits.text:,} at most: shorten it.",
                "text_too_long",
                Details(field=name, limit=self.limits.text, value=len(text), unit="characters"),
            )

    async def similar(
        self,
        index: str | None = None,
        *,
        text: str | None = None,
        id: str | None = None,
        title: str | None = None,
        k: int = 10,
        where: str | None = None,
        score: "Score | None" = None,
        twins: bool = False,
        group_by: str | None = None,
        diverse: float = False,
        explain: bool = True,
        method: str | None = None,
        before: Callable[[Estimate], None] | None = None,
    ) -> Found:
        """Return the items of an index that are most like a text or one of them, with reasons.

        Parameters
        ----------
        index : str, optional
            A name in ``indexes``; by default the first.
        text : str, optional
            See CatalogueIndex.similar, as for ``id``, ``title``, ``where`` and ``score``.
        id : str, optional
            See there.
        title : str, optional
            See there.
        k : int, default=10
            At most ``limits.hits``.
        where : str, optional
            See there.
        score : Score, optional
            See there.
        twins : bool, default=False
            See there.
        group_by : str, optional
            See there.
        diverse : float, default=False
            See there.
        explain : bool, default=True
            Whether to say why.
        method : str, optional
            What explains it; by default the model's.
        before : Callable[[Estimate], None], optional
            Gets what the reasons cost, before the first is asked for; what it raises ends the
            search.

        Raises
        ------
        OptionError, TextError, TooCostlyError, BusyError, ModelError
            As ``explain``.
        FormatError
            The index is damaged.
        """
        from whyalike.catalogue.similar_page import page_of

        texts = {"query": text, "title": title, "filter": where}
        self._check_count("k", k)
        id = _known(id)
        async with self.request() as allowance:
            served = await self._searched(index, texts, method, explain=explain)

            def search() -> "tuple[Item | str, Sequence[Hit]]":
                query = find_item(served, id) if id is not None else text or ""
                return query, served.searched.similar(
                    text,
                    id=id,
                    title=title,
                    k=k,
                    where=where,
                    score=score,
                    twins=twins,
                    group_by=group_by,
                    diverse=diverse,
                )

            query, hits = await self.background.run(search)
            reasons = (
                await self._reasons(allowance, served, hits, method, before) if explain else []
            )
        asked: dict[str, Any] = {"k": k, "where": where, "score": score}
        page = await asyncio.to_thread(lambda: page_of(served.index, query, hits, reasons, **asked))
        return Found(served, query, hits, reasons, page, asked)

    async def rank_of(
        self,
        item: str,
        index: str | None = None,
        *,
        text: str | None = None,
        id: str | None = None,
        title: str | None = None,
        where: str | None = None,
        score: "Score | None" = None,
        explain: bool = True,
        method: str | None = None,
        part: str = "",
    ) -> Placed:
        """Return where one item stands in the search of ``similar``, and what explains its score.

        Parameters
        ----------
        item : str
            Its id.
        index : str, optional
            As ``similar``, and so are the others.
        text : str, optional
            See there.
        id : str, optional
            See there.
        title : str, optional
            See there.
        where : str, optional
            See there.
        score : Score, optional
            See there.
        explain : bool, default=True
            See there.
        method : str, optional
            See there.
        part : str, default=''
            Of a score that is the mean of several, which one is explained: ``title-description``
            is that of the query's title and the item's description.

        Raises
        ------
        OptionError, TextError, TooCostlyError, BusyError, ModelError, FormatError
            As ``similar``.
        """
        from whyalike.catalogue.item_store import field_text
        from whyalike.catalogue.search import make_query, of_part

        texts = {"query": text, "title": title, "filter": where}
        id, sought = _known(id), _known(item) or ""
        async with self.request() as allowance:
            served = await self._searched(index, texts, method, explain=explain)
            reader = served.index.reader

            of_query, of_item = of_part(part) if part else (reader.compared, reader.compared)

            def search() -> "tuple[str, ItemRank]":
                for one in (sought, id):
                    if one is not None:
                        find_item(served, one)
                chosen = reader.usual_score if score is None else score
                query = make_query(reader, text=text, id=id, title=title, score=chosen)
                found = served.searched.rank_of(
                    sought, text=text, id=id, title=title, where=where, score=score
                )
                return query.texts[of_query], found

            left, standing = await self.background.run(search)
            explanation = None
            if explain:
                pair = left, field_text(standing.item, of_item)
                answer = await self._answer(
                    allowance,
                    served.model,
                    pair,
                    method,
                    None,
                    sides=None,
                    documents=id is not None,
                )
                explanation = await read_answer(answer)
        return Placed(served, standing, explanation)

    async def rank_passages(
        self,
        asked: PassageQuestion,
        *,
        model: str | None = None,
        method: str | None = None,
        options: Options | None = None,
    ) -> bytes:
        """Return the JSON of the passages of a query in their order, as ``Explainer.rank`` has it.

        Parameters
        ----------
        asked : PassageQuestion
            The query and its passages: ``limits.passages`` of them, each a text as ``explain``
            takes it; ``limits.hits`` are explained.
        model : str, optional
            As ``explain``.
        method : str, optional
            Explains the first ones; by default one with signs, as ``compare``.
        options : Options, optional
            As ``explain``.

        Raises
        ------
        OptionError, TextError, TooCostlyError, BusyError, ModelError
            As ``explain`` and ``Explainer.rank``.
        """
        do = await self._check_passages(asked, model, method, options)
        async with self.request() as allowance:
            if (kept := self._kept(do.key(asked))) is not None:
                return kept
            estimate = await self._passages_cost(allowance, do, asked)
            self._refuse_late(allowance, estimate)
            piece: Future[bytes] = self.queue.submit(
                do, asked, cost=estimate.cost, seconds=estimate.seconds, asker=allowance
            )
            answer = await asyncio.wrap_future(piece)
        self.kept.put(do.key(asked), answer)
        return answer

    async def estimate_passages(
        self,
        allowance: Allowance,
        asked: PassageQuestion,
        *,
        model: str | None = None,
        method: str | None = None,
        options: Options | None = None,
    ) -> Estimate:
        """Return what a ranking costs; nothing where it was kept. Raises as ``rank_passages``."""
        do = await self._check_passages(asked, model, method, options)
        if do.key(asked) in self.kept:
            return Estimate()
        return await self._passages_cost(allowance, do, asked)

    async def _check_passages(
        self,
        asked: PassageQuestion,
        model: str | None,
        method: str | None,
        options: Options | None,
    ) -> RankPassages:
        """Return what ranks the passages, once what is asked is known to be allowed."""
        from whyalike.chain import signed

        served = self.model(model)
        kind, top_k = served.kind(method or signed(served.explainer).method.name, options)
        do = RankPassages(replace(kind, options=replace(kind.options, top_k=top_k)))
        self._check_count("explain", asked.explain)
        named = [("query", asked.query), *((f"passage {n}", text) for n, text in _numbered(asked))]
        for name, text in named:
            self.check(name, text)
        for name, text in named:
            await self._check_words(served, do.kind, name, text)
        return do

    async def _passages_cost(
        self, allowance: Allowance, do: RankPassages, asked: PassageQuestion
    ) -> Estimate:
        """Return what a ranking costs. Raises TooCostlyError where it is too much."""
        sizes = await asyncio.to_thread(lambda: pair_sizes(do.kind.model, asked))
        estimate = ranking_cost(do.kind, asked, sizes)
        allowance.take(
            estimate,
            lambda _: (
                "explain fewer passages, or leave out `sentences` and `sizes`, or ask for fewer "
                "passages or another method"
            ),
        )
        return estimate

    async def items(
        self,
        index: str | None = None,
        *,
        where: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> ItemPage:
        """Return a page of an index's items; see ``list_items``. Raises OptionError, BusyError."""
        served = self.index(index)
        if where is not None:
            self.check("filter", where)
        return await self.background.run(
            lambda: list_items(served, where=where, limit=limit, cursor=cursor)
        )

    async def item(self, id: str, index: str | None = None) -> "Item":
        """Return an item of an index. Raises OptionError where there is none of that id."""
        served = self.index(index)
        return await self.background.run(lambda: find_item(served, _known(id) or ""))

    def wait_seconds(self, estimate: Estimate) -> float:
        """Return how long work would wait for what others asked for, if nothing else came."""
        is_long = estimate.cost > self.limits.queue.short_cost
        done = self.queue.seconds_until_done(estimate.seconds, long=is_long)
        return max(0.0, done - estimate.seconds)

    def refuse(self) -> None:
        """Take no new request; those that were taken go on, whatever they still ask for."""
        self._allowances.refuses = True

    def end(self) -> None:
        """Take nothing new, and end what was taken: who asked for it gets a BusyError at once."""
        self.refuse()
        self.background.end()
        self.queue.end()

    def close(self, seconds: float | None = None) -> bool:
        """Take nothing new, finish what was taken, and return.

        After ``seconds`` end what is not done. Return whether all was ended; see WorkQueue.close.
        """
        done = self.queue.close(seconds)
        return self.background.close(seconds) and done

    def _serve(self, name: str, explainer: "Explainer") -> ServedModel:
        """Return the model: one for each Explainer."""
        if id(explainer) not in self._served:
            self._served[id(explainer)] = ServedModel(
                name, explainer, queue=self.queue, kept=self.kept, metrics=self.metrics
            )
        return self._served[id(explainer)]

    async def _answer(
        self,
        allowance: Allowance,
        served: ServedModel,
        pair: tuple[str, str],
        method: str | None,
        options: Options | None,
        *,
        sides: tuple[str, str] | None = ("left", "right"),
        documents: bool = False,
        check: int = 0,
        unit: UnitKind = "word",
    ) -> Answer:
        """Return the answer for a pair; ``sides`` name texts that came from outside."""
        named = list(zip(sides, pair, strict=True)) if sides else []
        for side, text in named:
            self.check(side, text)
        kind, top_k = served.kind(method, options, documents=documents, check=check, unit=unit)
        kept = self._kept(served.key(kind, pair))
        try:
            if kept is not None:
                answer = Answer(kept)
            else:
                for side, text in named:
                    await self._check_words(served, kind, side, text)
                answer = await self._computed(allowance, served, kind, pair)
        except (BusyError, TooCostlyError) as error:
            self.metrics.refused.labels(served.name, error.reason).inc()
            raise
        except asyncio.CancelledError:
            self.metrics.abandoned.labels(served.name).inc()
            raise
        if top_k == kind.options.top_k:
            return answer
        return await asyncio.to_thread(answer.select, top_k)

    async def _computed(
        self, allowance: Allowance, served: ServedModel, kind: Kind, pair: tuple[str, str]
    ) -> Answer:
        """Return the answer for a pair that was not kept, if it may cost that much."""
        estimate = await self._priced(allowance, served, kind, pair)
        self._refuse_late(allowance, estimate)
        piece = self.queue.submit(
            kind, pair, cost=estimate.cost, seconds=estimate.seconds, asker=allowance
        )
        return await asyncio.wrap_future(piece)

    async def _priced(
        self, allowance: Allowance, served: ServedModel, kind: Kind, pair: tuple[str, str]
    ) -> Estimate:
        """Return what a pair costs that was not kept. Raises TooCostlyError."""
        sizes = await self._sizes(served, kind, pair)
        estimate = served.estimate(kind, sizes)
        allowance.take(estimate, lambda left: advice(kind, [sizes], left))
        return estimate

    def _refuse_late(self, allowance: Allowance, estimate: Estimate) -> None:
        """Raise BusyError where work would not be done in the time that is left for it."""
        is_long = allowance.cost + estimate.cost > self.limits.queue.short_cost
        expected = self.queue.seconds_until_done(estimate.seconds, long=is_long)
        if (beyond := expected - allowance.left) > 0 and expected > estimate.seconds:
            later = max(1, math.ceil(beyond))
            raise BusyError(
                f"Others ask for so much that this would be done in about {said(expected)}, and a "
                f"request may take {said(allowance.given)}. Ask again in {said(later)}.",
                later,
                reason="out_of_time",
            )

    def _check_count(self, name: str, count: int) -> None:
        """Raise OptionError on more items or passages than are explained for one request."""
        most = self.limits.hits
        if count > most:
            raise OptionRefusedError(
                f"{name} is {count:,}; this server allows {most} at most.",
                "too_many",
                Details(field=name, limit=most, value=count),
            )

    def _kept(self, key: bytes) -> bytes | None:
        """Return a kept result, or None."""
        found = self.kept.get(key)
        if found is not None and (exchange := current_exchange()) is not None:
            exchange.hits += 1
        return found

    async def _sizes(
        self, served: ServedModel, kind: Kind, pair: tuple[str, str]
    ) -> "list[TextSize]":
        """Return how much there is of two texts: counted where that may matter."""
        guessed = served.guess(kind, pair, short_cost=self.limits.queue.short_cost)
        if guessed is not None:
            return guessed
        return await self.background.run(lambda: served.measure(kind, pair))

    async def _check_words(self, served: ServedModel, kind: Kind, name: str, text: str) -> None:
        """Raise TextError on a text of too many words, where their number is not bounded anyway."""
        most = self.limits.words
        # There is no word or token of less than a byte.
        if len(text.encode("utf-8", "replace")) <= most or not served.reads_on(kind, most):
            return
        count = await self.background.run(lambda: served.count(kind, text))
        if count > most:
            raise TextRefusedError(
                f"The {name} text has {count:,} words or tokens; of {served.name} by {kind.method} "
                f"this server takes {most:,} at most: shorten it.",
                "text_too_long",
                Details(field=name, limit=most, value=count, unit="words or tokens"),
            )

    def _open(self, name: str, index: "CatalogueIndex") -> ServedIndex:
        first = next(iter(names_of([index.reader.manifest.model.name])))
        model = free_name(first, {one.name for one in self._served.values()})
        searched = type(index)(index.reader, on_queue(index.explainer, self.queue))
        return ServedIndex(name, index, self._serve(model, index.explainer), searched)

    async def _reasons(
        self,
        allowance: Allowance,
        served: ServedIndex,
        hits: "Sequence[Hit]",
        method: str | None,
        before: Callable[[Estimate], None] | None,
    ) -> "Sequence[Reasons]":
        """Return what explains each hit, by its parts; at most a quarter of the queue is taken."""
        compared = [(hit, name, pair) for hit in hits for name, pair in _compared(hit).items()]
        # Two items of the index, where it was not a text that was looked for.
        kind, _ = served.model.kind(
            method, None, documents=any(hit.query.id is not None for hit in hits)
        )
        await self._take(allowance, kind, [pair for *_, pair in compared], before)
        window = max(1, self.limits.queue.waiting // 4)
        reasons: list[dict[str, Explanation]] = [{} for _ in hits]
        for start in range(0, len(compared), window):
            some = compared[start : start + window]
            found = await all_answers(
                [
                    self._answer(
                        allowance,
                        served.model,
                        pair,
                        method,
                        None,
                        sides=None,
                        documents=kind.documents,
                    )
                    for *_, pair in some
                ]
            )
            for (hit, name, _), answer in zip(some, found, strict=True):
                reasons[hit.rank - 1][name] = await read_answer(answer)
        return reasons

    async def _take(
        self,
        allowance: Allowance,
        kind: Kind,
        pairs: Sequence[tuple[str, str]],
        before: Callable[[Estimate], None] | None,
    ) -> None:
        """Take note of all pairs before the first is explained. Raises TooCostlyError."""
        new = [pair for pair in pairs if kind.model.key(kind, pair) not in self.kept]
        sizes = [await self._sizes(kind.model, kind, pair) for pair in new]
        whole = sum((kind.model.estimate(kind, one) for one in sizes), Estimate())
        allowance.take(whole, lambda left: advice(kind, sizes, left))
        if before is not None:
            before(whole)
        allowance.is_paid = True

    async def _searched(
        self,
        index: str | None,
        texts: Mapping[str, str | None],
        method: str | None,
        *,
        explain: bool,
    ) -> ServedIndex:
        """Return the index, once what is asked of it is known to be allowed."""
        served = self.index(index)
        kind, _ = served.model.kind(method, None)
        said = {name: text for name, text in texts.items() if text is not None}
        for name, text in said.items():
            self.check(name, text)
        for name in ("query", "title"):
            if explain and name in said:
                await self._check_words(served.model, kind, name, said[name])
        return served


async def read_answer(answer: Answer) -> Explanation:
    """Return the explanation. Of a kept answer much JSON may be read, so that it is in a thread."""
    return await asyncio.to_thread(lambda: answer.explanation)


async def all_answers(questions: "Sequence[Any]") -> list[Answer]:
    """Return all answers. The first failure cancels what still waits."""
    tasks = [asyncio.ensure_future(one) for one in questions]
    try:
        return list(await asyncio.gather(*tasks))
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


def _compared(hit: "Hit") -> dict[str, tuple[str, str]]:
    """Return the pairs of texts that a hit's score compares, by the names of its parts."""
    from whyalike.catalogue.item_store import field_text
    from whyalike.catalogue.similar_page import WHOLE

    if hit.parts is None:
        return {WHOLE: (hit.query_text, hit.text)}
    texts = {str(field): text for field, text in hit.query.texts.items()}
    found = {}
    for part in hit.parts:
        of_query, of_item = part.split("-")
        found[str(part)] = texts[of_query], field_text(hit.item, of_item)
    return found


def _numbered(asked: PassageQuestion) -> "list[tuple[int, str]]":
    """Return the texts of passages with their numbers, from 1."""
    texts = [one if isinstance(one, str) else one.text for one in asked.passages]
    return list(enumerate(texts, start=1))


def _known(id: str | None) -> str | None:
    """Return an id that may be looked up: items have none that can't be encoded."""
    return None if id is None else without_surrogates(id)
