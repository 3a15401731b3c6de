"""How the API refuses: every error is JSON with a code, a sentence, and the request's id."""

import math
import re
from collections.abc import Sequence
from difflib import get_close_matches
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi.exceptions import RequestValidationError
from starlette.responses import Response

from whyalike.errors import BusyError, WhyalikeError
from whyalike.web.api.answers import LOG, ClientGoneError, status_of
from whyalike.web.api.bodies import API, SENT_AS, most_bytes, say_length, say_media_type
from whyalike.web.api.codes import BY_STATUS, LONGEST_VALUE, Details, code_of, fail
from whyalike.web.api.exchange import request_id
from whyalike.web.api.schema import COMPARISON, EXPLANATION, RANKING
from whyalike.web.middleware import SENTENCES, Failures

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.requests import Request


UNREADABLE = (
    "The request can't be read: the body is not JSON in UTF-8, or too deep. /api/docs says what is "
    "expected."
)

OURS = {
    401: "This server needs its token: send it as Authorization: Bearer, or log in at /login.",
    500: "Something went wrong on the server's side: its log says what, under this request's id.",
}


class Refusals(Failures):
    """Answers errors as Failures does, and those of the library with their own sentences.

    Below /api each is JSON with a code, see ``codes``.
    """

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
            id = request_id()
            LOG.error("%s %s, request %s", request.method, request.url.path, id, exc_info=error)
        later = error.seconds if isinstance(error, BusyError) else None
        if not is_api(request):
            headers = {} if later is None else {"retry-after": str(later)}
            return self.answer(request, status, says, headers)
        code, details = code_of(error)
        said = sentence_of(status, says)
        return fail(code, said, status=status, details=details, retry_after=later)

    async def on_http(self, request: "Request", error: Exception) -> Response:
        """Answer an error that was raised on purpose; a body that is no text is one of its kind."""
        status = getattr(error, "status_code", 0)
        # FastAPI's own 400: the body is no UTF-8, or nested deeper than its reader goes.
        if is_api(request) and status == 400:
            return _refuse_body(request, UNREADABLE)
        if is_api(request) and status == 413:
            path = request.url.path
            details = Details(limit=most_bytes(path), unit="bytes")
            return fail("body_too_long", say_length(path), details=details)
        if is_api(request) and status in (404, 405):
            headers = dict(getattr(error, "headers", None) or {})
            says = _say_address(request, headers.get("Allow", ""))
            return self.answer(request, status, says, headers)
        return await super().on_http(request, error)

    async def on_form(self, request: "Request", error: Exception) -> Response:
        """Answer a request that lacks something; below /api it learns which field."""
        if not is_api(request):
            return await super().on_form(request, error)
        assert isinstance(error, RequestValidationError)
        errors = error.errors()
        if says := _not_json(errors):
            return _refuse_body(request, says, str(error.body or ""))
        problems = problems_of(errors)
        details = Details(**{name: problems[0].get(name) for name in ("field", "limit", "value")})
        return fail("invalid_request", describe(errors), details=details, problems=problems)

    async def on_any(self, request: "Request", error: Exception) -> Response:
        """Answer what nobody expected; the traceback goes to the log, and not to the browser."""
        LOG.error("%s %s, request %s", request.method, request.url.path, request_id())
        return await super().on_any(request, error)

    def answer(
        self, request: "Request", status: int, says: str, headers: dict[str, str]
    ) -> Response:
        """Return the error in the form that the request asks for."""
        if not is_api(request):
            return super().answer(request, status, says, headers)
        code = BY_STATUS.get(status, "internal_error")
        return fail(code, sentence_of(status, says), status=status, headers=headers)


def _refuse_body(request: "Request", says: str, body: str = "") -> Response:
    """Answer a body that is no JSON: by its kind, unless it looks as if it were meant to be."""
    kind = request.scope.get(SENT_AS)
    is_meant = body.lstrip().startswith(("{", "["))
    if kind is not None and kind != "nothing" and not is_meant:
        return fail("unsupported_media_type", say_media_type(kind), details=Details(value=kind))
    return fail("invalid_json", says)


def _say_address(request: "Request", allowed: str) -> str:
    """Return what to do where an address is none, or is asked otherwise."""
    path = request.url.path
    if allowed:
        return f"{path} is asked by {allowed}, and not by {request.method}; /api/docs says how."
    known = {getattr(route, "path", "") for route in request.app.routes}
    near = get_close_matches(path, [one for one in known if one.startswith(API)], n=1)
    meant = f" Is {near[0]} meant?" if near else ""
    return f"There is no such address here.{meant} /api/docs lists them."


def _not_json(errors: Sequence[Any]) -> str:
    """Return what is wrong with a body that can't be read at all; "" where it can."""
    for error in errors:
        if error["type"] == "json_invalid":
            place, reason = error["loc"][-1], error.get("ctx", {}).get("error", "")
            return (
                f"The request can't be read: the body is no JSON, {reason} at character {place}. "
                "Names and texts stand in double quotes; a shell keeps those inside single ones: "
                "-d '{\"left\": …}'."
            )
        if error["type"] == "missing" and tuple(error["loc"]) == ("body",):
            return (
                "The request can't be read: the body is empty; send JSON. /api/docs has an example "
                "of each address."
            )
    return ""


def sentence_of(status: int, says: str) -> str:
    """Return what is said, or the usual sentence of a status."""
    phrase = HTTPStatus(status).phrase + "."
    return says or OURS.get(status) or SENTENCES.get(status, phrase)


MOST_PROBLEMS = 5

LIMITS = ("ge", "le", "gt", "lt", "max_length", "min_length")
"""What pydantic calls a limit that was passed."""


def problems_of(errors: Sequence[Any]) -> list[dict[str, Any]]:
    """Return what is wrong with which field: the limit that was passed, and the value if short."""
    found = []
    for error in errors[:MOST_PROBLEMS]:
        known = error.get("ctx") or {}
        limits = [known[name] for name in LIMITS if name in known]
        value = known.get("actual_length", error.get("input"))
        if isinstance(value, str):
            value = value if len(value) <= LONGEST_VALUE else None
        elif not isinstance(value, bool | int | float) or not math.isfinite(value):
            value = None
        said = {
            "field": _place(error),
            "says": error["msg"][:200],
            "limit": limits[0] if limits else None,
            "value": value,
        }
        found.append({name: one for name, one in said.items() if one is not None})
    return found


def describe(errors: Sequence[Any]) -> str:
    """Return what is wrong with which field, without repeating what was sent."""
    parts = [f"{_place(error)}: {error['msg']}"[:200] for error in errors[:MOST_PROBLEMS]]
    return f"The request can't be read: {'; '.join(parts)}. /api/docs says what is expected."


def _place(error: Any) -> str:
    said = [str(part) for part in error["loc"] if not _UNSAID.fullmatch(str(part))]
    return ".".join(said) or "body"


_UNSAID = re.compile(
    rf"body|query|{EXPLANATION}|{COMPARISON}|{RANKING}|str|int|\w+Model|\w+[-[(].*"
)
"""Of a field's place, where it was read, and as which of several types."""


def is_api(request: "Request") -> bool:
    """Return whether it was sent to the API."""
    return request.url.path.startswith(API)
