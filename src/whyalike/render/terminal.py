"""The explanation in a terminal: both texts, paired words marked, and the table of pairs.

Marks in brackets say which words are paired, and stars which are salient, so that nothing is lost
without colour. With colour, every shade brings its own foreground, so that both dark and light
terminals can be read.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from whyalike.explanation import ExplainedText, Explanation, Word, WordPair
from whyalike.render.parts import (
    Segment,
    contribution_decimals,
    cut_into_segments,
    decimals_for,
    describe_background,
    describe_method,
    describe_prompts,
    describe_score,
    describe_sum,
    format_number,
    format_signed,
    has_contributions,
    part_of,
    plain_text,
    shorten,
)
from whyalike.render.scales import Scale, scale_of
from whyalike.render.score_parts import PartTable, part_table
from whyalike.render.terms import NAMES, view_terms
from whyalike.render.units import draw_units
from whyalike.render.verdict import Sentence, view_checks, view_verdict
from whyalike.render.view import WordList, why_not_more_alike

TABLE_ROWS = 12
STAR_FROM = 0.5

# Okabe and Ito's palette, distinguishable for colour-blind readers too; black text on each.
_PAIR_COLOURS = ("#e69f00", "#56b4e9", "#2fb58d", "#f0e442", "#cc79a7", "#f28e4c")
# From grey to blue; white text on each, on dark and light terminals. The lowest fifth is plain.
_SHADES = ("", "#5b6b82", "#4a6a9c", "#3566bd", "#1d5fe0")

_LINE_BREAK = re.compile("\r\n|[\n\r\u2028\u2029]")
# Embeddings, overrides and isolates: they reorder what stands behind them, our own words too.
_REORDERING = re.compile("[\u202a-\u202e\u2066-\u2069]")


def render_text(explanation: Explanation, *, width: int = 80, scale: str = "absolute") -> str:
    """Return the explanation as plain text without any colour, ``width`` columns wide."""
    return plain_text(terminal_view(explanation, colour=False, scale=scale), width=width)


def terminal_view(
    explanation: Explanation, *, colour: bool, scale: str = "absolute"
) -> RenderableType:
    """Return what a Rich console prints; ``colour`` says whether it shows colours.

    ``scale`` is that of ``scale_of``.
    """
    pairs, measure = explanation.pairs, scale_of(explanation, scale)
    parts: list[RenderableType] = [
        draw_sentence(view_verdict(explanation), colour),
        _heading(explanation),
        Text(),
    ]
    if (table := part_table(explanation)) is not None:
        parts += [_draw_parts(table), Text()]
    parts += draw_units(explanation, colour=colour, scale=measure)
    for title, side in (("left", explanation.left), ("right", explanation.right)):
        which: Literal["left", "right"] = "left" if title == "left" else "right"
        segments = cut_into_segments(side, pairs, which=which, shade=measure.shade)
        parts += [Text(title, style="bold underline"), *draw_side(side, segments, colour), Text()]
    if pairs:
        parts.append(_draw_table(explanation, colour))
    else:
        parts.append(Text("No word pairs to show."))
    if legend := _legend(explanation, measure, colour):
        parts.append(Text(legend, style="dim"))
    if total := describe_sum(explanation):
        parts.append(Text(total))
    parts.extend(_draw_terms(explanation))
    parts.extend(_draw_checks(explanation, colour))
    parts.extend(_draw_reasons(explanation))
    parts.extend(Text(f"! {visible(warning)}") for warning in explanation.warnings)
    return Group(*parts)


def visible(text: str) -> str:
    """Return text on one line, without what could command the terminal or reorder the line."""
    return "".join(
        "\N{REPLACEMENT CHARACTER}"
        if unicodedata.category(character) in ("Cc", "Cs")
        else character
        for character in _REORDERING.sub("", _LINE_BREAK.sub(" ", text.replace("\t", "    ")))
    )


def _heading(explanation: Explanation) -> Text:
    score = describe_score(explanation.similarity, explanation.similarity_function)
    whose = {"model": "the model's own score", "paper": "mean of word tokens, as in the paper"}
    pooling = whose.get(explanation.pooling, f"{explanation.pooling} token")
    heading = Text(score, style="bold")
    if standing := describe_background(explanation):
        heading.append(f"\n{standing}", style="not bold")
    heading.append(
        f"\nmodel {visible(explanation.model)} · method {visible(describe_method(explanation))}"
        f" · {pooling}",
        style="not bold dim",
    )
    if prompts := describe_prompts(explanation.prompts):
        heading.append(f"\nprompts {visible(prompts)}", style="not bold dim")
    return heading


def draw_side(side: ExplainedText, segments: list[Segment], colour: bool) -> list[Text]:
    """Return the text as it was read and, on a line of its own, what was not read.

    The segments are those of ``side``; without colour, marks stand for shades.
    """
    parts = []
    if side.chunk is not None:
        where = f"characters {side.chunk.start:,} to {side.chunk.end:,}"
        count = f"{side.unread_words:,} word{'s' * (side.unread_words != 1)}"
        parts.append(Text(f"{side.chunk} ({where}; {count} not read):", style="dim italic"))
    if read := [segment for segment in segments if segment.read]:
        parts.append(_draw_text(read, colour))
    for tail in (segment for segment in segments if not segment.read and side.chunk is None):
        count, rest = say_unread(side, tail)
        parts.append(Text(f"not read ({count}): {rest}", style="dim italic"))
    if not side.text.strip():
        return [Text("(empty)", style="dim")]
    return parts


def say_unread(side: ExplainedText, tail: Segment) -> tuple[str, str]:
    """Return how many words were not read, and on one line those that the segment holds."""
    count = "1 word" if side.unread_words == 1 else f"{side.unread_words:,} words"
    more = "…" if side.read_until + len(tail.text) < len(side.text) else ""
    return count, " ".join(visible(tail.text).split()) + more


def _draw_text(segments: list[Segment], colour: bool) -> Text:
    text = Text()
    for segment in segments:
        # Line breaks of the text are kept; every other control character is not.
        words = "\n".join(visible(line) for line in _LINE_BREAK.split(segment.text))
        star = "" if colour else _star(segment)
        text.append(f"{star}{words}{star}", style=_shade(segment) if colour else "")
        last = len(segment.marks) - 1
        for place, mark in enumerate(segment.marks):
            piece = f"{'[' if place == 0 else ''}{mark}{']' if place == last else ','}"
            text.append(piece, style=_pair_colour(mark) if colour else "")
    # Blanks at the end of the text would only fill the terminal.
    text.rstrip()
    return text


def _star(segment: Segment) -> str:
    """Return what stands around a word of much shade, and another mark where it is negative."""
    if segment.word is None or abs(segment.shade) < STAR_FROM:
        return ""
    return "*" if segment.shade > 0 else "~"


def _shade(segment: Segment) -> str:
    """Return the style of a word: its shade, and bold if it is in a pair.

    A word that pulls the texts apart has a line under it and no shade.
    """
    if segment.shade < 0:
        marked = part_of(segment.shade, 1.0) * len(_SHADES) >= 1
        return f"{'bold ' if segment.marks else ''}{'underline' if marked else ''}".strip()
    level = min(int(part_of(segment.shade, 1.0) * len(_SHADES)), len(_SHADES) - 1)
    shade = f"#ffffff on {_SHADES[level]}" if _SHADES[level] else ""
    return f"bold {shade}".rstrip() if segment.marks else shade


def _pair_colour(rank: int) -> str:
    return f"bold #000000 on {_PAIR_COLOURS[(rank - 1) % len(_PAIR_COLOURS)]}"


def _draw_table(explanation: Explanation, colour: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("#", justify="right", no_wrap=True)
    rows = pair_rows(explanation)
    for name in rows.names:
        if name.endswith("word"):
            table.add_column(name, overflow="fold")
        else:
            table.add_column(name, justify="right", no_wrap=True)
    for rank, cells in enumerate(rows.cells, start=1):
        style = _pair_colour(rank) if colour else ""
        table.add_row(Text(str(rank), style=style), *map(Text, cells))
    if rows.more:
        table.caption = Text(rows.more, style="dim")
        table.caption_justify = "left"
    return table


@dataclass(frozen=True, slots=True)
class PairRows:
    """The table of pairs, best first, as it is written.

    names: of the columns beside that of the rank. cells: TABLE_ROWS rows at most. more: says how
    many are left out, if any.
    """

    names: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]
    more: str


def pair_rows(explanation: Explanation) -> PairRows:
    """Return what the table of pairs says."""
    pairs = explanation.pairs
    value = "adds" if has_contributions(explanation) else "saliency"
    decimals = contribution_decimals(explanation), decimals_for(pair.score for pair in pairs)
    more = len(pairs) - TABLE_ROWS
    return PairRows(
        names=("left word", value, "right word", value, "cosine", "score"),
        cells=tuple(_cells(explanation, pair, decimals) for pair in pairs[:TABLE_ROWS]),
        more=f"and {more:,} more pair{'s' if more > 1 else ''}" if more > 0 else "",
    )


def _cells(explanation: Explanation, pair: WordPair, decimals: tuple[int, int]) -> tuple[str, ...]:
    """Return a row; ``decimals`` are those of contributions and of scores."""
    left, right = explanation.left.words[pair.left], explanation.right.words[pair.right]
    return (
        shorten(visible(left.text)),
        _value(left, decimals[0]),
        shorten(visible(right.text)),
        _value(right, decimals[0]),
        format_number(pair.similarity, 3),
        format_number(pair.score, decimals[1]),
    )


def _value(word: Word, decimals: int) -> str:
    """Return what a word adds to the similarity, or else its saliency."""
    if word.contribution is None:
        return format_number(word.saliency, 3)
    return format_signed(word.contribution, decimals)


def _draw_parts(shown: PartTable) -> Table:
    """Return the parts of a fused score."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for name in shown.names:
        if name in ("part", "words by"):
            table.add_column(name, overflow="fold")
        else:
            table.add_column(name, justify="right", no_wrap=True)
    for row in shown.rows:
        table.add_row(*(Text(visible(cell)) for cell in row))
    return table


