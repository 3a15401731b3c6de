"""A text cut into what every renderer draws: words with their pair marks, and what is between."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from whyalike.explanation import ExplainedText, WordPair

UNREAD_SHOWN = 600
"""How many characters of an unread tail a renderer shows before it says how much is left out."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of the text. ``word`` is None between words; ``marks`` are 1-based ranks of pairs.

    ``unmatched`` words have no partner in the other text, and are in no pair.
    """

    text: str
    word: int | None = None
    saliency: float = 0.0
    marks: tuple[int, ...] = ()
    read: bool = True
    contribution: float | None = None
    unmatched: bool = False


def cut_into_segments(
    side: ExplainedText, pairs: Sequence[WordPair], *, which: Literal["left", "right"]
) -> list[Segment]:
    """Return the segments of one side in reading order; joined, they give the text back.

    The tail that the model did not read is one last segment with ``read=False``, cut to
    UNREAD_SHOWN characters, so that a text of 100,000 words stays cheap to draw.
    """
    marks: dict[int, list[int]] = {}
    unmatched = set(side.unmatched)
    for rank, pair in enumerate(pairs, start=1):
        marks.setdefault(pair.left if which == "left" else pair.right, []).append(rank)
    segments: list[Segment] = []
    position = 0
    for index, word in enumerate(side.words):
        if word.start > position:
            segments.append(Segment(side.text[position : word.start]))
        segments.append(
            Segment(
                word.text,
                index,
                word.saliency,
                tuple(marks.get(index, ())),
                contribution=word.contribution,
                unmatched=index in unmatched and index not in marks,
            )
        )
        position = word.end
    end = side.read_until
    if position < end:
        segments.append(Segment(side.text[position:end]))
    if end < len(side.text):
        tail = side.text[end : end + UNREAD_SHOWN]
        segments.append(Segment(tail, read=False))
    return segments
