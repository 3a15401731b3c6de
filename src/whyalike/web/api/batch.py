"""Many pairs in one request: a line of JSON for each, answered line by line in their order."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Sequence
from io import BytesIO
from itertools import islice
from typing import TYPE_CHECKING, Any

from fastapi import Request
from pydantic import ValidationError
from starlette.responses import Response, StreamingResponse

from whyalike.errors import BusyError, TooCostlyError, WhyalikeError
from whyalike.web.api.allowance import Allowance
from whyalike.web.api.answers import LOG, status_of, until_disconnected
from whyalike.web.api.bodies import BATCH, most_bytes
from whyalike.web.api.codes import Details, TextRefusedError, code_of, failure
from whyalike.web.api.estimates import Estimate
from whyalike.web.api.exchange import request_id
from whyalike.web.api.refusals import describe, problems_of
from whyalike.web.api.routes import FAILURES
from whyalike.web.api.schema import BatchLine
from whyalike.web.api.service import Service

if TYPE_CHECKING:
    from fastapi import FastAPI

FAILED = "This went wrong on the server's side: its log says why."
MEDIA = "application/x-ndjson"
PATIENCE, BETWEEN = 60.0, 0.05
"""Seconds that a line waits for room where others fill the queue, and between two tries."""


class Batch:
    """Streams explanations. At most a quarter of the queue is one request's."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.window = max(1, service.limits.queue.waiting // 4)

    def register(self, app: "FastAPI") -> None:
        """Add the address to ``app``."""
        app.add_api_route(
            BATCH,
            self.batch,
            methods=["POST"],
            operation_id="batch",
            tags=["Explain"],
            response_class=Response,
            responses={
                **{status: one for status, one in FAILURES.items() if status != 415},
                200: {
                    "content": {MEDIA: {"schema": _LINES, "example": ANSWERED}},
                    "description": "A line for each, in their order: see BatchAnswer.",
                },
            },
            openapi_extra={"requestBody": _documented()},
            max_body_size=most_bytes(BATCH),
        )

    async def batch(self, request: Request) -> Response:
        """Explain many pairs: a line of JSON each, as for /explain, and with an id if you like.

        Each is answered by a line with its number from 0, its id, and its explanation or error.
        """
        most = self.service.limits.batch
        written = (line for line in BytesIO(await request.body()) if line.strip())
        # One by one: a list of all would take many times the memory of the body.
        lines = list(islice(written, most + 1))
        if len(lines) > most:
            raise TextRefusedError(
                f"The batch has more than {most:,} lines, which is the most that this server "
                "takes: send several.",
                "too_many",
                Details(limit=most, unit="lines"),
            )
        allowance = self.service.allowance()
        await until_disconnected(request, self._take(allowance, lines))
        return StreamingResponse(self._stream(allowance, lines), media_type=MEDIA)

    async def _take(self, allowance: Allowance, lines: Sequence[bytes]) -> None:
        """Take note of what all lines cost together, before the first is explained.

        A line that can't be explained costs nothing. Raises TooCostlyError.
        """
        async with self.service.request(allowance):
            whole, count = Estimate(), 0
            for line in lines:
                try:
                    asked = BatchLine.model_validate_json(line)
                    one = await self.service.estimate(
                        asked.left,
                        asked.right,
                        model=asked.model,
                        method=asked.method,
                        options=asked.changed(),
                        documents=asked.documents,
                        check=asked.check or 0,
                        unit=asked.unit,
                    )
                except (TooCostlyError, BusyError):
                    raise
                except (ValidationError, WhyalikeError):
                    continue
                whole, count = whole + one, count + 1
            mean = whole.seconds / max(1, count)
            allowance.take(
                whole,
                lambda left: (
                    f"send batches of at most about {max(1, int(left / mean)):,} of such lines, or "
                    "choose another method or shorter texts"
                ),
            )
            allowance.is_paid = True

    async def _stream(self, allowance: Allowance, lines: Sequence[bytes]) -> AsyncIterator[bytes]:
        waiting: deque[asyncio.Task[bytes]] = deque()
        try:
            for number, line in enumerate(lines):
                if len(waiting) == self.window:
                    yield await waiting[0]
                    waiting.popleft()
                waiting.append(asyncio.create_task(self._answer(allowance, number, line)))
            while waiting:
                yield await waiting[0]
                waiting.popleft()
        finally:
            # What nobody reads any more is not explained.
            for task in waiting:
                task.cancel()

    async def _answer(self, allowance: Allowance, number: int, line: bytes) -> bytes:
        """Return the answer to one line, which may be its own error."""
        head = f'{{"number":{number},"id":null'
        try:
            asked = BatchLine.model_validate_json(line)
            head = f'{{"number":{number},"id":{json.dumps(asked.id)}'
            async with self.service.request(allowance):
                found = await self._explain(asked)
            return f'{head},"explanation":'.encode() + found + b"}\n"
        except ValidationError as error:
            said = _refused(error)
        except WhyalikeError as error:
            said = self._failed(number, error)
        except Exception:
            LOG.exception("line %d of the batch %s", number, request_id())
            said = failure("internal_error", FAILED)
        return f"{head},{json.dumps(said)[1:]}\n".encode()

    def _failed(self, number: int, error: WhyalikeError) -> dict[str, Any]:
        """Return what is said of a line that can't be explained; log what is ours."""
        (code, details), says = code_of(error), status_of(error)[1]
        if not says:
            LOG.error("line %d of the batch %s", number, request_id(), exc_info=error)
        later = error.seconds if isinstance(error, BusyError) else None
        return failure(code, says or FAILED, details=details, retry_after=later)

    async def _explain(self, asked: BatchLine) -> bytes:
        """Return the JSON of an explanation, after waiting for room where there is none."""
        loop = asyncio.get_running_loop()
        until = loop.time() + PATIENCE
        while True:
            try:
                answer = await self.service.answer(
                    asked.left,
                    asked.right,
                    model=asked.model,
                    method=asked.method,
                    options=asked.changed(),
                    documents=asked.documents,
                    check=asked.check or 0,
                    unit=asked.unit,
                )
            except BusyError as error:
                if error.reason != "queue_full" or loop.time() > until:
                    raise
                await asyncio.sleep(BETWEEN)
            else:
                return answer.json


_LINES = {"type": "string", "description": "Lines of JSON, each a BatchAnswer."}
ANSWERED = (
    '{"number": 0, "id": "first", "explanation": {"format": "whyalike/explanation", "…": "…"}}\n'
    '{"number": 1, "id": "second", "error": "The right text has 31,204 characters; this server '
    'takes 20,000 at most: shorten it.", "code": "text_too_long", "field": "right", "limit": '
    '20000, "value": 31204, "unit": "characters"}\n'
)


def _refused(error: ValidationError) -> dict[str, Any]:
    """Return what is said of a line that is none."""
    errors = error.errors()
    if errors[0]["type"] == "json_invalid":
        return failure("invalid_json", f"The line is no JSON: {errors[0]['msg']}."[:300])
    problems = problems_of(errors)
    details = Details(**{name: problems[0].get(name) for name in ("field", "limit", "value")})
    return failure("invalid_request", describe(errors), details=details, problems=problems)


def _documented() -> dict[str, Any]:
    schema = {"type": "string", "description": "Lines of JSON, each as /explain takes it."}
    lines = (
        {"id": "first", "left": "warm gloves", "right": "woollen mittens"},
        {"id": "second", "left": "how to cancel", "right": "Cancel any time online."},
    )
    example = "\n".join(json.dumps(line) for line in lines)
    return {"required": True, "content": {MEDIA: {"schema": schema, "example": example}}}
