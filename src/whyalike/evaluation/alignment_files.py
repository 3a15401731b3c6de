"""Gold word alignment as it is published: MultiMWA's TSV, and JSON as Edinburgh++ comes in."""

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

from whyalike.errors import FormatError
from whyalike.evaluation.gold_lines import Source, damaged, read_lines, read_text
from whyalike.evaluation.gold_words import Link

FEWEST_COLUMNS = 8
JSON_FIELDS = ("source", "target", "sureAlign")


@dataclass(frozen=True, slots=True)
class AlignedPair:
    """Two texts and the links that people saw between their words, which are split at blanks.

    sure: links that all agree on. possible: links that are allowed and not demanded; none of them
    is sure. Words count from 0.
    """

    name: str
    left: str
    right: str
    sure: frozenset[Link]
    possible: frozenset[Link] = frozenset()

    @property
    def links(self) -> frozenset[Link]:
        """Sure and possible links."""
        return self.sure | self.possible


def read_multimwa(path: Source) -> tuple[AlignedPair, ...]:
    """Read MultiMWA's TSV (Lan, Jiang and Xu 2021).

    Columns: id, first text, -, second text, three more, sure links "i-j i-j", possible links, which
    may be missing.

    Raises:
        FormatError: the file can't be read or is damaged; the line is named.
    """
    pairs = []
    for number, line in enumerate(read_lines(path, what="word alignments"), start=1):
        cells = line.split("\t")
        if len(cells) < FEWEST_COLUMNS:
            raise damaged(
                path,
                number,
                f"{len(cells)} columns; MultiMWA has {FEWEST_COLUMNS} or more, between tabs.",
            )
        possible = cells[FEWEST_COLUMNS] if len(cells) > FEWEST_COLUMNS else ""
        try:
            pairs.append(_pair(cells[0], cells[1], cells[3], cells[7], possible))
        except ValueError as error:
            raise damaged(path, number, str(error)) from error
    return tuple(pairs)


def read_edinburgh(path: Source, *, sure: Source | None = None) -> tuple[AlignedPair, ...]:
    """Read JSON of word alignments, as Edinburgh++ is published with jacana (Yao et al. 2013).

    A list of {"source", "target", "sureAlign", "possibleAlign", "id"}, links as "i-j i-j".

    Args:
        path: the file; ``gold.train.sure+poss.json`` has sure and possible links in one field.
        sure: the file of the same pairs with sure links only (``gold.train.sure.json``): the other
            links of ``path`` then count as possible.

    Raises:
        FormatError: a file can't be read or is damaged, or the two have other pairs; the entry is
            named, from 1.
    """
    pairs = _read_json(path)
    if sure is None:
        return pairs
    by_name = {pair.name: pair for pair in _read_json(sure)}
    found = []
    for number, pair in enumerate(pairs, start=1):
        other = by_name.get(pair.name)
        if other is None or (other.left, other.right) != (pair.left, pair.right):
            raise FormatError(
                f"{path}, entry {number}: {sure} has no pair {pair.name!r} of the same texts."
            )
        found.append(
            AlignedPair(pair.name, pair.left, pair.right, other.sure, pair.links - other.sure)
        )
    return tuple(found)


def _read_json(path: Source) -> tuple[AlignedPair, ...]:
    try:
        content = json.loads(read_text(path, what="word alignments"))
    except json.JSONDecodeError as error:
        raise damaged(path, error.lineno, f"no JSON: {error.msg}.") from error
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{path} is no JSON that can be read: {error}.") from error
    if not isinstance(content, list) or not content:
        raise FormatError(f"{path} holds no list of word alignments.")
    pairs = []
    for number, entry in enumerate(content, start=1):
        try:
            pairs.append(_from_entry(entry, number))
        except ValueError as error:
            raise FormatError(f"{path}, entry {number}: {error}") from error
    repeated = [name for name, times in Counter(pair.name for pair in pairs).items() if times > 1]
    if repeated:
        raise FormatError(f"{path}: the id {repeated[0]!r} stands for several pairs.")
    return tuple(pairs)


def _from_entry(entry: Any, number: int) -> AlignedPair:
    if not isinstance(entry, dict) or not all(isinstance(entry.get(f), str) for f in JSON_FIELDS):
        raise ValueError(f"it needs the texts {', '.join(map(repr, JSON_FIELDS))}.")
    possible = entry.get("possibleAlign") or ""
    name = str(entry.get("id", number))
    return _pair(name, entry["source"], entry["target"], entry["sureAlign"], str(possible))


def _pair(name: str, left: str, right: str, sure: str, possible: str) -> AlignedPair:
    """Return a pair. Raises ValueError on links that are none, or of words that are not there."""
    sizes = len(left.split()), len(right.split())
    found = _links(sure, sizes)
    return AlignedPair(name, left, right, found, _links(possible, sizes) - found)


def _links(text: str, sizes: tuple[int, int]) -> frozenset[Link]:
    links = set()
    for piece in text.split():
        left, _, right = piece.partition("-")
        if not (left.isdecimal() and right.isdecimal()):
            raise ValueError(f"{piece!r} is no link; write two numbers from 0 on, as in 3-4.")
        link = int(left), int(right)
        if link[0] >= sizes[0] or link[1] >= sizes[1]:
            raise ValueError(
                f"the link {piece!r} is of words that the texts do not have: they have {sizes[0]} "
                f"and {sizes[1]}, split at blanks and counted from 0."
            )
        links.add(link)
    return frozenset(links)
