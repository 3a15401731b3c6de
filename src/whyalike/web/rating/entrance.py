"""How a rater comes in and goes: invitation, consent, pause, end."""

from typing import Annotated

from fastapi import FastAPI, Form, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from whyalike.web.rating.desk import Desk
from whyalike.web.rating.session import LONGEST_TOKEN, check_seal, seal

CONSENT, LEAVE = "consent", "leave"
UNKNOWN = "This invitation is not known here. Check that the link is whole, or ask for a new one."
SEE_OTHER = 303

Seal = Annotated[str, Form(max_length=100)]


class Entrance:
    """The pages around the screens. Each handler blocks, and runs in a thread of its own."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def register(self, app: FastAPI) -> None:
        """Add the pages to ``app``."""
        for method, path, handler in (
            ("GET", "/r/{token}", self.invitation),
            ("POST", "/enter", self.enter),
            ("GET", "/", self.start),
            ("POST", "/consent", self.consent),
            ("GET", "/pause", self.pause),
            ("GET", "/done", self.done),
            ("POST", "/leave", self.leave),
        ):
            app.add_api_route(path, handler, methods=[method], response_model=None)

    def invitation(self, request: Request, token: str) -> Response:
        """Show the invitation; it opens nothing yet, as mail programs follow links too."""
        if self.desk.rater(request, token) is None:
            raise HTTPException(404, UNKNOWN)
        return self.desk.pages.answer("invitation.html.j2", token=token)

    def enter(
        self, request: Request, token: Annotated[str, Form(max_length=LONGEST_TOKEN)]
    ) -> Response:
        """Let the browser keep the invitation, and go to the start."""
        if self.desk.rater(request, token) is None:
            raise HTTPException(404, UNKNOWN)
        response = go("/")
        self.desk.rater_cookie.set(response, token)
        return response

    def start(self, request: Request) -> Response:
        """Ask for consent, or go on where the rater stopped."""
        visit = self.desk.visit(request)
        if visit is None:
            return self.desk.pages.answer("outside.html.j2")
        if visit.rater.consented_at is not None:
            return go("/rate")
        return self.desk.pages.answer(
            "consent.html.j2",
            screens=len(visit.tasks) - visit.practice,
            practice=visit.practice,
            question=self.desk.study.question,
            scale=self.desk.study.scale,
            seal=seal(visit.token, CONSENT),
        )

    def consent(
        self, request: Request, seal: Seal, agree: Annotated[str, Form(max_length=10)]
    ) -> Response:
        """Keep that the rater takes part."""
        visit = self.desk.visit(request)
        if visit is None:
            return go("/")
        check_seal(seal, visit.token, CONSENT)
        if agree != "yes":
            return go("/")
        self.desk.storage.consent(visit.rater.id)
        return go("/rate")

    def pause(self, request: Request) -> Response:
        """Say that all is stored."""
        visit = self.desk.visit(request)
        if visit is None:
            return go("/")
        left = len(visit.tasks) - len(visit.answers)
        return self.desk.pages.answer("pause.html.j2", left=left, seal=seal(visit.token, LEAVE))

    def done(self, request: Request) -> Response:
        """Thank the rater."""
        visit = self.desk.visit(request)
        if visit is None or not visit.is_done:
            return go("/")
        last = visit.before(visit.next_position)
        return self.desk.pages.answer(
            "done.html.j2",
            answered=len(visit.tasks),
            back="" if last is None else f"/rate/{last + 1}",
            seal=seal(visit.token, LEAVE),
        )

    def leave(self, request: Request, seal: Seal) -> Response:
        """Let the browser forget the invitation."""
        visit = self.desk.visit(request)
        response = go("/")
        if visit is not None:
            check_seal(seal, visit.token, LEAVE)
            self.desk.rater_cookie.clear(response)
        return response


def go(path: str) -> RedirectResponse:
    """Return an answer that leads to another page of ours, by GET."""
    return RedirectResponse(path, status_code=SEE_OTHER)
