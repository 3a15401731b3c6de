"""What all pages of the rating app share: the study, its ratings, who may ask, and how often."""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from markupsafe import Markup
from starlette.exceptions import HTTPException

from whyalike.study.design import plan
from whyalike.study.model import Check, Practice, Stimulus
from whyalike.web.limits import RateLimiter
from whyalike.web.rating.session import LONGEST_TOKEN, Cookie
from whyalike.web.rating.stimulus import view_stimulus
from whyalike.web.rating.visit import Visit

if TYPE_CHECKING:
    from starlette.requests import Request

    from whyalike.study.model import Study, Task
    from whyalike.study.storage import Rater, Storage
    from whyalike.web.pages import Pages

PLANS_KEPT = 1000
SLOWER = "That was too fast. Wait {} s and try again; what was confirmed is stored."


@dataclass(frozen=True, slots=True)
class Limits:
    """How often a rater, an address, and an address with a wrong token may ask."""

    raters: RateLimiter = field(default_factory=lambda: RateLimiter(rate=10, burst=100))
    addresses: RateLimiter = field(default_factory=lambda: RateLimiter(rate=500, burst=2000))
    strangers: RateLimiter = field(default_factory=lambda: RateLimiter(rate=0.5, burst=30))


class Desk:
    """Draws stimuli and knows raters. Cookies are named by study: ports don't keep them apart."""

    def __init__(
        self, study: "Study", storage: "Storage", pages: "Pages", limits: Limits, *, secure: bool
    ) -> None:
        self.study, self.storage, self.pages, self.limits = study, storage, pages, limits
        label = study.digest[:8]
        self.rater_cookie = Cookie(f"whyalike-rater-{label}", secure)
        self.admin_cookie = Cookie(f"whyalike-admin-{label}", secure)
        everything: list[Stimulus | Practice | Check] = [
            *study.stimuli,
            *study.practice,
            *study.checks,
        ]
        # All drawn before the first is asked for: how long one takes says nothing about it.
        self._drawn = {
            one.id: Markup(pages.draw("stimulus.html.j2", stimulus=view_stimulus(one.explanation)))
            for one in everything
        }
        self.plan = lru_cache(PLANS_KEPT)(self._plan)

    def draw(self, stimulus_id: str) -> Markup:
        """Return the markup of what has that id."""
        return self._drawn[stimulus_id]

    def _plan(self, number: int) -> "tuple[Task, ...]":
        return plan(self.study, number)

    def rater(self, request: "Request", token: str) -> "Rater | None":
        """Return whose token it is, or None. Raises HTTPException 429 to who asks too often."""
        address = address_of(request)
        _refuse_after(self.limits.addresses.wait(address))
        token_may_be = 0 < len(token) < LONGEST_TOKEN
        rater = self.storage.rater_by_token(token) if token_may_be else None
        if rater is not None:
            _refuse_after(self.limits.raters.wait(rater.id))
        elif token:
            _refuse_after(self.limits.strangers.wait(address))
        return rater

    def visit(self, request: "Request") -> Visit | None:
        """Return who is asking and where they stand; None without a known cookie."""
        token = self.rater_cookie.read(request)
        rater = self.rater(request, token)
        if rater is None:
            return None
        return Visit(token, rater, self.plan(rater.number), self.storage.answers(rater.id))

    def is_admin(self, request: "Request", token: str) -> bool:
        """Return whether it is an admin's token. Raises HTTPException 429 as ``rater`` does."""
        address = address_of(request)
        _refuse_after(self.limits.addresses.wait(address))
        known = 0 < len(token) < LONGEST_TOKEN and self.storage.is_admin(token)
        if token and not known:
            _refuse_after(self.limits.strangers.wait(address))
        return known


def address_of(request: "Request") -> str:
    """Return the address that asks; nothing where the server does not know it."""
    return request.client.host if request.client else ""


def _refuse_after(seconds: int) -> None:
    if seconds:
        raise HTTPException(429, SLOWER.format(seconds), {"retry-after": str(seconds)})
