"""Objects in objects, laid out flat under dotted names."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from whyalike.data.tables import RawRow

DEEPEST = 8
"""Levels that are laid out; what is deeper stays as it is."""


class Flattener:
    """Lays rows out flat: ``{"specs": {"colour": "red"}}`` becomes ``{"specs.colour": "red"}``.

    Lists stay.

    Parameters
    ----------
    nested : iterable of str
        The keys that are laid out.
    """

    def __init__(self, nested: Iterable[str]) -> None:
        self._nested = frozenset(nested)

    def flat_row(self, row: RawRow) -> RawRow:
        """Return a row so laid out."""
        return row if row.problem else replace(row, values=self.flat(row.values))

    def flat(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a row without objects under those keys."""
        if self._nested.isdisjoint(row):
            return row
        found: dict[str, Any] = {}
        for key, value in row.items():
            if key in self._nested and isinstance(value, dict):
                _lay_out(value, key, found, 1)
            elif key not in self._nested or value is not None:
                found[key] = value
        return found


def nested_keys(first: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the keys whose values, in the first rows, are objects or nothing."""
    nested, plain = set[str](), set[str]()
    for row in first:
        for key, value in row.items():
            if isinstance(value, dict):
                nested.add(key)
            elif value is not None:
                plain.add(key)
    return nested - plain


def _lay_out(part: Mapping[str, Any], name: str, found: dict[str, Any], depth: int) -> None:
    for key, value in part.items():
        # Another key may be called so already; then the first one stays.
        called = f"{name}.{key}"
        if isinstance(value, dict) and depth < DEEPEST:
            _lay_out(value, called, found, depth + 1)
        else:
            found.setdefault(called, value)
