"""What can go wrong with a request, by codes for programs: each with its status and meaning."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import JSONResponse

from whyalike.catalogue.where import FilterError
from whyalike.errors import (
    BusyError,
    MissingExtraError,
    ModelError,
    OptionError,
    TextError,
    TooCostlyError,
    WhyalikeError,
)
from whyalike.texts import without_surrogates
from whyalike.web.api.exchange import request_id


@dataclass(frozen=True, slots=True)
class Code:
    """statuses: those of answers with this code, the usual one first. meaning: a sentence."""

    statuses: tuple[int, ...]
    meaning: str

    @property
    def status(self) -> int:
        """The usual status."""
        return self.statuses[0]


CODES: Mapping[str, Code] = {
    "unknown_host": Code((400,), "The server is not asked by a name of its own."),
    "token_needed": Code((401,), "The server has a token, and none came."),
    "wrong_token": Code((401,), "This is not the server's token."),
    "other_site": Code((403,), "Sent by a page of another site."),
    "unknown_address": Code((404,), "There is no such address."),
    "unknown_item": Code((404, 422), "The index has no item with this id."),
    "method_not_allowed": Code((405,), "This address is asked in another way, see Allow."),
    "body_too_long": Code((413,), "The body is longer than is read."),
    "unsupported_media_type": Code((415,), "The body is sent as something else than JSON."),
    "invalid_json": Code((422,), "The body is missing, or no JSON in UTF-8, or nested too deep."),
    "invalid_request": Code((422,), "A field is missing, unknown, or of another type or range."),
    "unknown_model": Code((422,), "This server has no such model."),
    "unknown_index": Code((422,), "This server has no such index."),
    "invalid_method": Code((422,), "There is no such method, or not for this model or question."),
    "unknown_option": Code((422,), "The method has no such option."),
    "invalid_option": Code((422,), "An option has a value that is not allowed."),
    "invalid_filter": Code((422,), "`where` can't be read."),
    "stale_cursor": Code((422,), "The cursor is of another list, or of another state of it."),
    "option_not_allowed": Code((422,), "What is asked for can't be done in this way."),
    "text_not_allowed": Code((422,), "A text can't be taken."),
    "text_too_long": Code((422,), "A text has more characters, words or tokens than are taken."),
    "too_many": Code((422,), "More lines, items or passages are asked for than are taken."),
    "too_costly": Code((422,), "The model would work longer for it than it may for one request."),
    "out_of_time": Code((503, 422), "It was not done in time: 503 for others' work, 422 its own."),
    "too_many_wrong_tokens": Code((429,), "Too many wrong tokens; see Retry-After."),
    "rate_limited": Code((429,), "More requests than this server takes in a time."),
    "internal_error": Code((500,), "It went wrong on the server's side: its log says why."),
    "model_failed": Code((500,), "The model can't be used for this."),
    "package_missing": Code((501,), "An optional package is not installed there."),
    "queue_full": Code((503,), "As much waits already as may; see Retry-After."),
    "stopping": Code((503,), "The server is being stopped; see Retry-After."),
}

BY_STATUS = {
    400: "unknown_host",
    401: "wrong_token",
    403: "other_site",
    404: "unknown_address",
    405: "method_not_allowed",
    413: "body_too_long",
    415: "unsupported_media_type",
    422: "invalid_request",
    429: "rate_limited",
    500: "internal_error",
    501: "package_missing",
    503: "queue_full",
}
"""What a status means where nothing else is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """What a program can act on, besides the code.

    field: which field of the request. limit: what was passed. value: what came. unit: of both.
    """

    field: str | None = None
    limit: float | None = None
    value: str | bool | float | None = None
    unit: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return what is known."""
        said = {name: getattr(self, name) for name in ("field", "limit", "value", "unit")}
        return {name: value for name, value in said.items() if value is not None}


NO_DETAILS = Details()
LONGEST_VALUE = 100
"""Characters of a text that an error repeats."""


class CodedError(WhyalikeError):
    """An error that says its code, and its details, for programs."""

    def __init__(self, message: str, code: str, details: Details = NO_DETAILS) -> None:
        super().__init__(message)
        self.code, self.details = code, details


class TextRefusedError(CodedError, TextError):
    """A text that this server does not take."""


class OptionRefusedError(CodedError, OptionError):
    """Something that this server does not have or allow."""


def code_of(error: WhyalikeError) -> tuple[str, Details]:
    """Return the code and the details of an error of the library."""
    if isinstance(error, CodedError):
        return error.code, error.details
    if isinstance(error, BusyError):
        return error.reason, NO_DETAILS
    if isinstance(error, TooCostlyError):
        seconds, most = round(error.seconds, 3), round(error.most, 3)
        return error.reason, Details(limit=most, value=seconds, unit="seconds")
    for kind, code in (
        (FilterError, "invalid_filter"),
        (TextError, "text_not_allowed"),
        (OptionError, "option_not_allowed"),
        (MissingExtraError, "package_missing"),
    ):
        if isinstance(error, kind):
            return code, NO_DETAILS
    return "model_failed" if type(error) is ModelError else "internal_error", NO_DETAILS


def failure(
    code: str,
    says: str,
    *,
    details: Details = NO_DETAILS,
    problems: Sequence[Mapping[str, Any]] = (),
    retry_after: int | None = None,
) -> dict[str, Any]:
    """Return an error as the API says it, but for the request's id.

    Parameters
    ----------
    code : str
        One of CODES.
    says : str
        A sentence that says what to do.
    details : Details, optional
        What is known besides.
    problems : sequence of mapping, default=()
        Each thing that is wrong with the request.
    retry_after : int, optional
        Seconds after which to ask again.
    """
    content: dict[str, Any] = {"error": without_surrogates(says), "code": code, **details.to_dict()}
    if isinstance(value := content.get("value"), str):
        content["value"] = without_surrogates(value[:LONGEST_VALUE])
    if problems:
        content["problems"] = list(problems)
    if retry_after is not None:
        content["retry_after"] = retry_after
    return content


def fail(
    code: str,
    says: str,
    *,
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
    details: Details = NO_DETAILS,
    problems: Sequence[Mapping[str, Any]] = (),
    retry_after: int | None = None,
) -> JSONResponse:
    """Return an error as an answer: ``failure`` with the request's id."""
    content = failure(code, says, details=details, problems=problems, retry_after=retry_after)
    if id := request_id():
        content["request_id"] = id
    headers = dict(headers or {})
    if retry_after is not None:
        headers["retry-after"] = str(retry_after)
    return JSONResponse(content, CODES[code].status if status is None else status, headers)


