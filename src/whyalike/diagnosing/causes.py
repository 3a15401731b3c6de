"""Why one right item is not among the first: tests that change something and search again.

Each cause is what a test measures, and the first test that holds names the cause:

1. duplicate: copies are shown once (``COPY``), and the right item, or a copy of it, is found.
2. unread: a sentence beyond the model's limit, alone in the item's place, is found, and scores more
   than every sentence that is read; where the answer's words are known, they lie beyond the limit.
3. near tie: the score that is missing is no more than what a full stop, a question mark or capitals
   move. All that comes behind would hold there by chance.
4. diluted: one of its sentences, alone in its place, is found.
5. vocabulary: the query without words that the item has not, and that add no more to its score than
   a question mark would, finds it.
6. rival word: with one word deleted from what stands before the item, it is found.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from whyalike.arrays import Floats
from whyalike.chain import signed
from whyalike.data.queries import LabelledQuery
from whyalike.diagnosing.corpus import Corpus, Placing
from whyalike.explanation import Explanation
from whyalike.reports.diagnosis import (
    CAUSES,
    AddingWord,
    Cause,
    CauseTest,
    Miss,
    PlacedItem,
    QueryWord,
)
from whyalike.sentences import split_sentences
from whyalike.texts import find_words, is_mark, keep_words, word_forms

COPY = 0.8
"""Two texts are copies where they share so many of their runs of three words (Jaccard)."""

RUN = 3

COPIES_AMONG = 50
"""Items that may stand before the right one for copies to be looked for."""

RIVALS = 10
"""Items that may stand before the right one for words to be deleted from them."""

WORDS_TRIED = 8
"""Words that are deleted from rivals, one at a time."""

WORDS_KEPT = 5
"""Words of an item that are kept as those that add most."""

USUAL_ITEMS, USUAL_QUERIES = 0.1, 0.2
"""A word in this part of the items, or of the queries, is usual: it tells none from others."""

FEWEST_ITEMS, FEWEST_QUERIES = 5, 3
"""In so many it must stand at least to be usual."""

POOL = 50
"""Items that are scored again where each score costs a pass of its own."""

MARKS = ".?!\u3002\uff1f\uff01\u061f\u0964\u2026 "


class UsualWords:
    """Which words, in lower case, stand in many of the items or of the queries."""

    def __init__(self, texts: Iterable[str], queries: Iterable[str]) -> None:
        self._items, self._items_least = _many(texts, USUAL_ITEMS, FEWEST_ITEMS)
        self._queries, self._queries_least = _many(queries, USUAL_QUERIES, FEWEST_QUERIES)

    def __contains__(self, word: str) -> bool:
        """Return whether a word is usual, in whatever case it is written."""
        form = word.lower()
        return self._items[form] >= self._items_least or self._queries[form] >= self._queries_least


def _many(texts: Iterable[str], part: float, fewest: int) -> tuple[Counter[str], float]:
    counted: Counter[str] = Counter()
    total = 0
    for text in texts:
        counted.update(set(word_forms(text)))
        total += 1
    return counted, max(fewest, part * total)


@dataclass(eq=False)
class Case:
    """A query that misses its right items.

    right: positions of its right items. base: (N,), the scores of all items. read_until: characters
    of the right item's text that the model reads.
    """

    query: LabelledQuery
    right: tuple[int, ...]
    base: Floats
    placing: Placing
    text: str
    read_until: int = 0

    @cached_property
    def sentences(self) -> list[tuple[int, int]]:
        """The sentences of the right item's text; it alone where it has one."""
        return split_sentences(self.text)

    @cached_property
    def words(self) -> dict[str, str]:
        """The words of the query in lower case, without marks, each with the query without it."""
        text = self.query.query
        spans = find_words(text)
        forms = [text[start:end].lower() for start, end in spans]
        found = {}
        for form in dict.fromkeys(forms):
            rest = keep_words(text, spans, [other != form for other in forms])
            if not is_mark(form) and word_forms(rest):
                found[form] = rest
        return found

    @cached_property
    def harmless(self) -> list[str]:
        """The query with other final marks and other capitals."""
        text = self.query.query
        bare = text.rstrip(MARKS) or text
        variants = [bare, f"{bare}.", f"{bare}?", text.lower(), text[:1].upper() + text[1:]]
        return [each for each in dict.fromkeys(variants) if each != text]

    def without(self, forms: Iterable[str]) -> str:
        """Return the query without words; empty where none would be left."""
        text, gone = self.query.query, set(forms)
        spans = find_words(text)
        rest = keep_words(text, spans, [text[a:b].lower() not in gone for a, b in spans])
        return rest if word_forms(rest) else ""


