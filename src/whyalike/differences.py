"""What tells two texts apart, as plain data: read and written as JSON, and as HTML.

``Explainer.differences`` makes one. Offsets are counted in Python characters (code points), ends
exclusive.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

from whyalike.documents import Document, Format
from whyalike.showing import Shown

FORMAT = Format("whyalike/differences", "list of differences", "Make it anew.")

Kind = Literal[
    "negated",
    "opposite",
    "number",
    "name",
    "added",
    "missing",
    "more general",
    "more specific",
    "other words",
    "reworded",
]
"""How the right text differs: it denies what the left one says, or says the opposite; it has
another number, date or name; something is added or missing; it says less or more exactly what is
meant; it has other words. ``"reworded"`` is no difference in meaning: other words for the same."""

Offsets = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Difference:
    """A place where two texts differ.

    left, right: (start, end) of the words there in each text; None where that text has none.
    left_words, right_words: of these the words that tell the kind, such as the negation.
    likeness: how alike the model's vectors of both spans are, 1 for equal, 0 for as alike as any
    word of one text is to any of the other; None where a span is missing or the model has no
    vectors of words.
    similarity: the score of the texts with the left text's words in this place of the right one;
    None where that was not asked for, or no word would have been left.
    gain: that less the similarity of the texts: what the difference costs, in its units.
    """

    kind: Kind
    left: Offsets | None
    right: Offsets | None
    left_words: tuple[Offsets, ...] = ()
    right_words: tuple[Offsets, ...] = ()
    likeness: float | None = None
    similarity: float | None = None
    gain: float | None = None

    @property
    def changes_meaning(self) -> bool:
        """Whether it is a difference, and not other words for the same."""
        return self.kind != "reworded"


@dataclass(frozen=True, kw_only=True, repr=False)
class Differences(Shown, Document):
    """What tells two texts apart, in the order of the left text.

    similarity: the model's score of both. places: where the texts differ in words, whether or not
    in meaning. is_comparable: whether any sentence of one could be set beside one of the other;
    texts that share too little have no places.
    """

    _format: ClassVar[Format] = FORMAT
    _shown_as = "differences"

    left: str
    right: str
    model: str
    similarity: float
    places: tuple[Difference, ...]
    is_comparable: bool = True
    warnings: tuple[str, ...] = ()

    @property
    def found(self) -> tuple[Difference, ...]:
        """The places that change the meaning; those that cost the score most first, if measured."""
        found = [place for place in self.places if place.changes_meaning]
        return tuple(sorted(found, key=lambda place: -(place.gain or 0.0)))

    @property
    def rewordings(self) -> tuple[Difference, ...]:
        """The places with other words for the same."""
        return tuple(place for place in self.places if not place.changes_meaning)

    def text_of(self, place: Difference, side: Literal["left", "right"]) -> str:
        """Return the words of a place in one of the texts; "" where it has none."""
        span = place.left if side == "left" else place.right
        return "" if span is None else getattr(self, side)[span[0] : span[1]]

    @classmethod
    def _from_body(cls, body: dict[str, Any]) -> Self:
        result = super()._from_body(body)
        for n, place in enumerate(result.places):
            if place.left is None and place.right is None:
                raise ValueError(f"places[{n}] is in neither text")
            for text, spans in (
                (result.left, (place.left, *place.left_words)),
                (result.right, (place.right, *place.right_words)),
            ):
                for span in spans:
                    if span is not None and not 0 <= span[0] < span[1] <= len(text):
                        raise ValueError(f"places[{n}] is outside of its text")
        return result

    def __repr__(self) -> str:
        """Return one line."""
        return (
            f"Differences(model={self.model!r}, similarity={self.similarity:.3f}, "
            f"found={len(self.found)}, rewordings={len(self.rewordings)})"
        )
