"""What a search found as plain data, for the page, the terminal and JSON."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from whyalike.catalogue.grouping import Group
from whyalike.catalogue.reader import Score
from whyalike.catalogue.search import Hit, Hits, Searched, explain_hit_parts, explain_hits
from whyalike.data.items import Item, Value
from whyalike.explanation import Explanation, SimilarityFunction
from whyalike.render.parts import describe_prompts
from whyalike.render.similar import SimilarHit, SimilarPage
from whyalike.render.view_verdicts import say_similar
from whyalike.trace import Trace, tell

if TYPE_CHECKING:
    from whyalike.catalogue.attached import AttachedCatalogue
    from whyalike.catalogue.index import CatalogueIndex

FORMAT = "whyalike/similar"
VERSION = 1

WHOLE = ""
"""The name of the explanation of a score that has no parts."""

RERANKER = "reranker"
"""The name of the explanation of a reranker's score."""

VALUES_SAID = 12
"""Of a field with many values."""

Reasons = Mapping[str, Explanation]


def explain_all(
    hits: Sequence[Hit], *, method: str | None = None, stored: bool = True
) -> list[Reasons]:
    """Return every hit's explanations by the part that they explain; ``WHOLE`` where it has none.

    Of a reranked hit, ``RERANKER`` is that of the reranker's score, by the reranker's own method.
    All hits go through the model together, or come from what is ``stored``. Raises as
    ``Hit.explain``.
    """
    reasons: list[dict[str, Explanation]]
    if any(hit.parts is not None for hit in hits):
        found = explain_hit_parts(hits, method=method, stored=stored)
        reasons = [{str(part): one for part, one in parts.items()} for parts in found]
    else:
        reasons = [{WHOLE: one} for one in explain_hits(hits, method=method, stored=stored)]
    if any(hit.reranked is not None for hit in hits):
        from whyalike.catalogue.rerank import explain_reranked

        for own, one in zip(reasons, explain_reranked(hits), strict=True):
            own[RERANKER] = one
    return list(reasons)


def trace_of(
    index: "CatalogueIndex | AttachedCatalogue",
    hits: Sequence[Hit],
    reasons: Sequence[Reasons] = (),
) -> Trace | None:
    """Return a reranked search as a trace of two stages; None where nothing was reranked.

    ``reasons`` are as for ``page_of``.
    """
    if not hits or hits[0].reranked is None:
        return None
    from whyalike.catalogue.rerank import trace_reranked

    return trace_reranked(
        hits,
        model=index.searched.model,
        retrieved=[one.get(WHOLE) for one in reasons] or [None] * len(hits),
        reranked=[one.get(RERANKER) for one in reasons] or [None] * len(hits),
    )


def page_of(
    index: "CatalogueIndex | AttachedCatalogue",
    query: Item | str,
    hits: Sequence[Hit],
    reasons: Sequence[Reasons] = (),
    *,
    k: int | None = None,
    where: str | None = None,
    score: Score | None = None,
    shown: Collection[str] | None = None,
) -> SimilarPage:
    """Return what ``render_similar`` and ``terminal_similar_view`` show of one search.

    Parameters
    ----------
    index : CatalogueIndex or AttachedCatalogue
        What was searched.
    query : Item | str
        The item, or the text, that others were looked for.
    hits : sequence of Hit
        What ``index.similar`` found.
    reasons : sequence of Reasons, default=()
        What ``explain_all`` gave for them, in the same order; none shows no reasons.
    k : int, optional
        How many were asked for: a note says so if there are fewer.
    where : str, optional
        The filter.
    score : Score, optional
        What was asked for.
    shown : collection of str, optional
        The fields of the metadata to show, in their order; by default those that are not the same
        everywhere, no addresses and no long texts.
    """
    searched = index.searched
    function = searched.similarity_function
    of = {"title": " of titles", "title+description": " of title and description"}
    plain = f"{function} similarity{of.get(searched.compared, '')}"
    score = searched.usual_score if score is None else score
    facts = [
        ("Index", searched.name),
        ("Items", f"{searched.items:,}"),
        ("Model", searched.model),
        *([("Method", method)] if (method := _method_of(reasons)) else []),
        *([("Reasons", stored)] if (stored := _say_stored(reasons)) else []),
        ("Score", _say_four(searched) if score == "four" else plain),
        *([("Prompts", prompts)] if (prompts := _say_prompts(index, query)) else []),
        *([("Where", where)] if where else []),
        *_say_reranker(hits, reasons),
    ]
    trace = trace_of(index, hits, reasons)
    item = query if isinstance(query, Item) else None
    if shown is None and searched.telling is not None:
        shown = searched.telling()
    return SimilarPage(
        query_id="" if item is None else item.id,
        query_title="" if item is None else item.title,
        query_text=query if isinstance(query, str) else query.description,
        facts=tuple(facts),
        hits=tuple(
            _view_hit(hit, reasons[n] if reasons else {}, trace, shown)
            for n, hit in enumerate(hits)
        ),
        notes=_notes(hits, is_item=item is not None, asked=k),
        full=_full(function, hits),
    )


