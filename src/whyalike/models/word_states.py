"""Words of texts with the states that one pass of a model has of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from whyalike.arrays import Floats
from whyalike.models.pipeline import Pass
from whyalike.models.scorer import Capability
from whyalike.models.tokens import TokenizedText
from whyalike.stop_words import stop_words_of
from whyalike.texts import find_words, is_mark
from whyalike.words import align

WITH_STATES: frozenset[Capability] = frozenset({"tokens", "hidden states", "pooled tokens"})
"""What a model must give for words to have states, all of them from one pass over a text."""


@dataclass(frozen=True, eq=False)
class TextWords:
    """The words of a text without marks.

    spans: (start, end) of each. content: which are no stop words; all, where all of them are.
    vectors: (W, H), zeros where the model reads nothing of a word; None where it has no vectors
    of words.
    """

    text: str
    spans: tuple[tuple[int, int], ...]
    content: frozenset[int]
    vectors: Floats | None

    def form(self, n: int) -> str:
        """Return a word as it is compared with others."""
        return self.text[slice(*self.spans[n])].casefold()


def states_of(done: Pass, texts: Sequence[TokenizedText]) -> list[tuple[Floats, Floats]]:
    """Return the states (T, H) of the tokens of texts: in the middle, and the last.

    The first text was the left one of every pair of the pass, the others were the right ones.
    """
    width = done.groups[0].activation.shape[-1] if done.groups else 1
    found = [
        (np.zeros((len(text.offsets), width)), np.zeros((len(text.offsets), width)))
        for text in texts
    ]
    for group in done.groups:
        for depth, states in enumerate((group.activation, group.latent)):
            rows = states.double().cpu().numpy()
            for row, place in zip(rows, group.places, strict=True):
                own = place.owned
                text = place.text // 2 + 1 if place.text % 2 else 0
                found[text][depth][place.tokens[own]] = row[place.positions[own]]
    return found


def words_of(text: str, tokens: TokenizedText | None, states: Floats | None) -> TextWords:
    """Return the words of a text; a word's vector is the mean of its tokens' states (T, H)."""
    spans = tuple(span for span in find_words(text) if not is_mark(text[slice(*span)]))
    words = [text[slice(*span)] for span in spans]
    everything = frozenset(range(len(words)))
    content = everything - stop_words_of(words)[0]
    vectors = None
    if tokens is not None and states is not None:
        links = align(text, spans, tokens.offsets)
        vectors = np.zeros((len(spans), states.shape[1]))
        np.add.at(vectors, links.link_words, states[links.link_tokens])
        counts = np.bincount(links.link_words, minlength=len(spans))
        vectors /= np.maximum(counts, 1)[:, None]
    return TextWords(text, spans, content or everything, vectors)
