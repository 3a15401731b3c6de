"""What ``whyalike serve`` serves: the Explorer's pages and the API, in one app."""

from typing import TYPE_CHECKING

from whyalike.web.api.api_app import NAME, STATIC, add_api, make_access
from whyalike.web.api.api_app import TEMPLATES as API_TEMPLATES
from whyalike.web.api.routes import health
from whyalike.web.explorer.explorer_app import ASSETS, TEMPLATES, add_explorer
from whyalike.web.explorer.short_links import ShortLinks
from whyalike.web.page_app import PageApp, answer_head, create_app
from whyalike.web.pages import SHARED, Assets, Pages
from whyalike.web.server import Address

if TYPE_CHECKING:
    from whyalike.web.api.service import Service

MOST_BODY = 1024 * 1024
"""Bytes of a form: three texts of the usual limit, whatever their script is."""


def create_explorer_app(
    service: "Service",
    *,
    address: Address | None = None,
    token: str = "",
    open_docs: bool = False,
    rate: float | None = None,
    short_links: bool | None = None,
) -> "PageApp":
    """Return an app with the Explorer's pages and the API.

    Parameters
    ----------
    service : Service
        What answers; who made it closes it after the app has stopped.
    address : Address, optional
        Where it is served; decides on allowed hosts and on how cookies are bound.
    token : str, default=''
        What clients must know; may be empty for this machine alone.
    open_docs : bool, default=False
        Whether the reference of the API may be read without the token.
    rate : float, optional
        How many requests a minute one client may send.
    short_links : bool, optional
        Whether questions that are too long for a link are kept in memory under a short id, where
        somebody asks for their link; by default where this machine alone reaches the server.

    Raises
    ------
    OptionError
        A token that could be guessed, or a rate below one.
    MissingExtraError
        FastAPI is not installed (extra ``serve``).
    """
    address = address or Address()
    assets = Assets({**SHARED, **STATIC, **ASSETS})
    pages = Pages(NAME, assets, [TEMPLATES, API_TEMPLATES])
    hosts = [address.public_host] if address.public_url else []
    app = create_app(
        pages=pages,
        assets=assets,
        hosts=hosts,
        max_bytes=MOST_BODY,
        health=lambda: health(service),
    )
    add_api(app, service, pages, access=make_access(address, token, open_docs=open_docs, rate=rate))
    keeps = address.is_closed if short_links is None else short_links
    add_explorer(app, service, pages, short_links=ShortLinks() if keeps else None)
    answer_head(app)
    return app
