"""From word saliency to an explanation: match, select, and say what there is to say."""

from collections.abc import Sequence

from whyalike.attribution import Method
from whyalike.encoder.text_model import TextModel
from whyalike.explain.explanation import Explanation
from whyalike.explain.preparation import Reading, reading_warnings
from whyalike.matching import (
    match_by_contribution,
    match_mutually,
    match_softly,
    match_words,
    unmatched_words,
)
from whyalike.selection import best_first, top_words
from whyalike.text import is_mark
from whyalike.types import (
    BTIOptions,
    ExplainedText,
    PairSaliency,
    Word,
    WordPair,
    WordSaliency,
)
from whyalike.types.options import Matching

Matches = tuple[WordPair, ...]


def assemble(
    left: Reading,
    right: Reading,
    saliency: PairSaliency,
    *,
    model: TextModel,
    method: Method,
    options: BTIOptions,
    prompts: tuple[str, str],
    warnings: tuple[str, ...],
) -> Explanation:
    """Match, select, and put everything into the object that users hold.

    Args:
        left: the left text as it was read.
        right: the right text as it was read.
        saliency: what the method found.
        model: whose similarity it is.
        method: which method it was; it says how words are matched unless ``options`` does.
        options: the user's choices.
        prompts: put before the left text and before the right one.
        warnings: what was said of the texts before.
    """
    matching = options.matching or method.matching
    matches, unmatched = _match(saliency, matching=matching, union=options.union)
    matrix, remainder = saliency.matrix, saliency.remainder
    shares = matching in ("mutual", "soft") and {"pairs", "sums"} <= set(method.promises)
    if matrix is None and shares:
        remainder = saliency.similarity - sum(pair.score for pair in matches)
    return Explanation(
        similarity=saliency.similarity,
        similarity_function=model.similarity_function,
        method=method.name,
        model=model.name,
        pooling=model.pooling,
        left=_explained(left, saliency.left, unmatched[0]),
        right=_explained(right, saliency.right, unmatched[1]),
        pairs=top_words(matches, options=options),
        matches=best_first(matches),
        warnings=(
            *warnings,
            *reading_warnings(left, side="left", model=model),
            *reading_warnings(right, side="right", model=model),
            *saliency.warnings,
        ),
        completeness_gap=saliency.completeness_gap,
        pair_contributions=None if matrix is None else tuple(map(tuple, matrix.tolist())),
        remainder=remainder,
        options=options,
        prompts=prompts,
    )


def _match(
    saliency: PairSaliency, *, matching: Matching, union: bool
) -> tuple[Matches, tuple[tuple[int, ...], tuple[int, ...]]]:
    """Return the matches, and the words of each side that match nothing."""
    left, right = saliency.left, saliency.right
    if saliency.matrix is not None:
        matches = match_by_contribution(left, right, saliency.matrix, union=union)
        return matches, unmatched_words(matches, left, right, by="score")
    if matching == "nearest":
        matches = match_words(left, right, union=union)
        return matches, unmatched_words(matches, left, right, by="similarity")
    matches = match_softly(left, right) if matching == "soft" else match_mutually(left, right)
    return matches, unmatched_words(matches, left, right, by=None)


def _explained(
    reading: Reading, saliency: WordSaliency, unmatched: tuple[int, ...]
) -> ExplainedText:
    text = reading.prepared.tokens.text
    contributions: Sequence[float | None] = [None] * len(saliency.spans)
    if saliency.contributions is not None:
        contributions = saliency.contributions.tolist()
    words = tuple(
        Word(text[start:end], start, end, value, contribution)
        for (start, end), value, contribution in zip(
            saliency.spans, saliency.saliency.tolist(), contributions, strict=True
        )
    )
    # A comma without a partner is no reason for anything.
    telling = tuple(n for n in unmatched if not is_mark(words[n].text))
    return ExplainedText(text, words, reading.unread_words, telling)
