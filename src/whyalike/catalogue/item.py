"""One item of a catalogue: what a shop or a library has to say about one thing."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from whyalike.errors import TextError
from whyalike.text import without_surrogates

Plain = str | float | bool | None
"""A value that JSON, SQL and a reader understand alike."""


@dataclass(frozen=True, slots=True)
class Item:
    """An item: its id, title and description, and whatever else is known about it.

    Title or description may be ``""``, but not both.

    Raises:
        TextError: id, title or description is no text or can't be encoded, the id is empty, or
            there is neither a title nor a description.
    """

    id: str
    title: str
    description: str
    metadata: Mapping[str, Plain] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        """Refuse what could be neither stored nor embedded."""
        for name in ("id", "title", "description"):
            value = getattr(self, name)
            if not isinstance(value, str):
                said = type(value).__name__
                raise TextError(f"The {name} of an item is of type {said}, not str: give a str.")
            if not value.isascii() and without_surrogates(value) != value:
                raise TextError(f"The {name} of an item holds a lone surrogate: decode it anew.")
        if not self.id:
            raise TextError("An item has an empty id: give each item an id of its own.")
        if not self.title.strip() and not self.description.strip():
            raise TextError(f"Item {self.id!r} has neither a title nor a description: give one.")

    @property
    def text(self) -> str:
        """What stands for the item alone: its description, or its title where it has none."""
        return self.description if self.description.strip() else self.title
