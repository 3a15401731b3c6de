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
        TextError: id, title or description is no text or can't be encoded, the id is empty, there
            is neither a title nor a description, or a value of the metadata is not Plain.
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
            _refuse_surrogates(name, value)
        if not self.id:
            raise TextError("An item has an empty id: give each item an id of its own.")
        if not self.title.strip() and not self.description.strip():
            raise TextError(f"Item {self.id!r} has neither a title nor a description: give one.")
        for name, value in self.metadata.items():
            _refuse_unless_plain(name, value)

    @property
    def text(self) -> str:
        """What stands for the item alone: its description, or its title where it has none."""
        return self.description if self.description.strip() else self.title


def _refuse_surrogates(name: str, text: str) -> None:
    if not text.isascii() and without_surrogates(text) != text:
        raise TextError(f"The {name} of an item holds a lone surrogate: decode it anew.")


def _refuse_unless_plain(name: object, value: object) -> None:
    if not isinstance(name, str) or not (value is None or isinstance(value, str | int | float)):
        said = type(value).__name__
        raise TextError(
            f"The metadata {name!r} of an item is of type {said}; give a str as name, and as value "
            "a str, an int, a float, a bool or None."
        )
    for text in (name, value):
        if isinstance(text, str):
            _refuse_surrogates("metadata", text)
