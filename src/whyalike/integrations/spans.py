"""OpenTelemetry: reasons as attributes of a span, by the conventions of OpenInference.

Phoenix and others show such a span as a reranker's. No package is needed: what comes out is given
to ``span.set_attributes`` of whatever made the span.
"""

import json
from collections.abc import Sequence

from whyalike.errors import OptionError
from whyalike.integrations.reasons import KEY, Reasons

Attribute = str | float | int


def reason_attributes(
    query: str,
    passages: Sequence[str],
    reasons: Sequence[Reasons],
    *,
    ids: Sequence[str] | None = None,
) -> dict[str, Attribute]:
    """Return the attributes of a span in which passages of a query were scored and explained.

    Of each passage the content, the score, the id if there is one, and as its metadata a JSON
    object with the reasons under ``"whyalike"``.

    Parameters
    ----------
    query : str
        What was asked.
    passages : sequence of str
        The passages, in the order that they have now.
    reasons : sequence of Reasons
        Of each passage; ``explain_passages`` of ``whyalike.integrations.reasons`` gives them.
    ids : sequence of str, optional
        Of each passage.

    Raises
    ------
    OptionError
        Not as many reasons, or ids, as passages.
    """
    for name, given in (("reasons", reasons), ("ids", ids)):
        if given is not None and len(given) != len(passages):
            raise OptionError(
                f"There are {len(passages)} passages and {len(given)} {name}: give one each."
            )
    found: dict[str, Attribute] = {
        "openinference.span.kind": "RERANKER",
        "reranker.query": query,
        "reranker.top_k": len(passages),
    }
    if reasons:
        found["reranker.model_name"] = str(reasons[0]["model"])
    for place, (text, why) in enumerate(zip(passages, reasons, strict=True)):
        at = f"reranker.output_documents.{place}.document"
        found[f"{at}.content"] = text
        if why["score"] is not None:
            found[f"{at}.score"] = float(why["score"])
        if ids is not None:
            found[f"{at}.id"] = ids[place]
        found[f"{at}.metadata"] = json.dumps({KEY: why}, ensure_ascii=False)
    return found