def _say_four(searched: Searched) -> str:
    said = f"mean of four {searched.similarity_function} similarities"
    if searched.shares is None:
        return said
    title, description = searched.shares
    return f"{said}, titles weighted {title:.2g} and descriptions {description:.2g}"


def _full(function: SimilarityFunction, hits: Sequence[Hit]) -> float | None:
    """Return what a whole bar stands for: 1 of a cosine, the best of products, no distance."""
    if function == "cosine":
        return 1.0
    greatest = max((hit.similarity for hit in hits), default=0.0)
    return greatest if function == "dot" and greatest > 0 else None


def page_of_hit(hit: Hit) -> SimilarPage:
    """Return the page of one hit alone, which says nothing of the index that it is from."""
    return SimilarPage(
        query_id=hit.query.id or "",
        query_title="",
        query_text=hit.query_text,
        facts=(),
        hits=(_view_hit(hit, {}, None, tuple(hit.item.metadata)),),
    )


def search_to_dict(
    index: "CatalogueIndex | AttachedCatalogue",
    query: Item | str,
    hits: Sequence[Hit],
    reasons: Sequence[Reasons] = (),
    *,
    k: int | None = None,
    where: str | None = None,
    score: Score | None = None,
) -> dict[str, Any]:
    """Return one search as plain JSON values, each hit with its explanations (``to_dict``).

    The arguments are those of ``page_of``. ``reranker``, and of each hit ``reranked``, are there
    where hits were reranked. ``compared`` is the field that the plain score compares;
    ``prompts`` stood before the query and before an item.
    """
    searched, item = index.searched, query if isinstance(query, Item) else None
    trace = trace_of(index, hits, reasons)
    return {
        "format": FORMAT,
        "version": VERSION,
        "verdict": say_similar(page_of(index, query, hits, reasons, k=k, where=where, score=score)),
        "query": {
            "id": None if item is None else item.id,
            "title": None if item is None else item.title or None,
            "text": query if isinstance(query, str) else query.description,
        },
        "index": searched.name,
        "items": searched.items,
        "model": searched.model,
        "similarity_function": searched.similarity_function,
        "prompts": list(_prompts(index, query)),
        "score": searched.usual_score if score is None else score,
        "compared": searched.compared,
        "k": k,
        "where": where,
        "method": _method_of(reasons),
        **_reranker_to_dict(hits, reasons),
        "not_compared": _not_compared(hits),
        "twins": list(_twins(hits)),
        "variants": list(hits.variants) if isinstance(hits, Hits) else [],
        "notes": list(_notes(hits, is_item=item is not None, asked=k)),
        "hits": [
            _hit_to_dict(hit, reasons[n] if reasons else {}, trace) for n, hit in enumerate(hits)
        ],
    }


def _reranker_to_dict(hits: Sequence[Hit], reasons: Sequence[Reasons]) -> dict[str, Any]:
    again = hits[0].reranked if hits else None
    if again is None:
        return {}
    model = again.explainer.model
    said = {
        "model": model.name,
        "similarity_function": model.similarity_function,
        "prompts": list(again.explainer.prompts),
        "candidates": again.of,
        "method": reasons[0][RERANKER].method if reasons else None,
    }
    return {"reranker": said}


def _say_reranker(hits: Sequence[Hit], reasons: Sequence[Reasons]) -> list[tuple[str, str]]:
    again = hits[0].reranked if hits else None
    if again is None:
        return []
    method = f", explained by {reasons[0][RERANKER].method}" if reasons else ""
    return [
        ("Reranker", again.explainer.model.name + method),
        ("Candidates", f"{again.of:,}"),
    ]


def _prompts(index: "CatalogueIndex | AttachedCatalogue", query: Item | str) -> tuple[str, str]:
    """Return what stood before the query and before an item; an item is one on either side."""
    if isinstance(query, str):
        return index.explainer.prompts
    _, before_item = index.searched.prompts
    return before_item, before_item


def _say_prompts(index: "CatalogueIndex | AttachedCatalogue", query: Item | str) -> str:
    return describe_prompts(_prompts(index, query), sides=("the query", "an item"))


def _method_of(reasons: Sequence[Reasons]) -> str | None:
    return next(iter(reasons[0].values())).method if reasons else None


def _say_stored(reasons: Sequence[Reasons]) -> str:
    """Return that reasons come from stored vectors, and how exact they are; the worst of them."""
    stored = [one.stored for own in reasons for one in own.values() if one.stored is not None]
    return str(max(stored, key=lambda one: one.error)) if stored else ""


