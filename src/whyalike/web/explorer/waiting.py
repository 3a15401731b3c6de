"""How far a question is, by the name that its page gave it, and what is asked before it begins."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse

from whyalike.web.api.allowance import said
from whyalike.web.api.api_app import PROGRESS
from whyalike.web.api.estimates import Estimate

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.requests import Request
    from starlette.responses import Response

    from whyalike.web.api.allowance import Allowance
    from whyalike.web.api.service import Service
    from whyalike.web.api.work_queue import WorkQueue


ASK = "x-whyalike-ask"
"""The header with a question's name: chance that the page made up, so that nobody else knows it."""

_NAME = re.compile(r"[0-9a-f]{32}")

ASK_FIRST = 5.0
"""Seconds of a model's work from which on a page asks before it begins.

They are those of a machine with nothing else to do: other work that slows this one down for a while
is no reason to ask before each question."""


class Waiting:
    """The questions that are being answered now."""

    def __init__(self, queue: "WorkQueue") -> None:
        self._queue = queue
        self._asked: dict[str, Allowance] = {}

    def register(self, app: "FastAPI") -> None:
        """Add the route to ``app``."""
        app.add_api_route(PROGRESS, self.show, methods=["GET"], include_in_schema=False)

    @contextmanager
    def known(self, request: "Request", allowance: "Allowance") -> Iterator[None]:
        """Know a question by its name in the block, where its page gave it one."""
        name = request.headers.get(ASK, "")
        if not _NAME.fullmatch(name):
            yield
            return
        self._asked[name] = allowance
        try:
            yield
        finally:
            if self._asked.get(name) is allowance:
                del self._asked[name]

    async def show(self, name: str = "") -> "Response":
        """Say how far the question of that name is.

        ``seconds`` of a model's work were expected for it, of which ``done`` are over; ``others``
        are requests that wait or are worked for besides. Of a question that is not being answered
        it says only that.
        """
        allowance = self._asked.get(name)
        if allowance is None:
            return JSONResponse({"known": False})
        place = self._queue.place_of(allowance)
        return JSONResponse(
            {
                "known": True,
                "seconds": round(allowance.seconds, 2),
                "done": round(allowance.active, 2),
                "begun": place.begun,
                "others": place.others,
            }
        )


@dataclass(frozen=True, slots=True)
class Dear:
    """What a question takes, in words: alone, with what others ask (or ""), and what takes less."""

    title: str
    others: str
    cheaper: str


def say_dear(service: "Service", estimate: Estimate, *, cheaper: str = "") -> Dear | None:
    """Return what to ask before a question that takes so long; None where it is not to be asked.

    A question that takes more than a request may is refused without being asked about.
    """
    if not ASK_FIRST < estimate.least <= service.limits.cost_seconds:
        return None
    seconds = estimate.seconds
    whole = service.queue.seconds_until_done(seconds, long=True)
    return Dear(
        title=f"This takes about {said(seconds)}",
        others=f"about {said(whole)}" if whole > 1.2 * seconds else "",
        cheaper=cheaper,
    )
