"""What a store of vectors does for a search, whatever data base it is.

A store is known by ids, and not by positions as ``VectorIndex``: others write to it while it is
searched, and it may hold more than one machine's memory. Whyalike only reads it.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from difflib import get_close_matches
from typing import Any, Literal, Protocol
from urllib.parse import urlsplit, urlunsplit

import numpy as np
from numpy.typing import NDArray

from whyalike.catalogue.where import Compare, IsNull, failure, quote_field
from whyalike.catalogue.where import Value as Asked
from whyalike.data.items import Value, number_or_text
from whyalike.errors import OptionError
from whyalike.explanation import SimilarityFunction
from whyalike.registry import Registry

MOST_FOUND = 16_384
"""Hits of one search, at most: the limit of Milvus, held to by all."""


@dataclass(frozen=True, kw_only=True)
class Fields:
    """Which fields of a collection hold what.

    id: one text or number an item, by default the primary key. text: what was embedded; of several
    fields their texts, with ``separator`` between those that are not blank. vector: the vectors.
    title: shown of an item, not searched.
    """

    id: str | None = None
    text: tuple[str, ...] = ("text",)
    vector: str = "vector"
    title: str | None = None
    separator: str = "\n"


@dataclass(frozen=True, slots=True)
class Stored:
    """An item as it is stored: its values by field, without the vector, and its vector (H,)."""

    id: str
    values: Mapping[str, Any]
    vector: NDArray[np.float32] = field(compare=False)


class Store(Protocol):
    """A collection of items with vectors.

    Attributes
    ----------
    address : str
        Where it is, without a password.
    collection : str
        Its name there.
    fields : Fields
        Which of its fields hold what; the id's is set.
    dimension : int
        H, of its vectors.
    metric : SimilarityFunction, optional
        What its search compares by; None where nothing says it.
    """

    address: str
    collection: str
    fields: Fields
    dimension: int
    metric: SimilarityFunction | None

    def __len__(self) -> int:
        """Return how many items there are now."""

    def fetch(self, ids: Sequence[str]) -> list[Stored]:
        """Return the items of those ids that are there, in no set order."""

    def sample(self, count: int) -> list[Stored]:
        """Return some of the items."""

    def search(
        self, vector: NDArray[np.float32], k: int, *, where: str | None, function: str
    ) -> list[Stored]:
        """Return up to ``k`` items whose vectors are nearest to a vector (H,), best first.

        Raises OptionError where the filter can't be read or names an unknown field.
        """

    def before(
        self, vector: NDArray[np.float32], id: str, *, where: str | None, function: str
    ) -> int | None:
        """Return how many items are nearer to a vector than one; None where that is not known."""

    def close(self) -> None:
        """Let go of the connection."""


OpenStore = Callable[..., Store]
_STORES: Registry[OpenStore] = Registry(
    "kind of store", package="whyalike.catalogue.stores", group="whyalike.stores"
)


def register_store(scheme: str) -> Callable[[OpenStore], OpenStore]:
    """Add a kind of store: the function that opens one, by the scheme of its address.

    It takes the address, and by name ``collection``, ``fields`` and ``token``.
    """

    def add(opens: OpenStore) -> OpenStore:
        _STORES.add(scheme, opens, maker=opens.__module__)
        return opens

    return add


ValueKind = Literal["text", "number", "boolean"]


def is_address(text: str) -> bool:
    """Return whether that is the address of a store, and no path."""
    return "://" in text


def open_store(address: str, *, collection: str, fields: Fields, token: str | None = None) -> Store:
    """Open a collection of a store.

    Parameters
    ----------
    address : str
        ``milvus://host:19530``, ``milvus:///folder/file.db`` (Milvus Lite), or
        ``postgresql://user:password@host/database`` (with pgvector).
    collection : str
        Its name; of PostgreSQL the table's or view's, ``schema.table`` where it is in no usual one.
    fields : Fields
        Which of its fields hold what.
    token : str, optional
        What Milvus lets one in by: ``user:password``, or a key.

    Raises
    ------
    OptionError
        An address of no kind that is known, no such collection or field, or vectors of a kind that
        no model here gives.
    StorageError
        The store does not answer, or refuses.
    MissingExtraError
        The client of that store is not installed.
    """
    scheme = urlsplit(address).scheme
    known = _STORES.all()
    if scheme not in known:
        raise OptionError(
            f"{without_password(address)!r} is no address of a store: give one that begins with "
            f"{' or '.join(f'{name}://' for name in sorted(known))}."
        )
    return known[scheme](address, collection=collection, fields=fields, token=token)


def without_password(address: str) -> str:
    """Return an address as it may be shown."""
    with suppress(ValueError):
        parts = urlsplit(address)
        if parts.password is not None:
            around = parts.netloc.rpartition("@")
            user = around[0].partition(":")[0]
            return urlunsplit(parts._replace(netloc=f"{user}:…@{around[2]}"))
    return address


def check_fields(found: Fields, known: Sequence[str], *, collection: str) -> None:
    """Raise OptionError unless a collection has the fields that were named."""
    if not found.text:
        raise OptionError("No text field was given: name the one that was embedded (text_field).")
    named = {
        "vector_field": (found.vector,),
        "text_field": found.text,
        "id_field": () if found.id is None else (found.id,),
        "title_field": () if found.title is None else (found.title,),
    }
    for what, names in named.items():
        for name in names:
            if name not in known:
                raise OptionError(
                    f"The collection {collection!r} has no field {name!r} for {what}"
                    f"{_hint(name, known)}; it has: {', '.join(known)}."
                )


def check_name(
    part: Compare | IsNull, where: str, known: Sequence[str], *, dynamic: bool = False
) -> None:
    """Raise OptionError where a filter names a field that a collection does not have."""
    if part.field not in known and not dynamic:
        said = ", ".join(map(quote_field, known))
        hint = _hint(part.field, known)
        raise failure(
            where, part.column, f"there is no field {part.field!r}{hint}; there are: {said}"
        )


def values_for(part: Compare, kind: str, where: str) -> tuple[Asked, ...]:
    """Return the values of a comparison as a field of one kind has them.

    Parameters
    ----------
    part : Compare
        The comparison.
    kind : {'text', 'number', 'boolean'}
        Of the field.
    where : str
        The whole filter, for the error.

    Raises
    ------
    OptionError
        A value of another kind; a number in quotes is a number, and a number beside ``=`` a text.
    """
    return tuple(_value_for(part, value, kind, where) for value in part.values)


def _value_for(part: Compare, value: Asked, kind: str, where: str) -> Asked:
    own = kind_of_value(value)
    if own == kind:
        return value
    if kind == "number" and isinstance(value, str) and part.operator != "contains":
        number = number_or_text(value)
        if isinstance(number, int | float) and not isinstance(number, bool):
            return number
    if kind == "text" and own == "number" and part.operator == "=":
        return f"{value:g}" if isinstance(value, float) else str(value)
    hint = "" if isinstance(value, str) else "; texts stand in quotes"
    raise failure(
        where, part.column, f"{part.field} holds {kind} values, and {value!r} is a {own}{hint}"
    )


def kind_of_value(value: Asked) -> ValueKind:
    """Return what a value of a filter is: text, number or boolean."""
    if isinstance(value, bool):
        return "boolean"
    return "text" if isinstance(value, str) else "number"


def plain_metadata(values: Mapping[str, Any], *, without: Sequence[str]) -> dict[str, Value]:
    """Return what is known of an item beside its texts, as values that JSON knows.

    Values inside of JSON fields are named with dots.
    """
    found: dict[str, Value] = {}
    for name, value in values.items():
        if name in without or value is None:
            continue
        if isinstance(value, Mapping):
            inner = plain_metadata(value, without=())
            found.update({f"{name}.{key}": one for key, one in inner.items()})
        elif isinstance(value, str | bool | int | float):
            found[name] = value
        elif isinstance(value, Decimal):
            found[name] = int(value) if value == value.to_integral_value() else float(value)
        elif isinstance(value, list | tuple | set):
            found[name] = tuple(
                one if isinstance(one, str | bool | int | float) else str(one) for one in value
            )
        else:
            found[name] = str(value)
    return found


def _hint(name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, list(known), n=1)
    return f" (did you mean {near[0]}?)" if near else ""
