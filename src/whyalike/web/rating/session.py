"""A rater's session: who it is, what is shown, and what a form sends back.

Every form carries a seal, an HMAC with that token as its key, of what the form is about. A page of
another rater, of another screen or of another site can't have the right one, nothing is kept on
the server for it, and it outlives a restart.

Names, warnings, gaps, signs and figures differ by method, and would give it away. The stimuli were
stripped of them when they were frozen; what is not drawn here can't come back.
"""

import hmac
from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING

from markupsafe import Markup
from starlette.exceptions import HTTPException

from whyalike.explanation import ExplainedText, Explanation
from whyalike.render.parts import pair_weights
from whyalike.render.view import SideView, view_sides
from whyalike.study.design import plan
from whyalike.study.model import Check, Practice, Stimulus, Task
from whyalike.study.storage import Rater, RatingRow
from whyalike.web.middleware import RateLimiter

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from whyalike.study.model import Study
    from whyalike.study.storage import Storage
    from whyalike.web.pages import Pages


@dataclass(frozen=True, slots=True)
class Visit:
    """A rater at one moment. ``answers`` are the current ones by position."""

    token: str
    rater: Rater
    tasks: tuple[Task, ...]
    answers: Mapping[int, RatingRow]

    @property
    def next_position(self) -> int:
        """The first position without an answer; the number of tasks when all have one."""
        return self._first_open(self.answers.keys())

    @property
    def is_done(self) -> bool:
        """Whether every task has an answer."""
        return self.next_position == len(self.tasks)

    @property
    def practice(self) -> int:
        """How many tasks are practice; they come first."""
        return sum(task.kind == "practice" for task in self.tasks)

    def before(self, position: int) -> int | None:
        """Return the position whose answer may be changed from ``position``: the last one.

        Practice is not: its solution has been shown. Nor is anything further back: a rater who
        looks up earlier answers would no longer tell how steady they are.
        """
        back = self.next_position - 1
        if position != self.next_position or back < 0 or self.tasks[back].kind == "practice":
            return None
        return back

    def path_after(self, position: int) -> str:
        """Return where the rater goes on once ``position`` is answered too."""
        return self._path(self._first_open(self.answers.keys() | {position}))

    @property
    def path(self) -> str:
        """Where the rater goes on."""
        return self._path(self.next_position)

    def _path(self, position: int) -> str:
        return "/done" if position == len(self.tasks) else f"/rate/{position + 1}"

    def _first_open(self, answered: Set[int]) -> int:
        positions = (task.position for task in self.tasks)
        return next((one for one in positions if one not in answered), len(self.tasks))

    def may_see(self, position: int) -> bool:
        """Return whether the screen may be shown: the next one, or the last one again."""
        screens = (self.next_position, self.before(self.next_position))
        return position < len(self.tasks) and position in screens

    def count(self, position: int) -> tuple[str, int, int]:
        """Return what the screen is called, its number from 1, and of how many it is one."""
        if position < self.practice:
            return "Practice", position + 1, self.practice
        return "Pair", position + 1 - self.practice, len(self.tasks) - self.practice


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


@dataclass(frozen=True, slots=True)
class ShownPair:
    """A pair of words: its place in the order, where the words are, what they are."""

    rank: int
    left: int
    right: int
    left_word: str
    right_word: str
    weight: int


@dataclass(frozen=True, slots=True)
class StimulusView:
    """Everything that ``stimulus.html.j2`` draws."""

    sides: tuple[SideView, SideView]
    pairs: tuple[ShownPair, ...]


def view_stimulus(explanation: Explanation) -> StimulusView:
    """Return what is drawn of an explanation."""
    blind = replace(
        explanation, left=_without_signs(explanation.left), right=_without_signs(explanation.right)
    )
    first, second = view_sides(blind)
    sides = (_only_text(first, "First text"), _only_text(second, "Second text"))
    pairs = blind.pairs
    return StimulusView(
        sides=sides,
        pairs=tuple(
            ShownPair(
                rank=rank,
                left=pair.left,
                right=pair.right,
                left_word=blind.left.words[pair.left].text,
                right_word=blind.right.words[pair.right].text,
                weight=weight,
            )
            for rank, (pair, weight) in enumerate(
                zip(pairs, pair_weights(pairs), strict=True), start=1
            )
        ),
    )


def _without_signs(side: ExplainedText) -> ExplainedText:
    """Return the side as if every method gave what BTI gives: saliency from 0 to 1."""
    words = tuple(
        replace(word, saliency=max(0.0, word.saliency), contribution=None, raw_contribution=None)
        for word in side.words
    )
    return replace(side, words=words, unread_words=0, unmatched=())


def _only_text(side: SideView, title: str) -> SideView:
    """Return the side without figures, counts and notes: methods read and mark unequally many."""
    runs = tuple(replace(run, said="") for run in side.runs)
    return replace(side, title=title, count="", note="", runs=runs)


PLANS_KEPT = 1000
SLOWER = "That was too fast. Wait {} s and try again; what was confirmed is stored."


@dataclass(frozen=True, slots=True)
class Limits:
    """How often a rater, an address, and an address with a wrong token may ask."""

    raters: RateLimiter = field(default_factory=lambda: RateLimiter(rate=10, burst=100))
    addresses: RateLimiter = field(default_factory=lambda: RateLimiter(rate=500, burst=2000))
    strangers: RateLimiter = field(default_factory=lambda: RateLimiter(rate=0.5, burst=30))


class RatingSessions:
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
