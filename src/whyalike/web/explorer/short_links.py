"""Links to questions that are too long for one: a short id, under which this server keeps them."""

import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, RedirectResponse

from whyalike.web.explorer.asking import ONCE, Asked, Fields

if TYPE_CHECKING:
    from whyalike.web.explorer.drawing import Drawing


STORED = "q"
"""The field of an address with the id."""

DAY = 24 * 3600.0
BYTES = 12
"""Of chance in an id, so that none is found by trying."""

OVERHEAD = 400
GONE = (
    "This server does not know the texts of this link any more: it keeps them for {days:g} days, "
    "and until it is stopped. Ask whoever sent it for the texts."
)
PAGES = {"/pair/link": "/", "/compare/link": "/compare", "/catalogue/link": "/catalogue"}
"""Where a link is asked for, and the page that it opens."""


@dataclass(slots=True)
class ShortLinks:
    """Questions by short ids: at most so many and so many bytes, none older than so many seconds.

    They are kept in memory alone. The same question has the same id, and is as young as when it was
    asked for last.
    """

    most: int = 500
    most_bytes: int = 16 * 1024 * 1024
    seconds: float = 7 * DAY
    clock: Callable[[], float] = time.monotonic
    size: int = 0
    _kept: "OrderedDict[str, tuple[float, Fields, int]]" = field(default_factory=OrderedDict)
    _ids: dict[bytes, str] = field(default_factory=dict)
    _digests: dict[str, bytes] = field(default_factory=dict)

    def put(self, fields: Fields) -> str:
        """Keep a question; return its id."""
        self._forget_old()
        said = repr(sorted(fields.items())).encode("utf-8", "backslashreplace")
        digest = hashlib.sha256(said).digest()
        found = self._ids.get(digest)
        if found is not None:
            self._drop(found)
        name = found or secrets.token_urlsafe(BYTES)
        own = len(said) + OVERHEAD
        self._kept[name] = self.clock(), fields, own
        self._ids[digest], self._digests[name] = name, digest
        self.size += own
        while len(self._kept) > self.most or (self.size > self.most_bytes and len(self._kept) > 1):
            self._drop(next(iter(self._kept)))
        return name

    def get(self, name: str) -> Fields | None:
        """Return a question that is kept, or None."""
        self._forget_old()
        found = self._kept.get(name)
        return None if found is None else found[1]

    def _forget_old(self) -> None:
        oldest = self.clock() - self.seconds
        while self._kept and next(iter(self._kept.values()))[0] < oldest:
            self._drop(next(iter(self._kept)))

    def _drop(self, name: str) -> None:
        *_, own = self._kept.pop(name)
        self.size -= own
        del self._ids[self._digests.pop(name)]


@dataclass(frozen=True, slots=True)
class LinkPages:
    """Takes questions and gives their links; opens what was kept."""

    drawing: "Drawing"
    links: ShortLinks

    def register(self, app: FastAPI) -> None:
        """Add the routes to ``app``; before those of the pages, which take other files there."""
        for path in PAGES:
            self.drawing.add(app, path, self.make)

    async def make(self, request: Request) -> Response:
        """Keep what is asked, and lead to its link; a script learns the link alone."""
        if request.method != "POST":
            raise HTTPException(405)
        asked = (await self.drawing.read(request)).without(*ONCE)
        link = f"{PAGES[request.url.path]}?{STORED}={self.links.put(asked.fields)}"
        if asked.is_part:
            return PlainTextResponse(link)
        return RedirectResponse(link, status_code=303)

    def opened(self, asked: Asked) -> Asked:
        """Return the question that a link stands for, or what is asked itself.

        Raises HTTPException where it is not kept any more.
        """
        name = asked.one(STORED)
        if not name:
            return asked
        fields = self.links.get(name)
        if fields is None:
            raise HTTPException(404, GONE.format(days=self.links.seconds / DAY))
        return Asked({**fields, **asked.without(STORED).fields}, asked.is_part)
