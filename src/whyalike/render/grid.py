"""A table of numbers that is read by shade: cells with a level, and what they say."""

from dataclasses import dataclass

from whyalike.render.palette import saliency_level
from whyalike.render.scale import part_of


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell: what it says, its number, its shade from 0 to 20. A blank one has no number."""

    said: str
    value: float | None
    level: int = 0
    selected: bool = False

    @property
    def negative(self) -> bool:
        """Whether the cell is hatched; a shade of nothing is not."""
        return self.level > 0 and (self.value or 0.0) < 0


@dataclass(frozen=True, slots=True)
class Grid:
    """Columns by their names, and rows with a name and a cell for each column."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]

    @property
    def has_negative(self) -> bool:
        """Whether any cell is hatched."""
        return any(cell.negative for _, cells in self.rows for cell in cells)


def make_cell(value: float | None, said: str, *, of: float = 1.0, selected: bool = False) -> Cell:
    """Return the cell of a value whose shade is its part of ``of``, by size."""
    if value is None:
        return Cell(said, None)
    return Cell(said, value, saliency_level(part_of(value, of)), selected)
