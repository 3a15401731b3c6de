"""One result for each product, and results that differ: what is chosen of what a search ranks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from whyalike.catalogue.vectors import Bools, Ints, Scores, VectorIndex, Vectors
from whyalike.errors import OptionError

if TYPE_CHECKING:
    from whyalike.catalogue.item_store import ItemStore

DIVERSITY = 0.5
"""How much a result counts as different from those before it; the rest is how like the query."""

POOL, TIMES = 50, 5
"""Results that diverse ones are chosen of: so many, or so many times those that are asked for."""

OWN = ("id", "title", "description")


@dataclass(frozen=True, slots=True)
class Group:
    """Items that share a value, of which one stands for all.

    field: what they share. others: the ids of the rest, those most like the query first.
    """

    field: str
    value: str
    others: tuple[str, ...]


def group_codes(stores: "Sequence[ItemStore]", counts: Sequence[int], field: str) -> Ints:
    """Return a number (N,) for each item, equal where items share a value of a field.

    An item without a value is a group of its own. Of several values the first one counts.

    Raises OptionError where no item has such a field.
    """
    if field not in OWN and not any(field in store.fields for store in stores):
        known = ", ".join(dict.fromkeys(repr(name) for store in stores for name in store.fields))
        raise OptionError(f"There is no field {field!r} to group by; there are {known or 'none'}.")
    codes = -1 - np.arange(sum(counts), dtype=np.intp)
    numbers: dict[object, int] = {}
    first = 0
    for store, count in zip(stores, counts, strict=True):
        seen = set[int]()
        for position, value in _values(store, field):
            if position not in seen and value != "":
                seen.add(position)
                # 1 and "1" are one: a file of texts has both.
                codes[first + position] = numbers.setdefault(str(value), len(numbers))
        first += count
    return codes


def _values(store: "ItemStore", field: str) -> list[tuple[int, object]]:
    if field in OWN:
        return [(row[0], row[1]) for row in store.query(f"SELECT position, {field} FROM items")]
    if field not in store.fields:
        return []
    statement = "SELECT position, value FROM facts WHERE field = ?"
    return [(row[0], row[1]) for row in store.query(statement, (store.fields[field],))]


def best_of_groups(
    engine: VectorIndex, query: Vectors, k: int, allowed: Bools, codes: Ints | None
) -> tuple[Ints, Scores]:
    """Return the k best positions (K,) and their scores (K,), only the first of each group."""
    there = int(allowed.sum())
    size = k if codes is None else 4 * k
    while True:
        most = min(size, there)
        places, scores = (found[0] for found in engine.search(query[None], max(most, 1), allowed))
        found = places >= 0
        places, scores = places[found], scores[found]
        if codes is None:
            return places, scores
        _, firsts = np.unique(codes[places], return_index=True)
        firsts.sort()
        if len(firsts) >= k or most >= there or len(places) < most:
            return places[firsts[:k]], scores[firsts[:k]]
        size *= 4


def others_of(
    codes: Ints, place: int, allowed: Bools, order: Callable[[Ints], Scores]
) -> NDArray[np.intp]:
    """Return the positions of the rest of an item's group that are allowed, best first."""
    together: Bools = (codes == codes[place]) & allowed
    together[place] = False
    rest: NDArray[np.intp] = np.flatnonzero(together)
    if not len(rest):
        return rest
    ordered: NDArray[np.intp] = rest[np.argsort(-order(rest), kind="stable")]
    return ordered


def pool_size(k: int) -> int:
    """Return how many results k diverse ones are chosen of."""
    return max(POOL, TIMES * k)


def most_diverse(
    relevance: Scores, between: NDArray[np.floating], k: int, diversity: float
) -> list[int]:
    """Return the places of k results by maximal marginal relevance, the first one chosen first.

    Carbonell and Goldstein, SIGIR 1998: each is the one for which its similarity to the query,
    less its greatest similarity to one chosen before, is greatest.

    Parameters
    ----------
    relevance : Scores
        Similarities (P,) to the query.
    between : NDArray
        Similarities (P, P) to each other.
    k : int
        How many.
    diversity : float
        From 0, which leaves their order, to 1: the share of what was chosen before.
    """
    chosen: list[int] = []
    left = list(range(len(relevance)))
    while left and len(chosen) < k:
        nearest = between[np.ix_(left, chosen)].max(axis=1) if chosen else np.zeros(len(left))
        gain = (1 - diversity) * relevance[left] - diversity * nearest
        chosen.append(left.pop(int(np.argmax(gain))))
    return chosen