def _hit_to_dict(hit: Hit, reasons: Reasons, trace: Trace | None) -> dict[str, Any]:
    told = {name: one.to_dict() for name, one in reasons.items()}
    parts = {
        name: {"similarity": value, "explanation": told.get(name)}
        for name, value in (hit.parts or {}).items()
    }
    return {
        "rank": hit.rank,
        "id": hit.item.id,
        "title": hit.item.title,
        "description": hit.item.description,
        "metadata": dict(hit.item.metadata),
        "similarity": hit.similarity,
        "explanation": told.get(WHOLE),
        "parts": parts or None,
        "group": None if hit.group is None else asdict(hit.group),
        **_reranked_to_dict(hit, told, trace),
    }


def _reranked_to_dict(hit: Hit, told: Mapping[str, Any], trace: Trace | None) -> dict[str, Any]:
    again = hit.reranked
    if again is None or trace is None:
        return {}
    passage = trace[hit.item.id]
    said = {
        "score": again.score,
        "before": again.before,
        "lifted": again.before - hit.rank,
        "tied": again.tied,
        "sentence": trace.sentence(passage),
        "moved_by": [asdict(move) for move in trace.moved_by(passage, 1)],
        "explanation": told.get(RERANKER),
    }
    return {"reranked": said}


def _view_hit(
    hit: Hit, reasons: Reasons, trace: Trace | None, shown: Collection[str] | None
) -> SimilarHit:
    known = hit.item.metadata
    shown = known if shown is None else shown
    names = [
        name for name in (shown if isinstance(shown, list | tuple) else known) if name in shown
    ]
    again = hit.reranked
    return SimilarHit(
        rank=hit.rank,
        id=hit.item.id,
        title=hit.item.title,
        text=hit.item.description,
        similarity=hit.similarity,
        facts=(
            *(() if hit.group is None or not hit.group.others else (_say_group(hit.group),)),
            *((name, _say(value)) for name in names if (value := known.get(name)) is not None),
        ),
        parts=tuple((hit.parts or {}).items()),
        explanations=tuple(reasons.items()),
        reranked=None if again is None else (again.score, again.before),
        way=() if trace is None else tuple(tell(trace, trace[hit.item.id])),
    )


def _say_group(group: Group) -> tuple[str, str]:
    others = group.others
    more = f" and {len(others) - VALUES_SAID:,} more" if len(others) > VALUES_SAID else ""
    return f"{len(others):,} more of this {group.field}", ", ".join(others[:VALUES_SAID]) + more


def _say(value: Value) -> str:
    if isinstance(value, tuple):
        more = f" and {len(value) - VALUES_SAID:,} more" if len(value) > VALUES_SAID else ""
        return ", ".join(map(_say, value[:VALUES_SAID])) + more
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) and abs(value) < 1e6 else str(value)


def _twins(hits: Sequence[Hit]) -> tuple[str, ...]:
    return hits.twins if isinstance(hits, Hits) else ()


def _say_left_out(twins: int, *, is_item: bool) -> str:
    count = (
        f"{twins:,} item{'s' if twins > 1 else ''} with the same text but for case and white space"
    )
    shown = "twins=True (--twins) shows them" if twins > 1 else "twins=True (--twins) shows it"
    if is_item:
        return f"The item itself is left out{f', and {count}: {shown}' if twins else ''}."
    return f"Left out: {count}; {shown}." if twins else ""


def _not_compared(hits: Sequence[Hit]) -> int:
    return hits.not_compared if isinstance(hits, Hits) else 0


def say_not_compared(count: int) -> str:
    """Return the note on values that a filter could not be compared with; "" where there are none.

    See ``Hits`` for what they are.
    """
    if not count:
        return ""
    values = "1 value" if count == 1 else f"{count:,} values"
    return (
        f"{values} could not be compared with the filter’s, such as a text among numbers: whether "
        "the filter is true of them is unknown, and their items are left out unless the rest of it "
        "decides."
    )


def _notes(hits: Sequence[Hit], *, is_item: bool, asked: int | None) -> tuple[str, ...]:
    notes = [note] if (note := _say_left_out(len(_twins(hits)), is_item=is_item)) else []
    if isinstance(hits, Hits) and hits.variants:
        count = len(hits.variants)
        said = (
            "1 item of the query's own group is"
            if count == 1
            else (f"{count:,} items of the query's own group are")
        )
        notes.append(f'{said} left out: group_by="" (--no-groups) shows each item by itself.')
    again = hits[0].reranked if hits else None
    found = len(hits) if again is None else again.of
    if asked is not None and found < asked:
        notes.append(f"{found:,} found of {asked:,} asked for: there are no more.")
    if said := say_not_compared(_not_compared(hits)):
        notes.append(said)
    return tuple(notes)