def find_causes(
    corpus: Corpus, cases: Sequence[Case], *, k: int, queries: Sequence[str]
) -> list[Miss]:
    """Return for each case its cause, with the evidence of all tests."""
    usual = UsualWords(corpus.texts, queries)
    for case, until in zip(cases, corpus.read_until([case.text for case in cases]), strict=True):
        case.read_until = until
    corpus.embed(
        (text for case in cases for text in (*case.harmless, *case.words.values())),
        side=0,
        what="embedding variants of queries",
    )
    corpus.embed(
        (case.text[start:end] for case in cases for start, end in case.sentences),
        side=1,
        what="embedding sentences",
    )
    reasons = _explain(corpus, cases)
    misses = []
    for number, (case, reason) in enumerate(zip(cases, reasons, strict=True)):
        corpus.tell("finding causes", number, len(cases))
        misses.append(_Tests(corpus, case, k, usual, reason).miss())
    corpus.tell("finding causes", len(cases), len(cases))
    return misses


Reasons = tuple[tuple[AddingWord, ...], tuple[AddingWord, ...]]
"""What the words of the right item and of the first wrong one add, most first."""


def _explain(corpus: Corpus, cases: Sequence[Case]) -> list[Reasons]:
    explainer = signed(corpus.explainer)
    if "signed" not in explainer.method.promises:
        return [((), ()) for _ in cases]
    pairs = [
        (case.query.query, text)
        for case in cases
        for text in (case.text, corpus.texts[case.placing.before[0]])
    ]
    found: list[tuple[AddingWord, ...]] = []
    corpus.tell("explaining misses", 0, len(pairs))
    for explanation in explainer.explain_many(pairs):
        found.append(_adding(explanation))
        corpus.tell("explaining misses", len(found), len(pairs))
    return list(zip(found[::2], found[1::2], strict=True))


def _adding(explanation: Explanation) -> tuple[AddingWord, ...]:
    words = [
        AddingWord(word.text, word.start, word.end, word.contribution)
        for word in explanation.right.words
        if word.contribution is not None and word.contribution > 0 and not is_mark(word.text)
    ]
    return tuple(sorted(words, key=lambda word: -word.adds))


