"""Answers in HTTP: documents, refusals, and clients that left."""

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

from fastapi.exceptions import RequestValidationError
from starlette.responses import JSONResponse, Response

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
from whyalike.texts import without_surrogates
from whyalike.web.api.work_queue import Stopped, as_exception
from whyalike.web.middleware import SENTENCES, Failures

if TYPE_CHECKING:
    from fastapi import FastAPI
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

UNREADABLE = (
    "The request can't be read: the body is not JSON in UTF-8, or too deep. /api/docs says what is "
    "expected."
)

API = "/api/"

STATUSES: tuple[tuple[type[WhyalikeError], int], ...] = (
    (TextError, 422),
    (OptionError, 422),
    (TooCostlyError, 422),
    (BusyError, 503),
    (MissingExtraError, 501),
)
"""Whose sentences are for the client. What is wrong with files here goes to the log alone."""

OURS = {
    401: "This server needs its token: send it as Authorization: Bearer, or log in at /login.",
    404: "There is no such address here; /api/docs lists them.",
    405: "This address can't be asked in that way; /api/docs says how.",
}


class Refusals(Failures):
    """Answers errors as Failures does, and those of the library with their own sentences."""

    def register(self, app: "FastAPI") -> None:
        """Let ``app`` answer its errors so, in the place of what was registered before."""
        super().register(app)
        app.add_exception_handler(WhyalikeError, self.on_library)
        app.add_exception_handler(ClientGoneError, self.on_gone)

    async def on_library(self, request: "Request", error: Exception) -> Response:
        """Answer an error of the library."""
        assert isinstance(error, WhyalikeError)
        status, says = status_of(error)
        if status == 500:
            LOG.error("%s %s", request.method, request.url.path, exc_info=error)
        headers = {"retry-after": str(error.seconds)} if isinstance(error, BusyError) else {}
        if not is_api(request):
            return self.answer(request, status, says, headers)
        content = {"error": without_surrogates(sentence_of(status, says)), **for_programs(error)}
        return JSONResponse(content, status_code=status, headers=headers)

    async def on_http(self, request: "Request", error: Exception) -> Response:
        """Answer an error that was raised on purpose; a body that is no text is one of its kind."""
        # FastAPI's own 400: the body is no UTF-8, or nested deeper than its reader goes.
        if is_api(request) and getattr(error, "status_code", 0) == 400:
            return self.answer(request, 422, UNREADABLE, {})
        return await super().on_http(request, error)

    async def on_form(self, request: "Request", error: Exception) -> Response:
        """Answer a request that lacks something; below /api it learns which field."""
        if not is_api(request):
            return await super().on_form(request, error)
        assert isinstance(error, RequestValidationError)
        return self.answer(request, 422, describe(error.errors()), {})

    def answer(
        self, request: "Request", status: int, says: str, headers: dict[str, str]
    ) -> Response:
        """Return the error in the form that the request asks for."""
        if not is_api(request):
            return super().answer(request, status, says, headers)
        content = {"error": without_surrogates(sentence_of(status, says))}
        return JSONResponse(content, status_code=status, headers=headers)


def sentence_of(status: int, says: str) -> str:
    """Return what is said, or the usual sentence of a status."""
    phrase = HTTPStatus(status).phrase + "."
    return says or OURS.get(status) or SENTENCES.get(status, phrase)


def for_programs(error: WhyalikeError) -> dict[str, str | float]:
    """Return what a program can act on, besides the sentence."""
    if isinstance(error, BusyError):
        return {"reason": error.reason}
    if isinstance(error, TooCostlyError):
        seconds, most = round(error.seconds, 3), round(error.most, 3)
        return {"reason": error.reason, "seconds": seconds, "most_seconds": most}
    return {}


def status_of(error: WhyalikeError) -> tuple[int, str]:
    """Return the status of an error, and what the client reads; nothing for a usual sentence."""
    for kind, status in STATUSES:
        if isinstance(error, kind):
            return status, str(error)
    return 500, str(error) if type(error) is ModelError else ""


def describe(errors: object) -> str:
    """Return what is wrong with which field, without repeating what was sent."""
    parts = []
    for error in list(errors) if isinstance(errors, list | tuple) else []:
        place = ".".join(str(part) for part in error["loc"] if part != "body")
        parts.append(f"{place or 'the body'}: {error['msg']}"[:200])
    return f"The request can't be read: {'; '.join(parts[:5])}. /api/docs says what is expected."


def is_api(request: "Request") -> bool:
    """Return whether it was sent to the API."""
    return request.url.path.startswith(API)
