"""The models of a server, and what they can be asked about texts: explain, compare."""

import asyncio
import math
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from whyalike.errors import BusyError, OptionError, TextError, TooCostlyError
from whyalike.explanation import Comparison, Explanation
from whyalike.texts import clean_text
from whyalike.web.api.advice import advice
from whyalike.web.api.allowance import Allowance, Allowances, said
from whyalike.web.api.answers import Answer
from whyalike.web.api.aside import Aside
from whyalike.web.api.estimates import Estimate
from whyalike.web.api.kept import KeptResults
from whyalike.web.api.lane import Lane, LaneLimits
from whyalike.web.api.metrics import Metrics
from whyalike.web.api.served import Kind, ServedModel, choose

if TYPE_CHECKING:
    from whyalike.explainer import Explainer
    from whyalike.methods.method import TextSize

Options = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ServiceLimits:
    """What one request, and all of them together, may ask for.

    text: characters of one text. words: words, and tokens, of one text where the model would read
    on for ever, or where a matrix of all of them comes out. batch: pairs of one batch. hits: items
    of one search. kept_bytes: of results that are kept. cost_seconds: how long the model may work
    for one request, as it is estimated from the method, the texts and the speed that was seen.
    seconds: how long one request may take, with the time in which it waits. lane: see LaneLimits.
    """

    text: int = 20_000
    words: int = 1_000
    batch: int = 1_000
    hits: int = 50
    kept_bytes: int = 64 * 1024 * 1024
    cost_seconds: float = 120.0
    seconds: float = 600.0
    lane: LaneLimits = field(default_factory=LaneLimits)


