"""What a question would take here, said before it is asked."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from whyalike.errors import TooCostlyError
from whyalike.web.api.estimates import Estimate
from whyalike.web.api.passages import PassageQuestion, take_passages
from whyalike.web.api.schema import CompareRequest, ExplainRequest, PassagesRequest

if TYPE_CHECKING:
    from whyalike.web.api.service import Service

Question = ExplainRequest | CompareRequest | PassagesRequest


@dataclass(frozen=True, slots=True)
class Forecast:
    """As EstimateModel has it."""

    seconds: float
    wait_seconds: float
    limit_seconds: float
    fits: bool
    kept: bool
    cost: float | None
    advice: str | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, seconds to the millisecond."""
        said = asdict(self)
        return {
            name: round(value, 3) if isinstance(value, float) else value
            for name, value in said.items()
        }


async def forecast(service: "Service", asked: Question) -> Forecast:
    """Return what the question would take. Raises what it would, but for TooCostlyError.

    Where it would take too long, ``advice`` is what the question itself would be answered.
    """
    most = service.limits.cost_seconds
    try:
        estimate = await _estimate(service, asked)
    except TooCostlyError as error:
        return Forecast(
            error.seconds, 0.0, most, fits=False, kept=False, cost=None, advice=str(error)
        )
    waits = service.wait_seconds(estimate) if estimate.cost else 0.0
    return Forecast(
        estimate.seconds,
        waits,
        most,
        fits=True,
        kept=not estimate.cost,
        cost=estimate.cost,
        advice=None,
    )


async def _estimate(service: "Service", asked: Question) -> Estimate:
    """Return what it costs. Raises TooCostlyError where that is too much."""
    allowance = service.allowance()
    chosen: dict[str, Any] = {
        "model": asked.model,
        "method": asked.method,
        "options": asked.changed(),
    }
    if isinstance(asked, CompareRequest):
        return await service.estimate_comparison(
            allowance, asked.query, asked.better, asked.worse, check=asked.check, **chosen
        )
    if isinstance(asked, PassagesRequest):
        return await service.estimate_passages(allowance, question_of(service, asked), **chosen)
    return await service.estimate_pair(
        allowance,
        asked.left,
        asked.right,
        documents=asked.documents,
        check=checks_of(service, asked),
        unit=asked.unit,
        **chosen,
    )


def checks_of(service: "Service", asked: ExplainRequest) -> int:
    """Return how many pairs are checked: by default as many as is usual for the model."""
    usual = service.model(asked.model).explainer.usual_check
    return usual if asked.check is None else asked.check


def question_of(service: "Service", asked: PassagesRequest) -> PassageQuestion:
    """Return the question as the library takes it. Raises TextError."""
    return PassageQuestion(
        query=asked.query,
        passages=take_passages(asked.passages, most=service.limits.passages),
        right=asked.right,
        explain=asked.explain,
        sentences=asked.sentences,
        sizes=tuple(asked.sizes),
    )
