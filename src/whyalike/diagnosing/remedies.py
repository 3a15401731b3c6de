"""What a change of the search would do to all queries: tried, not guessed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from whyalike.arrays import Floats
from whyalike.data.queries import LabelledQuery
from whyalike.diagnosing.causes import copies_of
from whyalike.diagnosing.corpus import Corpus
from whyalike.diagnosing.measures import DEPTH, measure
from whyalike.errors import MissingExtraError, OptionError
from whyalike.models.bm25 import BM25
from whyalike.models.fusion import Fusion
from whyalike.models.scorer import OpaqueScorer, TextPair, scores_of, sides_of
from whyalike.options import LongText
from whyalike.reports.diagnosis import Remedied, Remedy
from whyalike.sentences import split_sentences
from whyalike.texts import find_words

if TYPE_CHECKING:
    from whyalike.explainer import Explainer

CHUNKS = (64, 128)
"""Tokens of a chunk that are tried by default."""

OVERLAP = 5
"""A chunk shares one part in so many with the one before it."""

MOST_TRIED = 3000
"""Items whose texts are all embedded anew; of more, only those that a query finds."""

CANDIDATES = 50
"""Items that are found by a query before they are put in another order."""

FUSED = 100
"""Items of each part that a fusion puts in order, as search engines do."""


@dataclass(frozen=True, eq=False, slots=True)
class Asked:
    """A query as it is searched: positions of its right items, and the scores (N,) of all items."""

    query: LabelledQuery
    right: tuple[int, ...]
    base: Floats


Ranking = list[int]
"""Positions, best first."""


class Remedies:
    """Tries remedies on all queries, and compares with what is found without any.

    Parameters
    ----------
    corpus : Corpus
        What is searched.
    asked : sequence of Asked
        All queries.
    rankings : mapping of str to sequence of str
        What the search itself found, by query: ids, best first.
    k : int
        How many count.
    with_measures : bool
        Whether Recall, MRR and nDCG are worked out.
    """

    def __init__(
        self,
        corpus: Corpus,
        asked: Sequence[Asked],
        rankings: Mapping[str, Sequence[str]],
        *,
        k: int,
        with_measures: bool,
    ) -> None:
        self.corpus, self.asked, self.k, self.with_measures = corpus, asked, k, with_measures
        self.right = {each.query.id: [corpus.ids[n] for n in each.right] for each in asked}
        self.found = {
            id: any(one in self.right[id] for one in ids[:k]) for id, ids in rankings.items()
        }
        self._candidates: list[int] | None = None

    def try_all(
        self, *, chunks: Sequence[int], reranker: "Explainer | None"
    ) -> tuple[list[Remedy], list[str]]:
        """Return all remedies that can be tried here, and what is said of those that can't."""
        notes = []
        tried = [self._fold(), self._sentences(), *(self._chunks(size) for size in chunks)]
        title = self._title()
        if title is not None:
            tried.append(title)
        try:
            tried += self._hybrids()
        except MissingExtraError as error:
            notes.append(f"BM25 beside the model was not tried. {error}")
        if reranker is not None:
            tried.append(self._rerank(reranker))
        return [each for each in tried if each is not None], notes

    def order(self, scores: Floats, *, most: int | None = None) -> Ranking:
        """Return positions by their scores (N,), of equal ones by their ids; minus infinity out."""
        count = int(np.isfinite(scores).sum())
        wanted = count if most is None else min(count, most)
        if not wanted:
            return []
        least = np.partition(scores, -wanted)[-wanted]
        places = np.flatnonzero((scores >= least) & np.isfinite(scores)).tolist()
        places.sort(key=lambda place: (-scores[place], self.corpus.ids[place]))
        return list(places[:wanted])

    def _remedy(
        self, name: str, kind: Remedied, rankings: Sequence[Ranking], note: str = ""
    ) -> Remedy:
        ids = [[self.corpus.ids[place] for place in ranking] for ranking in rankings]
        by_query = {each.query.id: own for each, own in zip(self.asked, ids, strict=True)}
        turned: list[str] = []
        lost: list[str] = []
        for id, own in by_query.items():
            now = any(one in self.right[id] for one in own[: self.k])
            if now != self.found[id]:
                (turned if now else lost).append(id)
        measures = measure(by_query, self.right, k=self.k) if self.with_measures else {}
        return Remedy(name, kind, tuple(turned), tuple(lost), measures, note)

    @property
    def _depth(self) -> int:
        return max(self.k, DEPTH)

    def _fold(self) -> Remedy | None:
        """Show copies as one result: a copy of a right item is right."""
        rankings, folded = [], False
        for each in self.asked:
            ranking = self.order(each.base, most=max(CANDIDATES, self._depth))
            texts = [self.corpus.texts[place] for place in (*each.right, *ranking)]
            first = copies_of(texts)
            kept: dict[int, int] = {}
            for number, place in enumerate(ranking, start=len(each.right)):
                group = first[number]
                folded |= group in kept
                # A copy of a right item stands for it.
                shown = each.right[group] if group < len(each.right) else place
                kept.setdefault(group, shown)
            rankings.append(list(kept.values()))
        return self._remedy("copies shown once", "copies folded", rankings) if folded else None

    def _tried(self) -> list[int]:
        """Return the positions whose texts are embedded anew."""
        if self._candidates is None:
            if len(self.corpus) <= MOST_TRIED and self.corpus.has_vectors:
                self._candidates = list(range(len(self.corpus)))
            else:
                found = {
                    place
                    for each in self.asked
                    for place in (*each.right, *self.order(each.base, most=CANDIDATES))
                }
                self._candidates = sorted(found)
        return self._candidates

    @property
    def _sampled(self) -> str:
        if len(self._tried()) == len(self.corpus):
            return ""
        return (
            f"tried on {len(self._tried()):,} of {len(self.corpus):,} items: the first "
            f"{CANDIDATES} of each query, and the right ones"
        )

    def _by_variants(self, variants: Mapping[int, Sequence[str]], *, what: str) -> list[Ranking]:
        """Return rankings where items have the best score of several texts."""
        texts = list(dict.fromkeys(text for own in variants.values() for text in own))
        number = {text: n for n, text in enumerate(texts)}
        corpus = self.corpus
        corpus.embed(texts, side=1, what=what)
        stacked = corpus.stack(texts) if corpus.has_vectors else None
        places = list(variants)
        parts = [[number[text] for text in variants[place]] for place in places]
        starts = np.cumsum([0, *map(len, parts)])[:-1]
        flat = [n for own in parts for n in own]
        rankings = []
        for count, each in enumerate(self.asked):
            corpus.tell("searching again", count, len(self.asked))
            scores, query = each.base.copy(), each.query.query
            own = (
                corpus.score_texts(query, texts)
                if stacked is None
                else corpus.compare(query, stacked)
            )
            scores[places] = np.maximum.reduceat(own[flat], starts)
            rankings.append(self.order(scores, most=self._depth))
        return rankings

    def _chunks(self, size: int) -> Remedy | None:
        """Cut long texts into chunks; an item has the score of its best one."""
        places = self._tried()
        spans = chunk_spans(self.corpus, [self.corpus.texts[place] for place in places], size)
        variants = {
            place: [self.corpus.texts[place][start:end] for start, end in own]
            for place, own in zip(places, spans, strict=True)
            if len(own) > 1
        }
        if not variants:
            return None
        rankings = self._by_variants(variants, what=f"embedding chunks of {size} tokens")
        return self._remedy(f"chunks of {size} tokens", "chunks", rankings, self._sampled)

    def _sentences(self) -> Remedy | None:
        """Make each sentence a chunk."""
        texts = self.corpus.texts
        variants = {
            place: [texts[place][start:end] for start, end in own]
            for place in self._tried()
            if len(own := split_sentences(texts[place])) > 1
        }
        if not variants:
            return None
        rankings = self._by_variants(variants, what="embedding sentences")
        return self._remedy("chunks of one sentence", "chunks", rankings, self._sampled)

    def _title(self) -> Remedy | None:
        """Put the title before the text."""
        variants = {}
        for place in self._tried():
            title, text = self.corpus.items[place].title.strip(), self.corpus.texts[place]
            if title and not text.lstrip().lower().startswith(title.lower()):
                variants[place] = [f"{title}\n{text}"]
        if not variants:
            return None
        # An item has the score of the text with its title, not the better one of both.
        rankings = self._by_variants(variants, what="embedding texts with titles")
        return self._remedy("title before the text", "title", rankings, self._sampled)

    def _hybrids(self) -> list[Remedy]:
        """Fuse with BM25: by ranks, and by scores from 0 to 1, each part with the same weight."""
        bm25 = BM25(self.corpus.texts)
        ways: tuple[tuple[str, Literal["ranks", "min-max"]], ...] = (
            ("BM25 beside the model, by ranks", "ranks"),
            ("BM25 beside the model, by scores", "min-max"),
        )
        rankings: dict[str, list[Ranking]] = {name: [] for name, _ in ways}
        texts = self.corpus.texts
        for count, each in enumerate(self.asked):
            self.corpus.tell("fusing with BM25", count, len(self.asked))
            query = each.query.query
            lexical = bm25.score([(query, text) for text in texts])
            pool = list(
                dict.fromkeys(
                    (
                        *self.order(each.base, most=FUSED),
                        *self.order(np.where(lexical > 0, lexical, -np.inf), most=FUSED),
                    )
                )
            )
            over = list(dict.fromkeys(texts[place] for place in pool))
            known = _Known({texts[place]: float(each.base[place]) for place in pool})
            for name, normalise in ways:
                fusion = Fusion([(known, 1.0), (bm25, 1.0)], normalise=normalise, over=over)
                by_text = dict(
                    zip(over, fusion.score([(query, text) for text in over]), strict=True)
                )
                scores = np.full(len(texts), -np.inf)
                scores[pool] = [by_text[texts[place]] for place in pool]
                rankings[name].append(self.order(scores, most=self._depth))
        return [self._remedy(name, "hybrid", rankings[name]) for name, _ in ways]

    def _rerank(self, reranker: "Explainer") -> Remedy:
        """Let another model order what was found."""
        rankings = []
        for count, each in enumerate(self.asked):
            self.corpus.tell("reranking", count, len(self.asked))
            ranking = self.order(each.base, most=max(CANDIDATES, self._depth))
            texts = [self.corpus.texts[place] for place in ranking]
            unique = list(dict.fromkeys(texts))
            scores = scores_of(
                reranker.model,
                [(each.query.query, text) for text in unique],
                prompts=reranker.prompts,
                long_text=reranker.options.long_text,
            )
            by_text = dict(zip(unique, scores, strict=True))
            # Sorting is stable: of equal scores, the order of the search stays.
            rankings.append(sorted(ranking, key=lambda place: -by_text[self.corpus.texts[place]]))
        self.corpus.tell("reranking", len(self.asked), len(self.asked))
        return self._remedy(f"{reranker.model.name} behind the search", "reranker", rankings)


