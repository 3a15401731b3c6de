"""How a question gets to a model: what is allowed, what it costs, what was kept, and the queue."""

import asyncio
import math
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whyalike.errors import BusyError, OptionError, TooCostlyError
from whyalike.explanation import Explanation
from whyalike.options import UnitKind
from whyalike.texts import clean_text
from whyalike.web.api.allowance import Allowance, Allowances, advice, said
from whyalike.web.api.answers import Answer
from whyalike.web.api.background import BackgroundWork, on_queue
from whyalike.web.api.codes import Details, OptionRefusedError, TextRefusedError
from whyalike.web.api.estimates import Estimate
from whyalike.web.api.exchange import current_exchange
from whyalike.web.api.kept import KeptResults
from whyalike.web.api.metrics import Metrics
from whyalike.web.api.served import (
    Kind,
    ServedIndex,
    ServedModel,
    choose,
    free_name,
    names_of,
)
from whyalike.web.api.work_queue import QueueLimits, WorkQueue

if TYPE_CHECKING:
    from whyalike.batch.reading import PairTable
    from whyalike.catalogue import CatalogueIndex
    from whyalike.explainer import Explainer
    from whyalike.methods.method import TextSize
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


class Asking:
    """Takes questions in and has them answered: within limits, from what was kept, on one queue.

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

    def request(self, allowance: Allowance | None = None) -> AbstractAsyncContextManager[Allowance]:
        """Count all that is asked in the block as one request; see Allowances.request."""
        return self._allowances.request(allowance)

    def allowance(self) -> Allowance:
        """Return that of a new request, whose parts are asked for in several tasks."""
        return self._allowances.make()

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
