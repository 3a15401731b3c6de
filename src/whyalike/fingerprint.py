"""What distinguishes one score from another of the same name: what a model gives to some texts."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whyalike.explainer import Explainer
from whyalike.models.scorer import require_vectors, scores_of
from whyalike.options import LongText, policy_for
from whyalike.words import Lexicon

DECIMALS = 3
"""Of vectors whose greatest component is 1: a model trained further differs by more."""


@dataclass(frozen=True, eq=False)
class ScoreSample:
    """How a model scores some texts.

    digest: a name for it. exact: a digest of all but the vectors. vectors: (N, H), float32, of the
    texts with each prompt in turn, the greatest component being 1; of a scorer without vectors the
    scores (N, 1) of each text with itself and with the next.
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
    policy = policy_for(explainer.options.long_text)
    said = repr((explainer.prompts, model.similarity_function)).encode()
    digest, exact = hashlib.sha256(said), hashlib.sha256(said + repr(list(texts)).encode())
    found = []
    for given in _vectors(explainer, list(texts), policy):
        vectors = given / (float(np.abs(given).max(initial=0.0)) or 1.0)
        # Adding 0 makes -0 a 0.
        digest.update((np.round(vectors, DECIMALS) + 0.0).tobytes())
        found.append(vectors.astype(np.float32))
    if explainer.lexicon is not None:
        for each in (digest, exact):
            _add_lexicon(each, explainer.lexicon)
    return ScoreSample(digest.hexdigest(), exact.hexdigest(), np.concatenate(found))


def _vectors(
    explainer: Explainer, texts: list[str], policy: LongText
) -> Iterator[NDArray[np.float64]]:
    """Yield the vectors (N, H) of the texts with each prompt, or the scores (N, 1) of pairs."""
    model = explainer.model
    if "vectors" in model.capabilities:
        embedder = require_vectors(model, what="A fingerprint")
        for prompt in dict.fromkeys(explainer.prompts):
            yield embedder.embed(texts, prompt=prompt, long_text=policy)
        return
    for others in (texts, [*texts[1:], *texts[:1]]):
        pairs = list(zip(texts, others, strict=True))
        yield np.array([scores_of(model, pairs, prompts=explainer.prompts, long_text=policy)]).T


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
