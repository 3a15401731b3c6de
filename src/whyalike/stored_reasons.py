"""Explanations from what is stored of each text: products of arrays, and no model.

What a word adds to a product of two vectors is linear in the other text's vector, so that one
vector of each word, its slope, says it for every partner; see ``methods/word_derivatives.py``,
which makes them.
"""

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from whyalike.arrays import Floats, PairSaliency, WordSaliency
from whyalike.assembly import ExplainedBy, ReadText, explanation_of
from whyalike.explanation import Explanation, StoredVectors
from whyalike.options import BTIOptions
from whyalike.similarity import SMALLEST_NORM
from whyalike.texts import clean_text, find_words
from whyalike.words import (
    IDENTICAL,
    missing_part,
    nothing_found,
    scale_signed,
    share_the_rest,
)

Numbers = Literal["int8", "float16", "float32"]
"""In which format the vectors of words are stored."""

NUMBERS: tuple[Numbers, ...] = get_args(Numbers)

AT_MAXIMUM = 1 - 1e-6
"""From this cosine on, two texts are the same to a model."""

GREATEST = 127
"""Of int8, with which the greatest component of each vector is stored."""


PLACE = np.dtype([("end", "<i8"), ("checksum", "<u4")])
"""Of an item: where its words end among all words of the file, and the CRC-32 of their bytes."""


def reason_file_names(field: str, numbers: Numbers) -> tuple[str, str, str]:
    """Return what the files of a field are called: of words, of items' places, and of notes."""
    return f"{field}.words.{numbers}", f"{field}.words.places", f"{field}.words.notes"


@dataclass(frozen=True, eq=False)
class TextReasons:
    """What is stored of a text with W words.

    slopes: (W, H), of which each word's product with the other text's vector is what it adds to the
    score. vectors: (W, H'), by which words match. matchable: (W,), False for a word without a
    token. notes: what to say of the text wherever it is explained; as_left, as_right: what to say
    of how it was read, where it is the left text and where it is the right one.
    """

    slopes: Floats
    vectors: Floats
    matchable: NDArray[np.bool_]
    notes: tuple[str, ...] = ()
    as_left: tuple[str, ...] = ()
    as_right: tuple[str, ...] = ()

    @cached_property
    def greatest(self) -> float:
        """The greatest component of a slope, by magnitude."""
        return float(np.abs(self.slopes).max(initial=0.0))


@dataclass(frozen=True, eq=False)
class StoredText:
    """A text with its vector (H,), as it is compared, and what is stored of its words."""

    text: str
    vector: Floats
    reasons: TextReasons

    @cached_property
    def read(self) -> tuple[ReadText, tuple[tuple[int, int], ...]]:
        """The text, and the spans of those of its words that the model read."""
        text = clean_text(self.text, side="").text
        spans = find_words(text)
        count = len(self.reasons.matchable)
        words = tuple([text[start:end] for start, end in spans[:count]])
        return ReadText(text, len(spans) - count, words), spans[:count]

    @cached_property
    def length(self) -> float:
        """The length of the vector."""
        return float(np.linalg.norm(self.vector))

    @cached_property
    def unit(self) -> Floats:
        """(H,): the vector with the length 1."""
        return self.vector / max(self.length, SMALLEST_NORM)

    def warnings(self, side: str) -> tuple[str, ...]:
        """Return what had to be changed in the text, the ``side`` one of a pair."""
        if self.read[0].text == self.text:
            return ()
        return clean_text(self.text, side=side).warnings


def row_type(numbers: Numbers, width: int, word_width: int) -> np.dtype[np.void]:
    """Return how a word is stored: its slope and its vector, of int8 each with what 1 stands for.

    Parameters
    ----------
    numbers : Numbers
        The format.
    width : int
        H, of a text's vector.
    word_width : int
        H', of a word's.
    """
    kind = {"int8": "i1", "float16": "<f2", "float32": "<f4"}[numbers]
    steps = [("slope_step", "<f4"), ("vector_step", "<f4")] if numbers == "int8" else []
    return np.dtype(
        [*steps, ("slope", kind, (width,)), ("vector", kind, (word_width,)), ("matchable", "i1")]
    )


def encode(reasons: TextReasons, kind: np.dtype[np.void]) -> NDArray[np.void]:
    """Return the words of a text as they are stored, (W,) of ``row_type``.

    Raises OverflowError where a number is too large for the format.
    """
    rows = np.zeros(len(reasons.matchable), dtype=kind)
    rows["matchable"] = reasons.matchable
    for name, values in (("slope", reasons.slopes), ("vector", reasons.vectors)):
        if not len(rows):
            continue
        wide = np.zeros((len(values), kind[name].shape[0]))
        wide[:, : values.shape[1]] = values
        if f"{name}_step" in (kind.names or ()):
            steps = (np.abs(wide).max(axis=1) / GREATEST).astype(np.float32)
            rows[f"{name}_step"] = steps
            parts = wide / np.where(steps > 0, steps, 1.0)[:, None]
            rows[name] = np.clip(np.rint(parts), -GREATEST, GREATEST)
        else:
            with np.errstate(over="ignore"):
                rows[name] = wide
            if not np.isfinite(rows[name]).all():
                raise OverflowError(f"a {name} of a word is too large for {kind[name].base.name}")
    return rows


