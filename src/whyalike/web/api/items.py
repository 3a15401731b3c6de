"""The items of a served index: one by its id, or all of them page by page."""

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from whyalike.documents import Format
from whyalike.errors import OptionError
from whyalike.web.api.codes import Details, OptionRefusedError

if TYPE_CHECKING:
    from whyalike.catalogue import Item
    from whyalike.web.api.served import ServedIndex

FORMAT = Format("whyalike/items", "page of items", "Ask for it anew.")
STALE = (
    "The cursor is of another list, or the index was made anew: leave it out, and begin with the "
    "first page."
)
_CURSOR = re.compile(r"([0-9a-f]{16})-([0-9]{1,12})")


def find_item(served: "ServedIndex", id: str) -> "Item":
    """Return an item. Raises OptionRefusedError where there is none of that id."""
    try:
        return served.index[id]
    except OptionError as error:
        raise OptionRefusedError(str(error), "unknown_item", Details(value=id)) from error


@dataclass(frozen=True, slots=True)
class ItemPage:
    """A page of items. ``next`` leads to the one after it, None on the last."""

    index: str
    items: "tuple[Item, ...]"
    total: int
    next: str | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            **FORMAT.head(),
            "index": self.index,
            "total": self.total,
            "items": [item_to_dict(one) for one in self.items],
            "next": self.next,
        }


def list_items(
    served: "ServedIndex", *, where: str | None, limit: int, cursor: str | None
) -> ItemPage:
    """Return a page of the items that pass a filter, in the order of the index.

    Raises
    ------
    OptionError
        The filter can't be read, or the cursor is of another list.
    """
    reader = served.index.reader
    list_id = _list_id(served, where)
    start = 0 if cursor is None else _read_cursor(cursor, list_id)
    positions = np.flatnonzero(reader.allowed(where))
    first = int(np.searchsorted(positions, start))
    page = positions[first : first + limit].tolist()
    is_last = first + limit >= len(positions)
    return ItemPage(
        index=served.name,
        items=tuple(reader.item(int(place)) for place in page),
        total=len(positions),
        next=None if is_last else _write_cursor(list_id, page[-1] + 1),
    )


def item_to_dict(item: "Item") -> Mapping[str, Any]:
    """Return an item as plain values."""
    known = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in item.metadata.items()
    }
    return {
        "id": item.id,
        "title": item.title,
        "description": item.description,
        "metadata": known,
    }


def _list_id(served: "ServedIndex", where: str | None) -> str:
    """Return what cursors of one list share: the index in this state, and the filter."""
    manifest = served.index.reader.manifest
    segments = [segment.name for segment in manifest.segments]
    said = repr((served.name, manifest.generation, segments, where))
    return hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()[:16]


def _write_cursor(list_id: str, position: int) -> str:
    return base64.urlsafe_b64encode(f"{list_id}-{position}".encode()).decode().rstrip("=")


def _read_cursor(cursor: str, list_id: str) -> int:
    try:
        said = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except ValueError:
        said = ""
    found = _CURSOR.fullmatch(said)
    if found is None or found[1] != list_id:
        raise OptionRefusedError(STALE, "stale_cursor", Details(field="cursor", value=cursor))
    return int(found[2])
