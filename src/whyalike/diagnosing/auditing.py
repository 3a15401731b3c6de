"""The audit of a catalogue: which words carry its neighbours, and which items are everybody's."""

import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Literal, get_args

import numpy as np

from whyalike.arrays import Floats
from whyalike.catalogue.hit_reasons import PairReasons, PairSums
from whyalike.catalogue.index import CatalogueIndex
from whyalike.catalogue.item_store import text_key
from whyalike.diagnosing.corpus import Corpus, Tell
from whyalike.errors import OptionError
from whyalike.explainer import Explainer
from whyalike.options import BTIOptions, check_choice, check_whole
from whyalike.reports.audit import Audit, CarryingPair, CarryingWord, Hub, HubWord
from whyalike.similarity import similarity_matrix
from whyalike.texts import find_words, is_mark, keep_words, word_forms

Pairs = Literal["nearest", "all"]
"""Whether an item is paired with its nearest neighbour, or with each of its neighbours."""

PAIRS_KEPT, WORDS_KEPT, HUBS_KEPT, HUB_WORDS = 50, 100, 10, 5

WORDS_TRIED = 30
"""Words of a hub that are deleted, one at a time: first those that most of its neighbours have."""

FORMS_KEPT = 64
"""Texts whose words are kept in lower case: pairs come sorted by their first."""

ROWS = 256
"""Items whose similarities with all are worked out at once."""

DEVIATIONS = 2
"""An item is a hub that is a neighbour of so many standard deviations more items than the mean."""


def audit(
    index: CatalogueIndex | str | os.PathLike[str],
    *,
    sample: int = 1000,
    explain: int = 200,
    neighbours: int = 10,
    seed: int = 0,
    pairs: Pairs = "nearest",
    progress: Tell | None = None,
) -> Audit:
    """Say which pairs of words carry the nearest neighbours of a whole index, and what makes hubs.

    Parameters
    ----------
    index : CatalogueIndex or path
        What is audited.
    sample : int, default=1000
        Of how many items the neighbours are looked for, among all items; of more, so many are
        drawn.
    explain : int, default=200
        How many pairs of an item and its nearest neighbour are explained: by the model, or in
        a few hundredths of that time where the index stores reasons.
    neighbours : int, default=10
        How many neighbours an item has where hubs are counted.
    seed : int, default=0
        Of the draws.
    pairs : {'nearest', 'all'}
        Whether pairs are of an item and its nearest neighbour, or of each of its ``neighbours``.
    progress : callable, optional
        Is called with what is done, how much of it, and how much there is.

    Raises
    ------
    OptionError
        A number that is not allowed, fewer than three items, or a model without a method that
        says what words add.
    FormatError, ModelError, ModelNotFoundError, UnsafeModelError
        As ``CatalogueIndex.open`` and ``Explainer.explain``.
    """
    for name, value in (("sample", sample), ("explain", explain), ("neighbours", neighbours)):
        check_whole(name, value)
    check_whole("seed", seed, least=0)
    check_choice("pairs", pairs, get_args(Pairs))
    tell = progress or _tell_nobody
    opened = index if isinstance(index, CatalogueIndex) else CatalogueIndex.open(index)
    corpus = Corpus.of_index(opened, tell=tell)
    if len(corpus) < 3:
        raise OptionError(f"The index has {len(corpus)} items: an audit needs three or more.")
    between = opened.explainer.between_documents()
    explainer = between.with_method(between.signed_method)
    if "signed" not in explainer.method.promises:
        raise OptionError(f"{explainer.method.name!r} does not say what words add to a score.")
    random = np.random.default_rng(seed)
    drawn = np.sort(random.permutation(len(corpus))[:sample])
    most = min(neighbours, len(corpus) - 2)
    found = _Neighbours(corpus, drawn, most)
    candidates = found.pairs if pairs == "nearest" else found.all
    chosen = sorted(random.permutation(len(candidates))[:explain].tolist())
    drawn_pairs = [candidates[n][:2] for n in chosen]
    options = None
    if explainer.method.name == explainer.signed_method:
        options = opened.stored_options(explainer.method.name)
    tally = _Tally()
    tell("explaining neighbours", 0, len(drawn_pairs))
    for number, each in enumerate(_sums(opened, options, explainer, corpus, drawn_pairs), 1):
        tally.add(each)
        tell("explaining neighbours", number, len(drawn_pairs))
    notes = []
    if len(drawn) < len(corpus):
        notes.append(
            f"Neighbours are those of {len(drawn):,} of {len(corpus):,} items, drawn at random "
            f"(seed {seed}); each was compared with all items."
        )
    if len(drawn_pairs) < len(candidates):
        of = "its nearest neighbour" if pairs == "nearest" else "one of its neighbours"
        notes.append(
            f"{len(drawn_pairs):,} of {len(candidates):,} pairs of an item and {of} "
            "were explained, drawn at random."
        )
    described = opened.reader.manifest.reasons
    if options is not None and described is not None:
        notes.append(f"They were explained from stored vectors ({described.numbers}).")
    counts = np.array(list(found.counts), dtype=np.float64)
    return Audit(
        name=opened.reader.manifest.name,
        model=explainer.model.name,
        similarity_function=explainer.model.similarity_function,
        method=explainer.method.name,
        items=len(corpus),
        sampled=len(drawn),
        explained=len(drawn_pairs),
        neighbours=most,
        similarity=float(np.mean([score for _, _, score in found.pairs])),
        skewness=_skewness(counts),
        pairs=tally.carrying_pairs(),
        words=tally.carrying_words(corpus.texts),
        hubs=_hubs(corpus, found, tell),
        copies=found.copies,
        seed=seed,
        notes=tuple(notes),
    )


