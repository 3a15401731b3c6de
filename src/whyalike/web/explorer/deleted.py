"""Which words of a pair a method deletes first, as the metrics of faithfulness delete them."""

from collections.abc import Mapping
from dataclasses import dataclass

from whyalike.evaluation.perturbed import order_matches, order_words
from whyalike.explanation import ExplainedText, Explanation

WORDS_DELETED, PAIRS_DELETED = 5, 5
SEED = 0
"""That of ``measure_faithfulness``: of equal words, those go first that went first in a run."""

Run = tuple[str, int]
"""A run of a text, and its place among those that are deleted, from 1; 0 where it stays."""


@dataclass(frozen=True, slots=True)
class DeletedView:
    """Both texts with the words that a method deletes first; ``method`` is its name."""

    method: str
    sides: tuple[tuple[Run, ...], tuple[Run, ...]]


def view_deleted(explanation: Explanation, metric: str) -> DeletedView:
    """Return what ``metric`` deletes first: words, or those of pairs where it is one of pairs."""
    sides = (explanation.left, explanation.right)
    if metric.startswith("pair_"):
        matches = order_matches(explanation, marks=False, seed=SEED)
        chosen = matches if metric != "pair_checked" else explanation.pairs
        places = _pair_places([(pair.left, pair.right) for pair in chosen[:PAIRS_DELETED]])
    else:
        orders = [order_words(side, marks=False, seed=SEED).ranked.tolist() for side in sides]
        places = [
            {word: place for place, word in enumerate(order[:WORDS_DELETED], start=1)}
            for order in orders
        ]
    first, second = (_runs(side, own) for side, own in zip(sides, places, strict=True))
    return DeletedView(explanation.method, (first, second))


def _pair_places(pairs: list[tuple[int, int]]) -> list[dict[int, int]]:
    """Return the place of each word, that of the first pair that it is in, for both sides."""
    places: list[dict[int, int]] = [{}, {}]
    for place, pair in enumerate(pairs, start=1):
        for own, word in zip(places, pair, strict=True):
            own.setdefault(word, place)
    return places


def _runs(side: ExplainedText, places: Mapping[int, int]) -> tuple[Run, ...]:
    """Return a text as runs."""
    runs: list[Run] = []
    end = 0
    for number, word in enumerate(side.words):
        if number not in places:
            continue
        if word.start > end:
            runs.append((side.text[end : word.start], 0))
        runs.append((side.text[word.start : word.end], places[number]))
        end = word.end
    if end < len(side.text):
        runs.append((side.text[end:], 0))
    return tuple(runs)
