"""The skeleton of every server here: hosts, headers, limits, files and errors, but no pages."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from whyalike.web.middleware import Failures, SameOrigin, SecurityHeaders
from whyalike.web.pages import Assets, Pages

if TYPE_CHECKING:
    from starlette.types import ASGIApp

LOCAL_HOSTS = ("127.0.0.1", "localhost", "[::1]")
MOST_BYTES = 64 * 1024


class PageApp(FastAPI):
    """An app whose ``outermost`` middleware sees every answer, the first in the list last.

    What FastAPI itself refuses, such as a body that is too long or an error that nobody expected,
    passes by all other middleware.
    """

    def __init__(self, *, outermost: Sequence[Middleware] = (), **given: Any) -> None:
        super().__init__(**given)
        self.outermost = list(outermost)

    def build_middleware_stack(self) -> "ASGIApp":
        """Return the app inside all its middleware."""
        app = super().build_middleware_stack()
        for middleware, arguments, options in reversed(self.outermost):
            app = middleware(app, *arguments, **options)
        return app


def answer_head(app: FastAPI) -> None:
    """Let every route of ``app`` that answers GET answer HEAD too. Servers send no body then."""
    for route in list(app.routes):
        if isinstance(route, APIRoute) and "GET" in (route.methods or ()):
            app.add_api_route(
                route.path,
                route.endpoint,
                methods=["HEAD"],
                response_model=None,
                include_in_schema=False,
            )


def create_app(
    *,
    pages: Pages,
    assets: Assets,
    hosts: Sequence[str] = (),
    max_bytes: int = MOST_BYTES,
    health: Callable[[], Response] | None = None,
) -> PageApp:
    """Return an app that serves ``assets`` and ``/health``, and is safe to put routes into.

    Parameters
    ----------
    pages : Pages
        The templates; ``error.html.j2`` among them is shown for errors.
    assets : Assets
        The styles and scripts below ``/assets``.
    hosts : sequence of str, default=()
        Names besides LOCAL_HOSTS under which it may be reached. Any other Host is refused, so that
        no page elsewhere can reach it by pointing its own name here.
    max_bytes : int, default=MOST_BYTES
        The longest body that is read.
    health : Callable[[], Response], optional
        What ``/health`` answers; by default that the server does.
    """
    app = PageApp(
        outermost=[Middleware(SecurityHeaders)],
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        max_body_size=max_bytes,
        middleware=[
            Middleware(
                TrustedHostMiddleware, allowed_hosts=[*LOCAL_HOSTS, *hosts], www_redirect=False
            ),
            Middleware(SameOrigin),
        ],
    )
    Failures(pages).register(app)
    app.add_route("/assets/{name}", assets.answer, methods=["GET"])
    answer = health or (lambda: JSONResponse({"status": "ok"}))

    async def say_health(_: Request) -> Response:
        return answer()

    app.add_route("/health", say_health, methods=["GET"])
    return app
