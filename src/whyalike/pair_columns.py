"""Texts from a table's columns, one or two, whatever library the table is from."""

from collections.abc import Iterable, Mapping
from typing import Any

from whyalike.errors import OptionError

NAMED = 6
"""Columns that an error names."""


def pairs_of(pairs: object) -> Iterable[Any]:
    """Return the pairs of an iterable, or of a table of two columns.

    A table is known by its shape and the names of its columns, which those of pandas, polars and
    pyarrow have; none of these is imported.

    Raises
    ------
    OptionError
        A text, a column, a table of other than two columns, or no iterable.
    """
    kind = type(pairs).__name__
    names = _names_of(pairs)
    if names is not None:
        if len(names) != 2:
            raise OptionError(
                f"explain_many got a whole {kind}, which has {_listed(names)}: choose two, such "
                'as zip(table["left"], table["right"]), or table[["left", "right"]].'
            )
        # Two columns of one name are one table again.
        one, other = (_values(pairs, place) for place in range(2))
        return zip(one, other, strict=True)
    if _is_column(pairs):
        raise OptionError(
            f"explain_many got one column, of type {kind}: give two, such as "
            'zip(table["left"], table["right"]).'
        )
    if isinstance(pairs, str | bytes | Mapping) or not isinstance(pairs, Iterable):
        raise OptionError(f"explain_many takes an iterable of pairs of texts; got {kind}.")
    return pairs


def passages_of(passages: object, *, of: str = "texts or of items") -> list[Any]:
    """Return the passages of an iterable, which may be a column of a table, as a list.

    Parameters
    ----------
    passages : object
        What was given as passages.
    of : str
        What a list of passages may be of, for an error.

    Raises
    ------
    OptionError
        A text, a whole table, whose passages would be the names of its columns, or no iterable.
    """
    if (said := whole_table(passages)) is not None:
        raise OptionError(f"passages are {said}")
    if isinstance(passages, str | bytes | Mapping) or not isinstance(passages, Iterable):
        raise OptionError(f"passages are of type {type(passages).__name__}; give a list of {of}.")
    if hasattr(passages, "to_pylist"):
        values: list[Any] = passages.to_pylist()
        return values
    return list(passages)


def whole_table(value: object) -> str | None:
    """Return what a whole table is, and that its column is to be given; None for what is none."""
    names = _names_of(value)
    if names is None:
        return None
    column = str(names[-1]) if names else "text"
    return (
        f"a whole {type(value).__name__}, which has {_listed(names)}: give the column of texts, "
        f"such as table[{column!r}]."
    )


def _listed(names: list[object]) -> str:
    """Return how many columns a table has, with the names of the first ones."""
    named = ", ".join(map(repr, names[:NAMED])) + (", …" if len(names) > NAMED else "")
    return f"{'1 column' if len(names) == 1 else f'{len(names):,} columns'} ({named})"


def _names_of(table: Any) -> list[object] | None:
    """Return the names of a table's columns; None for what is no table."""
    if len(getattr(table, "shape", ())) != 2:
        return None
    for attribute in ("column_names", "columns"):
        if (names := getattr(table, attribute, None)) is not None:
            return list(names)
    return None


def _values(table: Any, place: int) -> Iterable[Any]:
    """Return a column as Python's own values; those of pyarrow are objects of its own."""
    if hasattr(table, "iloc"):
        values: Iterable[Any] = table.iloc[:, place]
        return values
    if hasattr(table, "to_series"):
        series: Iterable[Any] = table.to_series(place)
        return series
    column: Iterable[Any] = table.column(place).to_pylist()
    return column


def _is_column(value: Any) -> bool:
    """Return whether it is a column of texts: something one-dimensional that no row of pairs is."""
    is_array = len(getattr(value, "shape", ())) == 1 or hasattr(value, "to_pylist")
    if not is_array or not isinstance(value, Iterable):
        return False
    first = next(iter(value), None)
    return isinstance(first, str) or hasattr(first, "as_py")
