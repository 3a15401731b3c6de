"""Why one text is scored above another: both explained, with rows checked."""

import asyncio
from concurrent.futures import Future

from whyalike.comparison import Comparison, read_apart
from whyalike.errors import OptionError, TooCostlyError
from whyalike.web.api.allowance import Allowance, advice
from whyalike.web.api.asking import Asking, Options, all_answers, read_answer
from whyalike.web.api.codes import Details, OptionRefusedError
from whyalike.web.api.estimates import Estimate
from whyalike.web.api.served import (
    Kind,
    RowChecks,
    ServedModel,
)


class Comparisons(Asking):
    """Explains why one text is scored above another."""

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
