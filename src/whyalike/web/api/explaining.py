"""The models of a server, and what they can be asked about texts: explain, compare."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from whyalike.errors import BusyError, OptionError, TextError
from whyalike.explain.comparison import Comparison
from whyalike.explain.explanation import Explanation
from whyalike.text import clean_text
from whyalike.web.api.answers import Answer
from whyalike.web.api.kept import KeptResults
from whyalike.web.api.lane import Lane, LaneLimits
from whyalike.web.api.metrics import Gauge, Metrics
from whyalike.web.api.served import Kind, ServedModel, choose

if TYPE_CHECKING:
    from whyalike.explain import Explainer

Options = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ServiceLimits:
    """What one request, and all of them together, may ask for.

    text: characters of one text. words: words, and tokens, of one text where the model would read
    on for ever, or where a matrix of all of them comes out. batch: pairs of one batch. hits: items
    of one search. kept_bytes: of results that are kept. lane: see LaneLimits.
    """

    text: int = 20_000
    words: int = 1_000
    batch: int = 1_000
    hits: int = 50
    kept_bytes: int = 64 * 1024 * 1024
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
        self._served: dict[int, ServedModel] = {}
        self.models = {name: self._serve(name, one) for name, one in models.items()}
        self._add_gauges()

    @property
    def waiting(self) -> int:
        """How many pairs and searches wait."""
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
        return await self._answer(
            self.model(model), (left, right), method, options, documents=documents
        )

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
            TextError, BusyError, ModelError: as ``explain``.
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
        first, second = await all_answers(
            [
                self._answer(served, (query, text), name, options, sides=("query", side))
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

    def close(self) -> None:
        """Take nothing new, finish what was taken, and return."""
        self.lane.close()

    def _serve(self, name: str, explainer: "Explainer") -> ServedModel:
        """Return the model: one for each Explainer."""
        if id(explainer) not in self._served:
            self._served[id(explainer)] = ServedModel(
                name, explainer, lane=self.lane, kept=self.kept, metrics=self.metrics
            )
        return self._served[id(explainer)]

    async def _answer(
        self,
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
                size = len(pair[0]) + len(pair[1])
                answer = await asyncio.wrap_future(self.lane.submit(kind, pair, size=size))
        except BusyError:
            self.metrics.refused.add(model=served.name)
            raise
        except asyncio.CancelledError:
            self.metrics.abandoned.add(model=served.name)
            raise
        if top_k == kind.options.top_k:
            return answer
        return await asyncio.to_thread(answer.select, top_k)

    async def _check_words(self, served: ServedModel, kind: Kind, name: str, text: str) -> None:
        """Raise TextError on a text of too many words, where their number is not bounded anyway."""
        most = self.limits.words
        # There is no word or token of less than a byte.
        if len(text.encode("utf-8", "replace")) <= most or not served.reads_on(kind, most):
            return
        count = await asyncio.wrap_future(self.lane.call(lambda: served.count(kind, text)))
        if count > most:
            raise TextError(
                f"The {name} text has {count:,} words or tokens; of {served.name} by {kind.method} "
                f"this server takes {most:,} at most: shorten it."
            )

    def _add_gauges(self) -> None:
        self.metrics.gauges += [
            Gauge("whyalike_waiting", "Pairs and searches.", lambda: [({}, self.waiting)]),
            Gauge("whyalike_kept_bytes", "Of kept results.", lambda: [({}, self.kept.bytes)]),
            Gauge("whyalike_kept_results", "Kept results.", lambda: [({}, len(self.kept))]),
            Gauge(
                "whyalike_kept_hits_total",
                "Requests that a kept result answered.",
                lambda: [({}, self.kept.hits)],
                kind="counter",
            ),
            Gauge(
                "whyalike_kept_misses_total",
                "Requests that no kept result answered.",
                lambda: [({}, self.kept.misses)],
                kind="counter",
            ),
        ]


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
