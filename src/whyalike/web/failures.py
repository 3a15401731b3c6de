"""What a browser shows when something went wrong, and what a script is told."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

from whyalike.web.headers import SECURITY_HEADERS, UNCACHED

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.requests import Request

    from whyalike.web.pages import Pages

SENTENCES = {
    403: "This page does not belong to you, or is out of date. Open your own link again.",
    404: "There is no such page here. Check the address, or open your link again.",
    405: "This address can't be used in that way. Go back and try again.",
    413: "This is too long to be taken. Shorten it and try again.",
    422: "Something in the form is missing or can't be read. Go back and try again.",
    429: "That was too fast. Wait a moment and try again.",
    500: "Something went wrong on our side. Nothing that was confirmed is lost; try again.",
}
GONE = 499


@dataclass(frozen=True, slots=True)
class Failures:
    """Answers errors: a page for who wants HTML, and one sentence in JSON for who wants that."""

    pages: "Pages"

    def register(self, app: "FastAPI") -> None:
        """Let ``app`` answer its errors so."""
        app.add_exception_handler(HTTPException, self.on_http)
        app.add_exception_handler(RequestValidationError, self.on_form)
        app.add_exception_handler(ClientDisconnect, self.on_gone)
        app.add_exception_handler(Exception, self.on_any)

    async def on_http(self, request: "Request", error: Exception) -> Response:
        """Answer an error that was raised on purpose."""
        assert isinstance(error, HTTPException)
        # Starlette's own details, such as "Not Found", say nothing that helps.
        ours = error.detail if error.detail != HTTPStatus(error.status_code).phrase else ""
        return self.answer(request, error.status_code, ours, dict(error.headers or {}))

    async def on_form(self, request: "Request", _: Exception) -> Response:
        """Answer a form that lacks something, without repeating what was sent."""
        return self.answer(request, 422, "", {})

    async def on_gone(self, _: "Request", __: Exception) -> Response:
        """Answer nobody, with the status that others log for that."""
        return Response(status_code=GONE)

    async def on_any(self, request: "Request", _: Exception) -> Response:
        """Answer what nobody expected; the traceback goes to the log, and not to the browser."""
        # This answer is made outside all middleware.
        return self.answer(request, 500, "", {**SECURITY_HEADERS, "cache-control": UNCACHED})

    def answer(
        self, request: "Request", status: int, says: str, headers: dict[str, str]
    ) -> Response:
        """Return the error in the form that the request asks for."""
        sentence = says or SENTENCES.get(status, HTTPStatus(status).phrase + ".")
        response: Response
        if wants_json(request):
            response = JSONResponse({"error": sentence}, status_code=status)
        else:
            title = HTTPStatus(status).phrase
            response = self.pages.answer(
                "error.html.j2", status=status, title=title, sentence=sentence
            )
        response.headers.update(headers)
        return response


def wants_json(request: "Request") -> bool:
    """Return whether the request comes from a script that reads JSON."""
    return "application/json" in request.headers.get("accept", "")
