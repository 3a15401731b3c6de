"""Words and tokens: which token belongs to which word, and what a word takes from its tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, pairwise

import numpy as np
from numpy.typing import NDArray

from whyalike.arrays import Floats, WordSaliency
from whyalike.texts import is_mark

Spans = tuple[tuple[int, int], ...]


@dataclass(frozen=True, eq=False)
class Alignment:
    """Links between W words and T tokens, sorted by word.

    spans: (start, end) of each word. link_words, link_tokens: (L,), the two ends of each link.
    """

    spans: Spans
    link_words: NDArray[np.intp]
    link_tokens: NDArray[np.intp]

    @cached_property
    def has_token(self) -> NDArray[np.bool_]:
        """(W,): whether the model gave the word any token."""
        found = np.zeros(len(self.spans), dtype=bool)
        found[self.link_words] = True
        return found

    @cached_property
    def starts(self) -> NDArray[np.intp]:
        """Where among the links those of each word begin that has any."""
        begins = np.ones(len(self.link_words), dtype=bool)
        np.not_equal(self.link_words[1:], self.link_words[:-1], out=begins[1:])
        return np.flatnonzero(begins)


def align(text: str, spans: Spans, offsets: NDArray[np.intp]) -> Alignment:
    """Link every token to the words that it overlaps.

    A token that covers a word and a mark ("gloves,", as Unigram tokenizers make it) belongs to
    the word alone: the mark would otherwise inherit the word's saliency and vector.

    Parameters
    ----------
    text : str
        The raw text.
    spans : Spans
        (start, end) of its words, sorted, without overlap.
    offsets : NDArray[intp]
        (T, 2), start and end of each token in the text.
    """
    bounds = np.fromiter(chain.from_iterable(spans), dtype=np.intp, count=2 * len(spans))
    first = np.searchsorted(bounds[1::2], offsets[:, 0], side="right")
    last = np.searchsorted(bounds[::2], offsets[:, 1], side="left")
    counts = np.where(offsets[:, 0] < offsets[:, 1], np.maximum(last - first, 0), 0)
    if counts.max(initial=0) <= 1:
        tokens = np.flatnonzero(counts)
        words = first[tokens]
    else:
        tokens = np.repeat(np.arange(len(offsets)), counts)
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        words = first[tokens] + within
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


def aggregate(
    alignment: Alignment,
    saliency: Floats,
    vectors: Floats,
    *,
    contributions: Floats | None = None,
) -> WordSaliency:
    """Give each word the maximum saliency and the mean vector of its tokens.

    A word without tokens gets saliency 0 and the zero vector, and can match nothing.

    Parameters
    ----------
    alignment : Alignment
        Links between W words and T tokens.
    saliency : Floats
        (T,).
    vectors : Floats
        (T, H), latent vectors of the tokens.
    contributions : Floats, optional
        (T,), what the tokens add to the similarity. A word then has their sum, and for saliency its
        part of the greatest sum of the text, with its sign; ``saliency`` is not looked at.
    """
    values = saliency if contributions is None else contributions
    return aggregate_all([alignment], [values], vectors, signed=contributions is not None)[0]


def aggregate_all(
    alignments: Sequence[Alignment], values: Sequence[Floats], vectors: Floats, *, signed: bool
) -> list[WordSaliency]:
    """Return ``aggregate`` of each of N texts, all of them at once.

    Parameters
    ----------
    alignments : sequence of Alignment
        Of each text, links between its words and its T tokens.
    values : sequence of Floats
        (T,) of each, the saliency of its tokens, or what they add to the similarity.
    vectors : Floats
        (sum of T, H), latent vectors of the tokens of all texts, one text after the other.
    signed : bool
        Whether the values are what tokens add.
    """
    if not alignments:
        return []
    whole = _joined(alignments, [len(each) for each in values]) if alignments[1:] else alignments[0]
    together = np.concatenate(values)
    if signed:
        numbers = sum_over_words(whole, together)
    else:
        numbers = np.zeros(len(whole.spans))
        if len(whole.link_words):
            greatest = np.maximum.reduceat(together[whole.link_tokens], whole.starts)
            numbers[whole.link_words[whole.starts]] = greatest
    means, matchable = mean_vectors(whole, vectors), whole.has_token
    ends = np.cumsum([0, *(len(each.spans) for each in alignments)]).tolist()
    return [
        WordSaliency(
            each.spans,
            scale_signed(numbers[start:end]) if signed else numbers[start:end],
            means[start:end],
            matchable[start:end],
            numbers[start:end] if signed else None,
        )
        for each, (start, end) in zip(alignments, pairwise(ends), strict=True)
    ]


def _joined(alignments: Sequence[Alignment], tokens: Sequence[int]) -> Alignment:
    """Return the links of texts of so many ``tokens``, as if they were one text."""
    words = np.repeat(
        np.cumsum([0, *(len(each.spans) for each in alignments)])[:-1],
        [len(each.link_words) for each in alignments],
    )
    before = np.repeat(np.cumsum([0, *tokens])[:-1], [len(each.link_tokens) for each in alignments])
    return Alignment(
        tuple(chain.from_iterable(each.spans for each in alignments)),
        np.concatenate([each.link_words for each in alignments]) + words,
        np.concatenate([each.link_tokens for each in alignments]) + before,
    )


def mean_vectors(alignment: Alignment, vectors: Floats) -> Floats:
    """(W, H): the mean of the vectors (T, H) of each word's tokens; zeros for a word without."""
    means = np.zeros((len(alignment.spans), vectors.shape[1]), dtype=vectors.dtype)
    if not len(alignment.link_words):
        return means
    starts = alignment.starts
    links = np.diff(starts, append=len(alignment.link_words))
    # Most words are one token, whose vector is the mean.
    means[alignment.link_words[starts]] = vectors[alignment.link_tokens[starts]]
    several = links > 1
    if several.any():
        tokens = alignment.link_tokens[np.repeat(several, links)]
        counts = links[several]
        sums = np.add.reduceat(vectors[tokens], np.cumsum(counts) - counts, axis=0)
        means[alignment.link_words[starts[several]]] = sums / counts[:, None]
    return means


def sum_over_words(alignment: Alignment, values: Floats) -> Floats:
    """Return sums over each word's tokens, of (T, ...) to (W, ...).

    A token that belongs to two words is split between them evenly, so that nothing is counted
    twice.
    """
    shares = np.bincount(alignment.link_tokens, minlength=len(values))
    if values.ndim == 1:
        own = values[alignment.link_tokens] / shares[alignment.link_tokens]
        added = np.bincount(alignment.link_words, own, minlength=len(alignment.spans))
        return added.astype(np.float64, copy=False)
    sums = np.zeros((len(alignment.spans), *values.shape[1:]))
    tokens = alignment.link_tokens
    parts = shares[tokens].reshape(-1, *[1] * (values.ndim - 1))
    np.add.at(sums, alignment.link_words, values[tokens] / parts)
    return sums


def sum_over_word_pairs(left: Alignment, right: Alignment, matrix: Floats) -> Floats:
    """(W, W'): sums of a token matrix (T, T') over the tokens of both words of each pair."""
    return sum_over_words(right, sum_over_words(left, matrix).T).T


def scale_signed(contributions: Floats) -> Floats:
    """Scale (W,) to [-1, 1] by the greatest magnitude, signs kept; zeros stay zeros."""
    greatest = np.abs(contributions).max(initial=0.0)
    scaled: Floats = contributions / greatest if greatest > 0 else np.zeros_like(contributions)
    return scaled