def _sums(
    index: CatalogueIndex,
    options: BTIOptions | None,
    explainer: Explainer,
    corpus: Corpus,
    pairs: Sequence[tuple[int, int]],
) -> Iterator[PairSums]:
    """Yield what words of pairs of items add, from what the index stores where there are options.

    Nothing is selected and no explanation made where there are: sums need neither.
    """
    if options is None:
        for one in explainer.explain_many((corpus.texts[a], corpus.texts[b]) for a, b in pairs):
            yield PairSums.of(one)
        return
    reasons = PairReasons(index.reader, options)
    places = np.flatnonzero(index.reader.present)
    for a, b in pairs:
        yield reasons.sums(int(places[a]), int(places[b]))


def _tell_nobody(what: str, done: int, total: int) -> None:
    """Take no notice of progress."""


class _Neighbours:
    """The neighbours of drawn items among all: pairs with the nearest, and counts of neighbours.

    pairs: of each drawn item, it, its nearest neighbour and their similarity; each pair once. all:
    the same of all its k neighbours.
    counts: (N,), of how many drawn items each item is one of the k neighbours. bars: (D,), the
    similarity of the k-th neighbour of each drawn item, and of the one behind it.
    """

    def __init__(self, corpus: Corpus, drawn: "np.ndarray[tuple[int], np.dtype[np.intp]]", k: int):
        self.drawn, self.k, self.copies = drawn, k, 0
        self.counts = np.zeros(len(corpus), dtype=np.intp)
        self.pairs: list[tuple[int, int, float]] = []
        self.all: list[tuple[int, int, float]] = []
        self.of: dict[int, list[int]] = defaultdict(list)
        self.bars = np.zeros((len(drawn), 2))
        function = corpus.vector_function
        keys = np.unique([text_key(text) for text in corpus.texts], return_inverse=True)[1]
        seen: set[tuple[int, int]] = set()
        seen_of_all: set[tuple[int, int]] = set()
        for start in range(0, len(drawn), ROWS):
            corpus.tell("searching neighbours", start, len(drawn))
            rows = drawn[start : start + ROWS]
            scores = similarity_matrix(corpus.vectors[rows], corpus.vectors, function=function)
            for number, (place, own) in enumerate(zip(rows.tolist(), scores, strict=True), start):
                same = keys == keys[place]
                self.copies += int(same.sum()) - 1
                own[same] = -np.inf
                order = _best(own, k + 1)
                kept = [int(each) for each in order if np.isfinite(own[each])]
                self.bars[number] = _bars(own[order].tolist(), k)
                if not kept:
                    continue
                for each in kept[:k]:
                    self.counts[each] += 1
                    self.of[each].append(number)
                nearest = (min(place, kept[0]), max(place, kept[0]))
                if nearest not in seen:
                    seen.add(nearest)
                    self.pairs.append((*nearest, float(own[kept[0]])))
                for each in kept[:k]:
                    pair = (min(place, each), max(place, each))
                    if pair not in seen_of_all:
                        seen_of_all.add(pair)
                        self.all.append((*pair, float(own[each])))
        corpus.tell("searching neighbours", len(drawn), len(drawn))


def _best(scores: Floats, count: int) -> "np.ndarray[tuple[int], np.dtype[np.intp]]":
    """Return the places of the best scores (N,), best first; of equal ones the first."""
    if count >= len(scores):
        return np.argsort(-scores, kind="stable")
    least = np.partition(scores, len(scores) - count)[len(scores) - count]
    places = np.flatnonzero(scores >= least)
    return places[np.argsort(-scores[places], kind="stable")][:count]


def _bars(best: Sequence[float], k: int) -> tuple[float, float]:
    """Return the k-th of the best scores, and the one behind it."""
    values = [*best, *[-np.inf] * (k + 1 - len(best))]
    return values[k - 1], values[k]


