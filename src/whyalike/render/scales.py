"""What a full shade and a full bar stand for: so much of the score, or the greatest of the pair."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from whyalike.errors import OptionError
from whyalike.explanation import Explanation, Word, WordPair
from whyalike.render.parts import (
    WEIGHTS,
    finite,
    format_number,
    greatest_of,
    has_contributions,
    part_of,
)

ScaleName = Literal["absolute", "relative"]

FULL = 0.15
"""Of a cosine: what a word adds that has the full shade, and a pair that has the full bar.

The greatest contribution of a word has this median over near items of catalogues (.14 in fashion,
.15 in wine, .16 in sportswear; 24 pairs each, all-MiniLM-L6-v2). In unrelated texts it is .03 to
.05, a pale shade.
"""


@dataclass(frozen=True, slots=True)
class Scale:
    """How strong a word or a pair of an explanation is shown, -1 to 1.

    full: the contribution of a full shade; 0 where words have none that can be compared with those
    of other pairs, and are shown by their saliency times ``factor``. greatest: the score of a full
    bar. what: the quantity, most: what a full shade is of it, note: how a legend goes on then.
    """

    name: ScaleName
    full: float
    factor: float
    greatest: float
    what: str
    most: str
    note: str

    def shade(self, word: Word) -> float:
        """Return the shade of a word; below zero it pulls the texts apart."""
        if self.full and word.contribution is not None:
            size = part_of(word.contribution, self.full)
            return -size if word.contribution < 0 else size
        return word.saliency * self.factor

    def bar(self, score: float) -> float:
        """Return the length of a pair's bar, 0 to 1."""
        return part_of(score, self.greatest)

    def weights(self, pairs: Sequence[WordPair]) -> list[int]:
        """Return each pair's line weight, 1 to WEIGHTS."""
        return [
            max(1, round(WEIGHTS * self.bar(max(finite([p.score]), default=0.0)))) for p in pairs
        ]

    @property
    def half(self) -> str:
        """What a word of half the full shade has, in words."""
        if self.full:
            return f"adds {format_number(self.full / 2, 3)} or more"
        return f"{self.what.lower()} of 0.5 or more"


def scale_of(explanation: Explanation, scale: str = "absolute") -> Scale:
    """Return the scale of an explanation's shades and bars.

    Absolute, a cosine's words are shown by what they add to it, FULL being the full shade whatever
    the pair; words of a method that gives no contributions by their saliency times the cosine, so
    that those of unrelated texts stay pale. A product, a distance, a logit and BM25 have no scale
    that tells much from little: there, and where ``relative`` is asked for, a full shade is the
    greatest of each text, and a full bar the greatest of the pair.

    Parameters
    ----------
    explanation : Explanation
        Whose.
    scale : str, default='absolute'
        ``"absolute"`` or ``"relative"``.

    Raises
    ------
    OptionError
        Another name.
    """
    if scale not in ("absolute", "relative"):
        raise OptionError(f"scale is {scale!r}; allowed: 'absolute', 'relative'.")
    greatest = greatest_of(pair.score for pair in explanation.pairs or explanation.matches)
    has_scale = explanation.similarity_function == "cosine"
    if scale == "relative" or not has_scale:
        note = "" if scale == "relative" else ", as this score has no fixed scale"
        said = f", the most of each text{note}"
        return Scale("relative", 0.0, 1.0, greatest, "Saliency", "1", said)
    if has_contributions(explanation):
        most = format_number(FULL, 2)
        note = " of the cosine, the same for every pair of texts"
        return Scale("absolute", FULL, 1.0, FULL, "Adds", f"{most} or more", note)
    factor = min(max(explanation.similarity, 0.0), 1.0)
    note = ", the most of a text at a cosine of 1"
    whole = 1.0 / factor if factor else 0.0
    return Scale("absolute", 0.0, factor, whole, "Saliency × cosine", "1", note)


def common_scale(explanations: Iterable[Explanation]) -> ScaleName:
    """Return the scale of explanations below one legend: absolute where it is the same for all."""
    found = [scale_of(one) for one in explanations]
    legends = {(one.name, one.what, one.most) for one in found}
    return "relative" if len(legends) != 1 else found[0].name
