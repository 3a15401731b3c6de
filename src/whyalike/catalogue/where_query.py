"""Filters put to the stores of items, as SQL in which every value is a parameter.

A filter is asked a block of items at a time. Between two statements ``checkpoint`` is called, while
no lock of the data base is held: a long filter can be stopped, or let others go first.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np

from whyalike.catalogue.item_store import VALUES_AT_ONCE, ItemStore, kind_of
from whyalike.catalogue.vectors import Bools
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
from whyalike.data.items import number_or_text
from whyalike.data.values import iso_date
from whyalike.interruption import checkpoint

OWN_FIELDS = ("id", "title", "description")

BLOCK = 2048
"""Items that are asked at once: some milliseconds' work, where their texts are not very long."""

FIELDS_NAMED = 50
"""Fields that an error names."""

_TESTS = {
    "<": "{} < ?",
    "<=": "{} <= ?",
    ">": "{} > ?",
    ">=": "{} >= ?",
    "contains": "holds({}, ?)",
}


@dataclass(frozen=True, slots=True)
class Filtered:
    """Which items a filter allows.

    allowed: (N,). not_compared: by field, (N,), whose value is of another kind than the filter
    compares it with, such as a text among numbers; whether the comparison is true is unknown then.
    """

    allowed: Bools
    not_compared: dict[str, Bools]


def filter_by(where: str, stores: Sequence[ItemStore], counts: Sequence[int]) -> Filtered:
    """Return which items a filter allows, over all stores in order.

    Parameters
    ----------
    where : str
        The filter; see whyalike.catalogue.where.
    stores : sequence of ItemStore
        Of the segments.
    counts : sequence of int
        How many items each has.

    Raises
    ------
    OptionError
        It can't be read, names an unknown field, or compares a field with a kind of value that the
        field never has.
    """
    found = parse_where(where)
    _check(found, where, stores)
    allowed: Bools = np.zeros(sum(counts), dtype=np.bool_)
    not_compared: dict[str, Bools] = {}
    first = 0
    for store, count in zip(stores, counts, strict=True):
        for start in range(0, count, BLOCK):
            block = _Block(store, start, min(start + BLOCK, count))
            place = slice(first + block.start, first + block.stop)
            allowed[place] = block.evaluate(found).true
            for field, mask in block.not_compared.items():
                whole = not_compared.setdefault(field, np.zeros(len(allowed), dtype=np.bool_))
                whole[place] = mask
        first += count
    return Filtered(allowed, not_compared)


@dataclass(frozen=True, slots=True)
class _Truth:
    """Of which items (N,) something is true, and of which unknown; of the rest it is false."""

    true: Bools
    unknown: Bools


