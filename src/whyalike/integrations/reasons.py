"""What adapters say of a passage: the score and its reasons, as plain JSON values."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

from whyalike.batch.pieces import explain_each
from whyalike.errors import ModelError, WhyalikeError
from whyalike.explainer import Explainer
from whyalike.explanation import Explanation
from whyalike.highlights import Highlights, ScoredSentence, Span
from whyalike.options import check_choice, check_whole

if TYPE_CHECKING:
    from whyalike.models.loading import ModelSource
    from whyalike.models.scorer import Scorer

    Model = Explainer | ModelSource | Scorer | None

KEY = "whyalike"
"""The key of the metadata under which reasons stand."""

Order = Literal["keep", "score"]
"""Passages as they came, or by the explained score, highest first."""

PAIRS_SAID = 5
"""Word pairs that are said of a passage."""

Reasons = dict[str, Any]
"""Why a passage was scored as it was, as plain JSON values.

- score: the similarity of query and passage; null where there is none
- verdict: what it means and what carries it, in a sentence
- pairs: words of query and passage that explain it, best first: ``query``, ``passage``, ``score``
- sentence: the passage's sentence that answers the query best: ``start``, ``end`` (in characters),
  ``text``, ``score``; null without highlights
- highlights: its words that go with words of the query, in its order: ``start``, ``end``,
  ``text``, ``score``, ``kind`` (same word, same meaning); none without highlights
- method, model: of the explanation
- error: only where the passage can't be explained, why
"""

Passage = TypeVar("Passage")


def open_explainer(model: "Model", method: str | None) -> Explainer:
    """Return the Explainer that came, or one of the model that came.

    Raises
    ------
    OptionError
        An unknown method, or one that does not go with the model.
    ModelNotFoundError, UnsafeModelError, ModelError
        The model can't be found or used.
    """
    if not isinstance(model, Explainer):
        return Explainer(model, method=method)
    return model if method is None else model.with_method(method)


def check_settings(order: str, most: int | None, *, name: str) -> None:
    """Raise OptionError on an order that there is not, or a number below 1; ``name`` is its."""
    check_choice("order", order, get_args(Order))
    if most is not None:
        check_whole(name, most)


def explain_passages(
    explainer: Explainer, query: str, passages: Sequence[str], *, highlight: bool = True
) -> list[Reasons]:
    """Return the reasons of each passage; one that can't be explained says why.

    Parameters
    ----------
    explainer : Explainer
        What explains.
    query : str
        What was asked.
    passages : sequence of str
        What was found.
    highlight : bool, default=True
        Whether the best sentence and matching words are said, as ``Explainer.highlight`` finds
        them: one pass more of each passage, or, of a model that does not pool its tokens and of a
        function, one of each sentence.

    Raises
    ------
    ModelError
        A function of the user's fails, or the model can explain no passage.
    """
    readable = [text for text in passages if text.strip()] if query.strip() else []
    found = list(explain_each(explainer, [(query, text) for text in readable]))
    failures = [one for one in found if isinstance(one, ModelError)]
    if failures and len(failures) == len(found):
        raise failures[0]
    good = [one.right.text for one in found if isinstance(one, Explanation)]
    marked = iter(explainer.highlight_many(query, good) if highlight and good else ())
    rest = iter(found)
    blank = f"The {'passage' if query.strip() else 'query'} is blank."
    results = (next(rest) if query.strip() and text.strip() else blank for text in passages)
    return [
        _reasons(explainer, one, next(marked, None) if isinstance(one, Explanation) else None)
        for one in results
    ]


def in_order(
    passages: Sequence[Passage], reasons: Sequence[Reasons], *, order: Order, most: int | None
) -> list[tuple[Passage, Reasons]]:
    """Return passages with their reasons, in the order that was asked for, ``most`` at most.

    By score, those without one come last; of equal ones, the order in which they came stays.
    """
    found = list(zip(passages, reasons, strict=True))
    if order == "score":
        found.sort(key=lambda one: (one[1]["score"] is None, -(one[1]["score"] or 0.0)))
    return found[:most]


def _reasons(
    explainer: Explainer, result: Explanation | WhyalikeError | str, marked: Highlights | None
) -> Reasons:
    names = {"method": explainer.method.name, "model": explainer.model.name}
    if not isinstance(result, Explanation):
        nothing: Reasons = {"score": None, "verdict": "", "pairs": [], "sentence": None}
        nothing["highlights"] = []
        return {**nothing, **names, "error": str(result)}
    left, right = result.left.words, result.right.words
    best = None if marked is None else marked.best
    return {
        "score": result.similarity,
        "verdict": result.verdict,
        "pairs": [
            {"query": left[p.left].text, "passage": right[p.right].text, "score": p.score}
            for p in result.pairs[:PAIRS_SAID]
        ],
        "sentence": None if best is None or marked is None else _place(marked, best),
        "highlights": []
        if marked is None
        else [{**_place(marked, span), "kind": span.kind} for span in marked.spans],
        **names,
    }


def _place(marked: Highlights, part: ScoredSentence | Span) -> dict[str, Any]:
    text = marked.text_of(part)
    return {"start": part.start, "end": part.end, "text": text, "score": part.score}
