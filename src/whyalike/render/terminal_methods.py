"""One pair explained by several methods in a terminal: the texts once, then each in a few lines."""

from collections.abc import Mapping, Sequence
from typing import Literal

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from whyalike.explanation import ExplainedText, Explanation
from whyalike.render.terminal import shorten, visible
from whyalike.render.wording import (
    decimals_for,
    describe_gap,
    describe_prompts,
    describe_score,
    describe_sum,
    format_number,
)

LISTED = 5


def terminal_methods_view(
    explanations: Sequence[Explanation], *, failures: Mapping[str, str]
) -> RenderableType:
    """Return what a Rich console prints of one pair's explanations by several methods.

    ``failures`` says by its name why a method is not among them.
    """
    parts: list[RenderableType] = []
    if explanations:
        first = explanations[0]
        parts = [Text(f"model {visible(first.model)} · {len(explanations)} methods", style="dim")]
        if prompts := describe_prompts(first.prompts):
            parts.append(Text(f"prompts {visible(prompts)}", style="dim"))
        for title, side in (("left", first.left), ("right", first.right)):
            parts += [Text(), Text(title, style="bold underline"), Text(_flat(side))]
    parts.extend(_draw_method(explanation) for explanation in explanations)
    if failures:
        parts += [Text(), Text("left out", style="bold")]
        parts.append(draw_rows(list(failures.items())))
    return Group(*parts)


def _draw_method(explanation: Explanation) -> RenderableType:
    """Return a method's name, score, best pairs and most salient words."""
    heading = Text("\n").append(visible(explanation.method), style="bold")
    score = describe_score(explanation.similarity, explanation.similarity_function)
    heading.append(f"  {score}", style="dim")
    rows = [
        ("pairs", list_pairs(explanation)),
        ("left", _list_words(explanation, "left")),
        ("right", _list_words(explanation, "right")),
        ("sum", " ".join(filter(None, (describe_sum(explanation), describe_gap(explanation))))),
    ]
    return Group(heading, draw_rows([(name, text) for name, text in rows if text]))


def draw_rows(rows: Sequence[tuple[str, str]]) -> Table:
    """Return a grid of names and what there is to say under each."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in rows:
        table.add_row(Text(f"  {visible(name)}"), Text(visible(text)))
    return table


def list_pairs(explanation: Explanation) -> str:
    """Return the first pairs of words with their scores, on one line."""
    decimals = decimals_for(pair.score for pair in explanation.pairs)
    pairs = [
        f"{_word(explanation.left, pair.left)} – {_word(explanation.right, pair.right)} "
        f"{format_number(pair.score, decimals)}"
        for pair in explanation.pairs
    ]
    return _cut(pairs) or "none"


def _list_words(explanation: Explanation, which: Literal["left", "right"]) -> str:
    """Return the words of one side with their saliency, those of the greatest size."""
    side = explanation.left if which == "left" else explanation.right
    order = sorted(range(len(side.words)), key=lambda n: -abs(side.words[n].saliency))
    salient = [n for n in order if side.words[n].saliency]
    said = [f"{_word(side, n)} {format_number(side.words[n].saliency, 2)}" for n in salient]
    return _cut(said[:LISTED])


def _cut(items: Sequence[str]) -> str:
    more = len(items) - LISTED
    return ", ".join(items[:LISTED]) + (f" +{more:,} more" if more > 0 else "")


def _word(side: ExplainedText, index: int) -> str:
    return shorten(visible(side.words[index].text))


def _flat(side: ExplainedText) -> str:
    """Return what was read of the text on one line."""
    return visible(" ".join(side.text[: side.read_until].split())) or "(empty)"
