"""How many requests came, and how long they took."""

import time
from typing import TYPE_CHECKING

from whyalike.web.api.metrics import Metrics

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE", "PATCH"})


class Measured:
    """ASGI middleware that counts. Addresses are told by their route: strangers can't add any."""

    def __init__(self, app: "ASGIApp", metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer as the app does, and count it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def send_and_note(message: "Message") -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        finally:
            route = str(getattr(scope.get("route"), "path", "other"))
            method = scope["method"] if scope["method"] in METHODS else "other"
            self.metrics.requests.add(route=route, method=method, status=str(status))
            self.metrics.seconds.add(time.perf_counter() - began, route=route)