def _draw_terms(explanation: Explanation) -> list[RenderableType]:
    """Return the terms that carried a sparse model's score; nothing for any other model."""
    view = view_terms(explanation)
    if view is None:
        return []
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for name in NAMES[:-1]:
        table.add_column(name, overflow="fold")
    table.add_column(NAMES[-1], justify="right", no_wrap=True)
    for row in view.rows:
        words = (row.left_word, row.term, row.right_word)
        table.add_row(*(Text(shorten(visible(word))) for word in words), Text(row.adds))
    if view.more:
        table.caption, table.caption_justify = Text(view.more, style="dim"), "left"
    return [Text(f"\n{view.title.lower()}", style="bold underline"), table]


def draw_sentence(sentence: Sentence, colour: bool) -> Text:
    """Return a sentence, its words bold; without colour they stand between asterisks."""
    text = Text()
    for piece in sentence:
        words = visible(piece.text)
        if piece.is_words and colour:
            text.append(words, style="bold")
        else:
            text.append(f"*{words}*" if piece.is_words else words)
    return text


def _draw_checks(explanation: Explanation, colour: bool) -> list[Text]:
    """Return what the model scored without words, in lines; none where it was not asked."""
    checks = view_checks(explanation)
    lines = [Text("\nchecked", style="bold underline")] if checks else []
    return [*lines, *(draw_sentence(sentence, colour) for sentence in checks)]