class _Tests:
    """The tests of one case."""

    def __init__(
        self, corpus: Corpus, case: Case, k: int, usual: UsualWords, reasons: Reasons
    ) -> None:
        self.corpus, self.case, self.k, self.usual = corpus, case, k, usual
        self.reasons = reasons
        self.query, self.placing = case.query.query, case.placing
        place = self.placing
        self.rivals = place.before
        self.pool: list[int] | None = None
        if not corpus.has_vectors:
            best = np.argsort(-case.base, kind="stable")[:POOL]
            self.pool = sorted({*best.tolist(), *case.right, *place.before[:POOL]})

    def miss(self) -> Miss:
        """Return what the tests found."""
        corpus, case, place = self.corpus, self.case, self.placing
        words, noise = self._query_words(), self._noise()
        tests = [self._duplicate(), self._unread(), self._near_tie(noise), self._diluted()]
        tests.append(self._vocabulary(words, noise))
        if any(test.holds for test in tests):
            tests.append(CauseTest("rival word", None, note="not tested: another cause is shown"))
        else:
            tests.append(self._rival_word())
        shown = {test.cause for test in tests if test.holds}
        cause: Cause = next((each for each in CAUSES if each in shown), "unknown")
        first = self.rivals[0]
        return Miss(
            id=case.query.id,
            query=self.query,
            right=tuple(corpus.ids[each] for each in case.right),
            item=self._item(place.item, place.rank, case.read_until, self.reasons[0]),
            rival=self._item(
                first, 1, corpus.read_until([corpus.texts[first]])[0], self.reasons[1]
            ),
            bar=place.bar,
            noise=noise,
            cause=cause,
            tests=tuple(tests),
            words=tuple(words),
        )

    def _item(self, place: int, rank: int, until: int, words: tuple[AddingWord, ...]) -> PlacedItem:
        item, text = self.corpus.items[place], self.corpus.texts[place]
        score = float(self.case.base[place])
        return PlacedItem(item.id, item.title, text, score, rank, until, words[:WORDS_KEPT])

    def _scores(self, query: str) -> Floats:
        """Return the scores (N,) for a changed query."""
        if self.pool is None:
            return self.corpus.scores(query)
        scores = self.case.base.copy()
        texts = [self.corpus.texts[place] for place in self.pool]
        scores[self.pool] = self.corpus.score_texts(query, texts)
        return scores

    def _place(self, scores: Floats) -> Placing:
        return self.corpus.place(scores, self.case.right, self.k)

    def _rank_with(self, score: float) -> int:
        """Return the rank of the right item if its score were another one."""
        return self.corpus.rank_with(self.case.base, self.case.right, self.placing.item, score)

    def _query_words(self) -> list[QueryWord]:
        item, rival = self.placing.item, self.rivals[0]
        found = []
        for word, rest in self.case.words.items():
            scores = self._scores(rest)
            found.append(
                QueryWord(
                    word,
                    right=float(self.case.base[item] - scores[item]),
                    rival=float(self.case.base[rival] - scores[rival]),
                    rank=self._place(scores).rank,
                    usual=word in self.usual,
                )
            )
        return found

    def _noise(self) -> float:
        """Return how far harmless changes of the query move the right item against the bar."""
        margin = self.placing.score - self.placing.bar
        changed = [self._place(self._scores(query)) for query in self.case.harmless]
        return max((abs(one.score - one.bar - margin) for one in changed), default=0.0)

    def _duplicate(self) -> CauseTest:
        if len(self.rivals) > COPIES_AMONG:
            return CauseTest(
                "duplicate", None, note=f"not tested: more than {COPIES_AMONG} stand before it"
            )
        own = _runs(self.case.text)
        kept: list[frozenset[str]] = []
        copies, rank = [], 0
        for place in self.rivals:
            runs = _runs(self.corpus.texts[place])
            if _alike(runs, own):
                copies.append(place)
                rank = rank or len(kept) + 1
            elif any(_alike(runs, other) for other in kept):
                copies.append(place)
            else:
                kept.append(runs)
        rank = rank or len(kept) + 1
        return CauseTest(
            "duplicate",
            bool(copies) and rank <= self.k,
            rank=rank,
            items=tuple(self.corpus.ids[place] for place in copies),
        )

    def _unread(self) -> CauseTest:
        case = self.case
        if case.read_until >= len(case.text):
            return CauseTest("unread", False, note="the model reads all of it")
        if case.query.answer and (start := case.text.find(case.query.answer)) >= 0:
            end = start + len(case.query.answer)
            return CauseTest(
                "unread", end > case.read_until, span=(start, end), note="where the answer stands"
            )
        beyond = [each for each in case.sentences if each[0] >= case.read_until]
        if not beyond:
            return CauseTest("unread", False, note="no whole sentence is beyond the limit")
        read = [each for each in case.sentences if each[0] < case.read_until]
        best, span = self._best(beyond)
        inside, _ = self._best(read)
        rank = self._rank_with(best)
        return CauseTest(
            "unread",
            rank <= self.k and best > inside,
            rank=rank,
            score=best,
            needed=max(self.placing.bar, inside),
            span=span,
        )

    def _best(self, spans: Sequence[tuple[int, int]]) -> tuple[float, tuple[int, int] | None]:
        """Return the score of the best of some sentences, each alone, and its span."""
        if not spans:
            return -np.inf, None
        texts = [self.case.text[start:end] for start, end in spans]
        scores = self.corpus.score_texts(self.query, texts)
        best = int(scores.argmax())
        return float(scores[best]), spans[best]

    def _near_tie(self, noise: float) -> CauseTest:
        place = self.placing
        return CauseTest(
            "near tie",
            place.bar - place.score <= noise,
            score=place.score,
            needed=place.bar,
            note=f"harmless changes of the query move it by up to {noise:.4f}",
        )

    def _diluted(self) -> CauseTest:
        case = self.case
        read = [each for each in case.sentences if each[0] < case.read_until]
        if len(case.sentences) < 2:
            return CauseTest("diluted", False, note="it is one sentence")
        best, span = self._best(read)
        if span is None:
            return CauseTest("diluted", False, note="the model reads no sentence of it")
        rank = self._rank_with(best)
        return CauseTest(
            "diluted", rank <= self.k, rank=rank, score=best, needed=self.placing.bar, span=span
        )

    def _vocabulary(self, words: Sequence[QueryWord], noise: float) -> CauseTest:
        has = set(word_forms(self.case.text[: self.case.read_until]))
        missing = [
            word
            for word in words
            if word.right <= noise and word.text not in has and not word.usual
        ]
        # First those that hold the item back most: of them as few are named as are enough.
        missing.sort(key=lambda word: word.right - word.rival)
        best: tuple[list[str], Placing] | None = None
        for count in range(1, len(missing) + 1):
            gone = [word.text for word in missing[:count]]
            placed = self._place_without(gone)
            if placed is None:
                break
            if best is None or placed.rank < best[1].rank:
                best = gone, placed
            if placed.rank <= self.k:
                break
        if best is None:
            return CauseTest("vocabulary", False, note="every word matches something, or is usual")
        gone, placed = best
        for word in tuple(gone) if placed.rank <= self.k else ():
            # What is not needed is not named.
            fewer = [other for other in gone if other != word]
            again = self._place_without(fewer) if fewer else None
            if again is not None and again.rank <= self.k:
                gone, placed = fewer, again
        return CauseTest(
            "vocabulary",
            placed.rank <= self.k,
            rank=placed.rank,
            score=placed.score,
            needed=placed.bar,
            words=tuple(gone),
        )

    def _place_without(self, words: Sequence[str]) -> Placing | None:
        """Return where the right item stands without words of the query; None if none is left."""
        rest = self.case.without(words)
        return self._place(self._scores(rest)) if rest else None

    def _rival_word(self) -> CauseTest:
        rivals = self.rivals
        if len(rivals) > RIVALS + self.k - 1:
            return CauseTest(
                "rival word",
                None,
                note=f"not tested: more than {RIVALS + self.k - 1} stand before it",
            )
        texts = [self.corpus.texts[place] for place in rivals]
        untils = self.corpus.read_until(texts)
        texts = [text[:until] for text, until in zip(texts, untils, strict=True)]
        needed = self.placing.rank - self.k
        forms = [set(word_forms(text)) for text in texts]
        adding = [word.text.lower() for word in self.reasons[1]]
        candidates = [
            word
            for word in dict.fromkeys((*adding[:WORDS_TRIED], *self.case.words))
            if sum(word in own for own in forms) >= needed
        ][:WORDS_TRIED]
        changed = {
            (word, n): _without(text, word)
            for word in candidates
            for n, text in enumerate(texts)
            if word in forms[n]
        }
        self.corpus.embed(filter(None, changed.values()), side=1, what="embedding variants")
        best = None
        for word in candidates:
            scores = self.case.base.copy()
            mine = [(n, text) for (one, n), text in changed.items() if one == word]
            found = self.corpus.score_texts(self.query, [text for _, text in mine if text])
            left = iter(found.tolist())
            for n, text in mine:
                scores[rivals[n]] = next(left) if text else -np.inf
            rank = self._place(scores).rank
            if best is None or rank < (best.rank or 0):
                fallen = [n for n, _ in mine if scores[rivals[n]] < self.placing.score]
                best = CauseTest(
                    "rival word",
                    rank <= self.k,
                    rank=rank,
                    needed=self.placing.score,
                    words=(word,),
                    items=tuple(self.corpus.ids[rivals[n]] for n in fallen),
                )
        if best is None:
            return CauseTest("rival word", False, note="no word stands in enough of them")
        return best


def _runs(text: str) -> frozenset[str]:
    """Return the runs of three words of a text, or it whole where it is shorter."""
    words = word_forms(text)
    if len(words) < RUN:
        return frozenset([" ".join(words)])
    return frozenset(" ".join(words[n : n + RUN]) for n in range(len(words) - RUN + 1))


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    return len(one & other) >= COPY * len(one | other)


def _without(text: str, word: str) -> str:
    """Return a text without a word, in whatever case; empty where no other is left."""
    spans = find_words(text)
    rest = keep_words(text, spans, [text[start:end].lower() != word for start, end in spans])
    return rest if word_forms(rest) else ""


def copies_of(texts: Sequence[str]) -> list[int]:
    """Return for each text the place of the first one that it is a copy of: often its own."""
    kept: list[tuple[int, frozenset[str]]] = []
    found = []
    for place, text in enumerate(texts):
        runs = _runs(text)
        first = next((one for one, other in kept if _alike(runs, other)), place)
        if first == place:
            kept.append((place, runs))
        found.append(first)
    return found
