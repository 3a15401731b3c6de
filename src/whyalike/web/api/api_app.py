"""The API as an app, and who may use it."""

import hmac
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from whyalike.errors import OptionError
from whyalike.web.api.answers import API, OURS, Refusals
from whyalike.web.api.batch import Batch
from whyalike.web.api.metrics import Measured
from whyalike.web.api.reference import PAGE, Reference
from whyalike.web.api.routes import Routes, health
from whyalike.web.api.service import Service
from whyalike.web.middleware import RateLimiter
from whyalike.web.page_app import create_app
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
ASSETS = "/assets/"
WRONG = "This is not the token of this server. Copy it whole from where the server was started."
SLOWER = "That was too fast. Wait {} s and try again."


@dataclass(frozen=True, slots=True)
class Access:
    """The token of a server; an empty one lets everybody in, and is for this machine alone.

    The cookie holds no token, but a seal that can't be made without it. ``secure`` binds it to
    HTTPS. ``strangers`` limits how often an address may be wrong.

    Raises OptionError on a token that could be guessed.
    """

    token: str = ""
    secure: bool = False
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

    def register(self, app: "FastAPI", pages: "Pages") -> None:
        """Let ``app`` ask for the token; nothing where there is none."""
        if not self.token:
            return
        Login(self, pages).register(app)
        app.add_middleware(TokenNeeded, access=self)
        # What was added last is outermost, but Host, origin and headers come before it.
        app.user_middleware.append(app.user_middleware.pop(0))

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
        if scope["type"] == "http" and not _is_open(scope["path"]):
            request = Request(scope)
            if not self.access.lets_in(request):
                await self._refuse(request)(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _refuse(self, request: Request) -> Response:
        if request.headers.get("authorization") and (seconds := self._wait(request)):
            return JSONResponse(
                {"error": SLOWER.format(seconds)}, 429, {"retry-after": str(seconds)}
            )
        path = request.url.path
        is_page = path == PAGE or not path.startswith(API)
        if not is_page or request.method not in ("GET", "HEAD"):
            return JSONResponse({"error": OURS[401]}, 401, {"www-authenticate": "Bearer"})
        whole = path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"{LOGIN}?next={quote(whole, safe='')}", status_code=303)

    def _wait(self, request: Request) -> int:
        return self.access.strangers.wait(request.client.host if request.client else "")


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
            seconds = self.access.strangers.wait(request.client.host if request.client else "")
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


def _is_open(path: str) -> bool:
    return path in OPEN or path.startswith(ASSETS)


def _own_path(path: str) -> str:
    """Return a path of this server, so that no link can lead from our login to elsewhere."""
    plain = path.startswith("/") and not path.startswith(("//", "/\\"))
    return path if plain and path.isprintable() else "/"


HERE = Path(__file__).parent
TEMPLATES = HERE / "templates"
STATIC: "Mapping[str, Sequence[Path]]" = {"api.css": [HERE / "static" / "api.css"]}
NAME = "whyalike"


def add_api(
    app: "FastAPI", service: Service, pages: Pages, *, access: Access | None = None
) -> None:
    """Add the API, its reference, its errors and, where there is a token, the login to ``app``.

    Parameters
    ----------
    app : FastAPI
        Of ``create_app``; its pages may be added before or after.
    service : Service
        What answers.
    pages : Pages
        With TEMPLATES among their templates, and STATIC among their assets.
    access : Access, optional
        Who may ask; by default everybody, which is for this machine alone.
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

    Parameters
    ----------
    service : Service
        What answers.
    address : Address, optional
        Where it is served; decides on allowed hosts and on how cookies are bound.
    token : str, default=''
        What clients must know; may be empty for this machine alone.

    Raises
    ------
    OptionError
        A token that could be guessed.
    MissingExtraError
        FastAPI is not installed (extra ``serve``).
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
