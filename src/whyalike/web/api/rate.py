"""How often one client may ask, whoever it is."""

import ipaddress
import math
from collections.abc import Container
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

from whyalike.errors import OptionError
from whyalike.web.api.bodies import API
from whyalike.web.api.codes import Details, fail
from whyalike.web.middleware import RateLimiter

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from whyalike.web.pages import Pages

SECONDS_AT_ONCE = 10
"""What a client may ask for at once is what it may ask for in so many seconds."""

V6_NETWORK = 64
"""Bits of an address by which one household or one machine is known."""


class Rate:
    """So many requests a minute of each client. Raises OptionError on fewer than one."""

    def __init__(self, per_minute: float) -> None:
        if not per_minute >= 1:
            raise OptionError(
                f"The rate is {per_minute:g} requests a minute; give 1 or more, or leave it out."
            )
        self.per_minute = per_minute
        burst = max(1, math.ceil(per_minute * SECONDS_AT_ONCE / 60))
        self.limiter = RateLimiter(rate=per_minute / 60, burst=burst)

    def wait(self, request: Request) -> int:
        """Count a request; return 0, or after how many seconds its client may ask again."""
        return self.limiter.wait(client_of(request))


class RateLimited:
    """ASGI middleware that answers 429 to who asks too often; paths that are ``free`` pass."""

    def __init__(
        self, app: "ASGIApp", *, rate: Rate, pages: "Pages", free: Container[str], files: str
    ) -> None:
        self.app, self.rate, self.pages = app, rate, pages
        self.free, self.files = free, files

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Let the request pass, or answer it."""
        counts = scope["type"] == "http" and not (
            scope["path"] in self.free or scope["path"].startswith(self.files)
        )
        if counts and (seconds := self.rate.wait(Request(scope))):
            await self._refuse(scope["path"], seconds)(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _refuse(self, path: str, seconds: int) -> Response:
        most = self.rate.per_minute
        says = f"This server takes {most:g} requests a minute of one client. Wait {seconds} s."
        if path.startswith(API):
            details = Details(limit=most, unit="requests a minute")
            return fail("rate_limited", says, details=details, retry_after=seconds)
        page = self.pages.answer(
            "error.html.j2", status=429, title="Too Many Requests", sentence=says
        )
        page.headers["retry-after"] = str(seconds)
        return page


def client_of(request: Request) -> str:
    """Return by what a client is known: its address, of IPv6 the network that it chooses from."""
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, V6_NETWORK), strict=False))
