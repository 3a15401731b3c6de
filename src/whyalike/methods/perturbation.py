"""Scores of pairs, of words by themselves, and of texts without some of their words.

A dual encoder reads each text by itself, so that the variants of both texts are embedded once
each, and a pair of variants costs a similarity and no pass. A scorer without vectors scores each
variant with the other text as it is; pairs of variants, W times W', would be too many.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from whyalike.arrays import Floats, PairSaliency, WordSaliency
from whyalike.errors import MissingExtraError, OptionError
from whyalike.interruption import checkpoint
from whyalike.methods.method import PreparedPair, PreparedText, Setting
from whyalike.methods.token_saliency import latent_vectors, texts_of
from whyalike.models.scorer import TextPair, embed_once, require_vectors, scores_of
from whyalike.options import PerturbationOptions, policy_for
from whyalike.similarity import similarity_matrix
from whyalike.texts import keep_words
from whyalike.words import Lexicon, aggregate, mean_vectors, scale_signed


def variant(setting: Setting, text: PreparedText, kept: NDArray[np.bool_]) -> str:
    """Return a text with only the words that are ``kept``, (W,), as ``perturbation`` says.

    Raises OptionError where the model has no mask token, and one is asked for.
    """
    checkpoint()  # Of a long text there are tens of thousands, and they take longer than a pass.
    if kept.all():
        return text.tokens.text
    mask = None
    if PerturbationOptions.of(setting.options).perturbation == "mask":
        mask = setting.model.mask_token
        if mask is None:
            raise OptionError(
                f"perturbation is 'mask', and {setting.model.name} has no mask token that we know: "
                "choose 'drop'."
            )
    spans, raw = text.alignment.spans, text.tokens.text
    # Words beyond the model's limit would move up into the place of a word that is cut out.
    read = raw[: spans[-1][1]] if text.tokens.truncated else raw
    return keep_words(read, spans, kept.tolist(), mask=mask)


def embed_variants(
    setting: Setting, texts: Sequence[PreparedText], variants: Sequence[Sequence[str]]
) -> list[Floats]:
    """Return the vectors (V, H) of each text's V variants, embedding equal ones once.

    All of a batch go to the model together. It sorts them by length.
    """
    model = require_vectors(setting.model, what="To compare texts by their vectors")
    prompts = [text.tokens.prompt for text in texts]
    found = embed_once(
        model,
        [
            (prompt, each)
            for prompt, of_text in zip(prompts, variants, strict=True)
            for each in of_text
        ],
        long_text=policy_for(setting.options.long_text),
    )
    return [
        np.array([found[prompt, each] for each in of_text])
        for prompt, of_text in zip(prompts, variants, strict=True)
    ]


def score_variants(
    setting: Setting, pairs: Sequence[PreparedPair], variants: Sequence[Sequence[str]]
) -> list[Floats]:
    """Return the scores (V,) of each text's V variants, with the other text of its pair as it is.

    Left and right of each pair in turn, as ``variants`` are. All of a batch go to the scorer
    together, equal pairs of texts once. Where a limit on both texts together cut the other text,
    it stays cut there: taking words away would let more of it in.
    """
    asked: dict[TextPair, dict[TextPair, float]] = {}
    wanted: list[tuple[TextPair, list[TextPair]]] = []
    for index, pair in enumerate(pairs):
        left, right = pair.left.tokens, pair.right.tokens
        prompts = left.prompt, right.prompt
        whole = left.text, right.text
        cut = [
            side.text[: side.offsets[:, 1].max(initial=0)] if side.truncated else side.text
            for side in (left, right)
        ]
        lefts = [whole if v == left.text else (v, cut[1]) for v in variants[2 * index]]
        rights = [whole if v == right.text else (cut[0], v) for v in variants[2 * index + 1]]
        wanted += [(prompts, lefts), (prompts, rights)]
        asked.setdefault(prompts, {}).update(dict.fromkeys([*lefts, *rights], 0.0))
    for prompts, found in asked.items():
        scores = scores_of(
            setting.model,
            list(found),
            prompts=prompts,
            long_text=policy_for(setting.options.long_text),
        )
        found.update(zip(found, scores, strict=True))
    return [
        np.array([asked[prompts][each] for each in texts], dtype=np.float64)
        for prompts, texts in wanted
    ]


BY_SPELLING = (
    "Which words go together is not the model's view, which gives scores of whole pairs only: "
    "words are paired by equal spelling. With the extra 'lexical' installed, or lexicon=, word "
    "vectors are compared."
)

BY_LEXICON = (
    "Which words go together is not the model's view, which gives scores of whole pairs only: "
    "words are paired by the vectors of {name}, and those without one by equal spelling."
)


def vectors_to_match(
    setting: Setting, pairs: Sequence[PreparedPair]
) -> tuple[list[Floats], tuple[str, ...]]:
    """Return vectors (W, H) by which words are paired where texts have none, and warnings.

    They are the words' latent vectors, where the scorer's inside can be seen. Left and right of
    each pair in turn.
    """
    if "hidden states" in setting.model.capabilities:
        return word_vectors(setting, pairs, ()), ()
    return _lexicon_vectors(setting, pairs)


def _lexicon_vectors(
    setting: Setting, pairs: Sequence[PreparedPair]
) -> tuple[list[Floats], tuple[str, ...]]:
    """Return vectors (W, H) of words for a scorer that gives none, and a warning that says so.

    They are those of the lexicon: the given one, or the packaged one where it is installed. A word
    that has none there has an axis of its own, so that it is like its copies alone.
    """
    lexicon = setting.lexicon
    if lexicon is None:
        try:
            lexicon = Lexicon.packaged()
        except MissingExtraError:
            return [vectors for pair in pairs for vectors in _by_form(pair, _no_vectors(pair))], (
                BY_SPELLING,
            )
    found = [
        vectors
        for pair in pairs
        for vectors in _by_form(
            pair, [lexicon.vectors_of(side.words) for side in (pair.left, pair.right)]
        )
    ]
    return found, (BY_LEXICON.format(name=lexicon.vectors.name),)


Known = tuple[Floats, NDArray[np.bool_]]


def _no_vectors(pair: PreparedPair) -> list[Known]:
    counts = [len(side.words) for side in (pair.left, pair.right)]
    return [(np.zeros((count, 0)), np.zeros(count, dtype=bool)) for count in counts]


def _by_form(pair: PreparedPair, known: Sequence[Known]) -> list[Floats]:
    """Return the vectors of both sides, with an axis more for each form that has no vector."""
    forms = [[word.casefold() for word in side.words] for side in (pair.left, pair.right)]
    axes: dict[str, int] = {}
    for own, (_, has_vector) in zip(forms, known, strict=True):
        for form, has in zip(own, has_vector.tolist(), strict=True):
            if not has:
                axes.setdefault(form, len(axes))
    found = []
    for own, (vectors, has_vector) in zip(forms, known, strict=True):
        more = np.zeros((len(own), len(axes)))
        for word in np.flatnonzero(~has_vector).tolist():
            more[word, axes[own[word]]] = 1.0
        found.append(np.concatenate([vectors, more], axis=1))
    return found


def word_vectors(
    setting: Setting, pairs: Sequence[PreparedPair], changes: Sequence[Floats]
) -> list[Floats]:
    """Return what the cosine of two words is shown of, (W, H) per text, left and right in turn.

    Their latent vectors, one forward pass more; of a function, whose inside can't be seen,
    ``changes``: how each word changes its text's vector, (W, H) per text.
    """
    if "hidden states" not in setting.model.capabilities:
        return list(changes)
    texts = texts_of(pairs)
    result = setting.encoder.run(
        [pair.tokens for pair in pairs], options=setting.options, gradient=False
    )
    latents = latent_vectors(texts, result)
    return [
        mean_vectors(text.alignment, latent) for text, latent in zip(texts, latents, strict=True)
    ]


def signed_words(text: PreparedText, contributions: Floats, vectors: Floats) -> WordSaliency:
    """Return the words of a text, each as salient as its part of the greatest contribution.

    Every word can match, a mark inside another word's token too: taking it away tells.
    """
    return WordSaliency(
        spans=text.alignment.spans,
        saliency=scale_signed(contributions),
        vectors=vectors,
        matchable=np.ones(len(contributions), dtype=bool),
        contributions=contributions,
    )


def score_of(setting: Setting, left: Floats, right: Floats) -> float:
    """Return the similarity of two vectors (H,); a cosine without what rounding puts beyond 1."""
    model = require_vectors(setting.model, what="To compare texts by their vectors")
    function = model.similarity_function
    score = float(similarity_matrix(left[None], right[None], function=function)[0, 0])
    return min(1.0, max(-1.0, score)) if function == "cosine" else score


def score_pairs(setting: Setting, pairs: Sequence[PreparedPair]) -> list[float]:
    """Return the similarity that the model gives to each of P pairs."""
    if "hidden states" in setting.model.capabilities:
        result = setting.encoder.run(
            [pair.tokens for pair in pairs], options=setting.options, gradient=False
        )
        return [float(score) for score in result.similarity]
    texts = texts_of(pairs)
    if "vectors" not in setting.model.capabilities:
        found = score_variants(setting, pairs, [[text.tokens.text] for text in texts])
        return [float(scores[0]) for scores in found[0::2]]
    ends = embed_variants(setting, texts, [[text.tokens.text] for text in texts])
    return [
        score_of(setting, left[0], right[0])
        for left, right in zip(ends[0::2], ends[1::2], strict=True)
    ]


def compare_words(setting: Setting, pairs: Sequence[PreparedPair]) -> list[PairSaliency]:
    """Return P scored pairs whose words have their vectors, and saliency 0.

    A word's vector is its latent vector in its text (row 15). Of a function that gives vectors it
    is the vector of the word as a text by itself, and of a scorer that gives none the lexicon's.
    """
    texts, warnings = texts_of(pairs), tuple[str, ...]()
    if "hidden states" in setting.model.capabilities:
        result = setting.encoder.run(
            [pair.tokens for pair in pairs], options=setting.options, gradient=False
        )
        scores = [float(score) for score in result.similarity]
        sides = [
            aggregate(text.alignment, np.zeros(len(latent)), latent)
            for text, latent in zip(texts, latent_vectors(texts, result), strict=True)
        ]
    else:
        if "vectors" in setting.model.capabilities:
            variants = [[text.tokens.text, *text.words] for text in texts]
            found = embed_variants(setting, texts, variants)
            vectors = [of_text[1:] for of_text in found]
            scores = [
                score_of(setting, left[0], right[0])
                for left, right in zip(found[0::2], found[1::2], strict=True)
            ]
        else:
            vectors, warnings = _lexicon_vectors(setting, pairs)
            scores = score_pairs(setting, pairs)
        sides = [_unweighted(text, own) for text, own in zip(texts, vectors, strict=True)]
    return [
        PairSaliency(score, left, right, warnings=warnings)
        for score, left, right in zip(scores, sides[0::2], sides[1::2], strict=True)
    ]


def _unweighted(text: PreparedText, vectors: Floats) -> WordSaliency:
    """Return the words of a text with their vectors (W, H), and saliency 0."""
    return WordSaliency(
        text.alignment.spans, np.zeros(len(vectors)), vectors, matchable=text.alignment.has_token
    )
