"""A cell that holds several named values, as Magento writes what its columns have no name for."""

import re
from collections.abc import Mapping

_QUOTED = re.compile(r'([A-Za-z0-9_]+)="((?:[^"]|"")*)"(?:,|$)')
_PAIR = re.compile(r"(?:^|,)\s*([A-Za-z0-9_]+)=")


def read_attributes(cell: str) -> Mapping[str, str | tuple[str, ...]]:
    """Return the values of ``colour=Red,size="S, M",sport=Yoga|Hiking`` by their names.

    Several values stand between bars. A value in quotes may hold commas, and a doubled quote for
    one; without quotes a comma is part of the value where no name and sign of equality follow, as
    Magento itself reads it. What has no name is left out; of one name twice the last value counts.
    """
    found: dict[str, str | tuple[str, ...]] = {}
    at, cell = 0, cell.strip()
    while (pair := _PAIR.search(cell, at)) is not None:
        name = pair[1].lower()
        quoted = _QUOTED.match(cell, pair.start(1))
        if quoted is not None:
            value, at = quoted[2].replace('""', '"'), quoted.end(2) + 1
        else:
            after = _PAIR.search(cell, pair.end())
            at = len(cell) if after is None else after.start()
            value = cell[pair.end() : at]
        parts = tuple(dict.fromkeys(part for one in value.split("|") if (part := one.strip())))
        if parts:
            found[name] = parts if len(parts) > 1 else parts[0]
    return found