def _draw_reasons(explanation: Explanation) -> list[Text]:
    """Return why the texts are not more alike, in lines; none where there is no reason."""
    reasons = why_not_more_alike(explanation)
    lines = [Text("\nwhy not more alike", style="bold underline")] if reasons else []
    for reason in reasons:
        lines.append(Text(reason.title.lower(), style="dim"))
        for side in reason.lists:
            lines.append(Text(f"  {say_words(side)}"))
    return lines


def say_words(words: WordList) -> str:
    """Return the words of a reason after the side that they are of, on one line."""
    named = (f"{shorten(visible(word))} {value}".rstrip() for word, value in words.words)
    more = f" +{words.more:,} more" if words.more else ""
    return f"{words.side.lower()}: {', '.join(named)}{more}"


def _legend(explanation: Explanation, scale: Scale, colour: bool) -> str:
    """Return what the marks mean, those that are there."""
    notes = []
    if explanation.pairs:
        notes.append("[n] words of pair n, in its colour" if colour else "[n] words of pair n")
    shades = [scale.shade(w) for side in (explanation.left, explanation.right) for w in side.words]
    styles = {shade < 0: _shade(Segment("", 0, shade=shade)) for shade in sorted(shades, key=abs)}
    if colour and styles.get(False):
        notes.append(f"bluer: {_say_shades(scale)}")
    if not colour and any(shade >= STAR_FROM for shade in shades):
        notes.append(f"*word* {scale.half}")
    if colour and styles.get(True):
        notes.append("underlined: below zero")
    if not colour and any(shade <= -STAR_FROM for shade in shades):
        notes.append(f"~word~ {_half_below(scale)}")
    return " · ".join(notes)


def _say_shades(scale: Scale) -> str:
    if scale.full:
        return f"adds more, up to {format_number(scale.full, 2)}"
    return "more salient" if scale.name == "relative" else f"more {scale.what.lower()}"


def _half_below(scale: Scale) -> str:
    if scale.full:
        return f"takes {format_number(scale.full / 2, 3)} or more"
    return f"{format_number(-STAR_FROM, 1)} or less"
