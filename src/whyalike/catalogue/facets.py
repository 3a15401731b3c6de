"""What the metadata of an index can be filtered by: few values to choose from, or a range."""

from dataclasses import dataclass
from typing import Literal

from whyalike.catalogue.reader import IndexReader

MOST_VALUES = 40


@dataclass(frozen=True, slots=True)
class Facet:
    """A field with its values, commonest first, each with its count; or, of numbers, its range.

    Items that were removed count until the index is made anew.
    """

    name: str
    kind: Literal["text", "boolean", "number"]
    values: tuple[tuple[str, int], ...] = ()
    low: float = 0.0
    high: float = 0.0


def find_facets(reader: IndexReader, *, most_values: int = MOST_VALUES) -> list[Facet]:
    """Return the fields that a reader can choose from.

    Left out are texts with more than ``most_values`` values, texts that are all different, and
    fields that hold values of several kinds. Yes and no stand for booleans.

    Raises FormatError on a damaged index.
    """
    found = (_facet(reader, name, most_values) for name in reader.metadata_fields())
    return [facet for facet in found if facet is not None]


def _facet(reader: IndexReader, name: str, most_values: int) -> Facet | None:
    kinds = set[str]().union(*(store.kinds(name) for store in reader.stores))
    if kinds == {"number"}:
        ends = [
            end
            for low, high in _ask(reader, name, "SELECT min(value), max(value)", "")
            for end in (low, high)
            if isinstance(end, int | float)
        ]
        if not ends:
            return None
        return Facet(name, "number", low=float(min(ends)), high=float(max(ends)))
    if kinds not in ({"text"}, {"boolean"}):
        return None
    counts: dict[object, int] = {}
    for value, count in _ask(
        reader, name, "SELECT value, count(*)", f"GROUP BY value LIMIT {most_values + 1}"
    ):
        counts[value] = counts.get(value, 0) + int(str(count))
    if len(counts) > most_values or (len(counts) > 1 and set(counts.values()) == {1}):
        return None
    ordered = sorted(counts.items(), key=lambda one: (-one[1], str(one[0])))
    if kinds == {"boolean"}:
        said = tuple(("yes" if value else "no", count) for value, count in ordered)
        return Facet(name, "boolean", said)
    return Facet(name, "text", tuple((str(value), count) for value, count in ordered))


def _ask(reader: IndexReader, name: str, select: str, rest: str) -> list[tuple[object, object]]:
    """Return the rows of all segments; ``select`` and ``rest`` are ours, the name is a value."""
    return [
        (row[0], row[1])
        for store in reader.stores
        if name in store.fields
        for row in store.query(f"{select} FROM facts WHERE field = ? {rest}", (store.fields[name],))
    ]
