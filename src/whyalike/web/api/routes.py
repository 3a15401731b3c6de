"""The addresses of the API: what each asks the service, and how OpenAPI has it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Body, Query, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

import whyalike
from whyalike.schema import ComparisonModel, ExplanationModel
from whyalike.texts import without_surrogates
from whyalike.web.api.answers import until_disconnected
from whyalike.web.api.bodies import JSON, PREFIX, most_bytes
from whyalike.web.api.codes import OptionRefusedError, documented, fail
from whyalike.web.api.forecast import checks_of, forecast, question_of
from whyalike.web.api.items import item_to_dict
from whyalike.web.api.metrics import MEDIA
from whyalike.web.api.schema import (
    AnyQuestion,
    CompareRequest,
    EstimateModel,
    ExplainRequest,
    FailureModel,
    HealthModel,
    ItemModel,
    ItemQuery,
    ItemsModel,
    ItemsQuery,
    MethodModel,
    ModelsModel,
    PassagesRequest,
    RankingModel,
    RankModel,
    RankRequest,
    SimilarModel,
    SimilarRequest,
    validated,
)
from whyalike.web.api.searches import Placed
from whyalike.web.api.service import Service

if TYPE_CHECKING:
    from fastapi import FastAPI

STALLED_SECONDS = 60.0
"""No pass of a model takes that long."""

EVERYWHERE = ("unknown_host", "internal_error")
CLOSED = ("token_needed", "wrong_token", "too_many_wrong_tokens", "rate_limited")
"""What every address answers to who lacks the token or asks too often, but for /health."""

BODIES = ("other_site", "body_too_long", "unsupported_media_type", "invalid_json")
BUSY = ("queue_full", "stopping", "out_of_time")
ASKED = (
    "invalid_request",
    "unknown_model",
    "invalid_method",
    "unknown_option",
    "invalid_option",
    "option_not_allowed",
    "text_not_allowed",
    "text_too_long",
    "too_costly",
    "model_failed",
    "package_missing",
)
INDEXED = ("unknown_index", "unknown_item", "invalid_filter", "too_many")

Responses = dict[int | str, dict[str, Any]]


def _refusals(*codes: str, without: tuple[int, ...] = (404,)) -> Responses:
    found = documented(codes, FailureModel)
    return {status: one for status, one in found.items() if status not in without}


UNKNOWN: Responses = _refusals(*EVERYWHERE, *CLOSED)

STALLED: Responses = {
    **_refusals(*EVERYWHERE),
    503: {"model": HealthModel, "description": "There is work, and nothing moves."},
}

FAILURES: Responses = _refusals(*EVERYWHERE, *CLOSED, *BODIES, *ASKED, *BUSY, "too_many")

SEARCHES: Responses = _refusals(*EVERYWHERE, *CLOSED, *BODIES, *ASKED, *BUSY, *INDEXED)

LISTS: Responses = _refusals(
    *EVERYWHERE, *CLOSED, *BUSY, "invalid_request", "unknown_index", "invalid_filter",
    "stale_cursor", "text_too_long", "option_not_allowed",
)  # fmt: skip

ITEM: Responses = _refusals(
    *EVERYWHERE, *CLOSED, *BUSY, "invalid_request", "unknown_index", "unknown_item", without=()
)


@dataclass(frozen=True, slots=True)
class Address:
    """An address: what answers it, what the answer is, how it may be refused, and its tag."""

    ask: Callable[..., Any]
    answer: Any
    refusals: Responses
    tag: str

    @property
    def name(self) -> str:
        """The last part of the path, which is its operation id too."""
        return self.ask.__name__


TAGS = {
    "Explain": "Why two texts are alike, or one more than another.",
    "Passages": "Which passage answers a query, and what carries its score.",
    "Catalogues": "Indexes of items: searches with reasons, and the items themselves.",
    "Server": "What the server has, and how it is.",
}


class Routes:
    """Answers by JSON what ``service`` is asked."""

    def __init__(self, service: Service) -> None:
        self.service = service

    def register(self, app: "FastAPI") -> None:
        """Add the addresses to ``app``."""
        for one in (
            Address(self.explain, ExplanationModel, FAILURES, "Explain"),
            Address(self.compare, ComparisonModel, FAILURES, "Explain"),
            Address(self.estimate, EstimateModel, FAILURES, "Explain"),
            Address(self.passages, RankingModel, FAILURES, "Passages"),
            Address(self.similar, SimilarModel, SEARCHES, "Catalogues"),
            Address(self.rank, RankModel, SEARCHES, "Catalogues"),
        ):
            path = f"{PREFIX}/{one.name}"
            app.add_api_route(
                path,
                one.ask,
                methods=["POST"],
                operation_id=one.name,
                tags=[one.tag],
                response_model=one.answer,
                responses=one.refusals,
                max_body_size=most_bytes(path),
            )
        for one in (
            Address(self.items, ItemsModel, LISTS, "Catalogues"),
            Address(self.item, ItemModel, ITEM, "Catalogues"),
            Address(self.models, ModelsModel, UNKNOWN, "Server"),
            Address(self.methods, list[MethodModel], UNKNOWN, "Server"),
            Address(self.health, HealthModel, STALLED, "Server"),
        ):
            app.add_api_route(
                f"{PREFIX}/{one.name}",
                one.ask,
                methods=["GET"],
                operation_id=one.name,
                tags=[one.tag],
                response_model=one.answer,
                responses=one.refusals,
                openapi_extra={"security": []} if one.refusals is STALLED else None,
            )
        app.add_api_route(
            f"{PREFIX}/metrics",
            self.metrics,
            methods=["GET"],
            operation_id="metrics",
            tags=["Server"],
            response_class=Response,
            responses={
                **UNKNOWN,
                200: {"content": {"text/plain": {}}, "description": "Prometheus's text."},
            },
        )

    async def explain(self, asked: ExplainRequest, request: Request) -> Response:
        """Explain why a model finds two texts alike."""
        answer = await until_disconnected(
            request,
            self.service.answer(
                asked.left,
                asked.right,
                model=asked.model,
                method=asked.method,
                options=asked.changed(),
                documents=asked.documents,
                check=checks_of(self.service, asked),
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
        return Response(validated(ComparisonModel, comparison.to_json()), media_type=JSON)

    async def estimate(self, asked: Annotated[AnyQuestion, Body()], request: Request) -> Response:
        """Say what a question of /explain, /compare or /passages would take here.

        Nothing is computed. It is refused as the question itself would be, but where it would take
        too long: then `fits` is false, and `advice` says what would fit.
        """
        found = await until_disconnected(request, forecast(self.service, asked))
        return _json(found.to_dict(), EstimateModel)

    async def passages(self, asked: PassagesRequest, request: Request) -> Response:
        """Rank passages for a query, and say what carries the scores of the first ones.

        With `right`, the one that should be first is compared with the one that is.
        """
        answer = await until_disconnected(
            request,
            self.service.rank_passages(
                question_of(self.service, asked),
                model=asked.model,
                method=asked.method,
                options=asked.changed(),
            ),
        )
        return Response(answer, media_type=JSON)

    async def similar(self, asked: SimilarRequest, request: Request) -> Response:
        """Find the items of an index that are most like a text or one of them, and say why."""
        found = await until_disconnected(request, self.service.similar(**asked.model_dump()))
        # Fifty explanations take a while, in which others want their answers.
        return await run_in_threadpool(lambda: _json(found.to_dict(), SimilarModel))

    async def rank(self, asked: RankRequest, request: Request) -> Response:
        """Say where one item stands in a search, and what explains its score."""
        placed = await until_disconnected(request, self.service.rank_of(**asked.model_dump()))
        return _json(_placed_to_dict(placed), RankModel)

    async def items(self, asked: Annotated[ItemsQuery, Query()], request: Request) -> Response:
        """List the items of an index, page by page.

        `next` of a page is the `cursor` of the one after it; it holds as long as the server runs.
        """
        work = self.service.items(
            asked.index, where=asked.where, limit=asked.limit, cursor=asked.cursor
        )
        found = await until_disconnected(request, work)
        return await run_in_threadpool(lambda: _json(found.to_dict(), ItemsModel))

    async def item(self, asked: Annotated[ItemQuery, Query()], request: Request) -> Response:
        """Give an item of an index by its id."""
        try:
            work = self.service.item(asked.id, asked.index)
            return _json(item_to_dict(await until_disconnected(request, work)), ItemModel)
        except OptionRefusedError as error:
            if error.code != "unknown_item":
                raise
            return fail(error.code, str(error), details=error.details)

    async def models(self) -> Response:
        """List the models and indexes that the server was started with."""
        return _json(
            {
                "models": [one.describe() for one in self.service.models.values()],
                "indexes": [one.describe() for one in self.service.indexes.values()],
            },
            ModelsModel,
        )

    async def methods(self) -> Response:
        """List the methods: what each is and promises, where it comes from, what it costs.

        Each with its options, as `options` of a request takes them by name; `served` is the most
        that this server takes.
        """
        from whyalike.methods.method import list_methods

        return _json([one.to_dict() for one in list_methods()], list[MethodModel])

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
        "waiting_limit": service.limits.queue.waiting,
        "running": state.running,
        "running_seconds": round(state.running_seconds, 3),
        "slices": state.slices,
        "still_seconds": round(state.still_seconds, 3),
        "searches": service.background.count,
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


def _json(content: object, kind: Any) -> Response:
    """Return the answer, once it is known to be what is documented."""
    said = without_surrogates(json.dumps(content, ensure_ascii=False, allow_nan=False))
    return Response(validated(kind, said), media_type=JSON)
