"""Passages of a query in their order, with what carries their scores."""

import asyncio
from concurrent.futures import Future
from dataclasses import replace

from whyalike.web.api.allowance import Allowance
from whyalike.web.api.asking import Asking, Options
from whyalike.web.api.estimates import Estimate
from whyalike.web.api.passages import (
    PassageQuestion,
    RankPassages,
    pair_sizes,
    ranking_cost,
)


class Rankings(Asking):
    """Ranks passages."""

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


def _numbered(asked: PassageQuestion) -> "list[tuple[int, str]]":
    """Return the texts of passages with their numbers, from 1."""
    texts = [one if isinstance(one, str) else one.text for one in asked.passages]
    return list(enumerate(texts, start=1))