class _Known(OpaqueScorer):
    """The scores that a search gave to a query's items, by their texts."""

    name = "search"

    def __init__(self, scores: Mapping[str, float]) -> None:
        self._scores = scores

    def score(
        self,
        pairs: Sequence[TextPair],
        *,
        prompts: tuple[str, str] = ("", ""),
        long_text: LongText = "truncate",
    ) -> Floats:
        """Return the scores (N,) of N pairs, which must be of the one query."""
        del prompts, long_text
        return np.array([self._scores[text] for _, text in pairs])


def chunk_spans(corpus: Corpus, texts: Sequence[str], size: int) -> list[list[tuple[int, int]]]:
    """Return the chunks of texts, ``size`` tokens each, as (start, end) of characters.

    Of neighbours one part in OVERLAP is the same. Where a model does not say its tokens, words
    count.

    Raises
    ------
    OptionError
        A size that leaves nothing.
    """
    if type(size) is not int or size < 2:
        raise OptionError(f"A chunk has {size!r} tokens; give whole numbers from 2 on.")
    reader = sides_of(corpus.explainer.model)[1]
    if reader.limit is None:
        found = [np.array(find_words(text), dtype=np.intp).reshape(-1, 2) for text in texts]
    else:
        read = reader.tokenize(texts, prompt="", long_text="windows")
        found = [np.asarray(each.offsets) for each in read]
    step = size - size // OVERLAP
    spans = []
    for text, offsets in zip(texts, found, strict=True):
        count = len(offsets)
        if count <= size:
            spans.append([(0, len(text))])
            continue
        starts = list(range(0, count - size // OVERLAP, step))
        spans.append(
            [
                (int(offsets[start, 0]), int(offsets[min(start + size, count) - 1, 1]))
                for start in starts
            ]
        )
    return spans
