"""What is said of a search: why an item is not among its results, and what the results share."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from whyalike.render.view import ExplanationView, view_explanation
from whyalike.render.wording import format_number

if TYPE_CHECKING:
    from whyalike.explanation import Explanation
    from whyalike.web.api.service import Found, Placed

WORDS_NAMED = 8


@dataclass(frozen=True, slots=True)
class MissingView:
    """Why an item is not among the results, and its explanation; ``lacks`` are words."""

    title: str
    says: str
    lacks: tuple[str, ...]
    view: ExplanationView | None


def view_missing(placed: "Placed", found: "Found") -> MissingView:
    """Return where an item stands, and which words match in the results but not in it."""
    standing, explanation = placed.standing, placed.explanation
    name = standing.item.title or standing.item.id
    is_here = any(hit.item.id == standing.item.id for hit in found.hits)
    lacks = () if explanation is None or is_here else missing_words(explanation, _reasons(found))
    return MissingView(
        title=f"{name}: here, as number {standing.rank:,}" if is_here else f"{name}: not here",
        says=_says(placed, found, is_here=is_here),
        lacks=lacks,
        view=None if explanation is None else view_explanation(explanation, id="missing"),
    )


def missing_words(explanation: "Explanation", others: "Sequence[Explanation]") -> tuple[str, ...]:
    """Return words of the query that pair in ``others`` but not here, each with how often.

    The query is the left text of all. The commonest come first.
    """
    here = {_span(explanation, pair.left) for pair in explanation.pairs}
    counts: dict[tuple[int, int], int] = {}
    for other in others:
        for span in {_span(other, pair.left) for pair in other.pairs} - here:
            counts[span] = counts.get(span, 0) + 1
    text = explanation.left.text
    ordered = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    return tuple(
        f"{text[start:end]} ({count} of {len(others)})"
        for (start, end), count in ordered[:WORDS_NAMED]
    )


def _span(explanation: "Explanation", index: int) -> tuple[int, int]:
    word = explanation.left.words[index]
    return word.start, word.end


def _reasons(found: "Found") -> "list[Explanation]":
    return [one for reasons in found.reasons for one in reasons.values()]


def _says(placed: "Placed", found: "Found", *, is_here: bool) -> str:
    standing = placed.standing
    score = format_number(standing.similarity, 3)
    if standing.rank is None:
        return f"A search leaves it out: {standing.left_out}. Its similarity is {score}."
    said = f"It is number {standing.rank:,} of {standing.of:,}, with a similarity of {score}"
    if is_here or not found.hits:
        return f"{said}."
    last = found.hits[-1]
    return f"{said}; number {last.rank:,} has {format_number(last.similarity, 3)}."
