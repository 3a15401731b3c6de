"""The API as a part of an app, and as an app of its own."""

from pathlib import Path
from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse, Response

from whyalike.web.api.access import Access
from whyalike.web.api.batch import Batch
from whyalike.web.api.metrics import Measured
from whyalike.web.api.reference import PAGE, Reference
from whyalike.web.api.refusals import Refusals
from whyalike.web.api.routes import Routes, health
from whyalike.web.api.service import Service
from whyalike.web.app import create_app
from whyalike.web.assets import SHARED, Assets
from whyalike.web.pages import Pages
from whyalike.web.server import Address

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastapi import FastAPI

HERE = Path(__file__).parent
TEMPLATES = HERE / "templates"
STATIC: "Mapping[str, Sequence[Path]]" = {"api.css": [HERE / "static" / "api.css"]}
NAME = "whyalike"


def add_api(
    app: "FastAPI", service: Service, pages: Pages, *, access: Access | None = None
) -> None:
    """Add the API, its reference, its errors and, where there is a token, the login to ``app``.

    Args:
        app: of ``create_app``; its pages may be added before or after.
        service: what answers.
        pages: with TEMPLATES among their templates, and STATIC among their assets.
        access: who may ask; by default everybody, which is for this machine alone.
    """
    app.add_middleware(Measured, metrics=service.metrics)
    app.user_middleware.append(app.user_middleware.pop(0))
    Refusals(pages).register(app)
    access = access or Access()
    access.register(app, pages)
    Routes(service).register(app)
    Batch(service).register(app)
    Reference(app, pages, closed=bool(access.token)).register()


def create_api_app(
    service: Service, *, address: Address | None = None, token: str = ""
) -> "FastAPI":
    """Return an app with the API alone; its start leads to the reference.

    Args:
        service: what answers.
        address: where it is served; decides on allowed hosts and on how cookies are bound.
        token: what clients must know; may be empty for this machine alone.

    Raises:
        OptionError: a token that could be guessed.
        MissingExtraError: FastAPI is not installed (extra ``serve``).
    """
    address = address or Address()
    assets = Assets({**SHARED, **STATIC})
    pages = Pages(NAME, assets, [TEMPLATES])
    hosts = [address.public_host] if address.public_url else []
    app = create_app(pages=pages, assets=assets, hosts=hosts, health=lambda: health(service))
    add_api(app, service, pages, access=Access(token, address.secure))
    app.add_api_route("/", _start, methods=["GET"], include_in_schema=False)
    return app


async def _start() -> Response:
    return RedirectResponse(PAGE)