def documented(codes: Iterable[str], model: type) -> dict[int | str, dict[str, Any]]:
    """Return what OpenAPI says of answers with these codes: by status, with an example each."""
    found: dict[int | str, dict[str, Any]] = {}
    for code in codes:
        for status in CODES[code].statuses:
            one = found.setdefault(status, {"model": model, "meanings": [], "examples": {}})
            one["meanings"].append(f"`{code}`: {CODES[code].meaning}")
            one["examples"][code] = {"summary": code, "value": EXAMPLES.get(code) or _example(code)}
    for one in found.values():
        one["description"] = " ".join(one.pop("meanings"))
        one["content"] = {"application/json": {"examples": one.pop("examples")}}
    return found


def _example(code: str) -> dict[str, Any]:
    return {**failure(code, CODES[code].meaning.replace("`", "")), "request_id": EXAMPLE_ID}


EXAMPLE_ID = "3f0c6f0e7d5c4f0f9c1b2a3d4e5f6a7b"

EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "text_too_long": {
        "error": "The left text has 31,204 characters; this server takes 20,000 at most: shorten "
        "it.",
        "code": "text_too_long",
        "field": "left",
        "limit": 20000,
        "value": 31204,
        "unit": "characters",
        "request_id": EXAMPLE_ID,
    },
    "invalid_request": {
        "error": "The request can't be read: k: Input should be greater than or equal to 1. "
        "/api/docs says what is expected.",
        "code": "invalid_request",
        "field": "k",
        "limit": 1,
        "value": 0,
        "problems": [
            {
                "field": "k",
                "says": "Input should be greater than or equal to 1",
                "limit": 1,
                "value": 0,
            }
        ],
        "request_id": EXAMPLE_ID,
    },
    "too_costly": {
        "error": "This would take about 310 s of this server's model, and a request may take 120 "
        "s: choose another method, such as occlusion (1.3 s), or texts of at most about 90 words.",
        "code": "too_costly",
        "limit": 120.0,
        "value": 310.4,
        "unit": "seconds",
        "request_id": EXAMPLE_ID,
    },
    "queue_full": {
        "error": "256 requests are waiting already, which is the most that is taken. Ask again in "
        "3 s.",
        "code": "queue_full",
        "retry_after": 3,
        "request_id": EXAMPLE_ID,
    },
}
"""Of errors that say more than their sentence."""
