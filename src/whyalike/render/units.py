"""Sentences and phrases of an explanation made visible: those that matter, and how many do not."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from whyalike.explanation import ExplainedText, Explanation, Unit, Units
from whyalike.render.parts import (
    cut_into_segments,
    decimals_for,
    format_number,
    format_signed,
    saliency_level,
)
from whyalike.render.scales import Scale

MATTERS = 0.1
"""A sentence is shown from this part of the greatest fall of its text on."""


@dataclass(frozen=True, slots=True)
class UnitRun:
    """A run of a unit's text. level: the shade of a word, 0 to 20; negative: it pulls apart."""

    text: str
    level: int = 0
    negative: bool = False


@dataclass(frozen=True, slots=True)
class UnitRow:
    """A unit: its numbers as they are said, and its text with the words in it."""

    fall: str
    beside: str
    runs: tuple[UnitRun, ...]


@dataclass(frozen=True, slots=True)
class UnitPart:
    """Neighbouring rows that are shown or, where ``folded`` says what they are, are not."""

    rows: tuple[UnitRow, ...]
    folded: str = ""


@dataclass(frozen=True, slots=True)
class UnitSide:
    """The units of a text, in its order. note: which of all are left out, if some are."""

    title: str
    parts: tuple[UnitPart, ...]


@dataclass(frozen=True, slots=True)
class UnitsView:
    """What is shown of units. beside: what the second number of a row is, in words."""

    title: str
    beside: str
    meaning: str
    sides: tuple[UnitSide, ...]


def view_units(explanation: Explanation, *, scale: Scale | None = None) -> UnitsView | None:
    """Return the units as they are drawn, of texts of more than one; None where none has.

    ``scale`` shades words; by default the relative one.
    """
    units = explanation.units
    if units is None or max(len(units.left), len(units.right)) < 2:
        return None
    whole = units.kind == "sentence"
    return UnitsView(
        title="Sentences" if whole else "Phrases",
        beside="alone" if whole else "word by word",
        meaning=(
            "without: what the score loses once the sentence is deleted; alone: what it scores "
            "alone with the other text. Both are measured."
            if whole
            else "without: what the score loses once the phrase is deleted; word by word: the sum "
            "of what it loses without each of its words. Both are measured."
        ),
        sides=tuple(
            _view_side(explanation, which, side, own, whole=whole, scale=scale)
            for which, side, own in _sides(explanation, units)
            if len(own) > 1
        ),
    )


Which = Literal["left", "right"]


def _sides(
    explanation: Explanation, units: Units
) -> tuple[tuple[Which, ExplainedText, tuple[Unit, ...]], ...]:
    return (
        ("left", explanation.left, units.left),
        ("right", explanation.right, units.right),
    )


def _view_side(
    explanation: Explanation,
    which: Which,
    side: ExplainedText,
    units: Sequence[Unit],
    *,
    whole: bool,
    scale: Scale | None,
) -> UnitSide:
    least = least_shown([unit.fall for unit in units]) if whole else 0.0
    shown = [_is_shown(unit, side, least, units, whole=whole) for unit in units]
    rows = _rows(explanation, which, side, units, scale)
    parts: list[UnitPart] = []
    start = 0
    for place in range(1, len(units) + 1):
        if place == len(units) or shown[place] != shown[start]:
            some = tuple(rows[start:place])
            said = "" if shown[start] else _folded(len(some), least, whole=whole)
            parts.append(UnitPart(some, said))
            start = place
    return UnitSide(f"{which.capitalize()} text", tuple(parts))


def _folded(count: int, least: float, *, whole: bool) -> str:
    if whole:
        what = "1 sentence that adds" if count == 1 else f"{count:,} sentences that add"
        return f"{what} less than {least:g}"
    return "1 word by itself" if count == 1 else f"{count:,} words by themselves"


def least_shown(falls: Sequence[float | None]) -> float:
    """Return from which fall on, by size, a sentence matters: a tenth of the greatest, rounded."""
    greatest = max((abs(fall) for fall in falls if fall is not None), default=0.0)
    if not greatest:
        return 0.0
    power = 10.0 ** math.floor(math.log10(MATTERS * greatest))
    return round(MATTERS * greatest / power) * power


def _is_shown(
    unit: Unit, side: ExplainedText, least: float, units: Sequence[Unit], *, whole: bool
) -> bool:
    if not whole:
        return sum(unit.start <= word.start < unit.end for word in side.words) > 1
    best = max((other.alone for other in units if other.alone is not None), default=None)
    return unit.fall is None or abs(unit.fall) >= least or (best is not None and unit.alone == best)


def _rows(
    explanation: Explanation,
    which: Which,
    side: ExplainedText,
    units: Sequence[Unit],
    scale: Scale | None,
) -> list[UnitRow]:
    shaded: dict[str, Any] = {} if scale is None else {"shade": scale.shade}
    falls = decimals_for(unit.fall for unit in units if unit.fall is not None)
    decimals = max(falls, 3)
    found: list[list[UnitRun]] = [[] for _ in units]
    place = at = 0
    for segment in cut_into_segments(side, explanation.pairs, which=which, **shaded):
        start, end = at, at + len(segment.text)
        at = end
        while place < len(units) and units[place].end <= start:
            place += 1
        for n in range(place, len(units)):
            unit = units[n]
            if unit.start >= end:
                break
            text = side.text[max(start, unit.start) : min(end, unit.end)]
            level = 0 if segment.word is None else saliency_level(segment.shade)
            found[n].append(UnitRun(text, level, segment.shade < 0))
    return [
        UnitRow(
            "–" if unit.fall is None else format_signed(unit.fall, decimals),
            _beside(unit, decimals),
            tuple(runs),
        )
        for unit, runs in zip(units, found, strict=True)
    ]


def _beside(unit: Unit, decimals: int) -> str:
    if unit.alone is not None:
        return format_number(unit.alone, decimals)
    return "–" if unit.separate is None else format_signed(unit.separate, decimals)


def draw_units(
    explanation: Explanation, *, colour: bool, words: bool = True, scale: Scale | None = None
) -> list[RenderableType]:
    """Return the units as lines for a terminal; none where words were asked for.

    With ``words``, those of at least half the full shade are bold or, without colour, stand
    between asterisks. ``scale`` is that of ``view_units``.
    """
    from whyalike.render.terminal import visible

    view = view_units(explanation, scale=scale)
    if view is None:
        return []
    lines: list[RenderableType] = []
    for side in view.sides:
        lines.append(
            Text(f"{view.title.lower()} of the {side.title.lower()}", style="bold underline")
        )
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(justify="right", no_wrap=True)
        table.add_column(justify="right", no_wrap=True)
        table.add_column(overflow="fold")
        table.add_row(Text("without", style="dim"), Text(view.beside, style="dim"))
        for part in side.parts:
            if part.folded:
                table.add_row("", "", Text(f"… {part.folded}", style="dim"))
                continue
            for row in part.rows:
                text = Text()
                for run in row.runs:
                    said = " ".join(visible(run.text).split(" "))
                    strong = words and run.level >= 10
                    if strong and not colour:
                        said = f"~{said}~" if run.negative else f"*{said}*"
                    text.append(said, style="bold" if strong and colour else "")
                table.add_row(Text(row.fall), Text(row.beside), text)
        lines += [table, Text()]
    return [*lines, Text(view.meaning, style="dim"), Text()]
