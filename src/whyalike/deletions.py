"""Words deleted from both texts of a pair, and what the model then scores: checked reasons.

A method says which pairs of words carry a score. A deletion asks the model itself.
"""

from collections.abc import Sequence
from dataclasses import replace
from heapq import nsmallest
from itertools import product

from whyalike.explanation import Checks, Deletion, ExplainedText, Explanation
from whyalike.models.scorer import Scorer, TextPair, scores_of
from whyalike.options import Chunks, LongText, policy_for
from whyalike.texts import is_mark, keep_words

USUAL = 3
"""Pairs that are checked where nobody says how many, and a pass is cheap."""


def usual_check(model: Scorer) -> int:
    """Return how many pairs to check by default: none where scores may cost calls, or much time.

    A pass is cheap where the model itself is at hand: its tokens are seen, or gradients, or its
    score taken apart.
    A fusion is as cheap as its dearest part.
    """
    parts = getattr(model, "parts", None)
    if parts and {"parts", "ranks"} & model.capabilities:
        return min(usual_check(part.scorer) for part in parts)
    if hasattr(model, "rehearsal"):
        return 0
    return USUAL if {"tokens", "gradients", "decomposition"} & model.capabilities else 0


def text_with(side: ExplainedText, kept: Sequence[bool], *, mask: str | None = None) -> str:
    """Return a text with only the words that are kept, (W,), and nothing that was not read.

    With all of them it is the whole text. Words beyond the model's limit would move up into the
    place of a word that is cut out.

    Parameters
    ----------
    side : ExplainedText
        The text, with W words.
    kept : sequence of bool
        (W,), whether each word stays.
    mask : str, optional
        What to put in the place of each other word instead of cutting it out.
    """
    if all(kept):
        return side.text
    start, end = side.read_from, side.read_until
    spans = [(word.start - start, word.end - start) for word in side.words]
    return keep_words(side.text[start:end], spans, kept, mask=mask)


def check_explanations(
    model: Scorer,
    explanations: Sequence[Explanation],
    *,
    count: int,
    prompts: tuple[str, str],
    long_text: LongText | Chunks,
) -> list[Explanation]:
    """Return explanations with what the model scores without the words of their first pairs.

    The words of each of the first ``count`` selected pairs are deleted from both texts, and then
    those of all of them. All variants of all explanations go to the model together, equal ones
    once. Where a text would have no word left, the model is not asked.

    Parameters
    ----------
    model : Scorer
        Whose score it is.
    explanations : sequence of Explanation
        Of that score.
    count : int
        How many pairs of each are checked, 1 or more.
    prompts : tuple[str, str]
        Put before the left texts and before the right ones.
    long_text : LongText or Chunks
        As the texts were read.

    Raises
    ------
    ModelError
        NaN.
    FunctionError
        A function of the user's raised something.
    """
    wanted = [_deletions(model, one, count) for one in explanations]
    variants = {
        (number, words): _variant(one, words)
        for number, (one, of_one) in enumerate(zip(explanations, wanted, strict=True))
        for words in of_one
    }
    unique = list(dict.fromkeys(pair for pair in variants.values() if pair is not None))
    scores = (
        scores_of(model, unique, prompts=prompts, long_text=policy_for(long_text)) if unique else []
    )
    found = dict(zip(unique, scores, strict=True))
    checked = []
    for number, (one, of_one) in enumerate(zip(explanations, wanted, strict=True)):
        done = []
        for words in of_one:
            variant = variants[number, words]
            score = None if variant is None else found[variant]
            fall = None if score is None else one.similarity - score
            done.append(Deletion(*words, similarity=score, fall=fall))
        several = len(done) > 1
        checks = Checks(tuple(done[:-1] if several else done), done[-1] if several else None)
        checked.append(replace(one, checks=checks))
    return checked


Words = tuple[tuple[int, ...], tuple[int, ...]]
"""Indices of words of the left text, and of the right one."""


def _deletions(model: Scorer, explanation: Explanation, count: int) -> list[Words]:
    """Return the words of each of the first pairs and, of two or more, those of all together."""
    pairs = [(pair.left, pair.right) for pair in explanation.pairs[:count]]
    if getattr(model, "is_rehearsal", False):
        pairs = _dearest(explanation, count)
    alone: list[Words] = [((left,), (right,)) for left, right in pairs]
    if len(pairs) < 2:
        return alone
    together = tuple(tuple(sorted({pair[side] for pair in pairs})) for side in (0, 1))
    return [*alone, (together[0], together[1])]


def _dearest(explanation: Explanation, count: int) -> list[tuple[int, int]]:
    """Return the pairs whose deletion leaves most to send.

    Which pairs a method would select is not known before the function was asked.
    """
    left, right = (
        nsmallest(count, range(len(side.words)), key=lambda n: len(side.words[n].text))
        for side in (explanation.left, explanation.right)
    )

    def letters(pair: tuple[int, int]) -> int:
        one, other = explanation.left.words[pair[0]], explanation.right.words[pair[1]]
        return len(one.text) + len(other.text)

    return nsmallest(count, product(left, right), key=letters)


def _variant(explanation: Explanation, words: Words) -> TextPair | None:
    """Return both texts without words; None where no word of a text would be left."""
    texts = []
    for side, gone in zip((explanation.left, explanation.right), words, strict=True):
        kept = [n not in gone for n in range(len(side.words))]
        if all(is_mark(word.text) for word, stays in zip(side.words, kept, strict=True) if stays):
            return None
        texts.append(text_with(side, kept))
    return texts[0], texts[1]
