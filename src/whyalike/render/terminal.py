"""The explanation in a terminal: both texts, paired words marked, and the table of pairs.

Marks in brackets say which words are paired, and stars which are salient, so that nothing is lost
without colour. With colour, every shade brings its own foreground, so that both dark and light
terminals can be read.
"""

import io
import unicodedata

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from whyalike.render.segments import Segment, cut_into_segments, describe_score
from whyalike.types import ExplainedText, ExplanationData, WordPair

TABLE_ROWS = 12
STAR_FROM = 0.5

# Okabe and Ito's palette, told apart by colour-blind readers too; black text on each.
_PAIR_COLOURS = ("#e69f00", "#56b4e9", "#2fb58d", "#f0e442", "#cc79a7", "#f28e4c")
# One hue, darker is more salient; the lowest fifth stays plain.
_SHADES = ("", "#eff3ff", "#c6d4f2", "#9fb7e6", "#7b9ad9")


def render_text(explanation: ExplanationData, *, width: int = 80) -> str:
    """Return the explanation as plain text without any colour, ``width`` columns wide."""
    stream = io.StringIO()
    console = Console(file=stream, width=width, color_system=None, legacy_windows=False)
    console.print(terminal_view(explanation, colour=False))
    lines = (line.rstrip() for line in stream.getvalue().splitlines())
    return "\n".join(lines).rstrip() + "\n"


def terminal_view(explanation: ExplanationData, *, colour: bool) -> RenderableType:
    """Return what a Rich console prints; ``colour`` says whether it shows colours."""
    pairs = explanation.pairs
    left = _draw_text(cut_into_segments(explanation.left, pairs, which="left"), colour)
    right = _draw_text(cut_into_segments(explanation.right, pairs, which="right"), colour)
    parts: list[RenderableType] = [
        _heading(explanation),
        Text(),
        _titled("left", left, explanation.left),
        Text(),
        _titled("right", right, explanation.right),
        Text(),
    ]
    parts.append(_draw_table(explanation, colour) if pairs else Text("No word pairs to show."))
    parts.extend(Text(f"! {visible(warning)}") for warning in explanation.warnings)
    if pairs:
        parts.append(Text(_legend(colour), style="dim"))
    return Group(*parts)


def visible(text: str) -> str:
    """Return text without control characters, which could command the terminal."""
    return "".join(
        "\ufffd" if unicodedata.category(character) in ("Cc", "Cs") else character
        for character in text.replace("\t", "    ")
        if character not in "\r\u202a\u202b\u202c\u202d\u202e"
    )


def _heading(explanation: ExplanationData) -> Text:
    score = describe_score(explanation.similarity, explanation.similarity_function)
    whose = {"model": "the model's own score", "paper": "mean of word tokens, as in the paper"}
    pooling = whose.get(explanation.pooling, f"{explanation.pooling} token")
    heading = Text(score, style="bold")
    heading.append(
        f"\nmodel {visible(explanation.model)} · method {visible(explanation.method)} · {pooling}",
        style="not bold dim",
    )
    return heading


def _titled(title: str, body: Text, side: ExplainedText) -> RenderableType:
    if side.unread_words:
        body = body + Text(f" … {side.unread_words} words not read", style="italic")
    elif not side.text.strip():
        body = Text("(empty)", style="dim")
    return Group(Text(title, style="bold underline"), body)


def _draw_text(segments: list[Segment], colour: bool) -> Text:
    text = Text()
    for segment in segments:
        # Line breaks of the text are kept; every other control character is not.
        words = "\n".join(visible(line) for line in segment.text.split("\n"))
        if segment.word is None:
            text.append(words, style="" if segment.read else "dim")
            continue
        star = "*" if not colour and segment.saliency >= STAR_FROM else ""
        marks = f"[{','.join(map(str, segment.marks))}]" if segment.marks else ""
        text.append(f"{star}{words}{star}{marks}", style=_style(segment) if colour else "")
    return text


def _style(segment: Segment) -> str:
    if segment.marks:
        colour = _PAIR_COLOURS[(segment.marks[0] - 1) % len(_PAIR_COLOURS)]
        return f"bold #000000 on {colour}"
    level = min(int(abs(segment.saliency) * len(_SHADES)), len(_SHADES) - 1)
    return f"#000000 on {_SHADES[level]}" if _SHADES[level] else ""


def _draw_table(explanation: ExplanationData, colour: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("#", justify="right")
    table.add_column("left word", overflow="fold")
    table.add_column("right word", overflow="fold")
    for name in ("saliency", "saliency", "similarity", "score"):
        table.add_column(name, justify="right", no_wrap=True)
    for rank, pair in enumerate(explanation.pairs[:TABLE_ROWS], start=1):
        style = _style(Segment("", 0, 0.0, (rank,))) if colour else ""
        table.add_row(Text(str(rank), style=style), *_cells(explanation, pair))
    more = len(explanation.pairs) - TABLE_ROWS
    if more > 0:
        table.caption = f"and {more} more"
        table.caption_justify = "left"
    return table


def _cells(explanation: ExplanationData, pair: WordPair) -> tuple[Text, ...]:
    left, right = explanation.left.words[pair.left], explanation.right.words[pair.right]
    numbers = (left.saliency, right.saliency, pair.similarity, pair.score)
    return (
        Text(visible(left.text)),
        Text(visible(right.text)),
        *(Text(f"{number:.3f}") for number in numbers),
    )


def _legend(colour: bool) -> str:
    if colour:
        return "[n] words of pair n, in one colour · darker blue: more salient"
    return f"[n] words of pair n · *word* saliency of {STAR_FROM} or more"
