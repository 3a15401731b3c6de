"""Filters put to the stores of items, as SQL in which every value is a parameter."""

from collections.abc import Sequence
from difflib import get_close_matches

import numpy as np

from whyalike.catalogue.item_store import VALUES_AT_ONCE, ItemStore, kind_of
from whyalike.catalogue.reading.values import number_or_text
from whyalike.catalogue.vector_index import Bools
from whyalike.catalogue.where import (
    Compare,
    Every,
    Filter,
    IsNull,
    Not,
    Some,
    Value,
    failure,
    parse_where,
    quote_field,
)

OWN_FIELDS = {
    "id": "SELECT position FROM items WHERE ",
    "title": "SELECT position FROM items WHERE ",
    "description": "SELECT position FROM items WHERE ",
}
_TESTS = {
    "<": "{} < ?",
    "<=": "{} <= ?",
    ">": "{} > ?",
    ">=": "{} >= ?",
    "contains": "holds({}, ?)",
}


def allowed_by(where: str, stores: Sequence[ItemStore], counts: Sequence[int]) -> Bools:
    """Return which items (N,) a filter allows, over all stores in order.

    Args:
        where: the filter; see whyalike.catalogue.where.
        stores: of the segments.
        counts: how many items each has.

    Raises:
        OptionError: it can't be read, names an unknown field, or compares a field with a kind of
            value that the field never has.
    """
    found = parse_where(where)
    _check(found, where, stores)
    masks = [_mask(found, store, count) for store, count in zip(stores, counts, strict=True)]
    return np.concatenate(masks)


def _check(found: Filter, where: str, stores: Sequence[ItemStore]) -> None:
    """Raise OptionError for a field or a kind of value that can't be meant."""
    if isinstance(found, Not):
        _check(found.part, where, stores)
    elif isinstance(found, Every | Some):
        for part in found.parts:
            _check(part, where, stores)
    else:
        _check_field(found, where, stores)


def _check_field(found: Compare | IsNull, where: str, stores: Sequence[ItemStore]) -> None:
    known = dict.fromkeys([*OWN_FIELDS, *(name for store in stores for name in store.fields)])
    if found.field not in known:
        near = get_close_matches(found.field, known, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        fields = ", ".join(map(quote_field, known))
        reason = f"there is no field {found.field!r}{hint}; there are: {fields}"
        raise failure(where, found.column, reason)
    if isinstance(found, IsNull):
        return
    if found.field in OWN_FIELDS:
        kinds = {"text"}
    else:
        kinds = set[str]().union(*(store.kinds(found.field) for store in stores))
    for value in found.values:
        if kinds and kind_of(value) not in kinds:
            raise failure(
                where,
                found.column,
                f"{found.field} holds {' and '.join(sorted(kinds))} values, and {value!r} is a "
                f"{kind_of(value)}" + ("" if isinstance(value, str) else "; texts stand in quotes"),
            )


def _mask(found: Filter, store: ItemStore, count: int) -> Bools:
    mask: Bools = np.zeros(count, dtype=np.bool_)
    if isinstance(found, Not):
        mask = ~_mask(found.part, store, count)
    elif isinstance(found, Every):
        mask = np.logical_and.reduce([_mask(part, store, count) for part in found.parts])
    elif isinstance(found, Some):
        mask = np.logical_or.reduce([_mask(part, store, count) for part in found.parts])
    elif isinstance(found, IsNull):
        mask[_positions_with_value(found.field, store)] = True
        mask = ~mask
    else:
        for kind in ("text", "number", "boolean"):
            values = [value for value in _meant(found) if kind_of(value) == kind]
            for start in range(0, len(values), VALUES_AT_ONCE):
                part = values[start : start + VALUES_AT_ONCE]
                mask[_positions(found, kind, part, store)] = True
    return mask


def _meant(found: Compare) -> tuple[Value, ...]:
    """Return the values to look for: a number in quotes is meant as a number, too.

    A file of texts has "XL" and 7 in one field, and nobody knows which of them are numbers.
    """
    if found.operator != "=" or found.field in OWN_FIELDS:
        return found.values
    texts = (value for value in found.values if isinstance(value, str))
    numbers = (number_or_text(text) for text in texts)
    return (*found.values, *(n for n in numbers if isinstance(n, int | float)))


def _positions_with_value(field: str, store: ItemStore) -> list[int]:
    if field in OWN_FIELDS:
        # An empty title is a missing one.
        rows = store.query(f"{OWN_FIELDS[field]} {field} != ''")
    elif field in store.fields:
        number = store.fields[field]
        rows = store.query("SELECT position FROM facts WHERE field = ?", (number,))
    else:
        rows = []
    return [row[0] for row in rows]


def _positions(found: Compare, kind: str, values: Sequence[object], store: ItemStore) -> list[int]:
    own = found.field in OWN_FIELDS
    column = found.field if own else "value"
    if found.operator == "=":
        test = f"{column} IN ({', '.join('?' * len(values))})"
    else:
        test = _TESTS[found.operator].format(column)
    if own:
        rows = store.query(f"{OWN_FIELDS[found.field]} {column} != '' AND {test}", values)
    elif found.field in store.fields:
        rows = store.query(
            f"SELECT position FROM facts WHERE field = ? AND kind = ? AND {test}",
            (store.fields[found.field], kind, *values),
        )
    else:
        rows = []
    return [row[0] for row in rows]
