"""Controls: saliency that knows nothing of the model, for other methods to be measured against."""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from whyalike.arrays import Floats, PairSaliency, WordSaliency
from whyalike.methods.method import PreparedPair, PreparedText, Setting, forward, register_method
from whyalike.methods.perturbation import compare_words, score_pairs
from whyalike.options import MethodOptions, SeedOption
from whyalike.stop_words import stop_words_of
from whyalike.texts import is_mark
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
    return _weigh(setting, pairs, _drawn(setting))


@register_method(
    "random_soft",
    summary="control: a random saliency for each word, matched as `whyalike` matches",
    source="-",
    forwards="1",
    backwards="0",
    passes=forward,
    requires=(),
    matching="soft",
    options=RandomOptions,
)
def random_soft(setting: Setting, pairs: Sequence[PreparedPair]) -> list[PairSaliency]:
    """Saliency as in ``random``; what is left to tell is how words find their partners.

    Word vectors are those of the middle layer, as in ``whyalike``.
    """
    drawn = _drawn(setting)
    if "hidden states" in setting.model.capabilities and setting.options.latent_layer == -1:
        middle = (setting.encoder.depth + 1) // 2
        setting = replace(setting, options=replace(setting.options, latent_layer=middle))
    return _weigh(setting, pairs, drawn)


@register_method(
    "shared_words",
    summary="control: content words that both texts have, in a random order; pairs of one spelling",
    source="-",
    forwards="1",
    backwards="0",
    passes=forward,
    requires=(),
    matching="mutual",
    options=RandomOptions,
)
def shared_words(setting: Setting, pairs: Sequence[PreparedPair]) -> list[PairSaliency]:
    """Saliency of a word: random from .5 to 1 if it is shared, else from 0 to .5.

    Shared are words that are spelled the same in the other text, but for case, and are neither stop
    words nor marks. Words match that are spelled the same, the first with the first one, the second
    with the second; no others do.
    """
    drawn = _drawn(setting)
    return [
        PairSaliency(score, *_by_spelling(pair, [drawn(pair.left), drawn(pair.right)]))
        for pair, score in zip(pairs, score_pairs(setting, pairs), strict=True)
    ]


def _by_spelling(
    pair: PreparedPair, drawn: Sequence[NDArray[np.float64]]
) -> tuple[WordSaliency, WordSaliency]:
    texts = pair.left, pair.right
    spellings = [[word.casefold() for word in text.words] for text in texts]
    both = Counter(spellings[0]) & Counter(spellings[1])
    stops = stop_words_of(*(text.words for text in texts))
    sides = []
    for text, own, values, stop in zip(texts, spellings, drawn, stops, strict=True):
        shared = [
            word in both and n not in stop and not is_mark(word) for n, word in enumerate(own)
        ]
        read = text.alignment.has_token
        saliency = (values + shared) / 2 * read
        sides.append(WordSaliency(text.alignment.spans, saliency, _vectors_of(own, both), read))
    return sides[0], sides[1]


AXES = 16
"""Of the vectors of spellings: enough for no two to be the same."""


def _vectors_of(words: Sequence[str], both: Counter[str]) -> Floats:
    """(W, AXES): a vector for the nth of a spelling that both texts have n times; else zeros."""
    seen: Counter[str] = Counter()
    vectors = np.zeros((len(words), AXES))
    for place, word in enumerate(words):
        if seen[word] < both[word]:
            vectors[place] = draw(word, AXES, seed=seen[word]) - 0.5
        seen[word] += 1
    return vectors


def _drawn(setting: Setting) -> Weigh:
    seed = RandomOptions.of(setting.options).seed
    return lambda text: draw(text.tokens.text, len(text.words), seed=seed)


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
