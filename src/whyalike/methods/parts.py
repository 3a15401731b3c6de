"""A fused score by its parts, and the words inside each part by that part's own method."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from whyalike.arrays import Floats, PairSaliency, WordSaliency
from whyalike.errors import TextError
from whyalike.explanation import ScorePart
from whyalike.matching import match_mutually, match_softly, unit_rows
from whyalike.methods.method import (
    Method,
    PreparedPair,
    PreparedText,
    Setting,
    get_method,
    register_method,
)
from whyalike.models.fusion import FusedScore, Fusion, FusionPart
from whyalike.models.scorer import JointReader, sides_of
from whyalike.models.tokens import TokenizedText
from whyalike.words import align, scale_signed

INSIDE_PARTS = ("parts", "exact", "whyalike", "occlusion")
"""The first that a part gives enough for says what words add to it."""


@register_method(
    "parts",
    summary="a fusion: what each part adds, and the words in it by the part's own method: exact "
    "where it decomposes, else whyalike, else occlusion",
    source="a weighted sum of scores is the sum of its parts; each normalisation is a line",
    forwards="each part's",
    backwards="each part's",
    passes=lambda size, _: size.words + 2.0,
    promises=("signed", "pairs", "sums"),
    requires=("parts",),
)
def parts(setting: Setting, pairs: Sequence[PreparedPair]) -> list[PairSaliency]:
    """Contribution of a word: the sum of what it adds to each part, times weight and slope.

    The slope is that of the normalisation, such as 1 / (max - min). What that shifts, and what a
    part's own method gives to no pair of words, is the remainder. Where a part's method has no
    matrix, its matched words make one.

    Raises
    ------
    TextError
        A text beyond a part's limit that may not be cut.
    """
    return [_summed(pair, fused, found) for pair, fused, found in _taken_apart(setting, pairs)]


@register_method(
    "ranks",
    summary="reciprocal rank fusion: each part's rank, and the words that matter in the parts",
    source="Cormack, Clarke and Buettcher 2009; the words are by each part's own method",
    forwards="each part's",
    backwards="each part's",
    passes=lambda size, _: size.words + 2.0,
    matching="mutual",
    requires=("ranks",),
)
def ranks(setting: Setting, pairs: Sequence[PreparedPair]) -> list[PairSaliency]:
    """Saliency of a word: the mean over parts of how much it matters there, by what each adds.

    A rank does not say what a word adds to it, so that nothing is said to sum: a word's saliency in
    a part is the size of what it adds to that part's own score, as a part of the greatest there.

    Raises
    ------
    TextError
        A text beyond a part's limit that may not be cut.
    """
    return [_ranked(pair, fused, found) for pair, fused, found in _taken_apart(setting, pairs)]


@dataclass(frozen=True, eq=False)
class _Inside:
    """A part of one pair: its words, W and W', as its method explains them, and cautions."""

    saliency: PairSaliency
    method: Method
    warnings: tuple[str, ...]


def _taken_apart(
    setting: Setting, pairs: Sequence[PreparedPair]
) -> list[tuple[PreparedPair, FusedScore, list[_Inside]]]:
    fusion = cast("Fusion", setting.model)
    inside = [_explain_part(part, setting, pairs) for part in fusion.parts]
    fused = fusion.fuse(
        [(pair.left.tokens.text, pair.right.tokens.text) for pair in pairs],
        [[each.saliency.similarity for each in of_part] for of_part in inside],
        long_text=setting.options.long_text,
    )
    by_pair = [list(each) for each in zip(*inside, strict=True)]
    return list(zip(pairs, fused, by_pair, strict=True))


def _explain_part(
    part: FusionPart, setting: Setting, pairs: Sequence[PreparedPair]
) -> list[_Inside]:
    """Explain the pairs by one part; words that it does not read have nothing of it."""
    method = next(m for m in map(get_method, INSIDE_PARTS) if m.works_with(part.scorer))
    options = method.own_options(setting.options)
    own = _read_by(part, pairs, setting)
    found = method.attribute(Setting(part.scorer, options, setting.lexicon), own)
    return [
        _Inside(saliency, method, _warnings(part, pair, read, saliency))
        for pair, read, saliency in zip(pairs, own, found, strict=True)
    ]


def _read_by(
    part: FusionPart, pairs: Sequence[PreparedPair], setting: Setting
) -> list[PreparedPair]:
    """Return the pairs with the part's own tokens, and those of their words that it reads."""
    texts = [(pair.left.tokens.text, pair.right.tokens.text) for pair in pairs]
    policy = setting.options.long_text
    if "joint sequence" in part.scorer.capabilities:
        read = cast("JointReader", part.scorer).tokenize_pairs(
            texts, prompts=part.prompts, long_text=policy
        )
    else:
        readers = sides_of(part.scorer)
        left, right = (
            reader.tokenize([pair[side] for pair in texts], prompt=prompt, long_text=policy)
            for side, (reader, prompt) in enumerate(zip(readers, part.prompts, strict=True))
        )
        read = list(zip(left, right, strict=True))
    if refused := next((text for pair in read for text in pair if text.refusal), None):
        raise TextError(f"{part.name}: {refused.refusal}")
    return [
        PreparedPair(_words_read(one, pair.left), _words_read(other, pair.right))
        for (one, other), pair in zip(read, pairs, strict=True)
    ]


