"""A row of a Markdown table, whatever stands in its cells."""

import re
from collections.abc import Iterable

_BAR = re.compile(r"(?<!\\)\|")


def write_row(cells: Iterable[str]) -> str:
    """Return cells that are Markdown as a row: none becomes another cell, or ends the row.

    Names of methods, models and files come from outside; texts of strangers are escaped before, see
    ``whyalike.render.markdown.escape``.
    """
    said = (_BAR.sub(r"\\|", " ".join(cell.split())) for cell in cells)
    return f"| {' | '.join(said)} |"
