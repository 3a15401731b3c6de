"""Our own method: what each word adds to the score, and words that choose each other."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from whyalike.arrays import PairSaliency
from whyalike.methods.method import BACKWARD, PreparedPair, Setting, register_method
from whyalike.methods.token_saliency import collect, identical_warnings
from whyalike.models.graph import content_slopes, own_tokens
from whyalike.models.pipeline import Pass
from whyalike.options import LayerOption, MethodOptions, ObjectiveOption
from whyalike.words import missing_part, share_the_rest

LAST_LAYERS_INPUT = -2

LENGTH_SHARE = 0.5
"""How much of the fall of a vector's length the gradient counts; see ``with_length``. It falls a
quarter as far as the gradient takes for granted where words are deleted from one text, and where
they are from both, the whole of it serves: docs/decisions/0017-the-length-of-a-vector.md."""

BELOW_ZERO = (
    "The similarity is minus a distance, 0 at most, so that what words add sums to a number below "
    "zero: their order tells, and not their sign."
)

UNSEEN = (
    "This model computes its attention in a way of its own, which can't be seen: what words add "
    "counts their content and the pooling alone."
)


@dataclass(frozen=True, kw_only=True)
class LayerOptions(MethodOptions, ObjectiveOption, LayerOption):
    """Options of this method."""


@register_method(
    "whyalike",
    summary="what each word's content and its presence add; words that choose each other",
    source="ours: docs/decisions/0005-our-own-method.md",
    forwards="1",
    backwards="1 / 2",
    passes=lambda *_: 1 + BACKWARD / 2,
    promises=("signed", "pairs", "sums"),
    matching="soft",
    selection="content",
    options=LayerOptions,
)
def whyalike(setting: Setting, pairs: Sequence[PreparedPair]) -> list[PairSaliency]:
    """Contribution of a token: the mean of (h - mean h) * dC/dh and dC/dw, plus an even share.

    h is the hidden state at the input of the last layer, its mean is over the text's own tokens:
    the first term, summed over features, is what the token's content adds. w is the token's weight
    in the attention of the upper half of the layers and in the pooling, where a token of weight w
    counts as w copies of itself (as in a mean over the text's own tokens, whatever the pooling):
    the second is what its presence adds. Both say, to first order, what is lost as the token goes.
    C is differentiated with the lengths of vectors, where it is a cosine of theirs, counted by
    LENGTH_SHARE: a topic that both texts have then counts in both, and not only in the one with
    less of it. A score of one sequence, a distance and a product of vectors as they are have no
    such length, and keep their gradient.
    What these leave of the similarity is shared evenly among the words (the additive efficient
    normalisation of Ruiz, Valenciano and Zarzuelo 1998), so that the words of a text sum to the
    similarity and keep their order. Word vectors are those of the middle layer, where words are
    still themselves; words match that are sure of each other there. A pair's score is the mean of
    what its two words add, shared among their partners; the remainder is what words without a
    partner add.

    Raises
    ------
    OptionError
        The model has no such layer.
    """
    options, depth = LayerOptions.of(setting.options), setting.encoder.depth
    middle = (depth + 1) // 2
    if options.latent_layer == -1:
        options = replace(options, latent_layer=middle)
    layer = LAST_LAYERS_INPUT if options.layer is None else options.layer
    result = setting.encoder.run(
        [pair.tokens for pair in pairs],
        options=options,
        point=layer,
        presence_from=min(middle, depth - 1),
        means=setting.means,
        length_share=LENGTH_SHARE,
    )
    unseen = [] if all(group.attended for group in result.groups) else [UNSEEN]
    distance = setting.encoder.similarity_function in ("euclidean", "manhattan")
    warnings = [
        " ".join([*([said] if said else [BELOW_ZERO] if distance else []), *unseen]) or None
        for said in identical_warnings(result, signed=True)
    ]
    terms = token_terms(pairs, result)
    found = collect(
        pairs,
        result,
        [(content + presence) / 2 for content, presence in zip(*terms, strict=True)],
        warnings=warnings,
        signed=True,
        finish=share_the_rest,
    )
    return [replace(pair, completeness_gap=_wider_gap(pair)) for pair in found]


def token_terms(
    pairs: Sequence[PreparedPair], result: Pass
) -> tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]]:
    """Return what each token's content adds, and its presence: (T,) per text, left and right."""
    texts = [text for pair in pairs for text in (pair.left, pair.right)]
    content, presence = ([np.zeros(len(text.tokens.offsets)) for text in texts] for _ in range(2))
    for group in result.groups:
        if group.gradient is None or group.presence is None:
            continue
        own = own_tokens(group.places, group.activation)
        values = content_slopes(group.activation, group.gradient, own=own).cpu().numpy()
        weights = group.presence.cpu().numpy()
        for index, place in enumerate(group.places):
            # A token that two windows see matters through both; in a row it stands once.
            content[place.text][place.tokens] += values[index, place.positions]
            presence[place.text][place.tokens] += weights[index, place.positions]
    return content, presence


def _wider_gap(pair: PairSaliency) -> float:
    sides = zip((pair.left, pair.right), pair.expected or (0.0, 0.0), strict=True)
    return max(missing_part(side, pair.similarity - usual) for side, usual in sides)
