"""What is shown of a comparison: three texts, and the words that make the difference."""

from dataclasses import dataclass
from typing import Literal

from whyalike.explanation import Comparison, ExplainedText, Explanation
from whyalike.render.scale import greatest_of, part_of
from whyalike.render.view import POOLING_IN_WORDS, SideView, view_side
from whyalike.render.wording import (
    decimals_for,
    describe_prompts,
    format_number,
    format_signed,
    score_note,
)

WORDS_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Standing:
    """What one of the two texts is called: by its score, or by its place where scores are equal.

    title: above the text. name: in tables. text: within a sentence.
    """

    title: str
    name: str
    text: str


HIGHER = Standing("text scored higher", "scored higher", "text scored higher")
LOWER = Standing("text scored lower", "scored lower", "text scored lower")
FIRST = Standing("first text, scored the same", "first", "first text")
SECOND = Standing("second text, scored the same", "second", "second text")


@dataclass(frozen=True, slots=True)
class EffectRow:
    """A word of one of the two texts: what it adds to the margin. ``bar`` is in percent."""

    word: str
    where: str
    effect: float
    said: str
    bar: float


@dataclass(frozen=True, slots=True)
class QueryRow:
    """A word of the query: its partner in either text with the pair's score, and its effect."""

    word: str
    better: tuple[str, str]
    worse: tuple[str, str]
    effect: float
    said: str
    bar: float


@dataclass(frozen=True, slots=True)
class ComparisonView:
    """Everything that the renderers of a comparison show. ``id`` is the root of ids in markup.

    ``standings`` are of the text that was called better, and of the other: what the model made of
    them, which may be the other way round.
    """

    id: str
    margin: float
    said: str
    better_similarity: str
    worse_similarity: str
    standings: tuple[Standing, Standing]
    kind: str
    note: str
    facts: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]
    query: SideView
    better: SideView
    worse: SideView
    query_rows: tuple[QueryRow, ...]
    rows: tuple[EffectRow, ...]
    more_query_rows: int
    more_rows: int
    has_negative: bool


def view_comparison(comparison: Comparison, *, id: str) -> ComparisonView:
    """Return what is shown of ``comparison``; words with the greatest effects come first."""
    texts = comparison.query, comparison.better_text, comparison.worse_text
    words = [word for text in texts for word in text.words]
    decimals = decimals_for(word.contribution or 0.0 for word in words)
    greatest = greatest_of(word.contribution or 0.0 for word in words)
    query_rows = _query_rows(comparison, decimals, greatest)
    standings = standings_of(comparison.margin)
    rows = _effect_rows(texts[1:], standings, decimals, greatest)
    first = comparison.better
    prompts = describe_prompts(first.prompts, sides=("the query", "the texts"))
    return ComparisonView(
        id=id,
        margin=comparison.margin,
        said=format_signed(comparison.margin, 3),
        better_similarity=format_number(comparison.better.similarity, 3),
        worse_similarity=format_number(comparison.worse.similarity, 3),
        standings=standings,
        kind=f"{first.similarity_function} similarity",
        note=_note(comparison),
        facts=(
            ("Model", first.model),
            ("Method", first.method),
            ("Pooling", POOLING_IN_WORDS.get(first.pooling, first.pooling)),
            *([("Prompts", prompts)] if prompts else []),
        ),
        warnings=_warnings(comparison, standings),
        query=_side(texts[0], "left", "Query", decimals),
        better=_side(texts[1], "left", standings[0].title.capitalize(), decimals),
        worse=_side(texts[2], "right", standings[1].title.capitalize(), decimals),
        query_rows=query_rows[:WORDS_SHOWN],
        rows=rows[:WORDS_SHOWN],
        more_query_rows=max(0, len(query_rows) - WORDS_SHOWN),
        more_rows=max(0, len(rows) - WORDS_SHOWN),
        has_negative=any(word.saliency < 0 for word in words),
    )


def standings_of(margin: float) -> tuple[Standing, Standing]:
    """Return what to call the text that was expected to win, and the other."""
    if margin == 0:
        return FIRST, SECOND
    return (HIGHER, LOWER) if margin > 0 else (LOWER, HIGHER)


def _note(comparison: Comparison) -> str:
    if comparison.margin < 0:
        return "The model does not agree: it scores the second text above the first."
    if comparison.margin == 0:
        return "The model scores both texts the same."
    return score_note(comparison.better.similarity_function)


def _warnings(comparison: Comparison, standings: tuple[Standing, Standing]) -> tuple[str, ...]:
    """Return what both explanations say, each once, and of which text where they differ."""
    first, second = comparison.better.warnings, comparison.worse.warnings
    both = [said for said in first if said in second]
    return (
        *both,
        *(f"With the {standings[0].text}: {said}" for said in first if said not in both),
        *(f"With the {standings[1].text}: {said}" for said in second if said not in both),
    )


def _side(
    text: ExplainedText, which: Literal["left", "right"], title: str, decimals: int
) -> SideView:
    return view_side(text, which, title=title, decimals=decimals)


def _query_rows(comparison: Comparison, decimals: int, greatest: float) -> tuple[QueryRow, ...]:
    partners = [_partners(one) for one in (comparison.better, comparison.worse)]
    rows = [
        QueryRow(
            word=word.text,
            better=partners[0].get(index, ("", "")),
            worse=partners[1].get(index, ("", "")),
            effect=word.contribution or 0.0,
            said=format_signed(word.contribution or 0.0, decimals),
            bar=round(100 * part_of(word.contribution or 0.0, greatest), 1),
        )
        for index, word in enumerate(comparison.query.words)
    ]
    return tuple(sorted(rows, key=lambda row: -abs(row.effect)))


def _partners(explanation: Explanation) -> dict[int, tuple[str, str]]:
    """Return, for each left word with a match, its best partner and the pair's score."""
    decimals = decimals_for(pair.score for pair in explanation.matches)
    found: dict[int, tuple[str, str]] = {}
    for pair in explanation.matches:
        if pair.left not in found:
            word = explanation.right.words[pair.right].text
            found[pair.left] = word, format_number(pair.score, decimals)
    return found


def _effect_rows(
    texts: tuple[ExplainedText, ...],
    standings: tuple[Standing, Standing],
    decimals: int,
    greatest: float,
) -> tuple[EffectRow, ...]:
    rows = [
        EffectRow(
            word=word.text,
            where=standing.name,
            effect=word.contribution or 0.0,
            said=format_signed(word.contribution or 0.0, decimals),
            bar=round(100 * part_of(word.contribution or 0.0, greatest), 1),
        )
        for text, standing in zip(texts, standings, strict=True)
        for word in text.words
    ]
    return tuple(sorted(rows, key=lambda row: -abs(row.effect)))
