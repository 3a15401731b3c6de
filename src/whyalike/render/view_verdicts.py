"""Sentences of verdict on views of many: a search, its stages, several methods of one pair."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from whyalike.explanation import Explanation
from whyalike.render.parts import format_number, shorten
from whyalike.render.verdict import (
    FROM,
    LEVEL,
    Piece,
    Sentence,
    has_zero,
    join_named,
    say,
    score_of,
    standing,
    view_verdict,
)
from whyalike.trace import Trace, TracedPassage, ordinal

if TYPE_CHECKING:
    from whyalike.render.similar import SimilarHit, SimilarPage

TITLE = 60
"""Characters of a title, or of a text that has none."""

CUTS = 2
"""Explained passages that were cut and are named."""


def say_similar(page: "SimilarPage") -> str:
    """Return the verdict on a search as plain text."""
    return say(view_similar_verdict(page))


def view_similar_verdict(page: "SimilarPage") -> Sentence:
    """Return which item is first, how alike it is and through what, and how far the last one is."""
    if not page.hits:
        return (Piece("Nothing was found."),)
    first, last = page.hits[0], page.hits[-1]
    count = len(page.hits)
    head = "One item was found: " if count == 1 else f"Of {count:,} found the first is "
    said = [Piece(head), _title(first.title, first.text, first.id)]
    if first.reranked is not None and first.way:
        way = [Piece(text, is_words=word) for text, word in first.way]
        return (*said, Piece(": "), *way)
    said += _why_first(first)
    if count > 2 and _are_level(page.hits[0], page.hits[1]):
        said.append(
            Piece(f"; the next is level with it ({format_number(page.hits[1].similarity, 3)})")
        )
    if count > 1:
        said.append(Piece(f"; the last has {format_number(last.similarity, 3)}"))
    return (*said, Piece("."))


def _why_first(hit: "SimilarHit") -> list[Piece]:
    """Return how alike the first hit is, and what carries that; the end of a sentence."""
    score = format_number(hit.similarity, 3)
    explanation = dict(hit.explanations).get("")
    if hit.parts or explanation is None or not explanation.method:
        return [Piece(f" ({score})")]
    told = view_verdict(explanation)
    opening = told[0].text
    return _without_stop([Piece(": "), Piece(_lower(opening)), *told[1:]])


def _are_level(one: "SimilarHit", other: "SimilarHit") -> bool:
    """Return whether two hits are level by a cosine of the model's own."""
    explained = [dict(hit.explanations).get("") for hit in (one, other)]
    cosines = [explanation is not None and has_zero(explanation) for explanation in explained]
    return all(cosines) and abs(one.similarity - other.similarity) < LEVEL


def say_trace(trace: Trace) -> str:
    """Return the verdict on a trace as plain text."""
    return say(view_trace_verdict(trace))


def view_trace_verdict(trace: Trace) -> Sentence:
    """Return which passage is first in the end, where it was before, and by what.

    Explained passages that a stage cut are named with that stage.
    """
    if not trace.passages:
        return (Piece("There is no passage to rank."),)
    first = trace.passages[0]
    place = len(first.ranks) - 1
    stage, rank = trace.stages[place], first.ranks[place]
    count = len(trace.passages)
    where = "The one passage" if count == 1 else f"Of {count:,} passages the first"
    said = [
        Piece(f"{where} is "),
        _title(first.title, first.text, first.id),
        Piece(f", by {stage.name} ({format_number(rank.score, 3)})"),
    ]
    if rank.tied > 1:
        others = "one other" if rank.tied == 2 else f"{rank.tied - 1:,} others"
        said.append(Piece(f", level with {others}"))
    before = trace.before(place)
    if before is not None and first.ranks[before].rank > 1:
        said.append(Piece(f", up from {ordinal(first.ranks[before].rank)}"))
    if moves := [move for move in trace.moved_by(first, place) if move.share > 0]:
        most = max(moves, key=lambda move: move.share)
        words = f"{shorten(most.left)} – {shorten(most.right)}"
        said += [Piece(", most of all through "), Piece(words, is_words=True)]
    for passage in _cut(trace)[:CUTS]:
        at = len(passage.ranks) - 1
        said += [
            Piece("; "),
            _title(passage.title, passage.text, passage.id),
            Piece(f" is cut by {trace.stages[at].name}, as {ordinal(passage.ranks[at].rank)} of "),
            Piece(f"{trace.stages[at].scored:,}"),
        ]
    return (*said, Piece("."))