class _Block:
    """Items of a store from one position up to another, and which of their values differ in kind.

    Logic is Kleene's, of three values: ``not`` leaves unknown what is unknown.
    """

    def __init__(self, store: ItemStore, start: int, stop: int) -> None:
        self.store, self.start, self.stop = store, start, stop
        self.not_compared: dict[str, Bools] = {}

    def evaluate(self, found: Filter) -> _Truth:
        if isinstance(found, Not):
            part = self.evaluate(found.part)
            return _Truth(~(part.true | part.unknown), part.unknown)
        if isinstance(found, Every | Some):
            every = isinstance(found, Every)
            one, *others = (self.evaluate(part) for part in found.parts)
            for other in others:
                one = _both(one, other) if every else _either(one, other)
            return one
        if isinstance(found, IsNull):
            return _Truth(~self._with_value(found.field), self._nothing())
        return _Truth(self._where(found), self._of_another_kind(found))

    def _nothing(self) -> Bools:
        return np.zeros(self.stop - self.start, dtype=np.bool_)

    def _ask(self, select: str, values: Sequence[object]) -> Bools:
        """Return of which items a statement gives the position; its last conditions are ours."""
        checkpoint()
        mask = self._nothing()
        statement = f"{select} AND position >= ? AND position < ?"
        rows = self.store.query(statement, (*values, self.start, self.stop))
        mask[[row[0] - self.start for row in rows]] = True
        return mask

    def _with_value(self, field: str) -> Bools:
        if field in OWN_FIELDS:
            # An empty title is a missing one.
            return self._ask(f"SELECT position FROM items WHERE {field} != ''", ())
        if field not in self.store.fields:
            return self._nothing()
        return self._ask("SELECT position FROM facts WHERE field = ?", (self.store.fields[field],))

    def _of_another_kind(self, found: Compare) -> Bools:
        """Return whose value can't be compared: it is neither greater nor less, and no text.

        Whether values are equal is known whatever they are.
        """
        if found.operator == "=" or found.field not in self.store.fields:
            return self._nothing()
        kinds = self.store.kinds(found.field)
        kind = _compared_kind(found.values[0], found.operator, kinds)
        if found.field in OWN_FIELDS or kinds <= {kind}:
            return self._nothing()
        number = self.store.fields[found.field]
        # Of several values, and of what a text says besides, one of that kind is enough.
        mask = self._ask("SELECT position FROM facts WHERE field = ? AND kind != ?", (number, kind))
        mask &= ~self._ask(
            "SELECT position FROM facts WHERE field = ? AND kind = ?", (number, kind)
        )
        self.not_compared[found.field] = mask | self.not_compared.get(found.field, False)
        return mask

    def _where(self, found: Compare) -> Bools:
        mask = self._nothing()
        known = set() if found.field in OWN_FIELDS else self.store.kinds(found.field)
        for kind in ("text", "number", "boolean", "date"):
            values = [
                value
                for value in _meant(found)
                if kind == _compared_kind(value, found.operator, known)
                or (kind == "date" and found.operator == "=" and isinstance(value, str))
            ]
            for start in range(0, len(values), VALUES_AT_ONCE):
                mask |= self._compare(found, kind, values[start : start + VALUES_AT_ONCE])
        return mask

    def _compare(self, found: Compare, kind: str, values: Sequence[object]) -> Bools:
        own = found.field in OWN_FIELDS
        column = found.field if own else "value"
        if found.operator == "=":
            test = f"{column} IN ({', '.join('?' * len(values))})"
        else:
            test = _TESTS[found.operator].format(column)
        if own:
            return self._ask(f"SELECT position FROM items WHERE {column} != '' AND {test}", values)
        if found.field not in self.store.fields:
            return self._nothing()
        return self._ask(
            f"SELECT position FROM facts WHERE field = ? AND kind = ? AND {test}",
            (self.store.fields[found.field], kind, *values),
        )


def _compared_kind(value: Value, operator: str, known: Set[str]) -> str:
    """Return the kind of values that a value is compared with.

    Before and after a date are dates, where a field has any, however they are written.
    """
    is_ordered = operator in ("<", "<=", ">", ">=")
    if is_ordered and "date" in known and isinstance(value, str) and iso_date(value) is not None:
        return "date"
    return kind_of(value)


def _both(one: _Truth, other: _Truth) -> _Truth:
    true = one.true & other.true
    return _Truth(true, (one.true | one.unknown) & (other.true | other.unknown) & ~true)


def _either(one: _Truth, other: _Truth) -> _Truth:
    true = one.true | other.true
    return _Truth(true, (one.unknown | other.unknown) & ~true)


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
        named = list(known)[:FIELDS_NAMED]
        near = get_close_matches(found.field, named, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        more = len(known) - len(named)
        fields = ", ".join(map(quote_field, named)) + (f" and {more:,} more" if more else "")
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


def _meant(found: Compare) -> tuple[Value, ...]:
    """Return the values to look for: a number in quotes is meant as a number, too.

    A file of texts has "XL" and 7 in one field, and nobody knows which of them are numbers.
    """
    if found.operator != "=" or found.field in OWN_FIELDS:
        return found.values
    texts = (value for value in found.values if isinstance(value, str))
    numbers = (number_or_text(text) for text in texts)
    return (*found.values, *(n for n in numbers if isinstance(n, int | float)))
