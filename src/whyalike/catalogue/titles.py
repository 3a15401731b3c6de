"""Items found by what somebody remembers of them: an id, or words of a title."""

import re
from itertools import islice

from whyalike.catalogue.reader import IndexReader
from whyalike.data.items import Item

MOST_WORDS, LOOKED_AT = 16, 1000
"""Words of what was typed, and items of a segment that have them all, that are looked at."""


def find_by_title(reader: IndexReader, said: str, *, most: int = 8) -> list[Item]:
    """Return the items that somebody may mean: one alone where it is sure.

    An item of that very id is meant; else the one whose title is that; else those whose titles hold
    all words, or beginnings of them: titles that begin with it first, then short ones.

    Parameters
    ----------
    reader : IndexReader
        Of the index.
    said : str
        An id, a title, or words of one, in any case and order.
    most : int, default=8
        How many at most.

    Raises
    ------
    FormatError
        The index is damaged.
    """
    words = [word.casefold() for word in said.split()[:MOST_WORDS]]
    if not words:
        return []
    condition = " AND ".join(["holds(title, ?)"] * len(words))
    wanted = " ".join(words)
    begins = [re.compile(rf"(?<!\w){re.escape(word)}") for word in words]
    found: list[tuple[bool, bool, int, int]] = []
    start = 0
    for store, count in zip(reader.stores, reader.counts, strict=True):
        row = store.position_of(said.strip())
        if row is not None and reader.present[start + row]:
            return [reader.item(start + row)]
        statement = f"SELECT position, title FROM items WHERE {condition} LIMIT {LOOKED_AT}"
        for position, title in store.query(statement, words):
            place, text = start + int(position), " ".join(str(title).casefold().split())
            if reader.present[place] and all(begin.search(text) for begin in begins):
                found.append((text != wanted, not text.startswith(wanted), len(text), place))
        start += count
    found.sort()
    equal = [one for one in found if not one[0]]
    if len(equal) == 1:
        found = equal
    return [reader.item(place) for *_, place in islice(found, most)]
