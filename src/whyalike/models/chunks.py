"""Long texts cut into chunks, as engines store them: by tokens, and never inside a word.

A chunk is a text of its own: the model reads it as it would read a text that says no more.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from whyalike.errors import OptionError
from whyalike.models.tokens import Ints
from whyalike.options import Chunks
from whyalike.texts import find_words

Span = tuple[int, int]


def cut_into_chunks(text: str, offsets: Ints, *, size: int, overlap: int) -> list[Span]:
    """Return the characters (start, end) of the chunks of a text, in order; one at least.

    Each word of the text is in a chunk. A word of more than ``size`` tokens is cut between two of
    them.

    Parameters
    ----------
    text : str
        The whole text.
    offsets : Ints
        (T, 2), the characters of its tokens.
    size : int
        Tokens of a chunk at most.
    overlap : int
        Tokens that a chunk shares with the one before, at most; less than ``size``.
    """
    count = len(offsets)
    if count <= size:
        return [(0, len(text))]
    words = np.array([start for start, _ in find_words(text)], dtype=np.intp)
    first = np.searchsorted(words, offsets[:, 0])
    # A character of several tokens has them at one place: between them, nothing can be cut.
    apart = np.ones(count, dtype=bool)
    apart[1:] = offsets[1:, 0] >= np.maximum.accumulate(offsets[:, 1])[:-1]
    begins = np.zeros(count, dtype=bool)
    known = first < len(words)
    begins[known] = words[first[known]] < offsets[known, 1]
    cuts = np.append(np.flatnonzero(apart), count)
    between_words = np.append(np.flatnonzero(apart & begins), count)
    spans: list[Span] = []
    start = end = 0
    while end < count:
        end = _last(between_words, start, start + size) or _last(cuts, start, start + size)
        end = end or int(cuts[np.searchsorted(cuts, start, side="right")])
        spans.append((int(offsets[start, 0]), int(offsets[start:end, 1].max())))
        back = between_words[np.searchsorted(between_words, end - overlap)]
        start = int(back) if start < back < end else end
    return [_without_blanks(text, span) for span in spans]


def _last(cuts: Ints, after: int, until: int) -> int:
    """Return the last cut behind one place and not behind another; 0 for none."""
    place = int(np.searchsorted(cuts, until, side="right")) - 1
    return int(cuts[place]) if place >= 0 and cuts[place] > after else 0


def _without_blanks(text: str, span: Span) -> Span:
    start, end = span
    inside = text[start:end]
    start += len(inside) - len(inside.lstrip())
    return start, max(start, start + len(inside.strip()))


def chunk_spans(
    scorer: Any, texts: Iterable[str], chunks: Chunks, *, prompt: str = ""
) -> dict[str, list[Span]]:
    """Return for each of some texts the characters (start, end) of its chunks, in order.

    Tokens are those of the scorer's tokenizer; where it has none that tells where they stand in the
    text, words are counted.

    Raises
    ------
    OptionError
        No size is given and the scorer states no limit, or the overlap is not less than the size.
    """
    unique = list(dict.fromkeys(texts))
    tokenizer = _tokenizer_of(scorer)
    size = chunks.size if chunks.size is not None else room_of(scorer, prompt)
    if chunks.overlap >= size:
        raise OptionError(
            f"chunk_overlap is {chunks.overlap}, and a chunk has {size} tokens at most: give a "
            "smaller overlap."
        )
    found = {}
    for text, offsets in zip(unique, _offsets(tokenizer, unique), strict=True):
        found[text] = cut_into_chunks(text, offsets, size=size, overlap=chunks.overlap)
    return found


def count_tokens(scorer: Any, text: str) -> int:
    """Return how many tokens a text has, however many of them are read at once."""
    return len(_offsets(_tokenizer_of(scorer), [text])[0])


def room_of(scorer: Any, prompt: str) -> int:
    """Return how many tokens of a text a scorer reads at once, beside special ones and the prompt.

    Of what reads both texts in one sequence, it is half of what there is for both. Raises
    OptionError where the scorer states no limit.
    """
    limit, tokenizer = scorer.limit, _tokenizer_of(scorer)
    if limit is None:
        raise OptionError(
            f"chunk_size is None, and {scorer.name} states no limit by which to choose: give "
            "chunk_size=, such as 256."
        )
    joint = "joint sequence" in scorer.capabilities
    special = tokenizer.num_special_tokens_to_add(pair=joint) if tokenizer is not None else 0
    before = len(_offsets(tokenizer, [prompt])[0]) if prompt else 0
    room = (limit - special) // (2 if joint else 1) - before
    return max(1, int(room))


def _tokenizer_of(scorer: Any) -> Any:
    """Return the fast tokenizer of a scorer; None where it has none."""
    for owner in (scorer, getattr(scorer, "pipeline", None)):
        found = getattr(owner, "tokenizer", None)
        if getattr(found, "is_fast", False):
            return found
    return None


def _offsets(tokenizer: Any, texts: Sequence[str]) -> list[Ints]:
    """Return the characters (T, 2) of all tokens of each text, or of its words."""
    if not texts:
        return []
    if tokenizer is None:
        return [np.array(find_words(text), dtype=np.intp).reshape(-1, 2) for text in texts]
    from whyalike.models.replica import own_tokenizer

    own = own_tokenizer(tokenizer)
    with own.lock:
        encoded = own.tokenizer(
            list(texts), add_special_tokens=False, truncation=False, verbose=False
        )
        return [
            np.array(encoding.offsets, dtype=np.intp).reshape(-1, 2)
            for encoding in encoded.encodings
        ]
