"""TF-IDF with word vectors: what two texts share, whatever the model sees in them."""

from collections.abc import Sequence

import numpy as np

from whyalike.arrays import PairSaliency, WordSaliency
from whyalike.methods.method import PreparedPair, PreparedText, Setting, forward, register_method
from whyalike.methods.perturbation import score_pairs
from whyalike.texts import is_mark
from whyalike.words import Lexicon, scale_signed

MOST_SHOWN = 5
"""Unknown words that a warning names."""


@register_method(
    "tfidf_w2v",
    summary="TF-IDF of the words, matched by word vectors; the model gives the score alone",
    source="Malkiel et al. 2022, section 4.2; word2vec: Mikolov et al. 2013",
    forwards="1",
    backwards="0",
    passes=forward,
    lexical=True,
    requires=(),
)
def tfidf_w2v(setting: Setting, pairs: Sequence[PreparedPair]) -> list[PairSaliency]:
    """Saliency of a word: its TF-IDF in its text; two words are compared by their word vectors.

    Row 23. The TF-IDF is given as a part of the text's greatest. That is one factor per text, which
    changes no order of pairs and no clusters of scores; min-max would take away the least word.
    A word that the lexicon lacks has saliency 0, and matches nothing where it has no vector.

    Raises
    ------
    MissingExtraError
        No lexicon is given and the extra ``lexical`` is not installed.
    """
    lexicon = setting.lexicon or Lexicon.packaged()
    note = (lexicon.rarity.note,) if lexicon.rarity.note else ()
    results = []
    for pair, similarity in zip(pairs, score_pairs(setting, pairs), strict=True):
        left, left_warnings = _weigh(pair.left, lexicon, "left")
        right, right_warnings = _weigh(pair.right, lexicon, "right")
        warnings = (*note, *left_warnings, *right_warnings)
        results.append(PairSaliency(similarity, left, right, warnings=warnings))
    return results


def _weigh(text: PreparedText, lexicon: Lexicon, side: str) -> tuple[WordSaliency, tuple[str, ...]]:
    """Return the words of one text, and what to say of those that the lexicon lacks."""
    words = text.words
    vectors, has_vector = lexicon.vectors_of(words)
    weights = np.where(has_vector, lexicon.tf_idf(words), 0.0)
    saliency = WordSaliency(text.alignment.spans, scale_signed(weights), vectors, has_vector)
    real = [not is_mark(word) for word in words]
    unknown = list(
        dict.fromkeys(
            word
            for word, weight, counts in zip(words, weights.tolist(), real, strict=True)
            if counts and not weight
        )
    )
    if not unknown:
        return saliency, ()
    named = ", ".join(unknown[:MOST_SHOWN])
    more = f" and {len(unknown) - MOST_SHOWN:,} more" if len(unknown) > MOST_SHOWN else ""
    return saliency, (
        f"The lexicon lacks words of the {side} text, whose saliency is 0: {named}{more}.",
    )
