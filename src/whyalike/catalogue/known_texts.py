"""Texts whose vectors are stored already: each text is embedded once, so that twins stay equal.

A model rounds a text's vector by what else is in its batch. Two items with one text would have
vectors that differ in the last bits, and would change places from one machine to another.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whyalike.catalogue.item_store import ItemStore, text_key
from whyalike.catalogue.manifest import Field
from whyalike.catalogue.vector_index import Block

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class KnownSegment:
    """The first ``rows`` items of a segment, with the vectors (rows, H) of their fields."""

    store: ItemStore
    vectors: Mapping[Field, Block]
    rows: int


@dataclass(frozen=True, slots=True)
class Reading:
    """A text as the model reads it: its tokens, window by window, and whether it was cut."""

    tokens: tuple[tuple[int, ...], ...]
    cut: bool


Read = Callable[[Sequence[str]], list[Reading]]


def stored_vectors(
    texts: Iterable[str], segments: Sequence[KnownSegment], read: Read | None
) -> dict[str, Floats]:
    """Return the vectors (H,) of those texts that are stored, as they are stored.

    Args:
        texts: all different.
        segments: where to look.
        read: how the model reads texts: one that it reads as the same tokens as a stored text but
            for case and white space has its vector. Without it only equal texts do.
    """
    near = {text: hit for text in texts if (hit := _nearest(text, segments)) is not None}
    found = {text: vector for text, (stored, vector) in near.items() if stored == text}
    alike = [text for text in near if text not in found]
    if read is not None and alike:
        pairs = zip(read(alike), read([near[text][0] for text in alike]), strict=True)
        for text, (mine, other) in zip(alike, pairs, strict=True):
            if mine.tokens == other.tokens:
                found[text] = near[text][1]
    return found


def _nearest(text: str, segments: Sequence[KnownSegment]) -> tuple[str, Floats] | None:
    """Return a stored text with its vector: that very one, or else the first that is alike."""
    near = None
    for segment in segments:
        for field, vectors in segment.vectors.items():
            hit = segment.store.find_text(text, field, before=segment.rows)
            if hit is None or (near is not None and hit[1] != text):
                continue
            position, stored = hit
            row = vectors[position : position + 1]
            near = stored, np.asarray(row, dtype=np.float64)[0]
            if stored == text:
                return near
    return near


def representatives(texts: Sequence[str], read: Read | None) -> dict[str, str]:
    """Return for each of different texts the first that the model reads as the same tokens.

    Only texts that differ in nothing but case and white space are compared.
    """
    groups: dict[bytes, list[str]] = {}
    for text in texts:
        groups.setdefault(text_key(text), []).append(text)
    first = {text: text for text in texts}
    several = [text for group in groups.values() if len(group) > 1 for text in group]
    if read is None or not several:
        return first
    readings = dict(zip(several, read(several), strict=True))
    for group in groups.values():
        seen: dict[tuple[tuple[int, ...], ...], str] = {}
        for text in group if len(group) > 1 else ():
            first[text] = seen.setdefault(readings[text].tokens, text)
    return first
