"""Searches of an index, with what explains each hit, and where one item stands in them."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from whyalike.explanation import Explanation
from whyalike.texts import without_surrogates
from whyalike.web.api.allowance import Allowance, advice
from whyalike.web.api.asking import Asking, all_answers, read_answer
from whyalike.web.api.estimates import Estimate
from whyalike.web.api.items import ItemPage, find_item, list_items
from whyalike.web.api.served import (
    Kind,
    ServedIndex,
)

if TYPE_CHECKING:
    from whyalike.catalogue import Hit, Item, ItemRank
    from whyalike.catalogue.reader import Score
    from whyalike.catalogue.similar_page import Reasons
    from whyalike.render.similar import SimilarPage


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


class Searches(Asking):
    """Searches indexes, and explains what is found."""

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
