"""Words as published alignments count them, split at blanks, and matches put in those terms."""

import re
from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np

from whyalike.errors import OptionError
from whyalike.explanation import ExplainedText, Explanation, WordPair
from whyalike.options import check_choice
from whyalike.texts import is_mark
from whyalike.words import align

Link = tuple[int, int]
"""The left and the right word of a link, by their places among the words at blanks, from 0."""

Chosen = Literal["matches", "pairs"]

_AT_BLANKS = re.compile(r"\S+")


def words_at_blanks(text: str) -> tuple[tuple[int, int], ...]:
    """Return (start, end) of each word of a text, split at white space."""
    return tuple(found.span() for found in _AT_BLANKS.finditer(text))


def strengths_at_blanks(
    explanation: Explanation, *, chosen: Chosen = "matches"
) -> dict[Link, float]:
    """Return the pairs of words at blanks that an explanation links, each with its cosine.

    A word of ours belongs to the word at blanks whose characters it shares. A mark that shares one
    with a word ("path.") belongs to none: its partner is another mark. Where several pairs
    of ours fall into one, the greatest cosine counts.

    Args:
        explanation: of the two texts that the gold is for.
        chosen: all ``matches``, or the selected ``pairs`` only.

    Raises:
        OptionError: another choice.
    """
    check_choice("chosen", chosen, get_args(Chosen))
    left, right = _places(explanation.left), _places(explanation.right)
    pairs: Sequence[WordPair] = getattr(explanation, chosen)
    found: dict[Link, float] = {}
    for pair in pairs:
        for link in ((i, j) for i in left[pair.left] for j in right[pair.right]):
            found[link] = max(pair.similarity, found.get(link, -np.inf))
    return found


def links_at_blanks(explanation: Explanation, *, chosen: Chosen = "matches") -> frozenset[Link]:
    """Return the pairs of words at blanks that an explanation links; see strengths_at_blanks."""
    return frozenset(strengths_at_blanks(explanation, chosen=chosen))


def check_same_texts(explanation: Explanation, left: str, right: str, *, name: str) -> None:
    """Raise OptionError unless the explanation is of these texts."""
    for side, ours, gold in (
        ("left", explanation.left.text, left),
        ("right", explanation.right.text, right),
    ):
        if ours != gold:
            raise OptionError(
                f"The explanation given for {name!r} is of another {side} text: {ours[:40]!r} "
                f"and not {gold[:40]!r}. Give the explanations in the order of the gold."
            )


def _places(side: ExplainedText) -> list[list[int]]:
    """Return, for each word of ours, the words at blanks that it belongs to."""
    spans = words_at_blanks(side.text)
    offsets = np.array([(word.start, word.end) for word in side.words], dtype=np.intp)
    linked = align(side.text, spans, offsets.reshape(-1, 2))
    places: list[list[int]] = [[] for _ in side.words]
    for place, word in zip(linked.link_words.tolist(), linked.link_tokens.tolist(), strict=True):
        start, end = spans[place]
        if is_mark(side.words[word].text) and not is_mark(side.text[start:end]):
            continue
        places[word].append(place)
    return places
