"""What the server can be asked, whether by JSON or by a page: each question is one async method.

An app is put together so (see ``whyalike.web.api.app``)::

    pages = Pages("whyalike", assets, [my_templates, api.app.TEMPLATES])
    app = create_app(pages=pages, assets=assets, hosts=…, max_bytes=MOST_BODY)
    add_api(app, service, pages, access=Access(token, secure=address.secure))
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whyalike.errors import OptionError
from whyalike.explanation import Explanation
from whyalike.texts import without_surrogates
from whyalike.web.api.advice import advice
from whyalike.web.api.allowance import Allowance
from whyalike.web.api.aside import on_lane
from whyalike.web.api.estimates import Estimate
from whyalike.web.api.explaining import Explaining, ServiceLimits, all_answers, read_answer
from whyalike.web.api.lane import Lane
from whyalike.web.api.served import Kind, ServedIndex, choose, free_name, names_of

if TYPE_CHECKING:
    from whyalike.catalogue import CatalogueIndex, Hit, Item, Standing
    from whyalike.catalogue.reader import Score
    from whyalike.catalogue.similar_page import Reasons
    from whyalike.explainer import Explainer
    from whyalike.render.similar import SimilarPage

__all__ = ["Found", "Placed", "Service", "ServiceLimits"]


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
    standing: "Standing"
    explanation: Explanation | None


class Service(Explaining):
    """Explains, compares and searches for many at once; one for a server.

    Args:
        models: Explainers by the names under which requests may ask for them, the default first;
            without any, those of the indexes.
        indexes: indexes by their names. One whose model is among ``models`` shares its lane.
        results: folders with the results of `whyalike evaluate`, by their names.
        limits: what may be asked for.
        lane: where models are asked; by default one of its own. ``close`` closes it.

    Raises:
        OptionError: there is neither a model nor an index.
        ModelNotFoundError, ModelError: the model of an index can't be had.
    """

    def __init__(
        self,
        models: "Mapping[str, Explainer]",
        *,
        indexes: "Mapping[str, CatalogueIndex] | None" = None,
        results: Mapping[str, Path] | None = None,
        limits: ServiceLimits | None = None,
        lane: Lane | None = None,
    ) -> None:
        super().__init__(models, limits=limits, lane=lane)
        self.results = dict(results or {})
        self.indexes = {name: self._open(name, one) for name, one in (indexes or {}).items()}
        if not self.models:
            self.models = {one.model.name: one.model for one in self.indexes.values()}
        if not self._served:
            raise OptionError("There is nothing to serve: give a model or an index.")

    def index(self, name: str | None = None) -> ServedIndex:
        """Return the index of that name, by default the first. Raises OptionError."""
        return choose("index", self.indexes, name)

    async def similar(
        self,
        index: str | None = None,
        *,
        text: str | None = None,
        id: str | None = None,
        title: str | None = None,
        k: int = 10,
        where: str | None = None,
        score: "Score" = "cosine",
        explain: bool = True,
        method: str | None = None,
    ) -> Found:
        """Return the items of an index that are most like a text or one of them, with reasons.

        Args:
            index: a name in ``indexes``; by default the first.
            text: see CatalogueIndex.similar, as for ``id``, ``title``, ``where`` and ``score``.
            id: see there.
            title: see there.
            k: at most ``limits.hits``.
            where: see there.
            score: see there.
            explain: whether to say why.
            method: what explains it; by default the model's.

        Raises:
            OptionError, TextError, TooCostlyError, BusyError, ModelError: as ``explain``.
            FormatError: the index is damaged.
        """
        from whyalike.catalogue.similar_page import page_of

        texts = {"query": text, "title": title, "filter": where}
        if k > self.limits.hits:
            raise OptionError(f"k is {k:,}; this server allows {self.limits.hits} at most.")
        id = _known(id)
        async with self.request() as allowance:
            served = await self._searched(index, texts, method, explain=explain)

            def search() -> "tuple[Item | str, Sequence[Hit]]":
                query = served.index[id] if id is not None else text or ""
                return query, served.searched.similar(
                    text, id=id, title=title, k=k, where=where, score=score
                )

            query, hits = await self.aside.run(search)
            reasons = await self._reasons(allowance, served, hits, method) if explain else []
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
        score: "Score" = "cosine",
        explain: bool = True,
        method: str | None = None,
    ) -> Placed:
        """Return where one item stands in the search of ``similar``, and what explains its score.

        Args:
            item: its id.
            index: as ``similar``, and so are the others.
            text: see there.
            id: see there.
            title: see there.
            where: see there.
            score: see there.
            explain: see there.
            method: see there.

        Raises:
            OptionError, TextError, TooCostlyError, BusyError, ModelError, FormatError: as
                ``similar``.
        """
        from whyalike.catalogue.item_store import field_text
        from whyalike.catalogue.querying import make_query

        texts = {"query": text, "title": title, "filter": where}
        id, sought = _known(id), _known(item) or ""
        async with self.request() as allowance:
            served = await self._searched(index, texts, method, explain=explain)
            reader = served.index.reader

            def search() -> "tuple[str, Standing]":
                query = make_query(reader, text=text, id=id, title=title, score=score)
                found = served.searched.rank_of(
                    sought, text=text, id=id, title=title, where=where, score=score
                )
                return query.texts[reader.compared], found

            left, standing = await self.aside.run(search)
            explanation = None
            if explain:
                pair = left, field_text(standing.item, reader.compared)
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

    def _open(self, name: str, index: "CatalogueIndex") -> ServedIndex:
        first = next(iter(names_of([index.reader.manifest.model.name])))
        model = free_name(first, {one.name for one in self._served.values()})
        searched = type(index)(index.reader, on_lane(index.explainer, self.lane))
        return ServedIndex(name, index, self._serve(model, index.explainer), searched)

    async def _reasons(
        self,
        allowance: Allowance,
        served: ServedIndex,
        hits: "Sequence[Hit]",
        method: str | None,
    ) -> "Sequence[Reasons]":
        """Return what explains each hit, by its parts; at most a quarter of the queue is taken."""
        compared = [(hit, name, pair) for hit in hits for name, pair in _compared(hit).items()]
        # Two items of the index, where it was not a text that was looked for.
        kind, _ = served.model.kind(
            method, None, documents=any(hit.query.id is not None for hit in hits)
        )
        await self._take(allowance, kind, [pair for *_, pair in compared])
        window = max(1, self.limits.lane.waiting // 4)
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
    ) -> None:
        """Take note of all pairs before the first is explained. Raises TooCostlyError."""
        new = [pair for pair in pairs if kind.model.key(kind, pair) not in self.kept]
        sizes = [await self._sizes(kind.model, kind, pair) for pair in new]
        whole = sum((kind.model.estimate(kind, one) for one in sizes), Estimate())
        allowance.take(whole, lambda left: advice(kind, sizes, left))
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


def _known(id: str | None) -> str | None:
    """Return an id that may be looked up: items have none that can't be encoded."""
    return None if id is None else without_surrogates(id)
