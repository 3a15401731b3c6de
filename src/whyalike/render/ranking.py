"""The passages of a query in the order of their scores: as HTML, as Markdown, for a terminal."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from whyalike.ranking import RankedPassage, Ranking, SizeRank, tell
from whyalike.render.html import PAGE_STYLES, excerpt, own_id, render_page, render_part
from whyalike.render.markdown import escape
from whyalike.render.markdown_table import write_row
from whyalike.render.parts import (
    decimals_for,
    format_number,
    format_signed,
    part_of,
    plain_text,
    score_name,
    shorten,
)
from whyalike.render.terminal import visible
from whyalike.render.view import ExplanationView, SideView, view_explanation, view_side

STYLES = ("similar.css", "trace.css", "ranking.css")

SHOWN = 20
"""Passages in the table, besides those that are explained."""

WORDS_SHOWN = 5
PAIRS_SHOWN = 6

SENTENCE_SHOWN = 320
"""Characters of a sentence that is quoted: a line of a table or of code may be thousands."""


@dataclass(frozen=True, slots=True)
class PassageRow:
    """A passage ready to print. ``link`` is where it is explained; empty where it is not.

    ``said`` are what the sentence does for the score, and which chunk gave it.
    """

    passage: RankedPassage
    name: str
    score: str
    bar: float | None
    right: bool
    link: str
    sentence: str
    said: tuple[str, ...]
    pairs: tuple[tuple[str, str, str], ...]
    more: int


@dataclass(frozen=True, slots=True)
class WhyRanked:
    """An explained passage: its row, its text, and the whole explanation."""

    id: str
    row: PassageRow
    side: SideView
    view: ExplanationView


@dataclass(frozen=True, slots=True)
class SizeRow:
    """Where the right passage would stand at a size of chunks."""

    name: str
    rank: str
    score: str
    chunk: str
    first: str
    first_score: str
    turns: bool


def render_ranking(ranking: Ranking, *, title: str = "whyalike: passages of a query") -> str:
    """Return one HTML page that loads nothing: ranks, scores, and what carries the first ones."""
    styles = (*PAGE_STYLES, *STYLES)
    return render_page("ranking.html.j2", styles, title=title, **view_ranking(ranking))


def render_ranking_fragment(ranking: Ranking) -> str:
    """Return the same to be put into another page, such as a notebook."""
    said = (ranking.query, ranking.model, [(p.id, p.score, p.text) for p in ranking.passages])
    return render_part("ranking.html.j2", STYLES, **view_ranking(ranking, id=own_id("k", said)))


def view_ranking(ranking: Ranking, *, id: str = "") -> dict[str, object]:
    """Return what ``ranking.html.j2`` takes besides a title; ids begin with ``id``, if any."""
    start = f"{id}-" if id else ""
    links = {each.id: f"{start}passage-{n}" for n, each in enumerate(ranking.explained, start=1)}
    listed = _listed(ranking)
    rows = {each.id: _row(ranking, each, links.get(each.id, "")) for each in listed}
    whys = [
        WhyRanked(
            links[each.id],
            rows[each.id],
            view_side(
                each.explanation.right,
                "right",
                title="Text of the passage",
                pairs=each.explanation.pairs,
                other=each.explanation.left,
            ),
            view_explanation(each.explanation, id=f"{links[each.id]}-why"),
        )
        for each in ranking.explained
        if each.explanation is not None
    ]
    views = [why.view for why in whys]
    difference, winning = _words(ranking.difference), _words(ranking.winning)
    return {
        "id": start,
        "ranking": ranking,
        "kind": score_name(ranking.similarity_function),
        "runs": tell(ranking),
        "rows": list(rows.values()),
        "more": len(ranking.passages) - len(rows),
        "sizes": [_size_row(each) for each in ranking.sizes],
        "difference": difference,
        "winning": winning,
        "margin": _margin(ranking),
        "whys": whys,
        "has_pairs": any(view.pairs for view in views),
        "has_negative": any(view.has_negative for view in views),
        "has_unmatched": any(view.has_unmatched for view in views),
        "has_contributions": any(view.has_contributions for view in views),
    }


def _listed(ranking: Ranking) -> list[RankedPassage]:
    """Return the first passages, and those that are explained, best first."""
    return [
        each
        for n, each in enumerate(ranking.passages)
        if n < SHOWN or each.explanation is not None or each.id == ranking.right
    ]


def _name(passage: RankedPassage) -> str:
    return passage.title or excerpt(passage.text)


def _row(ranking: Ranking, passage: RankedPassage, link: str) -> PassageRow:
    pairs = passage.pairs
    decimals = decimals_for(score for _, _, score in pairs)
    best = ranking.first.score
    part = passage.score / best if best > 0 else -1.0
    return PassageRow(
        passage=passage,
        name=_name(passage),
        score=format_number(passage.score, 4),
        bar=round(100 * part, 1) if 0 <= part <= 1 else None,
        right=passage.id == ranking.right,
        link=link,
        sentence=excerpt(passage.carried_by, most=SENTENCE_SHOWN) if passage.carried_by else "",
        said=tuple(_facts(passage)),
        pairs=tuple((a, b, format_number(s, decimals)) for a, b, s in pairs[:PAIRS_SHOWN]),
        more=max(0, len(pairs) - PAIRS_SHOWN),
    )


def _facts(passage: RankedPassage) -> list[str]:
    """Return what is known of the sentence and of the chunk, a phrase each."""
    said = []
    sentence = passage.sentence
    if sentence is not None:
        if sentence.fall is not None:
            change = "falls" if sentence.fall >= 0 else "rises"
            left = format_number(passage.score - sentence.fall, 3)
            said.append(f"without it the score {change} to {left}")
        if sentence.similarity is not None:
            said.append(f"its own similarity is {format_number(sentence.similarity, 3)}")
        if sentence.of == 1:
            said.append("the only sentence that is read")
    if passage.chunk is not None:
        where = f"characters {passage.chunk.start:,} to {passage.chunk.end:,}"
        said.append(f"{passage.chunk}, {where}")
    return said


def _size_row(size: SizeRank) -> SizeRow:
    chunk = "" if size.chunk is None else f"{size.chunk.number:,} of {size.chunk.of:,}"
    return SizeRow(
        name=size.name,
        rank=f"{size.rank:,}",
        score=format_number(size.score, 4),
        chunk=chunk or "whole",
        first=size.first,
        first_score=format_number(size.first_score, 4),
        turns=size.rank == 1,
    )


def _words(words: Sequence[tuple[str, float]]) -> list[tuple[str, str, float]]:
    """Return the first words with what each adds, as it is said, and its part of the greatest."""
    shown = [each for each in words if each[1] > 0][:WORDS_SHOWN]
    decimals = decimals_for(value for _, value in shown)
    greatest = max((value for _, value in shown), default=0.0)
    return [
        (word, format_signed(value, decimals), round(100 * part_of(value, greatest), 1))
        for word, value in shown
    ]


def _margin(ranking: Ranking) -> str:
    """Return by how much the first passage is above the right one; empty without a comparison."""
    if ranking.comparison is None:
        return ""
    return format_number(-ranking.comparison.margin, 4)


def render_ranking_text(ranking: Ranking, *, width: int = 80) -> str:
    """Return a ranking as plain text without any colour, ``width`` columns wide."""
    return plain_text(terminal_ranking_view(ranking), width=width)


def terminal_ranking_view(ranking: Ranking) -> RenderableType:
    """Return what a Rich console prints of a ranking."""
    head = Text("query ").append(visible(" ".join(ranking.query.split())), style="bold")
    by = f"{score_name(ranking.similarity_function)} by {visible(ranking.model)}"
    how = f"{by} · method {ranking.method}" if ranking.method else by
    if ranking.long_text != "truncate":
        how += f" · {visible(ranking.long_text)}"
    parts: list[RenderableType] = [head, Text(how, style="dim"), Text(visible(ranking.sentence()))]
    parts += [Text(), _table(ranking)]
    listed = _listed(ranking)
    if len(ranking.passages) > len(listed):
        parts.append(Text(f"and {len(ranking.passages) - len(listed):,} more", style="dim"))
    if ranking.sizes:
        parts += [Text(), Text("would chunking find it", style="bold underline"), _sizes(ranking)]
    for title, words in (
        ("words of the query that count more in the first", ranking.difference),
        ("words that the first has and the right one lacks", ranking.winning),
    ):
        if shown := _words(words):
            said = ", ".join(f"{shorten(visible(word))} {adds}" for word, adds, _ in shown)
            parts += [Text(), Text(title, style="bold underline"), Text(said)]
    parts += [Text()] if ranking.notes else []
    parts.extend(Text(f"! {visible(note)}") for note in ranking.notes)
    return Group(*parts)


def _table(ranking: Ranking) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("rank", justify="right", no_wrap=True)
    table.add_column("score", justify="right", no_wrap=True)
    table.add_column("passage, the sentence and the words that carry it", ratio=1)
    for each in _listed(ranking):
        row = _row(ranking, each, "")
        name = Text(shorten(visible(row.name)), style="bold")
        name.append(f"  {visible(each.id)}", style="not bold dim")
        if row.right:
            name.append("  ← right", style="not bold")
        lines: list[RenderableType] = [name]
        if row.sentence:
            lines.append(Padding(Text(f"“{visible(row.sentence)}”"), (0, 0, 0, 2), expand=False))
        if row.said:
            said = Text("; ".join(row.said), style="dim")
            lines.append(Padding(said, (0, 0, 0, 2), expand=False))
        if row.pairs:
            words = ", ".join(f"{_pair(a, b)} {score}" for a, b, score in row.pairs)
            words += f" and {row.more} more" if row.more else ""
            lines.append(Padding(Text(visible(words)), (0, 0, 0, 2), expand=False))
        table.add_row(f"{each.rank:,}", row.score, Group(*lines))
    return table


def _pair(one: str, other: str) -> str:
    if one.casefold() == other.casefold():
        return shorten(one)
    return f"{shorten(one)} – {shorten(other)}"


def _sizes(ranking: Ranking) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), pad_edge=False, show_edge=False)
    for name in ("tokens", "rank", "score", "chunk", "first", "its score"):
        table.add_column(name, justify="left" if name in ("chunk", "first") else "right")
    for row in map(_size_row, ranking.sizes):
        first = shorten(visible(row.first))
        table.add_row(row.name, row.rank, row.score, row.chunk, Text(first), row.first_score)
    return table


def render_ranking_markdown(ranking: Ranking) -> str:
    """Return a ranking as Markdown; texts are escaped and can't command it."""
    said = "".join(f"**{escape(run)}**" if word else run for run, word in tell(ranking))
    lines = [f"> {escape(ranking.query)}", "", said, ""]
    lines += ["| rank | score | passage | sentence that carries it | words |"]
    lines += ["|---:|---:|---|---|---|"]
    for each in _listed(ranking):
        row = _row(ranking, each, "")
        words = ", ".join(escape(_pair(a, b)) for a, b, _ in row.pairs)
        right = " ← right" if row.right else ""
        cells = (
            f"{each.rank:,}",
            row.score,
            f"{escape(row.name)} ({escape(each.id)}){right}",
            escape(row.sentence),
            words,
        )
        lines.append(write_row(cells))
    if ranking.sizes:
        lines += ["", "| tokens of a chunk | rank | score | chunk | first |"]
        lines += ["|---:|---:|---:|---|---|"]
        lines += [
            write_row([row.name, row.rank, row.score, row.chunk, escape(row.first)])
            for row in map(_size_row, ranking.sizes)
        ]
    for title, found in (
        ("Words of the query that count more in the first", ranking.difference),
        ("Words that the first has and the right one lacks", ranking.winning),
    ):
        if shown := _words(found):
            lines += ["", f"{title}: {', '.join(f'{escape(w)} {v}' for w, v, _ in shown)}"]
    lines += [part for note in ranking.notes for part in ("", f"! {escape(note)}")]
    return "\n".join(lines) + "\n"