def _cut(trace: Trace) -> list[TracedPassage]:
    return [each for each in trace.explained if trace.cut_by(each) is not None]


def say_methods(explanations: Sequence[Explanation]) -> str:
    """Return the verdict on one pair by several methods as plain text."""
    return say(view_methods_verdict(explanations))


def view_methods_verdict(explanations: Sequence[Explanation]) -> Sentence:
    """Return what the score means, which pair most methods name first, and whose takes most."""
    if not explanations:
        return ()
    one = explanations[0]
    blank = not one.left.words or not one.right.words
    if not one.method or len(explanations) == 1 or blank or one.left.text == one.right.text:
        return view_verdict(one)
    head, _ = standing(one, score_of(one, one.similarity))
    if has_zero(one) and one.similarity < FROM and one.background is None:
        return (Piece(f"{head}."),)
    return (Piece(head), *_agreed(explanations), *_taken(explanations), Piece("."))


def _agreed(explanations: Sequence[Explanation]) -> list[Piece]:
    """Return which pair of words most methods name first."""
    firsts = Counter(
        (
            each.left.words[pair.left].text.casefold(),
            each.right.words[pair.right].text.casefold(),
        )
        for each in explanations
        for pair in each.pairs[:1]
    )
    methods = sum(firsts.values())
    if not methods:
        return [Piece("; no method selects a pair of words")]
    (pair, times), *_ = firsts.most_common(1)
    if times == 1 and methods > 1:
        return [Piece(f"; each of the {methods} methods names another pair first")]
    who = (
        f"all {methods} methods name" if times == methods else f"{times} of {methods} methods name"
    )
    if methods == 1:
        who = "one method names"
    words = " – ".join(map(shorten, pair))
    return [Piece(f"; {who} "), Piece(words, is_words=True), Piece(" first")]


def _taken(explanations: Sequence[Explanation]) -> list[Piece]:
    """Return the method whose first pairs take most when they are deleted; nothing unchecked."""
    falls = {
        each.method: done
        for each in explanations
        if each.checks is not None
        and (done := each.checks.everything) is not None
        and done.similarity is not None
    }
    if len(falls) < 2:
        return []
    lowest = min(one.similarity for one in falls.values() if one.similarity is not None)
    best = [name for name, one in falls.items() if one.similarity == lowest]
    if len(best) == len(falls):
        return [Piece("; deleted, what each of them names takes as much")]
    whole = explanations[0]
    names = join_named([(Piece(name),) for name in best])
    return [
        Piece("; deleted, what "),
        *names,
        Piece(f" name{'s' * (len(best) == 1)} takes most ({score_of(whole, whole.similarity)} → "),
        Piece(f"{score_of(whole, lowest)})"),
    ]


def _title(title: str, text: str, id: str) -> Piece:
    """Return what an item is called: its title, its text's beginning, or its id."""
    said = " ".join((title or text).split()) or id
    return Piece(said if len(said) <= TITLE else f"{said[: TITLE - 1]}…", is_words=True)


def _lower(text: str) -> str:
    """Return a clause with a small letter at its beginning, but for a name in capitals."""
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def _without_stop(pieces: list[Piece]) -> list[Piece]:
    last = pieces[-1]
    if last.is_words or not last.text.endswith("."):
        return pieces
    return [*pieces[:-1], Piece(last.text[:-1])]
