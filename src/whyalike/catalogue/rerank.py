"""A search put in another order by a second model: both scores, both ranks, and why."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from whyalike.chain import name_of, signed
from whyalike.errors import OptionError
from whyalike.models.scorer import scores_of
from whyalike.options import check_whole
from whyalike.trace import StageRank, Trace, TracedPassage, TracedStage

if TYPE_CHECKING:
    from whyalike.catalogue.search import Hit, Hits
    from whyalike.explainer import Explainer
    from whyalike.explanation import Explanation
    from whyalike.models.labels import Label


@dataclass(frozen=True, slots=True)
class Reranked:
    """What a reranker made of a hit.

    score: the reranker's. before: the rank that the search gave it, from 1. tied: how many of the
    candidates have this score, itself included; they stay in the order of the search. of: how many
    candidates there were. explainer: the reranker's.
    """

    score: float
    before: int
    tied: int
    of: int
    explainer: "Explainer" = field(compare=False, repr=False)


def open_reranker(model: Any, *, label: "Label | None" = None, **opening: Any) -> "Explainer":
    """Return an Explainer of a reranker; see ``Hits.rerank`` for the arguments and errors."""
    from whyalike.explainer import Explainer

    if not isinstance(model, Explainer):
        return signed(Explainer(model, label=label, **opening))
    if label is not None:
        raise OptionError("An Explainer has a label of its own: leave out the other.")
    return model


def rerank_hits(hits: "Hits", explainer: "Explainer", *, k: int | None) -> "list[Hit]":
    """Return the first ``k`` hits in the order of a reranker; see ``Hits.rerank``."""
    if k is not None:
        check_whole("k", k)
    if any(hit.reranked for hit in hits):
        raise OptionError("These hits are reranked already: rerank those of the search.")
    pairs = [(hit.query_text, hit.text) for hit in hits]
    unique = list(dict.fromkeys(pairs))
    scores = scores_of(
        explainer.model, unique, prompts=explainer.prompts, long_text=explainer.options.reading
    )
    score_of = dict(zip(unique, scores, strict=True))
    tied = Counter(score_of[pair] for pair in pairs)
    # Sorting is stable: of equal scores, the order of the search stays.
    order = sorted(zip(hits, pairs, strict=True), key=lambda each: -score_of[each[1]])
    return [
        replace(
            hit,
            rank=rank,
            reranked=Reranked(score_of[pair], hit.rank, tied[score_of[pair]], len(hits), explainer),
        )
        for rank, (hit, pair) in enumerate(order[:k], start=1)
    ]


def explain_reranked(hits: "Sequence[Hit]", *, method: str | None = None) -> "list[Explanation]":
    """Explain the reranker's scores of several hits, batched, by its own method or another.

    Raises
    ------
    OptionError
        Hits that were not reranked, or an unknown method.
    ModelError
        As ``Explainer.explain``.
    """
    rankings = [hit.reranked for hit in hits if hit.reranked is not None]
    if len(rankings) < len(hits):
        raise OptionError("These hits were not reranked: hits.rerank(model) does it.")
    if not rankings:
        return []
    explainer = rankings[0].explainer
    explainer = explainer if method is None else explainer.with_method(method)
    return list(explainer.explain_many((hit.query_text, hit.text) for hit in hits))


def trace_reranked(
    hits: "Sequence[Hit]",
    *,
    model: str,
    retrieved: "Sequence[Explanation | None]",
    reranked: "Sequence[Explanation | None]",
) -> Trace | None:
    """Return the search and its reranking as a trace of two stages; None where there was none.

    Parameters
    ----------
    hits : sequence of Hit
        Reranked ones.
    model : str
        The index's.
    retrieved : sequence of Explanation or None
        Why the index's model gave each its similarity.
    reranked : sequence of Explanation or None
        Why the reranker gave each its score.
    """
    first = next((hit.reranked for hit in hits), None)
    if first is None:
        return None
    explainer, equal = first.explainer, Counter(hit.similarity for hit in hits)
    names = name_of(model), name_of(explainer.model.name)
    passages = [
        TracedPassage(
            hit.item.id,
            hit.item.title,
            hit.text,
            (
                StageRank(hit.similarity, again.before, equal[hit.similarity], True, why),
                StageRank(again.score, hit.rank, again.tied, True, then),
            ),
        )
        for hit, why, then in zip(hits, retrieved, reranked, strict=True)
        if (again := hit.reranked) is not None
    ]
    stages = (
        TracedStage(names[0], model, "score", first.of),
        TracedStage(
            names[1] if names[1] != names[0] else f"{names[1]} (2)",
            explainer.model.name,
            explainer.model.similarity_function,
            first.of,
        ),
    )
    return Trace(query=hits[0].query_text, stages=stages, passages=tuple(passages))