class Explaining:
    """Models, the lane on which they are asked, and kept results; see Service for arguments."""

    def __init__(
        self,
        models: "Mapping[str, Explainer]",
        *,
        limits: ServiceLimits | None,
        lane: Lane | None,
    ) -> None:
        self.limits = limits or ServiceLimits()
        self.metrics = Metrics()
        self.kept = KeptResults(self.limits.kept_bytes)
        self.lane = lane or Lane(limits=self.limits.lane, name="whyalike models")
        self.aside = Aside(waiting=max(1, self.limits.lane.waiting // 4))
        self._allowances = Allowances(
            most=self.limits.cost_seconds,
            seconds=self.limits.seconds,
            seconds_until_done=self.lane.seconds_until_done,
        )
        self._served: dict[int, ServedModel] = {}
        self.models = {name: self._serve(name, one) for name, one in models.items()}
        self.metrics.watch(self.lane, self.kept)

    @property
    def waiting(self) -> int:
        """How many pairs wait."""
        return self.lane.waiting

    def model(self, name: str | None = None) -> ServedModel:
        """Return the model of that name, by default the first. Raises OptionError."""
        return choose("model", self.models, name)

    async def explain(
        self,
        left: str,
        right: str,
        *,
        model: str | None = None,
        method: str | None = None,
        options: Options | None = None,
        documents: bool = False,
    ) -> Explanation:
        """Explain one pair.

        Args:
            left: a text of at most ``limits.text`` characters, and perhaps ``limits.words`` words.
            right: the other one.
            model: a name in ``models``; by default the first.
            method: by default the model's.
            options: fields of BTIOptions that differ from the model's; another ``top_k`` asks no
                model again.
            documents: whether both texts are documents, so that both get the prompt of one; else
                the left one is a query, where the model tells them apart.

        Raises:
            OptionError, TextError: what was asked for is not allowed.
            TooCostlyError: it would take too long.
            BusyError: too many wait already.
            ModelError: NaN.
        """
        found = await self.answer(
            left, right, model=model, method=method, options=options, documents=documents
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
            )

    def request(self, allowance: Allowance | None = None) -> AbstractAsyncContextManager[Allowance]:
        """Have all that is asked in the block count as one request; see Allowances.request."""
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
    ) -> Estimate:
        """Return what explaining one pair costs; nothing where the result was kept.

        Raises:
            OptionError, TextError: as ``explain``.
        """
        served, pair = self.model(model), (left, right)
        for side, text in zip(("left", "right"), pair, strict=True):
            self.check(side, text)
        kind, _ = served.kind(method, options, documents=documents)
        if served.key(kind, pair) in self.kept:
            return Estimate()
        return served.estimate(kind, await self._sizes(served, kind, pair))

    async def compare(
        self,
        query: str,
        better: str,
        worse: str,
        *,
        model: str | None = None,
        method: str | None = None,
        options: Options | None = None,
    ) -> Comparison:
        """Explain why one text is scored above another for a query; below 0 is the margin if not.

        Args:
            query: the text that both are compared with, put left.
            better: the first text.
            worse: the second text.
            model: as ``explain``.
            method: one that promises "signed"; by default one that the model has.
            options: as ``explain``.

        Raises:
            OptionError: also a method that gives no signed contributions.
            TextError, TooCostlyError, BusyError, ModelError: as ``explain``.
        """
        for name, text in (("query", query), ("better", better), ("worse", worse)):
            self.check(name, text)
        served = self.model(model)
        name = method or served.signed_method
        served.kind(name, options)
        signed = [one.name for one in served.methods if "signed" in one.promises]
        if name not in signed:
            raise OptionError(
                f"{name!r} does not say what a word adds to the score, which a comparison needs; "
                f"these do: {', '.join(signed)}."
            )
        async with self.request() as allowance:
            first, second = await all_answers(
                [
                    self._answer(
                        allowance, served, (query, text), name, options, sides=("query", side)
                    )
                    for side, text in (("better", better), ("worse", worse))
                ]
            )
        return Comparison(better=await read_answer(first), worse=await read_answer(second))

    def check(self, name: str, text: str) -> None:
        """Raise TextError unless it is a text of at most ``limits.text`` characters."""
        clean_text(text, side=name)
        if len(text) > self.limits.text:
            raise TextError(
                f"The {name} text has {len(text):,} characters; this server takes "
                f"{self.limits.text:,} at most: shorten it."
            )

    def refuse(self) -> None:
        """Take no new request; those that were taken go on, whatever they still ask for."""
        self._allowances.refuses = True

    def end(self) -> None:
        """Take nothing new, and end what was taken: who asked for it gets a BusyError at once."""
        self.refuse()
        self.aside.end()
        self.lane.end()

    def close(self, seconds: float | None = None) -> bool:
        """Take nothing new, finish what was taken, and return.

        After ``seconds`` end what is not done. Return whether all was ended; see Lane.close.
        """
        done = self.lane.close(seconds)
        return self.aside.close(seconds) and done

    def _serve(self, name: str, explainer: "Explainer") -> ServedModel:
        """Return the model: one for each Explainer."""
        if id(explainer) not in self._served:
            self._served[id(explainer)] = ServedModel(
                name, explainer, lane=self.lane, kept=self.kept, metrics=self.metrics
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
    ) -> Answer:
        """Return the answer for a pair; ``sides`` name texts that came from outside."""
        named = list(zip(sides, pair, strict=True)) if sides else []
        for side, text in named:
            self.check(side, text)
        kind, top_k = served.kind(method, options, documents=documents)
        kept = self.kept.get(served.key(kind, pair))
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
        sizes = await self._sizes(served, kind, pair)
        estimate = served.estimate(kind, sizes)
        allowance.take(estimate, lambda left: advice(kind, [sizes], left))
        is_long = allowance.cost + estimate.cost > self.limits.lane.short_cost
        expected = self.lane.seconds_until_done(estimate.seconds, long=is_long)
        if (beyond := expected - allowance.left) > 0 and expected > estimate.seconds:
            later = max(1, math.ceil(beyond))
            raise BusyError(
                f"Others ask for so much that this would be done in about {said(expected)}, and a "
                f"request may take {said(allowance.given)}. Ask again in {said(later)}.",
                later,
                reason="out_of_time",
            )
        piece = self.lane.submit(
            kind, pair, cost=estimate.cost, seconds=estimate.seconds, asker=allowance
        )
        return await asyncio.wrap_future(piece)

    async def _sizes(
        self, served: ServedModel, kind: Kind, pair: tuple[str, str]
    ) -> "list[TextSize]":
        """Return how much there is of two texts: counted where that may matter."""
        guessed = served.guess(kind, pair, short_cost=self.limits.lane.short_cost)
        if guessed is not None:
            return guessed
        return await self.aside.run(lambda: served.measure(kind, pair))

    async def _check_words(self, served: ServedModel, kind: Kind, name: str, text: str) -> None:
        """Raise TextError on a text of too many words, where their number is not bounded anyway."""
        most = self.limits.words
        # There is no word or token of less than a byte.
        if len(text.encode("utf-8", "replace")) <= most or not served.reads_on(kind, most):
            return
        count = await self.aside.run(lambda: served.count(kind, text))
        if count > most:
            raise TextError(
                f"The {name} text has {count:,} words or tokens; of {served.name} by {kind.method} "
                f"this server takes {most:,} at most: shorten it."
            )


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
