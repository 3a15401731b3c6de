"""The API as an app, and who may use it."""

import hmac
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from whyalike.errors import OptionError
from whyalike.web.api.batch import Batch
from whyalike.web.api.bodies import API, JSONBodies, PlainRefusals
from whyalike.web.api.codes import fail
from whyalike.web.api.exchange import Exchanges
from whyalike.web.api.metrics import Measured
from whyalike.web.api.rate import Rate, RateLimited, client_of
from whyalike.web.api.reference import DOCUMENT, PAGE, Reference
from whyalike.web.api.refusals import OURS, Refusals
from whyalike.web.api.routes import Routes, health
from whyalike.web.api.service import Service
from whyalike.web.middleware import RateLimiter
from whyalike.web.page_app import PageApp, answer_head, create_app
from whyalike.web.pages import SHARED, Assets, Pages
from whyalike.web.rating.session import LONGEST_TOKEN, Cookie, seal
from whyalike.web.server import Address

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastapi import FastAPI
    from starlette.types import ASGIApp, Receive, Scope, Send


SHORTEST = 16
A_MONTH = 30 * 24 * 3600
LOGIN, LOGOUT = "/login", "/logout"
OPEN = frozenset({LOGIN, "/health", "/api/v1/health"})
PROGRESS = "/progress"
"""Where a page of ours asks each second how far its question is: no question of its own."""

REFERENCE = frozenset({PAGE, DOCUMENT})
ASSETS = "/assets/"
WRONG = "This is not the token of this server. Copy it whole from where the server was started."
SLOWER = "That was too fast. Wait {} s and try again."


@dataclass(frozen=True, slots=True)
class Access:
    """The token of a server; an empty one lets everybody in, and is for this machine alone.

    The cookie holds no token, but a seal that can't be made without it. ``secure`` binds it to
    HTTPS. ``strangers`` limits how often an address may be wrong. ``open_docs`` lets everybody
    read the reference of the API. ``rate`` bounds how often who is let in may ask.

    Raises OptionError on a token that could be guessed.
    """

    token: str = ""
    secure: bool = False
    open_docs: bool = False
    rate: Rate | None = None
    strangers: RateLimiter = field(default_factory=lambda: RateLimiter(rate=0.5, burst=30))

    def __post_init__(self) -> None:
        """Refuse a short token."""
        if not self.token:
            return
        fits = SHORTEST <= len(self.token) <= LONGEST_TOKEN
        # Headers carry no others for sure.
        plain = self.token.isascii() and self.token.isprintable() and " " not in self.token
        if not (fits and plain):
            raise OptionError(
                f"The token has {len(self.token)} characters; give {SHORTEST} to {LONGEST_TOKEN} "
                "of ASCII, without spaces, that nobody guesses: what `openssl rand -hex 16` prints."
            )

    @property
    def cookie(self) -> Cookie:
        """The cookie of the login page."""
        return Cookie("whyalike-access", self.secure)

    @property
    def stamp(self) -> str:
        """What the cookie holds."""
        return seal(self.token, "access")

    def register(self, app: "PageApp", pages: "Pages") -> None:
        """Let ``app`` ask for the token, where there is one, and count how often one asks."""
        if self.token:
            Login(self, pages).register(app)
            _add_inside(app, Middleware(TokenNeeded, access=self))
        if self.rate is not None:
            limited = Middleware(
                RateLimited, rate=self.rate, pages=pages, free=OPEN | {PROGRESS}, files=ASSETS
            )
            _add_inside(app, limited)

    def is_open(self, path: str) -> bool:
        """Return whether everybody may have what is there."""
        if path in OPEN or path.startswith(ASSETS):
            return True
        return self.open_docs and path in REFERENCE

    def is_token(self, given: str) -> bool:
        """Return whether it is the token."""
        return hmac.compare_digest(given.encode("utf-8", "replace"), self.token.encode())

    def lets_in(self, request: Request) -> bool:
        """Return whether the request carries the token or the cookie."""
        kind, _, given = Headers(scope=request.scope).get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return self.is_token(given.strip())
        return hmac.compare_digest(self.cookie.read(request).encode(), self.stamp.encode())


