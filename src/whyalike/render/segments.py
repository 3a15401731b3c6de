"""A text cut into what every renderer draws: words with their pair marks, and what is between."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from whyalike.types import ExplainedText, ExplanationData, WordPair

UNREAD_SHOWN = 600
"""How many characters of an unread tail a renderer shows before it says how much is left out."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of the text. ``word`` is None between words; ``marks`` are 1-based ranks of pairs."""

    text: str
    word: int | None = None
    saliency: float = 0.0
    marks: tuple[int, ...] = ()
    read: bool = True


def cut_into_segments(
    side: ExplainedText, pairs: Sequence[WordPair], *, which: Literal["left", "right"]
) -> list[Segment]:
    """Return the segments of one side in reading order; joined, they give the text back.

    The tail that the model did not read is one last segment with ``read=False``, cut to
    UNREAD_SHOWN characters, so that a text of 100,000 words stays cheap to draw.
    """
    marks: dict[int, list[int]] = {}
    for rank, pair in enumerate(pairs, start=1):
        marks.setdefault(pair.left if which == "left" else pair.right, []).append(rank)
    segments: list[Segment] = []
    position = 0
    for index, word in enumerate(side.words):
        if word.start > position:
            segments.append(Segment(side.text[position : word.start]))
        segments.append(Segment(word.text, index, word.saliency, tuple(marks.get(index, ()))))
        position = word.end
    end = side.read_until
    if position < end:
        segments.append(Segment(side.text[position:end]))
    if end < len(side.text):
        tail = side.text[end : end + UNREAD_SHOWN]
        segments.append(Segment(tail, read=False))
    return segments


def describe_method(explanation: ExplanationData) -> str:
    """Return the method's name, and what its attributions miss of the sum that they promise."""
    gap = explanation.completeness_gap
    return explanation.method if gap is None else f"{explanation.method}, gap {gap:.1%}"


def describe_score(similarity: float, function: str) -> str:
    """Return the similarity in words, with the sign explained where higher is less obvious."""
    note = score_note(function)
    return f"{function} similarity {similarity:.4f}" + (f" ({note})" if note else "")


def score_note(function: str) -> str:
    """Return what the sign of a distance-like score means, or nothing where it is obvious."""
    return "minus the distance: 0 is identical" if function in ("euclidean", "manhattan") else ""


def format_number(value: float, digits: int) -> str:
    """Return the number with a true minus sign, and never a negative zero."""
    return f"{value:z.{digits}f}".replace("-", "\N{MINUS SIGN}")
