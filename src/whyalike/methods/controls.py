"""Controls: saliency that knows nothing of the model, for other methods to be measured against."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from whyalike.arrays import PairSaliency
from whyalike.methods.method import PreparedPair, PreparedText, Setting, forward, register_method
from whyalike.methods.perturbation import compare_words
from whyalike.options import MethodOptions, SeedOption
from whyalike.words import Lexicon, scale_signed

Weigh = Callable[[PreparedText], NDArray[np.float64]]


@dataclass(frozen=True, kw_only=True)
class RandomOptions(MethodOptions, SeedOption):
    """Options of ``random``."""


@register_method(
    "idf",
    summary="control: rarity of the word in a catalogue, matched by the model's vectors",
    source="Sparck Jones 1972",
    forwards="1",
    backwards="0",
    passes=forward,
    lexical=True,
    requires=(),
)
def idf(setting: Setting, pairs: Sequence[PreparedPair]) -> list[PairSaliency]:
    """Saliency of a word: its idf as a part of the text's greatest; 0 for a mark.

    Raises
    ------
    MissingExtraError
        No lexicon is given and the extra ``lexical`` is not installed.
    """
    lexicon = setting.lexicon or Lexicon.packaged()
    results = _weigh(setting, pairs, lambda text: scale_signed(lexicon.idf(text.words)))
    if not lexicon.rarity.note:
        return results
    return [replace(result, warnings=(*result.warnings, lexicon.rarity.note)) for result in results]


@register_method(
    "random",
    summary="control: a random saliency for each word, matched by the model's vectors",
    source="-",
    forwards="1",
    backwards="0",
    passes=forward,
    requires=(),
    options=RandomOptions,
)
def random(setting: Setting, pairs: Sequence[PreparedPair]) -> list[PairSaliency]:
    """Saliency of a word: uniform from 0 to 1, the same for the same text and seed, anywhere."""
    seed = RandomOptions.of(setting.options).seed
    return _weigh(setting, pairs, lambda text: draw(text.tokens.text, len(text.words), seed=seed))


def draw(text: str, count: int, *, seed: int) -> NDArray[np.float64]:
    """(W,): uniform numbers from [0, 1) that depend on the text and the seed alone."""
    # Python's own hash differs from process to process.
    digest = hashlib.sha256(f"{seed}\n{text}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest)).random(count)


def _weigh(setting: Setting, pairs: Sequence[PreparedPair], weigh: Weigh) -> list[PairSaliency]:
    """Give words these saliencies, 0 to those without a token, and the model's latent vectors."""
    return [
        replace(
            pair,
            left=replace(pair.left, saliency=weigh(texts.left) * pair.left.matchable),
            right=replace(pair.right, saliency=weigh(texts.right) * pair.right.matchable),
        )
        for pair, texts in zip(compare_words(setting, pairs), pairs, strict=True)
    ]
