"""Answers: documents, errors of each pair, and clients that left."""

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from whyalike.errors import (
    BusyError,
    FunctionError,
    MissingExtraError,
    ModelError,
    OptionError,
    TextError,
    TooCostlyError,
    WhyalikeError,
)
from whyalike.explanation import Explanation, WordPair
from whyalike.options import BTIOptions, UnitKind
from whyalike.selection import select_pairs
from whyalike.web.api.work_queue import Stopped, as_exception

if TYPE_CHECKING:
    from starlette.requests import Request

    from whyalike.explainer import Explainer


Returned = TypeVar("Returned")


class ClientGoneError(Exception):
    """Nobody is there any more to be answered."""


async def until_disconnected(request: "Request", work: "Coroutine[Any, Any, Returned]") -> Returned:
    """Return what ``work`` gives; cancel it when the client closes its connection.

    The body must have been read. Raises ClientGoneError where the client went.
    """
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_disconnected(request))
    try:
        await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientGoneError
        return task.result()
    finally:
        for one in (task, gone):
            one.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


async def _disconnected(request: "Request") -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


TextPair = tuple[str, str]


class Answer:
    """An explanation and its JSON, byte for byte what ``Explanation.to_json`` gives."""

    __slots__ = ("_explanation", "json")

    def __init__(self, json: bytes, explanation: Explanation | None = None) -> None:
        self.json, self._explanation = json, explanation

    @classmethod
    def of(cls, explanation: Explanation) -> "Answer":
        """Return the answer that says this."""
        return cls(explanation.to_json().encode(), explanation)

    @property
    def explanation(self) -> Explanation:
        """The explanation; read from the JSON where the answer was kept."""
        if self._explanation is None:
            self._explanation = Explanation.from_json(self.json)
        return self._explanation

    def select(self, top_k: int) -> "Answer":
        """Return the answer with the pairs that ``top_k`` selects; no model is asked for that."""
        explanation = self.explanation
        options = replace(explanation.options, top_k=top_k)
        if options == explanation.options:
            return self
        pairs = _selected(explanation, options)
        return Answer.of(replace(explanation, pairs=pairs, options=options))


def _selected(explanation: Explanation, options: BTIOptions) -> tuple[WordPair, ...]:
    """Return the pairs that options select."""
    from whyalike.methods.method import get_method

    return select_pairs(
        explanation.matches,
        [word.text for word in explanation.left.words],
        [word.text for word in explanation.right.words],
        selection=get_method(explanation.method).selects_by(options),
        options=options,
    )


def explain_each(
    explainer: "Explainer",
    pairs: Sequence[TextPair],
    *,
    check: int = 0,
    unit: UnitKind = "word",
) -> list[Explanation | Exception]:
    """Explain pairs together; one that can't be explained gets its own error, the others theirs.

    A batch that fails is halved until the pairs at fault are alone; where a service does not
    answer, none is at fault, and the error is that of all which are left.
    """
    if len(pairs) == 1:
        try:
            return [explainer.explain(*pairs[0], check=check, unit=unit)]
        except Stopped:
            raise
        except BaseException as error:
            return [as_exception(error)]
    done: list[Explanation | Exception] = []
    try:
        for explanation in explainer.explain_many(pairs, check=check, unit=unit):
            done.append(explanation)
    except Stopped:
        raise
    except BaseException as error:
        rest = pairs[len(done) :]
        if isinstance(error, FunctionError) and error.passes:
            return [*done, *[error] * len(rest)]
        middle = len(rest) if done else len(rest) // 2
        for part in filter(None, (rest[:middle], rest[middle:])):
            done += explain_each(explainer, part, check=check, unit=unit)
    return done


LOG = logging.getLogger("whyalike.web")

STATUSES: tuple[tuple[type[WhyalikeError], int], ...] = (
    (TextError, 422),
    (OptionError, 422),
    (TooCostlyError, 422),
    (BusyError, 503),
    (MissingExtraError, 501),
)
"""Whose sentences are for the client. What is wrong with files here goes to the log alone."""


def status_of(error: WhyalikeError) -> tuple[int, str]:
    """Return the status of an error, and what the client reads; nothing for a usual sentence."""
    for kind, status in STATUSES:
        if isinstance(error, kind):
            return status, str(error)
    return 500, str(error) if type(error) is ModelError else ""
