"""Two models on the same texts: where scores or ranks moved, and which words moved them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from whyalike.arrays import Floats
from whyalike.chain import signed
from whyalike.data.items import Item
from whyalike.data.queries import LabelledQuery
from whyalike.diagnosing.corpus import Corpus, Tell
from whyalike.errors import OptionError
from whyalike.explainer import Explainer
from whyalike.explanation import Explanation
from whyalike.models.scorer import scores_of
from whyalike.options import check_whole, policy_for
from whyalike.reports.difference import Difference, MovedPair, MovedWord, WordMovement
from whyalike.texts import is_mark

WORDS_KEPT = 20

FEWEST = 3
"""Scores that a standard deviation needs here: of two, both are one away from the mean."""


def diff_models(
    before: Any,
    after: Any,
    pairs: Iterable[tuple[str, str]] | None = None,
    *,
    queries: Sequence[LabelledQuery] | None = None,
    passages: Sequence[Item] | None = None,
    k: int = 5,
    explain: int = 50,
    progress: Tell | None = None,
) -> Difference:
    """Say where two models differ, and which words make the difference.

    Contributions of words sum to a score; divided by the standard deviation of the model's scores
    they are in one unit, and the words of a text are the same to both models: they subtract.

    Parameters
    ----------
    before : Explainer, or what one is made of
        The first model, such as the one before a fine-tune.
    after : Explainer, or what one is made of
        The second one.
    pairs : iterable of tuple of str, optional
        Pairs of texts, three or more: z is over all of them.
    queries : sequence of LabelledQuery, optional
        Instead of pairs, queries with their right items: ranks are compared too, and z is over all
        passages of a query.
    passages : sequence of Item, optional
        What queries search.
    k : int, default=5
        A right item among the first k is found.
    explain : int, default=50
        How many pairs are explained, those first that moved farthest.
    progress : callable, optional
        Is called with what is done, how much of it, and how much there is.

    Raises
    ------
    OptionError
        Neither pairs nor queries with passages, too few of them, or a number that is not allowed.
    TextError, ModelError, ModelNotFoundError, UnsafeModelError
        As ``Explainer``.
    """
    check_whole("k", k)
    check_whole("explain", explain, least=0)
    if (pairs is None) == (queries is None) or (queries is None) != (passages is None):
        raise OptionError("Give either pairs of texts, or queries together with passages.")
    tell = progress or _tell_nobody
    models = [each if isinstance(each, Explainer) else Explainer(each) for each in (before, after)]
    explainers = signed(models[0]), signed(models[1])
    notes: list[str] = []
    if pairs is not None:
        moved, scales = _move_pairs(explainers, list(pairs), tell)
    else:
        moved, scales = _move_queries(
            explainers, queries or (), passages or (), k=k, tell=tell, notes=notes
        )
    moved_scales = dict(zip([pair.id for pair in moved], scales, strict=True))
    order = sorted(moved, key=lambda pair: (-abs(pair.moved), pair.id))
    chosen = order[:explain]
    explained = _explain(explainers, chosen, [moved_scales[pair.id] for pair in chosen], tell)
    if len(chosen) < len(order):
        notes.append(f"Words are those of the {len(chosen):,} pairs that moved farthest.")
    scores = np.array([[pair.before for pair in order], [pair.after for pair in order]])
    is_queries = queries is not None
    return Difference(
        before=explainers[0].model.name,
        after=explainers[1].model.name,
        methods=(explainers[0].method.name, explainers[1].method.name),
        kind="queries" if is_queries else "pairs",
        agreement=_agreement(scores),
        explained=len(chosen),
        pairs=(*(pair for pair, _ in explained), *order[len(chosen) :]),
        words=_movements([words for _, words in explained]),
        k=k if is_queries else None,
        found_before=_found([pair.before_rank for pair in order], k) if is_queries else None,
        found_after=_found([pair.after_rank for pair in order], k) if is_queries else None,
        notes=tuple(notes),
    )


def _tell_nobody(what: str, done: int, total: int) -> None:
    """Take no notice of progress."""


def _found(ranks: Sequence[int | None], k: int) -> int:
    return sum(rank is not None and rank <= k for rank in ranks)


def _agreement(scores: Floats) -> float:
    """Return Spearman's correlation of two rows (2, N); 0 where one of them is constant."""
    if scores.shape[1] < 2 or (np.ptp(scores, axis=1) == 0).any():
        return 0.0
    return float(spearmanr(scores[0], scores[1]).statistic)


Scales = tuple[float, float]
"""The standard deviations of both models' scores."""


def _move_pairs(
    explainers: tuple[Explainer, Explainer], pairs: Sequence[tuple[str, str]], tell: Tell
) -> tuple[list[MovedPair], list[Scales]]:
    if len(pairs) < FEWEST:
        raise OptionError(
            f"There are {len(pairs)} pairs: a scale needs {FEWEST} or more, better dozens."
        )
    scores, zs, deviations = [], [], []
    for number, each in enumerate(explainers):
        tell("scoring pairs", number, 2)
        own = np.array(
            scores_of(
                each.model,
                pairs,
                prompts=each.prompts,
                long_text=policy_for(each.options.long_text),
            )
        )
        z, deviation = standardise(own)
        scores.append(own)
        zs.append(z)
        deviations.append(deviation)
    tell("scoring pairs", 2, 2)
    moved = [
        MovedPair(
            str(n + 1),
            left,
            right,
            float(scores[0][n]),
            float(scores[1][n]),
            float(zs[0][n]),
            float(zs[1][n]),
        )
        for n, (left, right) in enumerate(pairs)
    ]
    return moved, [(deviations[0], deviations[1])] * len(moved)


