"""Pairs of texts to measure on: items of a catalogue, each with its nearest other item."""

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from whyalike.arrays import Floats
from whyalike.errors import OptionError
from whyalike.models.scorer import Embedder, Scorer, require_vectors
from whyalike.options import check_whole
from whyalike.similarity import comparable
from whyalike.texts import checked_texts

COSINES = (0.5, 0.95)
WORDS = (15, 120)
AT_ONCE = 64
"""Texts whose sparse vectors are written out together."""


def fitting_texts(texts: Sequence[str], *, words: tuple[int, int] = WORDS) -> list[str]:
    """Return the different texts of so many words, counted at blanks.

    Raises TextError on something else than texts.
    """
    return [
        text
        for text in dict.fromkeys(checked_texts(texts))
        if words[0] <= len(text.split()) <= words[1]
    ]


def nearest_pairs(
    texts: Sequence[str],
    model: Scorer,
    *,
    count: int,
    seed: int = 0,
    lowest: float = COSINES[0],
    highest: float = COSINES[1],
    words: tuple[int, int] = WORDS,
    pool: int = 1500,
    prompt: str = "",
) -> list[tuple[str, str]]:
    """Return pairs of a random text and the nearest other one; no text stands in two pairs.

    Nearest by the cosine of the model's vectors, from ``lowest`` to ``highest``: below, there is
    nothing to explain; above are copies. Fewer than ``count`` come where the texts give no more.

    Parameters
    ----------
    texts : sequence of str
        A catalogue; equal texts count once.
    model : Scorer
        ``explainer.model``.
    count : int
        How many pairs.
    seed : int, default=0
        Of the order of the texts.
    lowest : float, optional
        The least cosine of a pair.
    highest : float, optional
        The greatest.
    words : tuple[int, int], default=WORDS
        The least and the greatest number of words of a text, counted at blanks.
    pool : int, default=1500
        How many texts, drawn at random, are embedded and compared.
    prompt : str, default=''
        What the model wants before a text.

    Raises
    ------
    OptionError
        A number that is not allowed, or a model that gives no vectors.
    TextError
        Something else than texts.
    ModelError
        Vectors that are no finite numbers.
    """
    for name, value in (("count", count), ("pool", pool)):
        check_whole(name, value)
    check_whole("seed", seed, least=0)
    if not -1 <= lowest <= highest <= 1:
        raise OptionError(
            f"lowest and highest are {lowest!r} and {highest!r}; give two cosines in that order."
        )
    fitting = fitting_texts(texts, words=words)
    order = np.random.default_rng(seed).permutation(len(fitting))[:pool]
    drawn = [fitting[index] for index in order]
    if not drawn:
        return []
    embedder = require_vectors(
        model,
        what="The search for the nearest texts of a catalogue",
        sparse=True,
        instead="Give pairs of texts of your own.",
    )
    vectors = comparable(_embed(embedder, drawn, prompt=prompt), function="cosine")
    free = np.ones(len(drawn), dtype=bool)
    found: list[tuple[str, str]] = []
    for index, vector in enumerate(vectors):
        if len(found) == count:
            break
        if not free[index]:
            continue
        cosines = vectors @ vector
        cosines[~free | (cosines < lowest) | (cosines > highest)] = -np.inf
        cosines[index] = -np.inf
        nearest = int(cosines.argmax())
        if np.isfinite(cosines[nearest]):
            found.append((drawn[index], drawn[nearest]))
            free[[index, nearest]] = False
    return found


def _embed(embedder: Embedder, texts: Sequence[str], *, prompt: str) -> Floats:
    """Return the vectors (N, H) of texts; of a vocabulary's features those that a text has."""
    if "sparse vectors" not in embedder.capabilities:
        return embedder.embed(texts, prompt=prompt)
    parts = [
        sparse.csr_array(embedder.embed(texts[start : start + AT_ONCE], prompt=prompt))
        for start in range(0, len(texts), AT_ONCE)
    ]
    found = sparse.vstack(parts, format="csc")
    dense: Floats = found[:, np.unique(found.tocoo().col)].toarray()
    return dense
