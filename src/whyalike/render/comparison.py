"""A comparison made visible: what it shows, as HTML, and for a terminal."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from whyalike.comparison import Comparison, ComparisonRow
from whyalike.explanation import ExplainedText, Explanation
from whyalike.render.comparison_verdict import (
    Names,
    TextName,
    capital,
    comparison_decimals,
    standings_of,
    view_comparison_verdict,
)
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
from whyalike.render.terminal import draw_sentence, draw_side, visible
from whyalike.render.verdict import Sentence
from whyalike.render.view import POOLING_IN_WORDS, SideView, view_side

WORDS_SHOWN = 12
"""Rows of a table of which none was checked; of others, all that were."""

ABOUT = "≈"
"""Before a number that was not checked where others were."""


@dataclass(frozen=True, slots=True)
class RowView:
    """A word as a table shows it, ready to print.

    count: how often it is there, if more than once. better, worse: what it adds to either
    similarity; empty of a text that has not got it. partners: of a word of the query, its best
    match in either text. said: what it adds to the margin, ``effect``. bar: that in percent of the
    greatest.
    """

    word: str
    count: str
    better: str
    worse: str
    partners: tuple[str, str]
    effect: float
    said: str
    bar: float


@dataclass(frozen=True, slots=True)
class RowsView:
    """A table: its rows, and what is said of those that are not shown."""

    rows: tuple[RowView, ...]
    more: str


@dataclass(frozen=True, slots=True)
class ComparisonView:
    """Everything that the renderers of a comparison show. ``id`` is the root of ids in markup.

    ``standings`` are of the text that was called better, and of the other: what the model made of
    them, which may be the other way round. ``source`` says where the numbers of the tables are
    from.
    """

    id: str
    verdict: Sentence
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
    texts: tuple[ExplainedText, ExplainedText, ExplainedText]
    query_rows: RowsView
    text_rows: RowsView
    source: str
    has_negative: bool


def view_comparison(
    comparison: Comparison, *, id: str, names: Names | None = None
) -> ComparisonView:
    """Return what is shown of ``comparison``; ``names`` are what the texts are called, if anything.

    The words of the three texts are shaded by what the tables say of them.
    """
    query_rows, text_rows = comparison.query_rows, comparison.text_rows
    effects = [row.effect for row in (*query_rows, *text_rows)]
    decimals, greatest = decimals_for(effects), greatest_of(effects)
    whole = comparison_decimals(comparison)
    standings = standings_of(comparison.margin, names)
    texts = _shaded(comparison, greatest)
    first = comparison.better
    prompts = describe_prompts(first.prompts, sides=("the query", "the texts"))
    return ComparisonView(
        id=id,
        verdict=view_comparison_verdict(comparison, names=names),
        margin=comparison.margin,
        said=format_signed(comparison.margin, whole),
        better_similarity=format_number(comparison.better.similarity, whole),
        worse_similarity=format_number(comparison.worse.similarity, whole),
        standings=standings,
        kind=score_name(first.similarity_function),
        note=score_note(first.similarity_function),
        facts=(
            ("Model", first.model),
            ("Method", first.method),
            ("Score", POOLING_IN_WORDS.get(first.pooling, f"{first.pooling} token")),
            *([("Prompts", prompts)] if prompts else []),
        ),
        warnings=_warnings(comparison, standings),
        query=_side(texts[0], "left", "Query", decimals),
        better=_side(texts[1], "left", capital(standings[0].title), decimals),
        worse=_side(texts[2], "right", capital(standings[1].title), decimals),
        texts=texts,
        query_rows=_rows(query_rows, comparison, decimals, greatest),
        text_rows=_rows(text_rows, comparison, decimals, greatest),
        source=_source(comparison),
        has_negative=any(effect < 0 for effect in effects),
    )


def _shaded(
    comparison: Comparison, greatest: float
) -> tuple[ExplainedText, ExplainedText, ExplainedText]:
    """Return the three texts, each word with the effect of its row."""
    effects: list[dict[int, float]] = [{}, {}, {}]
    for row in (*comparison.query_rows, *comparison.text_rows):
        for side, places in enumerate((row.query, row.better, row.worse)):
            effects[side] |= dict.fromkeys(places, row.effect)
    texts = comparison.query, comparison.better_text, comparison.worse_text
    query, better, worse = (
        replace(
            text,
            words=tuple(
                replace(
                    word,
                    saliency=own[n] / greatest if greatest else 0.0,
                    contribution=own[n],
                )
                for n, word in enumerate(text.words)
            ),
        )
        for text, own in zip(texts, effects, strict=True)
    )
    return query, better, worse


def _source(comparison: Comparison) -> str:
    """Return where the numbers of the tables are from."""
    if comparison.checks is None:
        return (
            f"As {comparison.better.method} attributes them; deleting the words may show other "
            "sizes."
        )
    rows = (*comparison.query_rows, *comparison.text_rows)
    shown = [one for some in _split(rows) for one in some]
    about = f" {ABOUT}: estimated by those." if any(not row.is_checked for row in shown) else ""
    return (
        "Checked: what the score loses when the word is deleted, all its occurrences at once, from "
        f"the query or from the texts.{about}"
    )


def _split(
    rows: Sequence[ComparisonRow],
) -> tuple[list[ComparisonRow], list[ComparisonRow]]:
    """Return the shown rows of the query, and of the texts."""
    return _shown([row for row in rows if row.query]), _shown([r for r in rows if not r.query])


def _shown(rows: Sequence[ComparisonRow]) -> list[ComparisonRow]:
    return [row for row in rows if row.is_checked] or list(rows[:WORDS_SHOWN])


def _warnings(comparison: Comparison, standings: tuple[TextName, TextName]) -> tuple[str, ...]:
    """Return what both explanations say, each once, and of which text where they differ."""
    first, second = comparison.better.warnings, comparison.worse.warnings
    both = [said for said in first if said in second]
    return (
        *both,
        *(f"With {standings[0].text}: {said}" for said in first if said not in both),
        *(f"With {standings[1].text}: {said}" for said in second if said not in both),
    )


def _side(
    text: ExplainedText, which: Literal["left", "right"], title: str, decimals: int
) -> SideView:
    return view_side(text, which, title=title, decimals=decimals)


def _rows(
    rows: Sequence[ComparisonRow], comparison: Comparison, decimals: int, greatest: float
) -> RowsView:
    partners = [_partners(one) for one in (comparison.better, comparison.worse)]
    shown = _shown(rows)
    about = "" if comparison.checks is None else ABOUT

    def said(value: float | None, row: ComparisonRow) -> str:
        if value is None:
            return ""
        return f"{'' if row.is_checked else about}{format_signed(value, decimals)}"

    def partner(side: int, row: ComparisonRow) -> str:
        return next((partners[side][n] for n in row.query if n in partners[side]), "")

    more = len(rows) - len(shown)
    unchecked = ", not checked" if comparison.checks is not None and shown[:1] else ""
    return RowsView(
        rows=tuple(
            RowView(
                word=row.text,
                count=f"×{row.count:,}" if row.count > 1 else "",
                better=said(row.with_better, row),
                worse=said(row.with_worse, row),
                partners=(partner(0, row), partner(1, row)),
                effect=row.effect,
                said=said(row.effect, row),
                bar=round(100 * part_of(row.effect, greatest), 1),
            )
            for row in shown
        ),
        more=f"and {more:,} more{unchecked}" if more else "",
    )


def _partners(explanation: Explanation) -> dict[int, str]:
    """Return, for each left word with a match, its best partner."""
    found: dict[int, str] = {}
    for pair in explanation.matches:
        found.setdefault(pair.left, explanation.right.words[pair.right].text)
    return found


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


BAR = 12


def render_comparison_text(comparison: Comparison, *, width: int = 80) -> str:
    """Return the comparison as plain text without any colour, ``width`` columns wide."""
    return plain_text(terminal_comparison_view(comparison, colour=False), width=width)


def terminal_comparison_view(comparison: Comparison, *, colour: bool) -> RenderableType:
    """Return what a Rich console prints; ``colour`` says whether it shows colours."""
    view = view_comparison(comparison, id="terminal")
    parts: list[RenderableType] = [
        draw_sentence(view.verdict, colour),
        _heading(view),
        Text(),
        Text("word by word of the query", style="bold underline"),
        _table(view.query_rows, view, none="The query has no word."),
        Text(),
        Text("word by word of both texts", style="bold underline"),
        _table(view.text_rows, view, none="Neither text has a word."),
        Text(view.source, style="dim"),
        Text(),
    ]
    first, second = (standing.title for standing in view.standings)
    for title, text in zip(
        ("query", f"{first} ({view.better_similarity})", f"{second} ({view.worse_similarity})"),
        view.texts,
        strict=True,
    ):
        segments = cut_into_segments(text, (), which="left")
        parts += [Text(title, style="bold underline"), *draw_side(text, segments, colour), Text()]
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


def _table(shown: RowsView, view: ComparisonView, *, none: str) -> RenderableType:
    if not shown.rows:
        return Text(none)
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("word", overflow="fold")
    for standing in view.standings:
        table.add_column(standing.name, overflow="fold")
    table.add_column("adds", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for row in shown.rows:
        word = f"{shorten(visible(row.word))} {row.count}".rstrip()
        cells = (
            Text(f"{adds or '–'} {shorten(visible(partner))}".rstrip())
            for adds, partner in zip((row.better, row.worse), row.partners, strict=True)
        )
        table.add_row(Text(word), *cells, Text(row.said), _bar(row))
    return Group(table, Text(shown.more, style="dim")) if shown.more else table


def _bar(row: RowView) -> Text:
    """Return a bar of the effect's size, of another character where it lowers the margin."""
    return Text(("█" if row.effect > 0 else "░") * round(BAR * row.bar / 100))


def _legend(colour: bool) -> str:
    if colour:
        return "bluer: adds more to the margin · underlined: lowers it"
    return "*word* adds half of the most or more · ~word~ lowers the margin by as much"
