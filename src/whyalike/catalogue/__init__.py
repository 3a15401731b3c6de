"""Catalogues: items with titles and descriptions, read, indexed and searched with reasons."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from whyalike.catalogue.catalogue import Catalogue
    from whyalike.catalogue.index import CatalogueIndex
    from whyalike.catalogue.search import Hit, Hits, Standing, explain_hit_parts, explain_hits
    from whyalike.data.columns import ColumnChoice
    from whyalike.data.items import Item
    from whyalike.data.stream import BadRow, ReadReport, stream_items

__all__ = [
    "BadRow",
    "Catalogue",
    "CatalogueIndex",
    "ColumnChoice",
    "Hit",
    "Hits",
    "Item",
    "ReadReport",
    "Standing",
    "explain_hit_parts",
    "explain_hits",
    "stream_items",
]

_HOMES = {
    "BadRow": "whyalike.data.stream",
    "Catalogue": "whyalike.catalogue.catalogue",
    "CatalogueIndex": "whyalike.catalogue.index",
    "ColumnChoice": "whyalike.data.columns",
    "Hit": "whyalike.catalogue.search",
    "Hits": "whyalike.catalogue.search",
    "Item": "whyalike.data.items",
    "ReadReport": "whyalike.data.stream",
    "Standing": "whyalike.catalogue.search",
    "explain_hit_parts": "whyalike.catalogue.search",
    "explain_hits": "whyalike.catalogue.search",
    "stream_items": "whyalike.data.stream",
}


def __getattr__(name: str) -> Any:
    """Load a name on first use: reading a catalogue needs no torch."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
