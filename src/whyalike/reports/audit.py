"""What carries the neighbours of a whole catalogue, as plain data: read and written as JSON.

``whyalike.diagnosing.audit`` makes one.
"""

from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Self

from whyalike.documents import Document, Format, without
from whyalike.showing import Shown

FORMAT = Format("whyalike/audit", "audit", "Make it anew.")

FREQUENT = 0.2
"""A word of so many of the items tells few of them apart."""

LEAST_ITEMS = 3
"""A word of fewer items is no boilerplate: in a small catalogue two are many of the items."""

HEAVY = 0.01
"""The part of all that words add from which a frequent word is called boilerplate."""


@dataclass(frozen=True, slots=True)
class CarryingPair:
    """A pair of words, in lower case and in the order of the alphabet.

    adds: what it adds to the similarities of the explained pairs of neighbours, summed. share: of
    all that pairs of words add. pairs: of how many pairs of neighbours it is.
    """

    left: str
    right: str
    adds: float
    share: float
    pairs: int


@dataclass(frozen=True, slots=True)
class CarryingWord:
    """A word, in lower case.

    frequency: the part of the items that have it. share: of all that words add to the similarities
    of the explained pairs of neighbours. pairs: in how many of them it adds something. items:
    how many have it; None in documents of before that was kept.
    """

    text: str
    frequency: float
    share: float
    pairs: int
    items: int | None = None

    @property
    def is_boilerplate(self) -> bool:
        """Whether it stands in many items, and carries their similarities all the same."""
        few = self.items is not None and self.items < LEAST_ITEMS
        return self.frequency >= FREQUENT and self.share >= HEAVY and not few


@dataclass(frozen=True, slots=True)
class HubWord:
    """A word of a hub, and of how many items the hub is a neighbour without it."""

    text: str
    without: int


@dataclass(frozen=True, slots=True)
class Hub:
    """An item that is a neighbour of many. words: those whose deletion takes most from it first."""

    id: str
    title: str
    text: str
    neighbour_of: int
    words: tuple[HubWord, ...]


@dataclass(frozen=True, kw_only=True, repr=False)
class Audit(Shown, Document):
    """What carries the neighbours of a catalogue; see ``audit``.

    items: how many there are. sampled: of how many the neighbours were looked for. explained: of
    how many pairs of nearest neighbours. neighbours: how many each item has. similarity: the mean
    of nearest neighbours. skewness: of how often an item is a neighbour (Radovanović et al. 2010);
    beyond 1 few items are neighbours of many. copies: nearest neighbours that were passed over, as
    they have the text of the item itself.
    """

    _format: ClassVar[Format] = FORMAT
    _shown_as = "audit"

    name: str
    model: str
    similarity_function: str
    method: str
    items: int
    sampled: int
    explained: int
    neighbours: int
    similarity: float
    skewness: float
    pairs: tuple[CarryingPair, ...]
    words: tuple[CarryingWord, ...]
    hubs: tuple[Hub, ...]
    copies: int = 0
    seed: int = 0
    notes: tuple[str, ...] = ()

    @property
    def boilerplate(self) -> tuple[CarryingWord, ...]:
        """The words that are boilerplate, the heaviest first."""
        return tuple(word for word in self.words if word.is_boilerplate)

    def to_dict(self) -> dict[str, Any]:
        """Return plain dictionaries."""
        return {
            **FORMAT.head(),
            **asdict(self),
            "boilerplate": [word.text for word in self.boilerplate],
        }

    @classmethod
    def _from_body(cls, body: dict[str, Any]) -> Self:
        return super()._from_body(without(body, "boilerplate"))

    def __repr__(self) -> str:
        """Return one line."""
        return f"Audit({self.name!r}, {self.items:,} items, {self.explained:,} pairs explained)"
