"""How each address is asked, with curl and with Python."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fastapi import Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

import whyalike
from whyalike.schema import ComparisonModel, ExplanationModel
from whyalike.texts import without_surrogates
from whyalike.web.api.answers import until_disconnected
from whyalike.web.api.metrics import MEDIA
from whyalike.web.api.schema import (
    CompareRequest,
    ExplainRequest,
    FailureModel,
    HealthModel,
    MethodModel,
    ModelsModel,
    RankModel,
    RankRequest,
    SimilarModel,
    SimilarRequest,
)
from whyalike.web.api.service import Placed, Service

if TYPE_CHECKING:
    from fastapi import FastAPI


HERE = "http://127.0.0.1:8000"
"""The origin in examples; the page puts its own there."""

EXAMPLES: Mapping[str, Mapping[str, Any] | None] = {
    "explain": {
        "left": "How do I get my money back?",
        "right": "A full refund is paid within seven days.",
    },
    "compare": {
        "query": "how to cancel",
        "better": "Cancel any time online.",
        "worse": "Our offices are open daily.",
    },
    "similar": {"text": "warm gloves", "k": 3},
    "rank": {"text": "warm gloves", "item": "an id of the index"},
    "models": None,
    "methods": None,
    "health": None,
    "metrics": None,
}


def examples(path: str, method: str) -> tuple[str, str]:
    """Return how to ask this address with curl, and with Python."""
    name, url = path.rsplit("/", 1)[-1], HERE + path
    if name == "batch":
        return _batch_examples(url)
    content = EXAMPLES[name]
    if content is None:
        return f"curl {url}", f'import httpx\n\nprint(httpx.get("{url}").text)\n'
    said = json.dumps(content, ensure_ascii=False)
    curl = f"curl {url} \\\n  -H 'content-type: application/json' \\\n  -d '{said}'"
    fields = "".join(f"    {key!r}: {value!r},\n" for key, value in content.items())
    call = f"answer = httpx.{method}(\n    {url!r},\n    json=asked,\n    timeout=60,\n)"
    python = f"import httpx\n\nasked = {{\n{fields}}}\n{call}\n"
    python += "answer.raise_for_status()\nprint(answer.json())\n"
    if name == "explain":
        python += "\nfrom whyalike import Explanation\n\n"
        python += "print(Explanation.from_dict(answer.json()))\n"
    return curl, python


def _batch_examples(url: str) -> tuple[str, str]:
    lines = (
        '{"id": "a", "left": "warm gloves", "right": "woollen mittens"}',
        '{"id": "b", "left": "how to cancel", "right": "Cancel any time online."}',
    )
    said = "\\n".join(lines)
    kind = "application/x-ndjson"
    curl = f"printf '{said}\\n' | curl {url} \\\n  -H 'content-type: {kind}' --data-binary @-"
    python = (
        "import json\n\nimport httpx\n\n"
        'pairs = [("warm gloves", "woollen mittens"), ("cancel", "Cancel any time online.")]\n'
        'lines = "\\n".join(json.dumps({"left": a, "right": b}) for a, b in pairs)\n'
        "with httpx.stream(\n"
        f'    "POST", "{url}", content=lines, timeout=None\n'
        ") as answer:\n"
        "    answer.raise_for_status()\n"
        "    for line in answer.iter_lines():\n"
        "        print(json.loads(line))\n"
    )
    return curl, python


PREFIX = "/api/v1"
MOST_BYTES = 1024 * 1024
JSON = "application/json"

STALLED_SECONDS = 60.0
"""No pass of a model takes that long."""

UNKNOWN: dict[int | str, dict[str, Any]] = {
    401: {"model": FailureModel, "description": "The server has a token, and this is not it."},
    429: {"model": FailureModel, "description": "Too many wrong tokens; see Retry-After."},
}
"""What every address answers to who lacks the token, but for /health."""

STALLED: dict[int | str, dict[str, Any]] = {
    503: {"model": HealthModel, "description": "There is work, and nothing moves."},
}

FAILURES: dict[int | str, dict[str, Any]] = {
    **UNKNOWN,
    403: {"content": {"text/plain": {}}, "description": "Sent by a page of another site."},
    413: {"content": {"text/plain": {}}, "description": "The body is too long to be read."},
    422: {"model": FailureModel, "description": "Something in the request is not allowed."},
    500: {"model": FailureModel, "description": "The model or the index can't be used."},
    501: {"model": FailureModel, "description": "An optional package is not installed."},
    503: {
        "model": FailureModel,
        "description": "Too many ask; see Retry-After.",
    },
}


class Routes:
    """Answers by JSON what ``service`` is asked."""

    def __init__(self, service: Service) -> None:
        self.service = service

    def register(self, app: "FastAPI") -> None:
        """Add the addresses to ``app``."""
        for handler, model in (
            (self.explain, ExplanationModel),
            (self.compare, ComparisonModel),
            (self.similar, SimilarModel),
            (self.rank, RankModel),
        ):
            app.add_api_route(
                f"{PREFIX}/{handler.__name__}",
                handler,
                methods=["POST"],
                response_model=model,
                responses=FAILURES,
                max_body_size=MOST_BYTES,
            )
        for ask, answered, refusals in (
            (self.models, ModelsModel, UNKNOWN),
            (self.methods, list[MethodModel], UNKNOWN),
            (self.health, HealthModel, STALLED),
        ):
            app.add_api_route(
                f"{PREFIX}/{ask.__name__}",
                ask,
                methods=["GET"],
                response_model=answered,
                responses=refusals,
                openapi_extra={"security": []} if refusals is STALLED else None,
            )
        app.add_api_route(
            f"{PREFIX}/metrics",
            self.metrics,
            methods=["GET"],
            response_class=Response,
            responses={
                **UNKNOWN,
                200: {"content": {"text/plain": {}}, "description": "Prometheus's text."},
            },
        )

    async def explain(self, asked: ExplainRequest, request: Request) -> Response:
        """Explain why a model finds two texts alike."""
        usual = self.service.model(asked.model).explainer.usual_check
        answer = await until_disconnected(
            request,
            self.service.answer(
                asked.left,
                asked.right,
                model=asked.model,
                method=asked.method,
                options=asked.changed(),
                documents=asked.documents,
                check=usual if asked.check is None else asked.check,
                unit=asked.unit,
            ),
        )
        return Response(answer.json, media_type=JSON)

    async def compare(self, asked: CompareRequest, request: Request) -> Response:
        """Explain why a model scores one text above another for a query."""
        comparison = await until_disconnected(
            request,
            self.service.compare(
                asked.query,
                asked.better,
                asked.worse,
                model=asked.model,
                method=asked.method,
                options=asked.changed(),
                check=asked.check,
            ),
        )
        return Response(comparison.to_json(), media_type=JSON)

    async def similar(self, asked: SimilarRequest, request: Request) -> Response:
        """Find the items of an index that are most like a text or one of them, and say why."""
        found = await until_disconnected(request, self.service.similar(**asked.model_dump()))
        # Fifty explanations take a while, in which others want their answers.
        return await run_in_threadpool(lambda: _json(found.to_dict()))

    async def rank(self, asked: RankRequest, request: Request) -> Response:
        """Say where one item stands in a search, and what explains its score."""
        placed = await until_disconnected(request, self.service.rank_of(**asked.model_dump()))
        return _json(_placed_to_dict(placed))

    async def models(self) -> Response:
        """List the models and indexes that the server was started with."""
        return _json(
            {
                "models": [one.describe() for one in self.service.models.values()],
                "indexes": [one.describe() for one in self.service.indexes.values()],
            }
        )

    async def methods(self) -> Response:
        """List the methods: what each is and promises, where it comes from, what it costs.

        Each with its options, as `options` of a request takes them by name; `served` is the most
        that this server takes.
        """
        from whyalike.methods.method import list_methods

        return JSONResponse([one.to_dict() for one in list_methods()])

    async def health(self) -> Response:
        """Say that the server answers, and what moves. It needs no token.

        503 where there is work, and nothing moved for a minute.
        """
        return health(self.service)

    async def metrics(self) -> Response:
        """Give what the server counts, for Prometheus."""
        return Response(self.service.metrics.text(), media_type=MEDIA)


def health(service: Service) -> Response:
    """Return what moves, as HealthModel has it."""
    state = service.queue.state
    is_stalled = state.still_seconds > STALLED_SECONDS
    content = {
        "status": "stalled" if is_stalled else "ok",
        "version": whyalike.__version__,
        "waiting": state.waiting,
        "waiting_seconds": round(state.waiting_seconds, 3),
        "running": state.running,
        "running_seconds": round(state.running_seconds, 3),
        "slices": state.slices,
        "still_seconds": round(state.still_seconds, 3),
    }
    return JSONResponse(content, 503 if is_stalled else 200)


def _placed_to_dict(placed: Placed) -> dict[str, Any]:
    standing = placed.standing
    return {
        "format": "whyalike/rank",
        "version": 1,
        "index": placed.index.name,
        "id": standing.item.id,
        "title": standing.item.title,
        "similarity": standing.similarity,
        "rank": standing.rank,
        "of": standing.of,
        "left_out": standing.left_out,
        "not_compared": standing.not_compared,
        "explanation": None if placed.explanation is None else placed.explanation.to_dict(),
    }


def _json(content: object) -> Response:
    said = json.dumps(content, ensure_ascii=False, allow_nan=False)
    return Response(without_surrogates(said), media_type=JSON)
