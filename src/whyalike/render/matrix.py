"""The matrix of word pairs as a grid to draw: which words, which shade, which unit."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from whyalike.explanation import ExplainedText, Explanation
from whyalike.render.grid import Grid, make_cell
from whyalike.render.scale import greatest_of
from whyalike.render.wording import format_number

WORDS_SHOWN = 60
"""Of each side. More would be a carpet, and a page of megabytes."""

LEAST, MOST_POWER = 20, 9


@dataclass(frozen=True, slots=True)
class MatrixView:
    """The grid; rows are left words, columns right words.

    ``scale`` is the greatest magnitude as it is said, ``unit`` what the numbers in the cells
    count, ``shown`` which words are shown where they are not all. ``decimals`` are those of a
    value that is written out. ``summed`` says that the values add up to the similarity.
    """

    grid: Grid
    size: str
    scale: str
    unit: str
    shown: str
    decimals: int
    summed: bool

    @property
    def caption(self) -> str:
        """What the grid shows, in sentences."""
        what = "adds to the similarity" if self.summed else "contributes, on the method's own scale"
        caption = f"What each pair of a left word (row) and a right word (column) {what}."
        return f"{caption} {self.shown}".rstrip()

    @property
    def unit_note(self) -> str:
        """What the numbers count, for a renderer that writes them into the cells."""
        return "" if self.unit == "1" else f"Numbers are in units of {self.unit}."


def view_matrix(explanation: Explanation) -> MatrixView | None:
    """Return the matrix of an explanation as it is drawn; None where there is none, or no pair.

    Of a side with more than WORDS_SHOWN words, those of selected pairs are shown, and those whose
    pairs have the greatest sum of magnitudes.
    """
    matrix = explanation.pair_contributions
    if not matrix or not matrix[0]:
        return None
    left, right = explanation.left, explanation.right
    selected = {(pair.left, pair.right) for pair in explanation.pairs}
    rows = choose_words([sum(map(abs, row)) for row in matrix], {i for i, _ in selected})
    by_column = [sum(map(abs, column)) for column in zip(*matrix, strict=True)]
    columns = choose_words(by_column, {j for _, j in selected})
    greatest = greatest_of(matrix[i][j] for i in rows for j in columns)
    power = unit_power(greatest)
    scale = 10**power
    grid = Grid(
        tuple(right.words[j].text for j in columns),
        tuple(
            (
                left.words[i].text,
                tuple(
                    make_cell(
                        matrix[i][j],
                        format_number(matrix[i][j] * scale, 0),
                        of=greatest,
                        selected=(i, j) in selected,
                    )
                    for j in columns
                ),
            )
            for i in rows
        ),
    )
    return MatrixView(
        grid=grid,
        size=f"{len(left.words):,} × {len(right.words):,}",
        scale=format_number(greatest, max(power, 3)),
        unit=f"{10**-power:.{power}f}",
        shown=_shown(rows, left, columns, right),
        decimals=max(power + 1, 3),
        summed=explanation.remainder is not None,
    )


def choose_words(
    sizes: Sequence[float], wanted: set[int], *, limit: int = WORDS_SHOWN
) -> list[int]:
    """Return the indices of at most ``limit`` words, in order: the wanted, then the greatest."""
    best = sorted(range(len(sizes)), key=lambda n: (n not in wanted, -sizes[n]))
    return sorted(best[:limit])


def unit_power(greatest: float) -> int:
    """Return the power of ten by which values are multiplied to be whole numbers worth reading.

    The greatest becomes 20 or more; 0 if it is, and otherwise at least 2: hundredths.
    """
    if greatest >= LEAST or not greatest:
        return 0
    if greatest <= LEAST * 10.0**-MOST_POWER:
        return MOST_POWER
    return max(2, math.ceil(math.log10(LEAST / greatest)))


def _shown(rows: list[int], left: ExplainedText, columns: list[int], right: ExplainedText) -> str:
    cut = [
        f"{len(shown):,} of {len(side.words):,} {name} words"
        for name, shown, side in (("left", rows, left), ("right", columns, right))
        if len(shown) < len(side.words)
    ]
    return f"{' and '.join(cut)} shown: those that contribute most." if cut else ""
