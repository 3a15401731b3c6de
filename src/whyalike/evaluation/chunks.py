"""From matches of words to links of chunks."""

import numpy as np
from numpy.typing import NDArray

from whyalike.errors import OptionError
from whyalike.evaluation.gold_words import (
    Chosen,
    links_at_blanks,
    strengths_at_blanks,
    words_at_blanks,
)
from whyalike.evaluation.ists_files import Chunk, ChunkedPair
from whyalike.explanation import Explanation
from whyalike.texts import find_words, is_mark
from whyalike.words import Rarity

Floats = NDArray[np.float64]
ChunkLinks = tuple[tuple[Chunk, Chunk], ...]

RELATIVE, THRESHOLD = 0.5, 0.2


def link_chunks(
    explanation: Explanation,
    pair: ChunkedPair,
    *,
    rarity: Rarity | None = None,
    chosen: Chosen = "matches",
    relative: float = RELATIVE,
    threshold: float = THRESHOLD,
) -> ChunkLinks:
    """Link chunks by how much of them their words' matches explain.

    The likeness of two chunks is

        Σ_w r(w) max(0, cos(w, best match of w in the other chunk)) / Σ_w r(w),

    over the words w of both, r their rarity (idf), and 0 for a word without a match there or a
    mark: BERTScore's F with idf (Zhang et al. 2020, section 3), of the matches only. Two chunks are
    linked where their likeness is above ``threshold``, and at least ``relative`` times the
    greatest that either has with any chunk; so a chunk may be linked with two, or with none.

    The two numbers are those that are best on the worst of the three parts of SemEval-2016, of its
    pairs at even places (from 0) only.

    Args:
        explanation: of the pair's texts.
        pair: its chunks; the gold links are not looked at.
        rarity: of words; without it, all words weigh the same.
        chosen: use all ``matches``, or the selected ``pairs`` only.
        relative: from 0 to 1; at 1, chunks must be each other's best.
        threshold: 0 or more.

    Raises:
        OptionError: a number out of range, or another choice.
    """
    if not 0 <= relative <= 1 or not threshold >= 0:
        raise OptionError(
            f"relative and threshold are {relative!r} and {threshold!r}; give a number from 0 to "
            "1, and one of 0 or more."
        )
    likeness = _likeness(explanation, pair, rarity, chosen)
    if not likeness.size:
        return ()
    best = np.maximum(likeness.max(axis=1, keepdims=True), likeness.max(axis=0, keepdims=True))
    linked = (likeness > threshold) & (likeness >= relative * best)
    return tuple(
        (pair.left_chunks[i], pair.right_chunks[j])
        for i, j in zip(*(side.tolist() for side in np.nonzero(linked)), strict=True)
    )


def expand_to_chunks(
    explanation: Explanation, pair: ChunkedPair, *, chosen: Chosen = "matches"
) -> ChunkLinks:
    """Link every two chunks that hold two matched words: each word stands for its chunk."""
    left = {word: chunk for chunk in pair.left_chunks for word in chunk}
    right = {word: chunk for chunk in pair.right_chunks for word in chunk}
    links = links_at_blanks(explanation, chosen=chosen)
    return tuple(sorted({(left[i], right[j]) for i, j in links if i in left and j in right}))


def join_matches(
    explanation: Explanation, pair: ChunkedPair, *, chosen: Chosen = "matches"
) -> ChunkLinks:
    """Make chunks of the matches alone: matches that go on in step in both texts are one link.

    The gold chunks are not looked at.
    """
    del pair
    runs: list[tuple[list[int], list[int]]] = []
    for i, j in sorted(links_at_blanks(explanation, chosen=chosen)):
        run = next((run for run in runs if (run[0][-1], run[1][-1]) == (i - 1, j - 1)), None)
        if run is None:
            runs.append(([i], [j]))
        else:
            run[0].append(i)
            run[1].append(j)
    return tuple((tuple(left), tuple(right)) for left, right in runs)


def link_by_spelling(pair: ChunkedPair) -> ChunkLinks:
    """Link chunks that share most words, by Jaccard's index, each the other's best: a baseline.

    Words are compared in lower case, without marks.
    """
    left = [_spellings(pair.left, chunk) for chunk in pair.left_chunks]
    right = [_spellings(pair.right, chunk) for chunk in pair.right_chunks]
    index = np.array([[len(a & b) / max(len(a | b), 1) for b in right] for a in left])
    if not index.size:
        return ()
    best = (index >= index.max(axis=1, keepdims=True)) & (index >= index.max(axis=0, keepdims=True))
    places = zip(*(side.tolist() for side in np.nonzero(best & (index > 0))), strict=True)
    return tuple((pair.left_chunks[i], pair.right_chunks[j]) for i, j in places)


def _likeness(
    explanation: Explanation, pair: ChunkedPair, rarity: Rarity | None, chosen: Chosen
) -> Floats:
    """Return (chunks of the left text, chunks of the right text)."""
    weights = _weights(pair.left, rarity), _weights(pair.right, rarity)
    cosines = np.zeros((len(weights[0]), len(weights[1])))
    for link, cosine in strengths_at_blanks(explanation, chosen=chosen).items():
        cosines[link] = max(cosine, 0.0)
    likeness = np.zeros((len(pair.left_chunks), len(pair.right_chunks)))
    for n, left in enumerate(map(list, pair.left_chunks)):
        for m, right in enumerate(map(list, pair.right_chunks)):
            block = cosines[np.ix_(left, right)]
            first, second = weights[0][left], weights[1][right]
            whole = first.sum() + second.sum()
            if whole > 0:
                explained = first @ block.max(axis=1) + second @ block.max(axis=0)
                likeness[n, m] = explained / whole
    return likeness


def _weights(text: str, rarity: Rarity | None) -> Floats:
    """Return how rare each word at blanks is: as its rarest part, 0 for marks."""
    weights = []
    for start, end in words_at_blanks(text):
        parts = _spellings(text[start:end], (0,))
        weights.append(max((_idf(part, rarity) for part in parts), default=0.0))
    return np.array(weights)


def _idf(word: str, rarity: Rarity | None) -> float:
    if rarity is None:
        return 1.0
    idf = rarity.find(word)
    return rarity.unseen if idf is None else idf


def _spellings(text: str, chunk: Chunk) -> set[str]:
    """Return the words of a chunk in lower case, without marks."""
    spans = words_at_blanks(text)
    pieces = [text[slice(*spans[word])] for word in chunk]
    words = (piece[start:end].lower() for piece in pieces for start, end in find_words(piece))
    return {word for word in words if not is_mark(word)}
