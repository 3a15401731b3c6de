"""The screens of a rater, from the entrance to the end."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Annotated

from fastapi import FastAPI, Form, Request
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response

from whyalike.study.engine import COMMENT_LENGTH
from whyalike.study.model import HIGHEST, LOWEST, Practice
from whyalike.study.storage import RatingRow
from whyalike.web.middleware import wants_json
from whyalike.web.rating.session import (
    LONGEST_TOKEN,
    STALE,
    RatingSessions,
    Visit,
    check_seal,
    seal,
)

CONSENT, LEAVE = "consent", "leave"
UNKNOWN = "This invitation is not known here. Check that the link is whole, or ask for a new one."
SEE_OTHER = 303
Seal = Annotated[str, Form(max_length=100)]


class Entrance:
    """The pages around the screens. Each handler blocks, and runs in a thread of its own."""

    def __init__(self, sessions: RatingSessions) -> None:
        self.sessions = sessions

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
        if self.sessions.rater(request, token) is None:
            raise HTTPException(404, UNKNOWN)
        return self.sessions.pages.answer("invitation.html.j2", token=token)

    def enter(
        self, request: Request, token: Annotated[str, Form(max_length=LONGEST_TOKEN)]
    ) -> Response:
        """Let the browser keep the invitation, and go to the start."""
        if self.sessions.rater(request, token) is None:
            raise HTTPException(404, UNKNOWN)
        response = go("/")
        self.sessions.rater_cookie.set(response, token)
        return response

    def start(self, request: Request) -> Response:
        """Ask for consent, or go on where the rater stopped."""
        visit = self.sessions.visit(request)
        if visit is None:
            return self.sessions.pages.answer("outside.html.j2")
        if visit.rater.consented_at is not None:
            return go("/rate")
        return self.sessions.pages.answer(
            "consent.html.j2",
            screens=len(visit.tasks) - visit.practice,
            practice=visit.practice,
            question=self.sessions.study.question,
            scale=self.sessions.study.scale,
            seal=seal(visit.token, CONSENT),
        )

    def consent(
        self, request: Request, seal: Seal, agree: Annotated[str, Form(max_length=10)]
    ) -> Response:
        """Keep that the rater takes part."""
        visit = self.sessions.visit(request)
        if visit is None:
            return go("/")
        check_seal(seal, visit.token, CONSENT)
        if agree != "yes":
            return go("/")
        self.sessions.storage.consent(visit.rater.id)
        return go("/rate")

    def pause(self, request: Request) -> Response:
        """Say that all is stored."""
        visit = self.sessions.visit(request)
        if visit is None:
            return go("/")
        left = len(visit.tasks) - len(visit.answers)
        return self.sessions.pages.answer("pause.html.j2", left=left, seal=seal(visit.token, LEAVE))

    def done(self, request: Request) -> Response:
        """Thank the rater."""
        visit = self.sessions.visit(request)
        if visit is None or not visit.is_done:
            return go("/")
        last = visit.before(visit.next_position)
        return self.sessions.pages.answer(
            "done.html.j2",
            answered=len(visit.tasks),
            back="" if last is None else f"/rate/{last + 1}",
            seal=seal(visit.token, LEAVE),
        )

    def leave(self, request: Request, seal: Seal) -> Response:
        """Let the browser forget the invitation."""
        visit = self.sessions.visit(request)
        response = go("/")
        if visit is not None:
            check_seal(seal, visit.token, LEAVE)
            self.sessions.rater_cookie.clear(response)
        return response


def go(path: str) -> RedirectResponse:
    """Return an answer that leads to another page of ours, by GET."""
    return RedirectResponse(path, status_code=SEE_OTHER)


TOO_LONG = f"The comment is too long: shorten it to {COMMENT_LENGTH:,} characters and save again."

ANSWERED = (
    "This screen was answered already, and nothing was changed: only the last answer can be "
    "changed, and practice never. Go on from the start page."
)


@dataclass(frozen=True, slots=True)
class RatingForm:
    """The hidden half of the form. No id of the stimulus: the plan knows what stands there."""

    action: str
    shown: str
    key: str
    seal: str
    longest: int = COMMENT_LENGTH


class Screens:
    """The screens of a rater. Each handler blocks, and runs in a thread of its own."""

    def __init__(self, sessions: RatingSessions) -> None:
        self.sessions = sessions

    def register(self, app: FastAPI) -> None:
        """Add the pages to ``app``."""
        for method, path, handler in (
            ("GET", "/rate", self.where),
            ("GET", "/rate/{number}", self.show),
            ("POST", "/rate/{number}", self.take),
            ("GET", "/rate/{number}/answer", self.feedback),
        ):
            app.add_api_route(path, handler, methods=[method], response_model=None)

    def where(self, request: Request) -> Response:
        """Go to the first screen without an answer."""
        visit = self._visit(request)
        if visit is None:
            return go("/")
        return go(visit.path)

    def show(self, request: Request, number: int) -> Response:
        """Show a screen: the next one, or the last one again."""
        visit = self._visit(request)
        if visit is None:
            return go("/")
        position = number - 1
        if not visit.may_see(position):
            return go(visit.path)
        called, count, of = visit.count(position)
        back = visit.before(position)
        return self.sessions.pages.answer(
            "rate.html.j2",
            stimulus=self.sessions.draw(visit.tasks[position].stimulus_id),
            called=called,
            number=count,
            of=of,
            question=self.sessions.study.question,
            scale=self.sessions.study.scale,
            answer=visit.answers.get(position),
            back="" if back is None else f"/rate/{back + 1}",
            form=self._form(visit, position),
        )

    def take(
        self,
        *,
        request: Request,
        number: int,
        value: Annotated[int, Form(ge=LOWEST, le=HIGHEST)],
        shown: Annotated[str, Form(max_length=40)],
        client_key: Annotated[str, Form(min_length=16, max_length=64)],
        seal: Seal,
        comment: Annotated[str, Form(max_length=4 * COMMENT_LENGTH)] = "",
    ) -> Response:
        """Keep an answer, and say so once it is durable.

        Only what ``show`` would show now can be answered, whenever the form was made: the next
        screen, and the last one again.
        """
        visit = self._visit(request)
        if visit is None:
            # A script would follow a redirect, and take the page there for an answer.
            raise HTTPException(403, STALE)
        position = number - 1
        if not 0 <= position < len(visit.tasks):
            raise HTTPException(403, STALE)
        task = visit.tasks[position]
        check_seal(seal, visit.token, position, task.stimulus_id, shown)
        said = comment.replace("\r\n", "\n").strip()
        if len(said) > COMMENT_LENGTH:
            raise HTTPException(422, TOO_LONG)

        def check(answers: Mapping[int, RatingRow]) -> None:
            if not replace(visit, answers=answers).may_see(position):
                raise HTTPException(409, ANSWERED)

        receipt = self.sessions.storage.record(
            visit.rater.id,
            position,
            task.stimulus_id,
            value,
            client_key=_key(client_key, position, value, said),
            comment=said,
            shown_at=datetime.fromisoformat(shown),
            answered_at=datetime.now(UTC),
            check=check,
        )
        if receipt.replayed:
            # Sent again, it was stored before; but another answer may have taken its place.
            held = self.sessions.storage.answers(visit.rater.id)[position]
            if held.id != receipt.rating_id:
                raise HTTPException(409, ANSWERED)
        practised = task.kind == "practice"
        target = f"/rate/{number}/answer" if practised else visit.path_after(position)
        return JSONResponse({"next": target}) if wants_json(request) else go(target)

    def feedback(self, request: Request, number: int) -> Response:
        """Say what was expected of a practice item that was answered."""
        visit = self._visit(request)
        if visit is None:
            return go("/")
        answer = visit.answers.get(number - 1)
        shown = None if answer is None else self.sessions.study.shown(answer.stimulus_id)
        if answer is None or not isinstance(shown, Practice):
            return go(visit.path)
        return self.sessions.pages.answer(
            "feedback.html.j2",
            stimulus=self.sessions.draw(shown.id),
            value=answer.value,
            low=shown.low,
            high=shown.high,
            why=shown.why,
            scale=self.sessions.study.scale,
        )

    def _visit(self, request: Request) -> Visit | None:
        """Return who is asking; None unless they are known and take part."""
        visit = self.sessions.visit(request)
        return visit if visit is not None and visit.rater.consented_at is not None else None

    def _form(self, visit: Visit, position: int) -> RatingForm:
        shown = datetime.now(UTC).isoformat()
        return RatingForm(
            action=f"/rate/{position + 1}",
            shown=shown,
            key=secrets.token_hex(16),
            seal=seal(visit.token, position, visit.tasks[position].stimulus_id, shown),
        )


def _key(client_key: str, position: int, value: int, comment: str) -> str:
    """Return the key of this answer: sent again it is the same, changed it is another.

    Without scripts, a form that is gone back to has the key of its first answer.
    """
    said = f"{client_key}\x1f{position}\x1f{value}\x1f{comment}"
    return sha256(said.encode("utf-8", "surrogatepass")).hexdigest()
