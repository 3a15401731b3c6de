"""A comparison made visible: what it shows, as HTML, and for a terminal."""

from dataclasses import dataclass
from typing import Literal

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from whyalike.explanation import Comparison, ExplainedText, Explanation
from whyalike.render.html import PAGE_STYLES, own_id, render_page, render_part
from whyalike.render.parts import (
    cut_into_segments,
    decimals_for,
    describe_prompts,
    format_number,
    format_signed,
    greatest_of,
    part_of,
    plain_text,
    score_name,
    score_note,
    shorten,
)
from whyalike.render.terminal import draw_side, visible
from whyalike.render.view import POOLING_IN_WORDS, SideView, view_side

WORDS_SHOWN = 12


@dataclass(frozen=True, slots=True)
class TextName:
    """What one of the two texts is called: by its score, or by its place where scores are equal.

    title: above the text. name: in tables. text: within a sentence.
    """

    title: str
    name: str
    text: str


HIGHER = TextName("text scored higher", "scored higher", "text scored higher")
LOWER = TextName("text scored lower", "scored lower", "text scored lower")
FIRST = TextName("first text, scored the same", "first", "first text")
SECOND = TextName("second text, scored the same", "second", "second text")


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
    standings: tuple[TextName, TextName]
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
        kind=score_name(first.similarity_function),
        note=_note(comparison),
        facts=(
            ("Model", first.model),
            ("Method", first.method),
            ("Score", POOLING_IN_WORDS.get(first.pooling, f"{first.pooling} token")),
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


def standings_of(margin: float) -> tuple[TextName, TextName]:
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


def _warnings(comparison: Comparison, standings: tuple[TextName, TextName]) -> tuple[str, ...]:
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
    standings: tuple[TextName, TextName],
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


STYLE = "comparison.css"


def render_comparison(
    comparison: Comparison, *, title: str = "whyalike: why this text above that one"
) -> str:
    """Return one HTML page: the query and both texts, and the words that make the difference."""
    view = view_comparison(comparison, id="c1")
    return render_page("comparison.html.j2", (*PAGE_STYLES, STYLE), title=title, view=view)


def render_comparison_fragment(comparison: Comparison) -> str:
    """Return the same to be put into another page, such as a notebook."""
    said = tuple(map(Explanation.__repr__, (comparison.better, comparison.worse)))
    view = view_comparison(comparison, id=own_id("c", said))
    return render_part("comparison.html.j2", [STYLE], view=view)


BAR = 16


def render_comparison_text(comparison: Comparison, *, width: int = 80) -> str:
    """Return the comparison as plain text without any colour, ``width`` columns wide."""
    return plain_text(terminal_comparison_view(comparison, colour=False), width=width)


def terminal_comparison_view(comparison: Comparison, *, colour: bool) -> RenderableType:
    """Return what a Rich console prints; ``colour`` says whether it shows colours."""
    view = view_comparison(comparison, id="terminal")
    parts: list[RenderableType] = [_heading(view), Text()]
    first, second = (standing.title for standing in view.standings)
    for title, text in (
        ("query", comparison.query),
        (f"{first} ({view.better_similarity})", comparison.better_text),
        (f"{second} ({view.worse_similarity})", comparison.worse_text),
    ):
        segments = cut_into_segments(text, (), which="left")
        parts += [Text(title, style="bold underline"), *draw_side(text, segments, colour), Text()]
    parts += [Text("what makes the difference", style="bold underline"), _effects(view)]
    if view.more_rows:
        parts.append(Text(f"and {view.more_rows:,} more", style="dim"))
    parts += [Text(), Text("word by word of the query", style="bold underline"), _words(view)]
    if view.more_query_rows:
        parts.append(Text(f"and {view.more_query_rows:,} more", style="dim"))
    parts.append(Text(_legend(colour), style="dim"))
    parts.extend(Text(f"! {visible(warning)}") for warning in view.warnings)
    return Group(*parts)


def _heading(view: ComparisonView) -> Text:
    heading = Text(f"margin {view.said}", style="bold")
    heading.append(f"  {view.kind} {view.better_similarity} against {view.worse_similarity}")
    facts = " · ".join(f"{name.lower()} {visible(value)}" for name, value in view.facts)
    heading.append(f"\n{facts}", style="not bold dim")
    if view.note:
        heading.append(f"\n{view.note}", style="not bold")
    return heading


def _effects(view: ComparisonView) -> RenderableType:
    if not view.rows:
        return Text("Neither text has a word.")
    table = _table(("word", "in the text"))
    for row in view.rows:
        table.add_row(_name(row.word), Text(row.where), Text(row.said), _bar(row))
    return table


def _words(view: ComparisonView) -> RenderableType:
    if not view.query_rows:
        return Text("The query has no word.")
    table = _table(("word", *(standing.name for standing in view.standings)))
    for row in view.query_rows:
        partners = (
            Text(f"{shorten(visible(word))} {score}".strip() or "–")
            for word, score in (row.better, row.worse)
        )
        table.add_row(_name(row.word), *partners, Text(row.said), Text(""))
    return table


def _table(names: tuple[str, ...]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), pad_edge=False, show_edge=False)
    for name in names:
        table.add_column(name, overflow="fold")
    table.add_column("adds", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    return table


def _name(word: str) -> Text:
    return Text(shorten(visible(word)))


def _bar(row: EffectRow) -> Text:
    """Return a bar of the effect's size, of another character where it lowers the margin."""
    return Text(("█" if row.effect > 0 else "░") * round(BAR * row.bar / 100))


def _legend(colour: bool) -> str:
    if colour:
        return "bluer: adds more to the margin · underlined: lowers it"
    return "*word* adds half of the most or more · ~word~ lowers the margin by as much"
