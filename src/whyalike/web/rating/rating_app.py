"""The rating app, put together."""

from pathlib import Path
from typing import TYPE_CHECKING

from starlette.responses import Response

from whyalike.errors import StorageError
from whyalike.web.middleware import Failures
from whyalike.web.page_app import create_app
from whyalike.web.pages import SHARED, Assets, Pages
from whyalike.web.rating.admin import AdminPages
from whyalike.web.rating.screens import Entrance, Screens
from whyalike.web.rating.session import Limits, RatingSessions
from whyalike.web.server import Address

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.requests import Request

    from whyalike.study.model import Study
    from whyalike.study.storage import Storage


HERE = Path(__file__).parent
NAME = "Rating study"
UNSTORED = "This could not be stored just now. Wait a moment and try again."


def create_rating_app(
    study: "Study",
    storage: "Storage",
    *,
    address: Address | None = None,
    limits: Limits | None = None,
) -> "FastAPI":
    """Return the app in which raters rate the stimuli of ``study``.

    No answer of it to a rater holds a method's name, an id of a stimulus or what kind of screen
    it is, practice background.

    Parameters
    ----------
    study : Study
        Frozen, with the hashes of its files checked.
    storage : Storage
        Of this study, bound to it.
    address : Address, optional
        Where it is served; decides on allowed hosts and on how cookies are bound.
    limits : Limits, optional
        How often anybody may ask.

    Raises
    ------
    MissingExtraError
        FastAPI is not installed (extra ``study``).
    """
    address = address or Address()
    static = HERE / "static"
    own = {name: [static / name] for name in ("rating.css", "rating.js", "focus.js")}
    assets = Assets({**SHARED, **own})
    pages = Pages(NAME, assets, [HERE / "templates"])
    hosts = [address.public_host] if address.public_url else []
    app = create_app(pages=pages, assets=assets, hosts=hosts)
    failures = Failures(pages)

    async def on_storage(request: "Request", _: Exception) -> Response:
        # The reason names the database, which is nothing for raters.
        return failures.answer(request, 503, UNSTORED, {"retry-after": "2"})

    app.add_exception_handler(StorageError, on_storage)
    sessions = RatingSessions(study, storage, pages, limits or Limits(), secure=address.secure)
    for part in (Entrance(sessions), Screens(sessions), AdminPages(sessions)):
        part.register(app)
    return app