def standardise(scores: Floats) -> tuple[Floats, float]:
    """Return scores (N,) in standard deviations of the sample from their mean, and that deviation.

    Where all are the same they are 0, and the deviation is taken for 1.
    """
    deviation = float(scores.std(ddof=1)) or 1.0
    found: Floats = (scores - scores.mean()) / deviation
    return found, deviation


def _move_queries(
    explainers: tuple[Explainer, Explainer],
    queries: Sequence[LabelledQuery],
    passages: Sequence[Item],
    *,
    k: int,
    tell: Tell,
    notes: list[str],
) -> tuple[list[MovedPair], list[Scales]]:
    if len(passages) < FEWEST:
        raise OptionError(f"There are {len(passages)} passages: a scale needs {FEWEST} or more.")
    corpora = [Corpus.of_items(passages, each, tell=tell) for each in explainers]
    ids: set[str] = set()
    moved: list[MovedPair] = []
    scales: list[Scales] = []
    left_out = 0
    for number, query in enumerate(queries):
        tell("searching", number, len(queries))
        places = corpora[0].places
        right = [places[id] for id in query.right if id in places]
        if not right or query.id in ids:
            left_out += 1
            continue
        ids.add(query.id)
        scores = [corpus.scores(query.query) for corpus in corpora]
        placings = [
            corpus.place(own, right, k) for corpus, own in zip(corpora, scores, strict=True)
        ]
        # Of several right items that one which the second model places best.
        item = placings[1].item
        (z, deviation), (other_z, other) = (standardise(own) for own in scores)
        moved.append(
            MovedPair(
                query.id,
                query.query,
                passages[item].text,
                float(scores[0][item]),
                float(scores[1][item]),
                float(z[item]),
                float(other_z[item]),
                placings[0].rank,
                placings[1].rank,
            )
        )
        scales.append((deviation, other))
    tell("searching", len(queries), len(queries))
    if left_out:
        notes.append(f"{left_out:,} queries were left out: none of their right items is there.")
    if not moved:
        raise OptionError("No query has a right item among the passages: check the ids.")
    return moved, scales


def _explain(
    explainers: tuple[Explainer, Explainer],
    pairs: Sequence[MovedPair],
    scales: Sequence[Scales],
    tell: Tell,
) -> list[tuple[MovedPair, tuple[MovedWord, ...]]]:
    """Return the pairs with their words that moved most, and all of their words."""
    found: list[list[Explanation]] = []
    total = 2 * len(pairs)
    for each in explainers:
        done: list[Explanation] = []
        if "signed" in each.method.promises:
            for explanation in each.explain_many((pair.left, pair.right) for pair in pairs):
                done.append(explanation)
                tell("explaining pairs", len(found) * len(pairs) + len(done), total)
        found.append(done)
    if not all(len(done) == len(pairs) for done in found):
        return [(pair, ()) for pair in pairs]
    explained = []
    for pair, scale, before, after in zip(pairs, scales, *found, strict=True):
        words = _moved_words(before, after, scale)
        explained.append((replace(pair, words=words[:WORDS_KEPT]), words))
    return explained


def _moved_words(before: Explanation, after: Explanation, scales: Scales) -> tuple[MovedWord, ...]:
    """Return the words of both texts by what they add more, in standard deviations."""
    words: list[MovedWord] = []
    sides = (("left", before.left, after.left), ("right", before.right, after.right))
    for name, one, other in sides:
        adds: dict[tuple[int, int], list[float]] = {}
        for model, side in enumerate((one, other)):
            for word in side.words:
                # What one model does not read adds nothing to its score.
                own = adds.setdefault((word.start, word.end), [0.0, 0.0])
                own[model] = (word.contribution or 0.0) / scales[model]
        words += [
            MovedWord(one.text[start:end], name, start, end, *own)  # type: ignore[arg-type]
            for (start, end), own in adds.items()
            if not is_mark(one.text[start:end])
        ]
    return tuple(sorted(words, key=lambda word: (-abs(word.moved), word.side, word.start)))


def _movements(words: Sequence[Sequence[MovedWord]]) -> tuple[WordMovement, ...]:
    """Return how words moved in the mean over the pairs that have them, most risen first."""
    moved: dict[str, list[float]] = defaultdict(list)
    for own in words:
        sums: dict[str, float] = defaultdict(float)
        for word in own:
            sums[word.text.lower()] += word.moved
        for text, value in sums.items():
            moved[text].append(value)
    found = [
        WordMovement(text, float(np.mean(values)), len(values)) for text, values in moved.items()
    ]
    return tuple(sorted(found, key=lambda word: (-word.moved, word.text)))