def _skewness(counts: Floats) -> float:
    """Return the third standardised moment of (N,) counts; 0 where all are the same."""
    deviation = float(counts.std())
    if not deviation:
        return 0.0
    return float((((counts - counts.mean()) / deviation) ** 3).mean())


class _Tally:
    """What words and pairs of words add, summed over explanations as they come."""

    def __init__(self) -> None:
        self._by_pair: dict[tuple[str, str], float] = defaultdict(float)
        self._by_word: dict[str, float] = defaultdict(float)
        self._having_pair: Counter[tuple[str, str]] = Counter()
        self._having_word: Counter[str] = Counter()

    def add(self, one: PairSums) -> None:
        """Take a pair of texts into account."""
        pairs: dict[tuple[str, str], float] = defaultdict(float)
        forms = [_forms(words) for words in one.words]
        for i, j, _, score in zip(*(values.tolist() for values in one.matches), strict=True):
            left, right = forms[0][i], forms[1][j]
            if score > 0 and left and right:
                pairs[(left, right) if left <= right else (right, left)] += score
        for both, score in pairs.items():
            self._by_pair[both] += score
        self._having_pair.update(pairs.keys())
        own: set[str] = set()
        for words, adds in zip(forms, one.adds, strict=True):
            for form, value in zip(words, adds.tolist(), strict=True):
                if value > 0 and form:
                    self._by_word[form] += value
                    own.add(form)
        self._having_word.update(own)

    def carrying_pairs(self) -> tuple[CarryingPair, ...]:
        """Return the pairs of words that add most."""
        adds, where = self._by_pair, self._having_pair
        total = sum(adds.values())
        order = sorted(adds, key=lambda pair: (-adds[pair], pair))[:PAIRS_KEPT]
        return tuple(
            CarryingPair(*pair, float(adds[pair]), adds[pair] / total, where[pair])
            for pair in order
        )

    def carrying_words(self, texts: Sequence[str]) -> tuple[CarryingWord, ...]:
        """Return the words that add most, with how many items have them."""
        adds, where = self._by_word, self._having_word
        having: Counter[str] = Counter()
        for text in texts:
            having.update(set(word_forms(text)))
        total = sum(adds.values())
        order = sorted(adds, key=lambda word: (-adds[word], word))[:WORDS_KEPT]
        return tuple(
            CarryingWord(
                word, having[word] / len(texts), adds[word] / total, where[word], having[word]
            )
            for word in order
        )


@lru_cache(maxsize=FORMS_KEPT)
def _forms(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return words in lower case, nothing for a mark."""
    return tuple(["" if is_mark(word) else word.lower() for word in words])


def _hubs(corpus: Corpus, found: _Neighbours, tell: Tell) -> tuple[Hub, ...]:
    """Return the items that are neighbours of most, and the words whose deletion changes that."""
    counts = found.counts
    least = counts.mean() + DEVIATIONS * counts.std()
    order = [
        place
        for place in sorted(range(len(counts)), key=lambda place: (-counts[place], place))
        if counts[place] > least
    ][:HUBS_KEPT]
    hubs = []
    for number, place in enumerate(order):
        tell("deleting words of hubs", number, len(order))
        hubs.append(_hub(corpus, found, place))
    tell("deleting words of hubs", len(order), len(order))
    return tuple(hubs)


def _hub(corpus: Corpus, found: _Neighbours, place: int) -> Hub:
    text, near = corpus.texts[place], found.of[place]
    spans = find_words(text)
    forms = [text[start:end].lower() for start, end in spans]
    having: Counter[str] = Counter()
    for number in near:
        having.update(set(word_forms(corpus.texts[found.drawn[number]])))
    own = [form for form in dict.fromkeys(forms) if not is_mark(form)]
    tried = sorted(own, key=lambda form: -having[form])[:WORDS_TRIED]
    variants = {}
    for form in tried:
        rest = keep_words(text, spans, [other != form for other in forms])
        if word_forms(rest):
            variants[form] = rest
    if not variants:
        item = corpus.items[place]
        return Hub(item.id, item.title, text, int(found.counts[place]), ())
    vectors = corpus.stack(list(variants.values()))
    scores = similarity_matrix(
        corpus.vectors[found.drawn], vectors, function=corpus.vector_function
    )
    # To stay a neighbour it must pass the k-th of the others: the one behind, where it is one.
    is_near = np.zeros(len(found.drawn), dtype=np.bool_)
    is_near[near] = True
    bars = np.where(is_near, found.bars[:, 1], found.bars[:, 0])
    bars[found.drawn == place] = np.inf
    left = (scores >= bars[:, None]).sum(axis=0)
    words = [HubWord(form, int(count)) for form, count in zip(variants, left, strict=True)]
    words.sort(key=lambda word: word.without)
    item = corpus.items[place]
    return Hub(item.id, item.title, text, int(found.counts[place]), tuple(words[:HUB_WORDS]))
