"""Words deleted from both texts of a pair, and what the model then scores: checked reasons.

A method says which pairs of words carry a score. A deletion asks the model itself.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from heapq import nsmallest
from itertools import product

from whyalike.comparison import Comparison, ComparisonRow, MarginChecks, MarginDeletion
from whyalike.explanation import Checks, Deletion, ExplainedText, Explanation, WordPair
from whyalike.models.scorer import KnownScores, Scorer, TextPair
from whyalike.options import Chunks, LongText, Selection
from whyalike.selection import SortedMatches, best_first, sort_matches
from whyalike.texts import is_mark, keep_words

USUAL = 3
"""Pairs that are checked where nobody says how many, and a pass is cheap."""

USUAL_ROWS = 10
"""The same of the rows of a comparison: of the query, and of the texts."""

CONNECTORS_AMONG = 5
"""Of so many rows that are checked, one may be of a connector, if other words are there."""


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


Words = tuple[tuple[int, ...], tuple[int, ...]]
"""Indices of words of the left text, and of the right one."""


def check_explanations(
    model: Scorer,
    explanations: Sequence[Explanation],
    *,
    count: int,
    prompts: tuple[str, str],
    long_text: LongText | Chunks,
    selection: Selection = "clusters",
    common: Collection[str] = (),
) -> list[Explanation]:
    """Return explanations with what the model scores without the words of their first pairs.

    The words of each of the first ``count`` selected pairs are deleted from both texts, and then
    those of all of them. All variants of all explanations go to the model together, equal ones
    once. Where a text would have no word left, the model is not asked.

    With the selection ``content`` it is the model that decides which pairs those are: more are
    deleted before, and only those are shown whose deletion lowers the score. Where none does, the
    pairs stay as they are.

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
    selection : Selection, default='clusters'
        How the pairs of the explanations were selected.
    common : collection of str, default=()
        Words, in lower case, that are shown as stop words are.

    Raises
    ------
    ModelError
        NaN.
    FunctionError
        A function of the user's raised something.
    """
    ask = _Asking(KnownScores(model, prompts=prompts, long_text=long_text))
    wanted: list[list[Words]]
    if selection == "content":
        if getattr(model, "is_rehearsal", False):
            dearest = (_dearest(one, MOST_ASKED * count) for one in explanations)
            wanted = [[((i,), (j,)) for i, j in of_one] for of_one in dearest]
            ask.score(explanations, wanted)
        else:
            found = [_sorted_matches(one, common) for one in explanations]
            explanations = _by_what_holds(ask, explanations, found, count)
    wanted = [_deletions(model, one, count) for one in explanations]
    ask.score(explanations, wanted)
    checked = []
    for one, of_one in zip(explanations, wanted, strict=True):
        done = [ask.deletion(one, words) for words in of_one]
        several = len(done) > 1
        checks = Checks(tuple(done[:-1] if several else done), done[-1] if several else None)
        checked.append(replace(one, checks=checks))
    return checked


ROUNDING = 1e-4
"""Of the score: a fall of less is none. Equal texts stay as alike whatever word leaves both."""

PART_OF_BEST = 0.1
"""Of what the best pair takes: a pair that takes less is not shown where pairs were deleted."""


def _by_what_holds(
    ask: "_Asking",
    explanations: Sequence[Explanation],
    found: Sequence[SortedMatches],
    count: int,
) -> list[Explanation]:
    """Return explanations with the pairs that the model holds true, of content where some are.

    Only where no pair of content lowers the score are others asked about, in a second batch.
    """
    kept = list(explanations)
    waiting = list(range(len(kept)))
    for choose in (_content_candidates, _other_candidates):
        asked = [choose(found[n], count) for n in waiting]
        some = [explanations[n] for n in waiting]
        ask.score(some, [[_words_of(pair) for pair in pairs] for pairs in asked])
        good = [
            pairs_that_hold(one, {pair: ask.deletion(one, _words_of(pair)).fall for pair in pairs})
            for one, pairs in zip(some, asked, strict=True)
        ]
        for n, pairs in zip(waiting, good, strict=True):
            if pairs:
                kept[n] = replace(kept[n], pairs=pairs)
        waiting = [n for n, pairs in zip(waiting, good, strict=True) if not pairs]
    return kept


def pairs_that_hold(
    explanation: Explanation, falls: Mapping[WordPair, float | None]
) -> tuple[WordPair, ...]:
    """Return the pairs whose deletion lowers the score by a part that counts, best first.

    That is PART_OF_BEST of what the deletion of the best pair takes.

    Parameters
    ----------
    explanation : Explanation
        Whose score it is.
    falls : Mapping[WordPair, float | None]
        How much the score falls with the words of each pair that was deleted; None where that was
        not scored.
    """
    known = {pair: fall for pair, fall in falls.items() if fall is not None}
    least = PART_OF_BEST * max(known.values(), default=0.0)
    least = max(least, ROUNDING * abs(explanation.similarity))
    return best_first([pair for pair, fall in known.items() if fall > least])


def _words_of(pair: WordPair) -> Words:
    return (pair.left,), (pair.right,)


def _sorted_matches(explanation: Explanation, common: Collection[str]) -> SortedMatches:
    left, right = ([w.text for w in side.words] for side in (explanation.left, explanation.right))
    return sort_matches(explanation.matches, left, right, common=common)


def _content_candidates(found: SortedMatches, count: int) -> tuple[WordPair, ...]:
    """Return the pairs of content that may come to be shown: CANDIDATES for each asked for.

    The first are those that add most. As near zero no sign of what a pair adds is sure, the others
    are the pairs whose words are most alike, so that synonyms have their chance.
    """
    first = (CANDIDATES - 1) * count
    rest = sorted(found.content[first:], key=lambda pair: -pair.similarity)
    return (*found.content[:first], *rest[:count])


def _other_candidates(found: SortedMatches, count: int) -> tuple[WordPair, ...]:
    return found.function[:count]


CANDIDATES = 3
"""Pairs that are deleted for each that is asked for, where the model decides which are shown."""

MOST_ASKED = CANDIDATES + 1
"""The same, where none of content lowers the score, and others are asked about."""


class _Asking:
    """A model that is asked for the score of each variant once."""

    def __init__(self, scores: KnownScores) -> None:
        self.scores = scores

    def score(self, explanations: Sequence[Explanation], wanted: Sequence[Sequence[Words]]) -> None:
        """Ask for all variants that are not known yet, together."""
        variants = (
            _variant(one, words)
            for one, of_one in zip(explanations, wanted, strict=True)
            for words in of_one
        )
        self.scores.ask(pair for pair in variants if pair is not None)

    def deletion(self, explanation: Explanation, words: Words) -> Deletion:
        """Return what the model scored without words."""
        variant = _variant(explanation, words)
        score = None if variant is None else self.scores[variant]
        fall = None if score is None else explanation.similarity - score
        return Deletion(*words, similarity=score, fall=fall)


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


def check_comparison(
    model: Scorer,
    comparison: Comparison,
    *,
    count: int,
    prompts: tuple[str, str],
    long_text: LongText | Chunks,
) -> Comparison:
    """Return a comparison with what the model scores without the words of its first rows.

    Of the query's words, and of those of both texts, the first ``count`` are deleted one by one,
    all occurrences at once: all variants go to the model together, equal ones once. Those that
    turn out to carry the margin are then deleted together.

    Parameters
    ----------
    model : Scorer
        Whose scores they are.
    comparison : Comparison
        Of these scores.
    count : int
        How many rows of each kind are checked, 1 or more.
    prompts : tuple[str, str]
        Put before the query and before the texts.
    long_text : LongText or Chunks
        As the texts were read.

    Raises
    ------
    ModelError
        NaN.
    FunctionError
        A function of the user's raised something.
    """
    rows = (*_chosen(comparison.query_rows, count), *_chosen(comparison.text_rows, count))
    pairs = (comparison.better, comparison.worse)
    known = {(one.left.text, one.right.text): one.similarity for one in pairs}
    scores = KnownScores(model, prompts=prompts, long_text=long_text, known=known)
    done = _without(scores, comparison, [_places(row) for row in rows])
    checked = replace(comparison, checks=MarginChecks(tuple(done)))
    carrying = checked.carrying
    if len(carrying) > 1:
        together = tuple(
            tuple(sorted(n for row in carrying for n in _places(row)[which])) for which in range(3)
        )
        places = together[0], together[1], together[2]
        both = _without(scores, comparison, [places])[0]
        checked = replace(checked, checks=MarginChecks(tuple(done), both))
    return checked


Places = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]
"""Indices of words of the query, of the text called better, and of the other."""


def _places(row: ComparisonRow) -> Places:
    return row.query, row.better, row.worse


def _chosen(rows: Sequence[ComparisonRow], count: int) -> list[ComparisonRow]:
    """Return the rows to be checked: those with the greatest effects, few connectors among them."""
    connectors = [row for row in rows if row.is_connector]
    others = [row for row in rows if not row.is_connector]
    few = max(count // CONNECTORS_AMONG, count - len(others))
    some = connectors[:few]
    return [*others[: count - len(some)], *some]


def _without(
    scores: KnownScores, comparison: Comparison, wanted: Sequence[Places]
) -> list[MarginDeletion]:
    """Return the scores of both pairs without the words at some places, each alone."""
    better, worse = comparison.better, comparison.worse
    variants = [
        (_variant(better, (query, one)), _variant(worse, (query, other)))
        for query, one, other in wanted
    ]
    scores.ask(pair for both in variants for pair in both if pair is not None)
    return [
        MarginDeletion(*words, *(None if pair is None else scores[pair] for pair in both))
        for words, both in zip(wanted, variants, strict=True)
    ]
