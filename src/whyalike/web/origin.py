"""Forms of other sites are refused, whatever cookies the browser sends along with them."""

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

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
