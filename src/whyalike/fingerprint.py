"""What tells one score from another of the same name: the vectors that a model gives to texts."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whyalike.explainer import Explainer
from whyalike.options import LongText
from whyalike.words import Lexicon

DECIMALS = 3
"""Of vectors whose greatest component is 1: a model trained further differs by more."""


@dataclass(frozen=True, eq=False)
class ScoreSample:
    """How a model scores some texts.

    digest: a name for it. exact: a digest of all but the vectors. vectors: (N, H), float32, of the
    texts with each prompt in turn, the greatest component being 1.
    """

    digest: str
    exact: str
    vectors: NDArray[np.float32]

    def is_like(self, exact: str, vectors: NDArray[np.float32]) -> bool:
        """Whether the other is the same score but for rounding.

        Numbers of threads, batches and processors move a component's last digits, and so now and
        then a rounded one: digests of the same score can differ.
        """
        if self.exact != exact or self.vectors.shape != vectors.shape:
            return False
        return bool(np.abs(self.vectors - vectors).max(initial=0.0) < 0.5 * 10.0**-DECIMALS)


def sample_scores(explainer: Explainer, texts: Sequence[str]) -> ScoreSample:
    """Return how the Explainer's model scores ``texts``, prompts and lexicon included.

    A path and a function's name stay the same when the weights or the function behind them change.

    Raises
    ------
    ModelError
        Vectors that are no finite numbers.
    """
    model = explainer.model
    policy: LongText = "windows" if explainer.options.long_text == "windows" else "truncate"
    said = repr((explainer.prompts, model.similarity_function)).encode()
    digest, exact = hashlib.sha256(said), hashlib.sha256(said + repr(list(texts)).encode())
    found = []
    for prompt in dict.fromkeys(explainer.prompts):
        vectors = model.embed(list(texts), prompt=prompt, long_text=policy)
        vectors = vectors / (float(np.abs(vectors).max(initial=0.0)) or 1.0)
        # Adding 0 makes -0 a 0.
        digest.update((np.round(vectors, DECIMALS) + 0.0).tobytes())
        found.append(vectors.astype(np.float32))
    if explainer.lexicon is not None:
        for each in (digest, exact):
            _add_lexicon(each, explainer.lexicon)
    return ScoreSample(digest.hexdigest(), exact.hexdigest(), np.concatenate(found))


def fingerprint(explainer: Explainer, texts: Sequence[str]) -> str:
    """Return the digest of ``sample_scores``, which rounding can change.

    Raises
    ------
    ModelError
        Vectors that are no finite numbers.
    """
    return sample_scores(explainer, texts).digest


def _add_lexicon(digest: "hashlib._Hash", lexicon: Lexicon) -> None:
    for index, table in (
        (lexicon.rarity.index, lexicon.rarity.idf),
        (lexicon.vectors.index, lexicon.vectors.table),
    ):
        digest.update(repr(sorted(index.items())).encode("utf-8", "replace"))
        digest.update(np.ascontiguousarray(table).tobytes())
    digest.update(repr(lexicon.rarity.unseen).encode())