def decode(rows: NDArray[np.void]) -> TextReasons:
    """Return the words of a text, given as they are stored; in single precision, for speed."""
    found: list[Any] = []
    for name in ("slope", "vector"):
        values = rows[name].astype(np.float32)
        if f"{name}_step" in (rows.dtype.names or ()):
            values *= rows[f"{name}_step"][:, None]
        found.append(values)
    return TextReasons(found[0], found[1], rows["matchable"].astype(np.bool_))


def rounding(reasons: TextReasons, partner: StoredText, *, numbers: Numbers) -> float:
    """Return the standard error of what a word adds to the score, of the word with the greatest.

    Each component is off by a number between minus and plus half a step of the format.
    """
    if not len(reasons.slopes):
        return 0.0
    if numbers == "int8":
        step = reasons.greatest / GREATEST
        return float(step * partner.length / math.sqrt(12))
    relative = {"float16": 2.0**-10, "float32": 2.0**-23}[numbers]
    squares = np.square(reasons.slopes) @ np.square(partner.vector)
    # Within a power of two steps are equal: on average three quarters of what the size says.
    return float(np.sqrt(squares.max()) * 0.75 * relative / np.sqrt(12))


def explain_stored(
    left: StoredText,
    right: StoredText,
    *,
    by: ExplainedBy,
    options: BTIOptions,
    numbers: Numbers,
    length_share: float,
) -> Explanation:
    """Explain the similarity of two texts from what is stored of them.

    Parameters
    ----------
    left : StoredText
        The left text.
    right : StoredText
        The right text.
    by : ExplainedBy
        The model and the method that it was made with.
    options : BTIOptions
        As they are recorded: how words match and how pairs are selected.
    numbers : Numbers
        The format that it was stored in.
    length_share : float
        How much of the fall of a vector's length the slopes count; see ``with_length``.
    """
    saliency = stored_saliency(left, right, by=by, length_share=length_share)
    error = max(
        rounding(one.reasons, other, numbers=numbers)
        for one, other in ((left, right), (right, left))
    )
    return explanation_of(
        left.read[0],
        right.read[0],
        saliency,
        by=by,
        options=options,
        warnings=(
            *left.warnings("left"),
            *right.warnings("right"),
            *left.reasons.as_left,
            *right.reasons.as_right,
            *saliency.warnings,
        ),
        stored=StoredVectors(numbers, error),
    )


def stored_saliency(
    left: StoredText,
    right: StoredText,
    *,
    by: ExplainedBy,
    length_share: float,
) -> PairSaliency:
    """Return what words add to the similarity of two texts; see ``explain_stored``."""
    identical, cosine = False, by.similarity_function == "cosine"
    vectors = [one.unit if cosine else one.vector for one in (left, right)]
    similarity = float(vectors[0] @ vectors[1])
    if cosine:
        identical = similarity >= AT_MAXIMUM or (left.text == right.text and similarity > 0)
        similarity = 1.0 if identical else max(-1.0, min(1.0, similarity))
    sides = []
    for number, stored in enumerate((left, right)):
        reasons, other, spans = stored.reasons, vectors[1 - number], stored.read[1]
        if identical:
            # The gradient is that of the product, which the slope has along the text's own vector.
            other = vectors[number] / (1 - length_share)
        adds = np.asarray(reasons.slopes @ other.astype(reasons.slopes.dtype), dtype=np.float64)
        sides.append(
            share_the_rest(
                WordSaliency(spans, scale_signed(adds), reasons.vectors, reasons.matchable, adds),
                similarity,
            )
        )
    notes = dict.fromkeys([*left.reasons.notes, *right.reasons.notes])
    said = " ".join([*([IDENTICAL] if identical else []), *notes])
    return PairSaliency(
        similarity,
        sides[0],
        sides[1],
        completeness_gap=max(missing_part(side, similarity) for side in sides),
        warnings=(
            *([said] if said else []),
            *nothing_found(sides[0], "left"),
            *nothing_found(sides[1], "right"),
        ),
    )


def through(reasons: TextReasons, numbers: Numbers) -> TextReasons:
    """Return what a text's reasons are once they were stored in a format and read back."""
    kind = row_type(numbers, reasons.slopes.shape[1], reasons.vectors.shape[1])
    read = decode(encode(reasons, kind))
    return replace(read, notes=reasons.notes, as_left=reasons.as_left, as_right=reasons.as_right)