def _words_read(tokens: TokenizedText, whole: PreparedText) -> PreparedText:
    end = int(tokens.offsets[:, 1].max(initial=0)) if tokens.truncated else len(tokens.text)
    spans = tuple(span for span in whole.alignment.spans if span[0] < end)
    return PreparedText(tokens, align(tokens.text, spans, tokens.offsets))


def _warnings(
    part: FusionPart, pair: PreparedPair, read: PreparedPair, saliency: PairSaliency
) -> tuple[str, ...]:
    said = [part.scorer.about_score(saliency.similarity)]
    for side, own, whole in (("left", read.left, pair.left), ("right", read.right, pair.right)):
        if unread := len(whole.words) - len(own.words):
            count = "the last word" if unread == 1 else f"the last {unread:,} words"
            said.append(f"It does not read {count} of the {side} text.")
    return tuple(f"{part.name}: {each}" for each in (*filter(None, said), *saliency.warnings))


def _summed(pair: PreparedPair, fused: FusedScore, inside: Sequence[_Inside]) -> PairSaliency:
    sides = pair.left, pair.right
    words = [np.zeros(len(side.words)) for side in sides]
    matrix, missed = np.zeros((len(words[0]), len(words[1]))), 0.0
    for factor, each in zip(fused.factors, inside, strict=True):
        own = _pairs_of(each)
        matrix[: own.shape[0], : own.shape[1]] += factor * own
        for total, side in zip(words, _sides(each), strict=True):
            total[: len(side.spans)] += factor * _added(side)
        missed += abs(factor * (each.saliency.completeness_gap or 0.0) * each.saliency.similarity)
    score = fused.score
    left, right = (
        _merged(side, scale_signed(total), fused, [_sides(each)[which] for each in inside], total)
        for which, (side, total) in enumerate(zip(sides, words, strict=True))
    )
    return PairSaliency(
        score,
        left,
        right,
        warnings=_said(fused, inside),
        completeness_gap=missed / abs(score) if score else float(missed > 0),
        matrix=matrix,
        remainder=score - float(matrix.sum()),
        parts=_named(fused, inside),
    )


def _ranked(pair: PreparedPair, fused: FusedScore, inside: Sequence[_Inside]) -> PairSaliency:
    sides = []
    for which, text in enumerate((pair.left, pair.right)):
        own = [_sides(each)[which] for each in inside]
        saliency = np.zeros(len(text.words))
        for part, side in zip(fused.parts, own, strict=True):
            share = part.contribution / fused.score
            saliency[: len(side.spans)] += share * np.abs(scale_signed(_added(side)))
        sides.append(_merged(text, saliency, fused, own))
    return PairSaliency(
        fused.score,
        sides[0],
        sides[1],
        warnings=_said(fused, inside),
        parts=_named(fused, inside),
    )


def _sides(inside: _Inside) -> tuple[WordSaliency, WordSaliency]:
    return inside.saliency.left, inside.saliency.right


def _added(side: WordSaliency) -> Floats:
    """Return what words add to their part, (W,)."""
    return np.zeros(len(side.spans)) if side.contributions is None else side.contributions


def _pairs_of(inside: _Inside) -> Floats:
    """Return what pairs of words add to their part, (W, W'): its matrix, or its matches in one."""
    found = inside.saliency
    if found.matrix is not None:
        return found.matrix
    matching = found.matching or inside.method.matching
    match = match_softly if matching == "soft" else match_mutually
    matrix = np.zeros((len(found.left.spans), len(found.right.spans)))
    for pair in match(found.left, found.right):
        matrix[pair.left, pair.right] = pair.score
    return matrix


def _merged(
    text: PreparedText,
    saliency: Floats,
    fused: FusedScore,
    own: Sequence[WordSaliency],
    contributions: Floats | None = None,
) -> WordSaliency:
    """Return the words of one text, by what its parts say of them.

    A word's vector is its vectors in all parts, side by side, each of length 1 times the root of
    the part's weight: the cosine of two words that all parts have is the mean of theirs.
    """
    matchable = np.zeros(len(text.words), dtype=bool)
    blocks = []
    for part, side in zip(fused.parts, own, strict=True):
        matchable[: len(side.spans)] |= side.matchable
        vectors = np.zeros((len(text.words), side.vectors.shape[1]))
        vectors[: len(side.spans)] = unit_rows(side.vectors) * np.sqrt(part.weight)
        blocks.append(vectors)
    return WordSaliency(
        spans=text.alignment.spans,
        saliency=saliency,
        vectors=np.concatenate(blocks, axis=1),
        matchable=matchable,
        contributions=contributions,
    )


def _said(fused: FusedScore, inside: Sequence[_Inside]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*fused.notes, *(s for each in inside for s in each.warnings))))


def _named(fused: FusedScore, inside: Sequence[_Inside]) -> tuple[ScorePart, ...]:
    return tuple(
        replace(part, method=each.method.name)
        for part, each in zip(fused.parts, inside, strict=True)
    )