class TokenNeeded:
    """ASGI middleware: pages send to the login, the API answers 401."""

    def __init__(self, app: "ASGIApp", access: Access) -> None:
        self.app, self.access = app, access

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Let the request pass, or answer it."""
        if scope["type"] == "http" and not self.access.is_open(scope["path"]):
            request = Request(scope)
            if not self.access.lets_in(request):
                await self._refuse(request)(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _refuse(self, request: Request) -> Response:
        is_wrong = bool(request.headers.get("authorization"))
        if is_wrong and (seconds := self._wait(request)):
            says = SLOWER.format(seconds)
            return fail("too_many_wrong_tokens", says, retry_after=seconds)
        path = request.url.path
        is_page = path == PAGE or not path.startswith(API)
        if not is_page or request.method not in ("GET", "HEAD"):
            code = "wrong_token" if is_wrong else "token_needed"
            return fail(code, OURS[401], headers={"www-authenticate": "Bearer"})
        whole = path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"{LOGIN}?next={quote(whole, safe='')}", status_code=303)

    def _wait(self, request: Request) -> int:
        return self.access.strangers.wait(client_of(request))


class Login:
    """The page that takes the token, and gives the browser a cookie for it."""

    def __init__(self, access: Access, pages: "Pages") -> None:
        self.access, self.pages = access, pages

    def register(self, app: "FastAPI") -> None:
        """Add the page to ``app``."""
        options = {"response_model": None, "include_in_schema": False}
        app.add_api_route(LOGIN, self.show, methods=["GET"], **options)  # type: ignore[arg-type]
        app.add_api_route(LOGIN, self.enter, methods=["POST"], **options)  # type: ignore[arg-type]
        app.add_api_route(LOGOUT, self.leave, methods=["POST"], **options)  # type: ignore[arg-type]
        self.pages.environment.globals["logout"] = LOGOUT

    async def show(self, next: str = "/") -> Response:
        """Ask for the token."""
        return self._ask(next)

    async def enter(self, request: Request) -> Response:
        """Let the browser in, for a month, where the token is right."""
        form = _read_form(await request.body())
        given, next = form.get("token", "").strip(), form.get("next", "/")
        if not self.access.is_token(given):
            seconds = self.access.strangers.wait(client_of(request))
            if seconds:
                slower = self._ask(next, status=429, says=SLOWER.format(seconds))
                slower.headers["retry-after"] = str(seconds)
                return slower
            return self._ask(next, status=403, says=WRONG)
        response = RedirectResponse(_own_path(next), status_code=303)
        self.access.cookie.set(response, self.access.stamp, seconds=A_MONTH)
        return response

    async def leave(self) -> Response:
        """Let the browser forget that it was let in."""
        response = RedirectResponse(LOGIN, status_code=303)
        self.access.cookie.clear(response)
        return response

    def _ask(self, next: str, *, status: int = 200, says: str = "") -> Response:
        return self.pages.answer("login.html.j2", status=status, next=_own_path(next), says=says)


def _read_form(body: bytes) -> dict[str, str]:
    """Return the fields of the form. By hand: the form's own package is no part of the extra."""
    try:
        return dict(parse_qsl(body.decode("utf-8", "replace"), max_num_fields=10))
    except ValueError:
        return {}


def _own_path(path: str) -> str:
    """Return a path of this server, so that no link can lead from our login to elsewhere."""
    plain = path.startswith("/") and not path.startswith(("//", "/\\"))
    return path if plain and path.isprintable() else "/"


HERE = Path(__file__).parent
TEMPLATES = HERE / "templates"
STATIC: "Mapping[str, Sequence[Path]]" = {"api.css": [HERE / "static" / "api.css"]}
NAME = "whyalike"


SHORTEST_PACKED = 1024
"""Bytes of an answer that is compressed, where the client takes that."""
PACKED_BY = 4
"""Level of gzip: 9 takes twice as long for a tenth less."""


def _add_inside(app: "PageApp", *middleware: Middleware) -> None:
    """Let requests pass these after all that was added before: Host and origin come first."""
    app.user_middleware += middleware


def add_api(
    app: "PageApp", service: Service, pages: Pages, *, access: Access | None = None
) -> None:
    """Add the API, its reference, its errors and, where there is a token, the login to ``app``.

    Parameters
    ----------
    app : PageApp
        Of ``create_app``; its pages may be added before or after.
    service : Service
        What answers.
    pages : Pages
        With TEMPLATES among their templates, and STATIC among their assets.
    access : Access, optional
        Who may ask; by default everybody, which is for this machine alone.
    """
    app.outermost += [Middleware(Exchanges), Middleware(PlainRefusals)]
    access = access or Access()
    access.register(app, pages)
    _add_inside(
        app,
        # No answer has a secret beside what a stranger could choose, whose length would tell of it
        # (BREACH): other sites can't ask in the name of who is logged in.
        Middleware(GZipMiddleware, minimum_size=SHORTEST_PACKED, compresslevel=PACKED_BY),
        Middleware(JSONBodies),
        Middleware(Measured, metrics=service.metrics),
    )
    Refusals(pages).register(app)
    Routes(service).register(app)
    Batch(service).register(app)
    Reference(app, pages, closed=bool(access.token)).register()


def create_api_app(
    service: Service,
    *,
    address: Address | None = None,
    token: str = "",
    open_docs: bool = False,
    rate: float | None = None,
) -> "PageApp":
    """Return an app with the API alone; its start leads to the reference.

    Parameters
    ----------
    service : Service
        What answers.
    address : Address, optional
        Where it is served; decides on allowed hosts and on how cookies are bound.
    token : str, default=''
        What clients must know; may be empty for this machine alone.
    open_docs : bool, default=False
        Whether the reference of the API may be read without the token.
    rate : float, optional
        How many requests a minute one client may send.

    Raises
    ------
    OptionError
        A token that could be guessed, or a rate below one.
    MissingExtraError
        FastAPI is not installed (extra ``serve``).
    """
    address = address or Address()
    assets = Assets({**SHARED, **STATIC})
    pages = Pages(NAME, assets, [TEMPLATES])
    hosts = [address.public_host] if address.public_url else []
    app = create_app(pages=pages, assets=assets, hosts=hosts, health=lambda: health(service))
    add_api(app, service, pages, access=make_access(address, token, open_docs=open_docs, rate=rate))
    app.add_api_route("/", _start, methods=["GET"], include_in_schema=False)
    answer_head(app)
    return app


def make_access(
    address: Address, token: str, *, open_docs: bool = False, rate: float | None = None
) -> Access:
    """Return who may ask a server at this address. Raises OptionError."""
    limit = None if rate is None else Rate(rate)
    return Access(token, address.secure, open_docs, limit)


async def _start() -> Response:
    return RedirectResponse(PAGE)
