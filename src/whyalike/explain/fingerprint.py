"""What tells one score from another of the same name: the vectors that a model gives to texts."""

import hashlib
from collections.abc import Sequence

import numpy as np

from whyalike.explain.explainer import Explainer
from whyalike.types.options import LongText
from whyalike.words import Lexicon

DECIMALS = 3
"""Of vectors whose greatest component is 1: far from rounding, and from a model trained further."""


def fingerprint(explainer: Explainer, texts: Sequence[str]) -> str:
    """Return a digest of how the Explainer's model scores ``texts``, prompts and lexicon included.

    A path and a function's name stay the same when the weights or the function behind them change.

    Raises:
        ModelError: vectors that are no finite numbers.
    """
    model = explainer.model
    policy: LongText = "windows" if explainer.options.long_text == "windows" else "truncate"
    digest = hashlib.sha256(repr((explainer.prompts, model.similarity_function)).encode())
    for prompt in dict.fromkeys(explainer.prompts):
        vectors = model.embed(list(texts), prompt=prompt, long_text=policy)
        greatest = float(np.abs(vectors).max(initial=0.0)) or 1.0
        # Adding 0 makes -0 a 0.
        digest.update((np.round(vectors / greatest, DECIMALS) + 0.0).tobytes())
    if explainer.lexicon is not None:
        _add_lexicon(digest, explainer.lexicon)
    return digest.hexdigest()


def _add_lexicon(digest: "hashlib._Hash", lexicon: Lexicon) -> None:
    for index, table in (
        (lexicon.rarity.index, lexicon.rarity.idf),
        (lexicon.vectors.index, lexicon.vectors.table),
    ):
        digest.update(repr(sorted(index.items())).encode("utf-8", "replace"))
        digest.update(np.ascontiguousarray(table).tobytes())
    digest.update(repr(lexicon.rarity.unseen).encode())
