"""Where the names of the columns stand in a delimited file: not always in its first line."""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass

from whyalike.data.columns import DESCRIPTION_NAMES, ID_NAMES, TITLE_NAMES, guess_column

LOOKED_AT, FIELDS = 10, 4096
"""Lines in which the header is looked for, and fields of each that are looked at."""

OTHER_DELIMITERS = {";": "semicolons, and 12,50 is a number", "\t": "tabs", "|": "bars"}

_SEPARATOR = re.compile(r'"?sep=(.)"?\s*')
"""What Excel writes first, and reads, to say the delimiter."""

_TEMPLATE = "TemplateType="
"""How Amazon's templates begin; labels for people follow, then the names of the columns."""

_SAID = 60


@dataclass(frozen=True, slots=True)
class Header:
    """How many lines stand before the header, what separates its fields, and what to say."""

    before: int
    delimiter: str
    notes: tuple[str, ...]


def find_header(lines: Sequence[str], delimiter: str) -> Header:
    """Return where the header is among the first lines of a file.

    It is the first that is not blank, unless none of its names is known and a later line has more
    names, two of which are: then what is before is a banner.

    Parameters
    ----------
    lines : sequence of str
        The first ones.
    delimiter : str
        What separates fields; of a comma it is asked whether another one does.
    """
    place = _next_line(lines, 0)
    notes: list[str] = []
    forced = None
    if place < len(lines) and (match := _SEPARATOR.fullmatch(lines[place])):
        forced = match[1]
        place = _next_line(lines, place + 1)
    first = place
    if place < len(lines) and lines[place].startswith(_TEMPLATE) and place + 2 < len(lines):
        place += 2
    else:
        rows = [_fields(line, forced or delimiter) for line in lines[place:]]
        place += header_among(rows)
    if place >= len(lines):
        return Header(0, delimiter, ())
    if place > first:
        said = " ".join(lines[first].split())
        said = said if len(said) <= _SAID else said[:_SAID] + "…"
        notes.append(
            f"The columns are named in line {place + 1}; what stands before is left out: {said!r}."
        )
    elif place and forced is None:
        notes.append(f"The columns are named in line {place + 1}: what is before is blank.")
    found = forced or sniff(lines[place], delimiter)
    if found != delimiter:
        notes.append(f"Fields are between {OTHER_DELIMITERS.get(found, repr(found))}.")
    return Header(place, found, tuple(notes))


def sniff(line: str, delimiter: str) -> str:
    """Return what separates the fields of a line; only of a comma it is asked."""
    if delimiter != ",":
        return delimiter
    # Of equally many, the comma: it is asked first.
    return max((delimiter, *OTHER_DELIMITERS), key=line.count)


def _next_line(lines: Sequence[str], place: int) -> int:
    while place < len(lines) and not lines[place].strip(' \t\r\n,;|"\ufeff'):
        place += 1
    return place


def header_among(rows: Sequence[Sequence[str]]) -> int:
    """Return which of the first rows of a table names the columns: 0 unless that is a banner."""
    if not rows or roles_of(rows[0]):
        return 0
    wide = sum(bool(cell.strip()) for cell in rows[0])
    return next(
        (
            place
            for place, row in enumerate(rows)
            if roles_of(row) > 1 and sum(bool(cell.strip()) for cell in row) > wide
        ),
        0,
    )


def _fields(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=sniff(line, delimiter)), [])[:FIELDS]
    except csv.Error:
        return []


def roles_of(names: Sequence[str]) -> int:
    """Return how many of id, title and description are among names of columns."""
    known = (ID_NAMES, TITLE_NAMES, DESCRIPTION_NAMES)
    return sum(guess_column(names, one) is not None for one in known)
