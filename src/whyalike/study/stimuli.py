"""Explanations made alike in all but what they explain, so that no method is known by its looks."""

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import median_low
from typing import Literal

from whyalike.errors import OptionError
from whyalike.explanation import ExplainedText, Explanation, Word, WordPair
from whyalike.study.practice import shown_explanation
from whyalike.study.shuffle import Shuffle

Shown = Literal["equal", "own"]

FEWEST, MOST = 3, 10
"""Pairs of a stimulus, where the methods have so many."""
FAINTEST = 0.1
"""Saliency of a word in a shown pair, at least: each of them is marked."""
DECIMALS = 2


def blind(explanations: Sequence[Explanation], *, shown: Shown) -> list[Explanation]:
    """Return what raters see of one sample, an explanation of it by each method.

    A stimulus has the texts, the words of the best pairs with one unsigned scale of saliency, and
    these pairs with one scale of scores; nothing else. The number of pairs is the same for all
    methods: the median of what they select themselves, 3 to 10, and no more than each of them has,
    but that a method with fewer than 3 does not make the others show fewer.
    docs/decisions/0009-study.md says why.

    Args:
        explanations: of one pair of texts, in the order of the methods.
        shown: ``"equal"``, or ``"own"`` for as many pairs as each method selects.

    Raises:
        OptionError: the explanations are of different texts, or of different words.
    """
    if len({_words_of(one) for one in explanations}) > 1:
        raise OptionError(
            "The methods' explanations are of different texts or words: make them with the same "
            "options."
        )
    ranked = [_distinct(one.matches) for one in explanations]
    chosen = [_distinct(one.pairs) for one in explanations]
    if shown == "equal":
        count = pairs_shown([len(own) for own in chosen], [len(pairs) for pairs in ranked])
        chosen = [pairs[:count] for pairs in ranked]
    return [_drawn(one, pairs) for one, pairs in zip(explanations, chosen, strict=True)]


def pairs_shown(selected: Sequence[int], available: Sequence[int]) -> int:
    """Return how many pairs to show by each method.

    Args:
        selected: how many pairs each method selects.
        available: how many matches with a score above zero each has.
    """
    wanted = min(max(median_low(selected), FEWEST), MOST)
    return max(FEWEST, min(wanted, *available))


def nonsense(
    sample: Explanation, commonness: Mapping[str, int], *, seed: str
) -> Explanation | None:
    """Return a sample's stimulus with the commonest words of all texts paired, none with itself.

    None where it has too few words.

    Args:
        sample: a stimulus of it, whose number of pairs is kept.
        commonness: in how many texts each word is, by ``word_form``.
        seed: of the order of the pairs.
    """
    count = max(FEWEST, len(sample.pairs))
    left, right = sample.left.words, sample.right.words
    free = _commonest(sample.right, commonness)
    pairs = []
    for n in Shuffle(seed).order(_commonest(sample.left, commonness)[:count], "left"):
        other = next((m for m in free if word_form(left[n]) != word_form(right[m])), None)
        if other is not None:
            free.remove(other)
            pairs.append((n, other))
    if len(pairs) < count:
        return None
    scores = [1 - 0.6 * n / count for n in range(count)]
    return shown_explanation(
        _marked(sample.left, dict(zip([n for n, _ in pairs], scores, strict=True))),
        _marked(sample.right, dict(zip([m for _, m in pairs], scores, strict=True))),
        _scored(pairs, scores),
    )


def _commonest(side: ExplainedText, commonness: Mapping[str, int]) -> list[int]:
    """Return where each form stands first, the commonest form first."""
    first = {word_form(word): n for n, word in reversed(list(enumerate(side.words)))}
    return sorted(first.values(), key=lambda n: (-commonness[word_form(side.words[n])], n))


def count_words(samples: Sequence[Explanation]) -> Counter[str]:
    """Return in how many texts of the samples each word is, by its form."""
    return Counter(
        form
        for sample in samples
        for side in (sample.left, sample.right)
        for form in {word_form(word) for word in side.words}
    )


def word_form(word: Word) -> str:
    """Return the word without what capitals make of it."""
    return word.text.casefold()


def _words_of(explanation: Explanation) -> tuple[object, ...]:
    return tuple(
        (side.text, side.unread_words, tuple((word.start, word.end) for word in side.words))
        for side in (explanation.left, explanation.right)
    )


def _distinct(pairs: Sequence[WordPair]) -> list[WordPair]:
    """Return the pairs that speak for likeness, best first, each once."""
    best = sorted((pair for pair in pairs if pair.score > 0), key=lambda pair: -pair.score)
    return list({(pair.left, pair.right): pair for pair in reversed(best)}.values())[::-1]


def _drawn(explanation: Explanation, pairs: Sequence[WordPair]) -> Explanation:
    left, right = explanation.left, explanation.right
    greatest = max((pair.score for pair in pairs), default=1.0)
    return shown_explanation(
        _marked(left, _strengths(left, [pair.left for pair in pairs])),
        _marked(right, _strengths(right, [pair.right for pair in pairs])),
        _scored(
            [(pair.left, pair.right) for pair in pairs],
            [pair.score / greatest for pair in pairs],
        ),
    )


def _strengths(side: ExplainedText, shown: Sequence[int]) -> dict[int, float]:
    """Return the saliency of the shown words, as a part of the greatest of them."""
    clipped = {n: max(side.words[n].saliency, 0.0) for n in shown}
    greatest = max(clipped.values(), default=0.0)
    return {n: value / greatest if greatest else 1.0 for n, value in clipped.items()}


def _marked(side: ExplainedText, strengths: Mapping[int, float]) -> ExplainedText:
    """Return the text with these words marked and no others."""
    words = tuple(
        Word(
            word.text,
            word.start,
            word.end,
            round(max(strengths[n], FAINTEST), DECIMALS) if n in strengths else 0.0,
        )
        for n, word in enumerate(side.words)
    )
    return ExplainedText(side.text, words, side.unread_words)


def _scored(pairs: Sequence[tuple[int, int]], scores: Sequence[float]) -> list[WordPair]:
    least = 10.0**-DECIMALS
    return [
        WordPair(left, right, 0.0, max(round(score, DECIMALS), least))
        for (left, right), score in zip(pairs, scores, strict=True)
    ]
