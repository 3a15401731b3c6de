"""F1-Ali of interpretable STS, by the rules of the official scorer."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, get_args

import numpy as np

from whyalike.errors import OptionError
from whyalike.evaluation.chunks import ChunkLinks, expand_to_chunks, join_matches, link_chunks
from whyalike.evaluation.gold_counts import GoldScores, LinkCounts
from whyalike.evaluation.gold_words import Chosen, Link, check_same_texts
from whyalike.evaluation.ists_files import ChunkedPair
from whyalike.evaluation.metric import Metric
from whyalike.evaluation.perturbed_words import explanations_of, method_of
from whyalike.explainer import Explainer
from whyalike.explanation import Explanation
from whyalike.options import check_choice
from whyalike.words import Rarity

Chunks = Literal["gold", "expanded", "words"]

PUNCTUATION = frozenset(".,:'`?;\"-")
"""Words that the official scorer drops: those that are one of these characters and no more."""

_AGIRRE = "Agirre et al. 2016 (SemEval-2016 task 2), evalF1.pl; weights: Melamed 1998, Eq. 4"

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("ists_precision", "links of chunks that people see too", _AGIRRE, True),
        Metric("ists_recall", "links of chunks that people see, found", _AGIRRE, True),
        Metric("ists_f1_ali", "F1-Ali: F of links of chunks over all pairs", _AGIRRE, True),
        Metric("ists_f1_ali_macro", "mean of the pairs' own F1-Ali", _AGIRRE, True),
    )
}

COUNTED = ("ists_f1_ali",)


def evaluate_ists(
    explainer: Explainer,
    gold: Sequence[ChunkedPair],
    *,
    chunks: Chunks = "gold",
    chosen: Chosen = "matches",
    rarity: Rarity | None = None,
    explanations: Sequence[Explanation] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> GoldScores:
    """Explain the pairs of iSTS gold, link chunks by the explanations, and score the links.

    Args:
        explainer: a model and, unless ``explanations`` are given, the method.
        gold: P pairs of ``read_ists``.
        chunks: "gold": the gold chunks, linked by ``link_chunks``. "expanded": each matched word
            stands for its gold chunk. "words": no gold chunks; matches that go on in step in both
            texts are a link.
        chosen: use all ``matches``, or the selected ``pairs`` only.
        rarity: of words, for "gold"; by default counted in the gold's own texts.
        explanations: of these pairs by one method, in their order; without them, the pairs are
            explained here.
        progress: is told how many pairs are done, and of how many.

    Raises:
        OptionError: there is no gold, another choice, or explanations of something else.
    """
    check_choice("chunks", chunks, get_args(Chunks))
    if not gold:
        raise OptionError("There are no pairs to evaluate on: give some of read_ists.")
    if rarity is None:
        rarity = Rarity.fit(text for pair in gold for text in (pair.left, pair.right))
    links = []
    stream = explanations_of(explainer, [(pair.left, pair.right) for pair in gold], explanations)
    for number, (pair, explanation) in enumerate(zip(gold, stream, strict=True), start=1):
        check_same_texts(explanation, pair.left, pair.right, name=pair.name)
        links.append(_link(explanation, pair, chunks, chosen, rarity))
        if progress is not None:
            progress(number, len(gold))
    return score_chunk_links(
        links,
        gold,
        method=method_of(explainer, explanations),
        model=explainer.model.name,
        settings={"chunks": chunks, "chosen": chosen},
    )


def score_chunk_links(
    links: Sequence[ChunkLinks],
    gold: Sequence[ChunkedPair],
    *,
    method: str,
    model: str = "",
    settings: dict[str, str] | None = None,
) -> GoldScores:
    """Score links of chunks, whatever found them, by F1-Ali.

    A link of two chunks is one of every word with every word, without punctuation. In one set of
    links, that of words s and t weighs 1 / max(fan-out of s, fan-out of t), the fan-out of a word
    being the number of its links in that set. Precision is the weight of the given links that are
    gold, by the given links' fan-outs, over the weight of all given; recall is the weight of the
    gold links that are given, by the gold's fan-outs, over the weight of all gold. Both are over
    all pairs together. Types and scores of links count for nothing.

    Args:
        links: for each of P pairs, (left chunk, right chunk); a chunk is any words at blanks.
        gold: the P pairs.
        method: what to call what found them.
        model: whose words they are, if a model's.
        settings: choices to be remembered.

    Raises:
        OptionError: another number of links than of pairs, or none.
    """
    if len(links) != len(gold) or not gold:
        raise OptionError(f"There are links for {len(links)} pairs and gold for {len(gold)}.")
    table = np.array([_count(given, pair) for given, pair in zip(links, gold, strict=True)])
    counts = LinkCounts(*table.T)
    return GoldScores(
        method=method,
        model=model,
        names=tuple(pair.name for pair in gold),
        counts={"ists_f1_ali": counts},
        values={
            "ists_precision": counts.precision(),
            "ists_recall": counts.recall(),
            "ists_f1_ali": counts.f(),
            "ists_f1_ali_macro": counts.macro_f(),
        },
        settings=settings or {},
    )


def _link(
    explanation: Explanation,
    pair: ChunkedPair,
    chunks: Chunks,
    chosen: Chosen,
    rarity: Rarity,
) -> ChunkLinks:
    if chunks == "gold":
        return link_chunks(explanation, pair, rarity=rarity, chosen=chosen)
    if chunks == "expanded":
        return expand_to_chunks(explanation, pair, chosen=chosen)
    return join_matches(explanation, pair, chosen=chosen)


def _count(links: ChunkLinks, pair: ChunkedPair) -> tuple[float, float, float, float]:
    """Return the weights (given, correct, wanted, found)."""
    texts = pair.left.split(), pair.right.split()
    given, gold = _weighted(links, texts), _weighted(pair.links, texts)
    return (
        sum(given.values()),
        sum(weight for link, weight in given.items() if link in gold),
        sum(gold.values()),
        sum(weight for link, weight in gold.items() if link in given),
    )


def _weighted(
    links: Iterable[tuple[Sequence[int], Sequence[int]]], texts: tuple[list[str], list[str]]
) -> dict[Link, float]:
    """Return the weight of each link of two words; a link that stands twice counts once."""
    found = {
        (i, j)
        for left, right in links
        for i in left
        for j in right
        if texts[0][i] not in PUNCTUATION and texts[1][j] not in PUNCTUATION
    }
    fan_left, fan_right = Counter(i for i, _ in found), Counter(j for _, j in found)
    return {(i, j): 1 / max(fan_left[i], fan_right[j]) for i, j in found}
