"""One request and its answer: the id that they go by, and how long what took."""

import re
import time
import uuid
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

ID_HEADER = "x-request-id"
TIMING_HEADER = "server-timing"

_SANE = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")
"""Ids of clients and proxies that are taken over: they go to logs and headers as they are."""


@dataclass(slots=True)
class Exchange:
    """What is known of a request while it is answered.

    model_seconds: how long a model worked on batches that had something of it. hits: how many
    results that were kept answered parts of it.
    """

    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    began: float = field(default_factory=time.perf_counter)
    model_seconds: float = 0.0
    hits: int = 0

    @property
    def timing(self) -> str:
        """How long it took until now, as the header Server-Timing says it, in milliseconds."""
        total = time.perf_counter() - self.began
        said = f"total;dur={1000 * total:.1f}, model;dur={1000 * self.model_seconds:.1f}"
        return f"{said}, kept;desc={self.hits}" if self.hits else said


_current: ContextVar[Exchange | None] = ContextVar("exchange", default=None)


def current_exchange() -> Exchange | None:
    """Return the request that is being answered here; None outside of one."""
    return _current.get()


def request_id() -> str:
    """Return the id of the request that is being answered; "" outside of one."""
    exchange = _current.get()
    return "" if exchange is None else exchange.id


class Exchanges:
    """ASGI middleware that gives each request an id, and each answer the id and its time.

    An id that the client, or the proxy before us, sends is taken over where it is harmless.
    """

    def __init__(self, app: "ASGIApp") -> None:
        self.app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer as the app does, with both headers."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get(ID_HEADER, "")
        exchange = Exchange(given) if _SANE.fullmatch(given) else Exchange()

        async def send_with_headers(message: "Message") -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers[ID_HEADER] = exchange.id
                headers[TIMING_HEADER] = exchange.timing
            await send(message)

        token = _current.set(exchange)
        try:
            await self.app(scope, receive, send_with_headers)
        finally:
            _current.reset(token)
