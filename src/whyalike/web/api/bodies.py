"""Bodies of requests: how long they may be, and what is read as JSON."""

from collections.abc import Mapping
from email.message import Message as Header
from typing import TYPE_CHECKING, Any

from starlette.datastructures import Headers, MutableHeaders

from whyalike.web.api.codes import BY_STATUS, Details, fail

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

API = "/api/"
PREFIX = "/api/v1"
BATCH = f"{PREFIX}/batch"

MOST_BYTES = 1024 * 1024
LONG_BODIES: Mapping[str, int] = {BATCH: 16 * 1024 * 1024}
"""Bytes of a body, of any address and of some."""

JSON = "application/json"
SENT_AS = "whyalike.sent_as"
"""Where the scope says what a body was sent as that is read as JSON all the same."""

READ_AS_JSON = frozenset({"", "application/x-www-form-urlencoded", "text/plain", "text/json"})
"""What clients send without a word of their users: curl a form, others nothing at all."""


def most_bytes(path: str) -> int:
    """Return how long a body may be that is sent to an address."""
    return LONG_BODIES.get(path, MOST_BYTES)


class JSONBodies:
    """ASGI middleware that lets bodies be read as JSON which are sent as nothing or as a form.

    Browsers let pages of other sites send those without asking first. They get no answer here:
    ``SameOrigin`` refuses them before, whatever they send, and no cookie comes with them.
    """

    def __init__(self, app: "ASGIApp") -> None:
        self.app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer as the app does; 415 to what is no JSON by its own word."""
        reads = (
            scope["type"] == "http"
            and scope["method"] == "POST"
            and scope["path"].startswith(API)
            and scope["path"] != BATCH
        )
        if not reads:
            await self.app(scope, receive, send)
            return
        said = Headers(scope=scope).get("content-type", "")
        kind = media_type(said)
        if is_json(kind):
            await self.app(scope, receive, send)
        elif kind in READ_AS_JSON:
            scope = {**scope, "headers": list(scope["headers"]), SENT_AS: kind or "nothing"}
            MutableHeaders(scope=scope)["content-type"] = JSON
            await self.app(scope, receive, send)
        else:
            await fail("unsupported_media_type", say_media_type(kind), details=Details(value=kind))(
                scope, receive, send
            )


def media_type(said: str) -> str:
    """Return what a header says without its parameters, in lower case; "" for nothing."""
    if not said.strip():
        return ""
    header = Header()
    header["content-type"] = said
    return header.get_content_type()


def is_json(kind: str) -> bool:
    """Return whether a media type is JSON."""
    return kind == JSON or (kind.startswith("application/") and kind.endswith("+json"))


def say_media_type(kind: str) -> str:
    """Return what to do where a body is sent as something else than JSON."""
    return (
        f"The body is sent as {kind[:60]}, and is no JSON: send JSON with the header Content-Type: "
        f"{JSON} (with curl: -H 'Content-Type: {JSON}' -d '{{…}}'). /api/docs has an example of "
        "each address."
    )


class PlainRefusals:
    """ASGI middleware: errors of /api that others say in plain text are JSON with a code.

    A Host that is none of ours, a page of another site and a body that is too long are refused
    before any address is asked.
    """

    def __init__(self, app: "ASGIApp") -> None:
        self.app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer as the app does, in JSON."""
        if scope["type"] != "http" or not scope["path"].startswith(API):
            await self.app(scope, receive, send)
            return
        replaced = False

        async def send_as_json(message: "Message") -> None:
            nonlocal replaced
            if message["type"] == "http.response.start":
                headers = Headers(raw=message["headers"])
                plain = headers.get("content-type", "").startswith("text/plain")
                if message["status"] >= 400 and plain:
                    replaced = True
                    await _refuse(scope, message["status"])(scope, receive, send)
                    return
            if not replaced:
                await send(message)

        await self.app(scope, receive, send_as_json)


def _refuse(scope: "Scope", status: int) -> Any:
    headers = Headers(scope=scope)
    says, details = SENTENCES.get(status, "This can't be answered."), Details()
    if status == 400:
        host = headers.get("host", "")
        details = Details(field="Host", value=host)
        says = says.format(host[:60])
    elif status == 413:
        most, sent = most_bytes(scope["path"]), headers.get("content-length", "")
        length = int(sent) if sent.isascii() and sent.isdecimal() else None
        details = Details(limit=most, value=length, unit="bytes")
        says = say_length(scope["path"], length)
    elif status == 403:
        details = Details(field="Origin", value=headers.get("origin"))
    return fail(BY_STATUS.get(status, "internal_error"), says, status=status, details=details)


def say_length(path: str, length: int | None = None) -> str:
    """Return what to do where a body is too long; ``length`` in bytes where it is known."""
    came = "more" if length is None else f"{length:,}"
    advice = "send several batches" if path == BATCH else f"shorten it, or use {BATCH} for many"
    return f"The body may have {most_bytes(path):,} bytes, and has {came}: {advice}."


SENTENCES = {
    400: "The header Host is {!r}, which is no name of this server: ask it by the address that it "
    "printed, or start it with --public-url and the origin that clients use; a proxy before it "
    "passes Host on.",
    403: "This was sent from a page of another site, and is refused: ask from a program, or from "
    "a page of this server.",
}
