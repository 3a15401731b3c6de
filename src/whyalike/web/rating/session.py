"""Who is asking: the token of the invitation, in a cookie that no script and no other site reads.

Every form carries a seal, an HMAC with that token as its key, of what the form is about. A page of
another rater, of another screen or of another site can't have the right one, nothing is kept on
the server for it, and it outlives a restart.
"""

import hmac
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

A_YEAR = 366 * 24 * 3600
LONGEST_TOKEN = 200
STALE = (
    "This page is out of date, or belongs to another invitation. Nothing was changed: open your "
    "invitation link again."
)


@dataclass(frozen=True, slots=True)
class Cookie:
    """A cookie with a token. ``secure`` binds it to HTTPS, and by its name to this host."""

    name: str
    secure: bool

    @property
    def key(self) -> str:
        """The name as browsers know it."""
        return f"__Host-{self.name}" if self.secure else self.name

    def read(self, request: "Request") -> str:
        """Return the token that the browser sent, or nothing."""
        return request.cookies.get(self.key, "")[:LONGEST_TOKEN]

    def set(self, response: "Response", token: str, *, seconds: int | None = A_YEAR) -> None:
        """Let the browser keep the token; without ``seconds``, until it is closed."""
        response.set_cookie(
            self.key,
            token,
            max_age=seconds,
            path="/",
            secure=self.secure,
            httponly=True,
            samesite="strict",
        )

    def clear(self, response: "Response") -> None:
        """Let the browser forget the token."""
        response.delete_cookie(
            self.key, path="/", secure=self.secure, httponly=True, samesite="strict"
        )


def seal(token: str, *about: object) -> str:
    """Return what a form about this has to carry when the owner of ``token`` sends it."""
    message = "\x1f".join(map(str, about)).encode()
    return hmac.new(token.encode(), message, sha256).hexdigest()


def check_seal(given: str, token: str, *about: object) -> None:
    """Raise HTTPException 403 unless ``given`` is the seal."""
    if not hmac.compare_digest(given.encode(), seal(token, *about).encode()):
        raise HTTPException(403, STALE)
