"""Do an explanation's matches agree with the words that people link?"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from whyalike.errors import OptionError
from whyalike.evaluation.gold import (
    AlignedPair,
    Chosen,
    Link,
    check_same_texts,
    links_at_blanks,
    words_at_blanks,
)
from whyalike.evaluation.gold_counts import GoldScores, LinkCounts
from whyalike.evaluation.metrics import Metric
from whyalike.explainer import Explainer
from whyalike.explanation import Explanation

_LAN = "Lan, Jiang and Xu 2021; possible links count as sure"
_OCH = "Och and Ney 2003: precision by sure and possible links, recall by sure ones"
_YAO = "Yao et al. 2013"

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("alignment_precision", "links that people see too", _LAN, True),
        Metric("alignment_recall", "links of people that are found", _LAN, True),
        Metric("alignment_f", "F of links, sure and possible, over all pairs", _LAN, True),
        Metric("alignment_f_macro", "mean of the pairs' own alignment_f", _LAN, True),
        Metric("alignment_f_sure", "F of links, where possible ones need not be", _OCH, True),
        Metric(
            "alignment_f_non_identical",
            "alignment_f of links between words that are spelled differently",
            _YAO,
            True,
        ),
        Metric(
            "alignment_f_unaligned",
            "F of the words that have no link",
            "Arase et al. 2023: null alignment",
            True,
        ),
    )
}

COUNTED = (
    "alignment_f",
    "alignment_f_sure",
    "alignment_f_non_identical",
    "alignment_f_unaligned",
)
"""The metrics whose counts are kept for each pair, to be resampled."""


def evaluate_alignment(
    explainer: Explainer,
    gold: Sequence[AlignedPair],
    *,
    chosen: Chosen = "matches",
    progress: Callable[[int, int], None] | None = None,
) -> GoldScores:
    """Explain the pairs of a gold alignment, and score the explanations' links.

    Parameters
    ----------
    explainer : Explainer
        A model and a method.
    gold : sequence of AlignedPair
        P pairs, of ``read_multimwa`` or ``read_edinburgh``.
    chosen : Chosen, default='matches'
        Score all ``matches``, or the selected ``pairs`` only.
    progress : Callable[[int, int], None], optional
        Is called with how many pairs are done, and of how many.

    Raises
    ------
    OptionError
        There is no gold, or another choice.
    """
    links = []
    explanations = explainer.explain_many([(pair.left, pair.right) for pair in gold])
    for number, (pair, explanation) in enumerate(zip(gold, explanations, strict=True), start=1):
        links.append(_links_of(explanation, pair, chosen))
        if progress is not None:
            progress(number, len(gold))
    return score_links(
        links,
        gold,
        method=explainer.method.name,
        model=explainer.model.name,
        settings={"chosen": chosen},
    )


def score_alignment(
    explanations: Iterable[Explanation],
    gold: Sequence[AlignedPair],
    *,
    chosen: Chosen = "matches",
) -> GoldScores:
    """Score explanations that are there already, in the order of the gold.

    Raises
    ------
    OptionError
        Another number of explanations than of pairs, or of other texts.
    """
    given = list(explanations)
    if len(given) != len(gold) or not given:
        raise OptionError(f"There are {len(given)} explanations of {len(gold)} pairs of gold.")
    links = [_links_of(e, pair, chosen) for e, pair in zip(given, gold, strict=True)]
    return score_links(
        links,
        gold,
        method=given[0].method,
        model=given[0].model,
        settings={"chosen": chosen},
    )


def score_links(
    links: Sequence[Iterable[Link]],
    gold: Sequence[AlignedPair],
    *,
    method: str,
    model: str = "",
    settings: dict[str, str] | None = None,
) -> GoldScores:
    """Score links of words at blanks, whatever found them.

    With A the links given, S the sure and P the possible ones:

    - alignment_f: precision |A ∩ (S ∪ P)| / |A|, recall |A ∩ (S ∪ P)| / |S ∪ P|, over all pairs.
    - alignment_f_sure: the same precision, recall |A ∩ S| / |S|.
    - alignment_f_non_identical: as the first, where A, S and P keep the links between words that
      differ in lower case.
    - alignment_f_unaligned: precision and recall of the words without a link in A, against those
      without one in S ∪ P, of both texts.

    Parameters
    ----------
    links : Sequence[iterable of Link]
        For each of P pairs.
    gold : sequence of AlignedPair
        The P pairs.
    method : str
        What to call what found them.
    model : str, default=''
        Whose words they are, if a model's.
    settings : dict[str, str], optional
        Choices to be remembered.

    Raises
    ------
    OptionError
        Another number of links than of pairs, or none.
    """
    if len(links) != len(gold) or not gold:
        raise OptionError(f"There are links for {len(links)} pairs and gold for {len(gold)}.")
    rows = [_count(frozenset(given), pair) for given, pair in zip(links, gold, strict=True)]
    table = np.array(rows, dtype=np.float64)
    counts = {
        name: LinkCounts(*(table[:, place, column] for column in range(4)))
        for place, name in enumerate(COUNTED)
    }
    every = counts["alignment_f"]
    values = {
        "alignment_precision": every.precision(),
        "alignment_recall": every.recall(),
        "alignment_f_macro": every.macro_f(),
        **{name: found.f() for name, found in counts.items()},
    }
    return GoldScores(
        method=method,
        model=model,
        names=tuple(pair.name for pair in gold),
        counts=counts,
        values={name: values[name] for name in METRICS},
        settings=settings or {},
    )


def identical_words(pair: AlignedPair) -> frozenset[Link]:
    """Link words of the same spelling in lower case, the n-th of one text with that of the other.

    What a method must beat to be worth its model.
    """
    left, right = _spellings(pair)
    places: dict[str, list[int]] = {}
    for place, word in enumerate(right):
        places.setdefault(word, []).append(place)
    links = set()
    for place, word in enumerate(left):
        if places.get(word):
            links.add((place, places[word].pop(0)))
    return frozenset(links)


def _links_of(explanation: Explanation, pair: AlignedPair, chosen: Chosen) -> frozenset[Link]:
    check_same_texts(explanation, pair.left, pair.right, name=pair.name)
    return links_at_blanks(explanation, chosen=chosen)


Four = tuple[int, int, int, int]


def _count(given: frozenset[Link], pair: AlignedPair) -> tuple[Four, Four, Four, Four]:
    """Return (given, correct, wanted, found) for each of ``COUNTED``."""
    links = pair.links
    left, right = _spellings(pair)
    different = {(i, j) for i, j in given | links if left[i] != right[j]}
    mine, theirs = _unlinked(given, left, right), _unlinked(links, left, right)
    correct = len(given & links)
    return (
        (len(given), correct, len(links), correct),
        (len(given), correct, len(pair.sure), len(given & pair.sure)),
        _against(given & different, links & different),
        _against(mine, theirs),
    )


def _against(given: frozenset[tuple[int, int]], wanted: frozenset[tuple[int, int]]) -> Four:
    return len(given), len(given & wanted), len(wanted), len(given & wanted)


def _unlinked(
    links: frozenset[Link], left: Sequence[str], right: Sequence[str]
) -> frozenset[tuple[int, int]]:
    """Return (side, word) of the words in no link."""
    return frozenset(
        (side, place)
        for side, words in enumerate((left, right))
        for place in range(len(words))
        if place not in {link[side] for link in links}
    )


def _spellings(pair: AlignedPair) -> tuple[list[str], list[str]]:
    left, right = (
        [text[start:end].lower() for start, end in words_at_blanks(text)]
        for text in (pair.left, pair.right)
    )
    return left, right
