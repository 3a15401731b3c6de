"""Tokens mapped to words by overlap of their offsets in the raw text."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whyalike.text import is_mark

Spans = tuple[tuple[int, int], ...]


@dataclass(frozen=True, eq=False)
class Alignment:
    """Links between W words and T tokens, sorted by word.

    spans: (start, end) of each word. link_words, link_tokens: (L,), the two ends of each link.
    """

    spans: Spans
    link_words: NDArray[np.intp]
    link_tokens: NDArray[np.intp]

    @property
    def has_token(self) -> NDArray[np.bool_]:
        """(W,): whether the model gave the word any token."""
        found = np.zeros(len(self.spans), dtype=bool)
        found[self.link_words] = True
        return found


def align(text: str, spans: Spans, offsets: NDArray[np.intp]) -> Alignment:
    """Link every token to the words that it overlaps.

    A token that covers a word and a mark ("gloves,", as Unigram tokenizers make it) belongs to
    the word alone: the mark would otherwise inherit the word's saliency and vector.

    Args:
        text: the raw text.
        spans: (start, end) of its words, sorted, without overlap.
        offsets: (T, 2), start and end of each token in the text.
    """
    starts = np.array([start for start, _ in spans], dtype=np.intp)
    ends = np.array([end for _, end in spans], dtype=np.intp)
    first = np.searchsorted(ends, offsets[:, 0], side="right")
    last = np.searchsorted(starts, offsets[:, 1], side="left")
    counts = np.where(offsets[:, 0] < offsets[:, 1], np.maximum(last - first, 0), 0)
    tokens = np.repeat(np.arange(len(offsets)), counts)
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    words = first[tokens] + within
    if np.any(counts > 1):
        keep = _without_glued_marks(text, spans, words, tokens, counts)
        words, tokens = words[keep], tokens[keep]
    order = np.argsort(words, kind="stable")
    return Alignment(spans, words[order], tokens[order])


def _without_glued_marks(
    text: str,
    spans: Spans,
    words: NDArray[np.intp],
    tokens: NDArray[np.intp],
    counts: NDArray[np.intp],
) -> NDArray[np.bool_]:
    """(L,): False for links of marks to tokens that also cover a real word."""
    shared = counts[tokens] > 1
    mark = np.zeros(len(words), dtype=bool)
    for link in np.flatnonzero(shared):
        start, end = spans[words[link]]
        mark[link] = is_mark(text[start:end])
    covers_word = np.zeros(len(counts), dtype=bool)
    covers_word[tokens[~mark]] = True
    return ~(shared & mark & covers_word[tokens])


def merge_spans(text: str, spans: Sequence[tuple[int, int]]) -> Spans:
    """Return spans trimmed of white space, with overlapping ones merged and empty ones dropped.

    Byte-level tokenizers cut one emoji into several tokens with the same offsets, and keep the
    blank before a word inside its token.
    """
    merged: list[tuple[int, int]] = []
    for raw_start, raw_end in sorted(spans):
        piece = text[raw_start:raw_end]
        start = raw_end - len(piece.lstrip())
        end = raw_start + len(piece.rstrip())
        if start >= end:
            continue
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)
