"""How far the raters are, for whoever runs the study; figures by method only on demand."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import FastAPI, Form, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from whyalike.study.ratings import from_storage
from whyalike.study.storage import Progress
from whyalike.web.rating.screens import Seal, go
from whyalike.web.rating.session import LONGEST_TOKEN, RatingSessions, check_seal, seal

MEANS = "means"
UNKNOWN = "This is not the admin token. Copy it whole from where the server was started."


@dataclass(frozen=True, slots=True)
class ProgressRow:
    """One rater, as the page shows it; the number is that of reports and exports, from 0."""

    number: int
    name: str
    simulated: bool
    state: str
    answered: int
    last: str


class AdminPages:
    """The pages behind the admin token. Each handler blocks, and runs in a thread of its own."""

    def __init__(self, sessions: RatingSessions) -> None:
        self.sessions = sessions

    def register(self, app: FastAPI) -> None:
        """Add the pages to ``app``."""
        app.add_api_route("/admin", self.progress, methods=["GET"], response_model=None)
        app.add_api_route("/admin/enter", self.enter, methods=["POST"], response_model=None)
        app.add_api_route("/admin/means", self.means, methods=["POST"], response_model=None)

    def enter(
        self, request: Request, token: Annotated[str, Form(max_length=LONGEST_TOKEN)]
    ) -> Response:
        """Let the browser keep the token until it is closed."""
        token = token.strip()
        if not self.sessions.is_admin(request, token):
            raise HTTPException(403, UNKNOWN)
        response = go("/admin")
        self.sessions.admin_cookie.set(response, token, seconds=None)
        return response

    def progress(self, request: Request) -> Response:
        """Show how far each rater is."""
        token = self.sessions.admin_cookie.read(request)
        if not self.sessions.is_admin(request, token):
            return self.sessions.pages.answer("admin_login.html.j2")
        return self._answer(token, means=None)

    def means(self, request: Request, seal: Seal) -> Response:
        """Show the means too. It is a form, so that no link leads there by mistake."""
        token = self.sessions.admin_cookie.read(request)
        if not self.sessions.is_admin(request, token):
            return go("/admin")
        check_seal(seal, token, MEANS)
        return self._answer(token, means=self._means())

    def _answer(self, token: str, *, means: list[tuple[str, int, float]] | None) -> Response:
        screens = len(self.sessions.plan(0))
        rows = [_row(one, screens) for one in self.sessions.storage.progress()]
        return self.sessions.pages.answer(
            "admin.html.j2",
            rows=rows,
            screens=screens,
            simulated=any(row.simulated for row in rows),
            means=means,
            seal=seal(token, MEANS),
        )

    def _means(self) -> list[tuple[str, int, float]]:
        items = from_storage(self.sessions.study, self.sessions.storage).items
        found = []
        for method in self.sessions.study.methods:
            values = items.value[items.method == method]
            found.append((method, len(values), float(values.mean()) if len(values) else 0.0))
        return found


def _row(progress: Progress, screens: int) -> ProgressRow:
    rater = progress.rater
    if progress.answered >= screens:
        state = "done"
    elif progress.answered:
        state = "under way"
    else:
        state = "invited" if rater.consented_at is None else "begun"
    last = progress.last_at
    return ProgressRow(
        number=rater.number,
        name=rater.name,
        simulated=rater.simulated,
        state=state,
        answered=progress.answered,
        last="–" if last is None else f"{last:%Y-%m-%d %H:%M}",
    )
