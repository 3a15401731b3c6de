"""The parts of a fused score as a table, the same in the terminal, in Markdown and on pages."""

from collections.abc import Sequence
from dataclasses import dataclass

from whyalike.explanation import Explanation, ScorePart
from whyalike.render.parts import decimals_for, format_number, format_signed

RANK_DECIMALS = 5
"""With fewer, 1 / 61 and 1 / 62 look the same."""


@dataclass(frozen=True, slots=True)
class PartTable:
    """What the table says: names of its columns, and a row of cells for each part."""

    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def part_table(explanation: Explanation) -> PartTable | None:
    """Return the parts of a fused score; None where it is of one model.

    A column is left out that says the same of all parts: what is fused is the score itself, or
    nothing of it is constant.
    """
    parts = explanation.parts
    if not parts:
        return None
    by_ranks = any(part.rank is not None for part in parts)
    decimals = RANK_DECIMALS if by_ranks else decimals_for(part.contribution for part in parts)
    columns = [
        ("part", [part.name for part in parts]),
        ("weight", [f"{part.weight:g}" for part in parts]),
        ("score", _numbers([part.score for part in parts])),
        *_normalised(parts),
        ("adds", [format_signed(part.contribution, decimals) for part in parts]),
    ]
    if any(part.constant for part in parts):
        said = [format_signed(part.constant or 0.0, decimals) for part in parts]
        columns.append(("constant", said))
    columns.append(("words by", [part.method or "" for part in parts]))
    names = tuple(name for name, _ in columns)
    return PartTable(names, tuple(zip(*(cells for _, cells in columns), strict=True)))


def _normalised(parts: Sequence[ScorePart]) -> list[tuple[str, list[str]]]:
    if any(part.rank is not None for part in parts):
        ranks = ["" if part.rank is None else f"{part.rank:,}" for part in parts]
        terms = [format_number(part.normalised, RANK_DECIMALS) for part in parts]
        return [("rank", ranks), ("1 / (k + rank)", terms)]
    if all(part.normalised == part.score for part in parts):
        return []
    return [("normalised", _numbers([part.normalised for part in parts]))]


def _numbers(values: Sequence[float]) -> list[str]:
    decimals = decimals_for(values)
    return [format_number(value, decimals) for value in values]
