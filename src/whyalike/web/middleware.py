"""What every request passes: security headers, limits, origins, the public address, failures."""

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from fastapi.exceptions import RequestValidationError
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, PlainTextResponse, Response

from whyalike.errors import OptionError

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from whyalike.web.pages import Pages


POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)


# A link of ours may carry a token, so that no Referer may carry a path. With "no-referrer"
# browsers would also send "Origin: null" with our own forms, and Origin is what we check.
SECURITY_HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "strict-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "x-robots-tag": "noindex, nofollow",
}

UNCACHED = "no-store"


class SecurityHeaders:
    """ASGI middleware that adds SECURITY_HEADERS, and no-store unless the answer says otherwise."""

    def __init__(self, app: "ASGIApp") -> None:
        self.app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer as the app does, with the headers."""

        async def send_with_headers(message: "Message") -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers[name] = value
                headers.setdefault("cache-control", UNCACHED)
            await send(message)

        await self.app(scope, receive, send_with_headers if scope["type"] == "http" else send)


SENTENCES = {
    403: "This page does not belong to you, or is out of date. Open your own link again.",
    404: "There is no such page here. Check the address, or open your link again.",
    405: "This address can't be used in that way. Go back and try again.",
    413: "This is too long to be taken. Shorten it and try again.",
    422: "Something in the form is missing or can't be read. Go back and try again.",
    429: "That was too fast. Wait a moment and try again.",
    500: "Something went wrong on our side. Nothing that was confirmed is lost; try again.",
}

GONE = 499


@dataclass(frozen=True, slots=True)
class Failures:
    """Answers errors: a page for who wants HTML, and one sentence in JSON for who wants that."""

    pages: "Pages"

    def register(self, app: "FastAPI") -> None:
        """Let ``app`` answer its errors so."""
        app.add_exception_handler(HTTPException, self.on_http)
        app.add_exception_handler(RequestValidationError, self.on_form)
        app.add_exception_handler(ClientDisconnect, self.on_gone)
        app.add_exception_handler(Exception, self.on_any)

    async def on_http(self, request: "Request", error: Exception) -> Response:
        """Answer an error that was raised on purpose."""
        assert isinstance(error, HTTPException)
        # Starlette's own details, such as "Not Found", say nothing that helps.
        ours = error.detail if error.detail != HTTPStatus(error.status_code).phrase else ""
        return self.answer(request, error.status_code, ours, dict(error.headers or {}))

    async def on_form(self, request: "Request", _: Exception) -> Response:
        """Answer a form that lacks something, without repeating what was sent."""
        return self.answer(request, 422, "", {})

    async def on_gone(self, _: "Request", __: Exception) -> Response:
        """Answer nobody, with the status that others log for that."""
        return Response(status_code=GONE)

    async def on_any(self, request: "Request", _: Exception) -> Response:
        """Answer what nobody expected; the traceback goes to the log, and not to the browser."""
        return self.answer(request, 500, "", {})

    def answer(
        self, request: "Request", status: int, says: str, headers: dict[str, str]
    ) -> Response:
        """Return the error in the form that the request asks for."""
        sentence = says or SENTENCES.get(status, HTTPStatus(status).phrase + ".")
        response: Response
        if wants_json(request):
            response = JSONResponse({"error": sentence}, status_code=status)
        else:
            title = HTTPStatus(status).phrase
            response = self.pages.answer(
                "error.html.j2", status=status, title=title, sentence=sentence
            )
        response.headers.update(headers)
        return response


def wants_json(request: "Request") -> bool:
    """Return whether the request comes from a script that reads JSON."""
    return "application/json" in request.headers.get("accept", "")


MOST_KEYS = 10_000


class RateLimiter:
    """``burst`` requests at once and ``rate`` a second thereafter, for each key.

    Of many keys the longest unused are forgotten, so that strangers can't fill the memory.
    """

    def __init__(
        self, *, rate: float, burst: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.rate, self.burst, self.clock = rate, burst, clock
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, key: Hashable) -> int:
        """Take one from the bucket of ``key``; return 0, or the seconds to wait if it is empty."""
        now = self.clock()
        with self._lock:
            left, since = self._buckets.pop(key, (float(self.burst), now))
            left = min(self.burst, left + (now - since) * self.rate)
            allowed = left >= 1
            self._buckets[key] = (left - 1 if allowed else left, now)
            while len(self._buckets) > MOST_KEYS:
                self._buckets.popitem(last=False)
        return 0 if allowed else max(1, math.ceil((1 - left) / self.rate))


SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
REFUSED = "This was sent from another site, and is refused. Open the page itself and try again."


class SameOrigin:
    """ASGI middleware: a request that may change something comes from a page of this server.

    Browsers say where a POST comes from; what says nothing is no browser, and is left to the
    tokens that forms carry. The Host that Origin is compared with was checked before.
    """

    def __init__(self, app: "ASGIApp") -> None:
        self.app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer 403 to a request from another site."""
        if scope["type"] == "http" and scope["method"] not in SAFE:
            headers = Headers(scope=scope)
            if is_foreign(headers):
                await PlainTextResponse(REFUSED, status_code=403)(scope, receive, send)
                return
        await self.app(scope, receive, send)


def is_foreign(headers: Headers) -> bool:
    """Return whether the request says that it comes from another origin than its Host."""
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return True
    origin = headers.get("origin")
    if origin is None:
        return False
    try:
        return urlsplit(origin).netloc != headers.get("host")
    except ValueError:  # An origin that is none.
        return True


def check_origin(url: str, *, named: str) -> str:
    """Return an origin, without a slash at its end.

    Parameters
    ----------
    url : str
        Such as https://study.example.org.
    named : str
        What the error calls it.

    Raises
    ------
    OptionError
        It is no origin of HTTP: links made of it would lead nowhere.
    """
    if not _is_origin(url):
        raise OptionError(
            f"{named} is {url!r}; give an origin such as https://study.example.org, without a path."
        )
    return url.rstrip("/")


def _is_origin(url: str) -> bool:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  # Read, as it is checked on reading.
    except ValueError:
        return False
    # urlsplit leaves out line breaks, and with them part of what would be printed.
    whole = url.isprintable() and " " not in url and "@" not in parts.netloc
    bare = parts.path in ("", "/") and not (parts.query or parts.fragment)
    return whole and bare and parts.scheme in ("http", "https") and bool(parts.hostname)
