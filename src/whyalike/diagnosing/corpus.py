"""What is searched: items with their texts, and the scores that a model gives them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, cast

import numpy as np

from whyalike.arrays import Floats
from whyalike.catalogue.item_store import field_text
from whyalike.catalogue.manifest import policy_of
from whyalike.catalogue.vectors import Bools
from whyalike.data.items import Item
from whyalike.errors import ModelError, OptionError
from whyalike.explanation import SimilarityFunction
from whyalike.models.scorer import Embedder, scores_of, sides_of
from whyalike.similarity import similarity_matrix

if TYPE_CHECKING:
    from whyalike.catalogue.index import CatalogueIndex
    from whyalike.explainer import Explainer
    from whyalike.models.tokens import TokenizedText

AT_ONCE = 256
"""Texts that are embedded between two reports of progress."""

DIGITS = 9
"""Decimals of a score that count: a product of the same vectors differs beyond them."""

Tell = Callable[[str, int, int], None]
"""Is told what is done, how much of it, and how much there is."""


@dataclass(frozen=True, eq=False, slots=True)
class Placing:
    """Where the right items of a query stand.

    item: position of the one that is placed best. rank: its rank, from 1, among the wrong ones.
    score: its score. bar: the score of the k-th wrong one; minus infinity where there are fewer.
    before: positions of the wrong ones that stand before it, best first.
    """

    item: int
    rank: int
    score: float
    bar: float
    before: tuple[int, ...]


class Corpus:
    """N items, and the scores that a model gives them; each text is embedded once.

    Parameters
    ----------
    explainer : Explainer
        The model; its left text is a query, its right one an item.
    items : sequence of Item
        With ids that are all different.
    texts : sequence of str
        (N,), what is compared of each item.
    vectors : array, optional
        (N, H), of the texts, where an index has them.
    tell : Tell
        Is told of progress.

    Raises
    ------
    OptionError
        No item, or two with one id.
    """

    def __init__(
        self,
        explainer: "Explainer",
        items: Sequence[Item],
        texts: Sequence[str],
        *,
        vectors: Floats | None = None,
        tell: Tell,
    ) -> None:
        if not items:
            raise OptionError("There is no item to search: give some.")
        self.explainer, self.items, self.texts, self.tell = explainer, items, list(texts), tell
        self.ids = [item.id for item in items]
        self.places = {id: place for place, id in enumerate(self.ids)}
        if len(self.places) < len(self.ids):
            twice = next(id for place, id in enumerate(self.ids) if self.places[id] != place)
            raise OptionError(f"Two items have the id {twice!r}: give each one of its own.")
        self.has_vectors = bool({"vectors", "sparse vectors"} & explainer.model.capabilities)
        self._vectors = vectors
        self._embedded: dict[tuple[int, str], Floats] = {}
        self._by_id = np.argsort(np.argsort(np.array(self.ids, dtype=object)))

    @classmethod
    def of_index(cls, index: "CatalogueIndex", *, tell: Tell) -> "Corpus":
        """Return the items of an index that are there, with their vectors and its model."""
        reader = index.reader
        items, vectors = [], []
        starts = np.cumsum([0, *reader.counts])
        for start, count, store in zip(starts, reader.counts, reader.stores, strict=False):
            for place, item in enumerate(chain.from_iterable(store.batches(count)), int(start)):
                if reader.present[place]:
                    items.append(item)
                    vectors.append(reader.vector(reader.compared, place))
        texts = [field_text(item, reader.compared) for item in items]
        stored = np.array(vectors, dtype=np.float64)
        return cls(index.explainer, items, texts, vectors=stored, tell=tell)

    @classmethod
    def of_items(cls, items: Iterable[Item], explainer: "Explainer", *, tell: Tell) -> "Corpus":
        """Return items, of which the text stands for each, with a model."""
        found = list(items)
        return cls(explainer, found, [item.text for item in found], tell=tell)

    def __len__(self) -> int:
        """Return N."""
        return len(self.items)

    @cached_property
    def vectors(self) -> Floats:
        """The vectors (N, H) of the items."""
        if self._vectors is None:
            self.embed(self.texts, side=1, what="embedding items")
            self._vectors = np.array([self._embedded[1, text] for text in self.texts])
        return self._vectors

    @property
    def vector_function(self) -> SimilarityFunction:
        """How two vectors are compared."""
        return cast("Embedder", self.explainer.model).similarity_function

    def embed(self, texts: Iterable[str], *, side: int, what: str) -> None:
        """Embed texts that are not embedded yet, as queries (0) or as items (1)."""
        if not self.has_vectors:
            return
        new = [text for text in dict.fromkeys(texts) if (side, text) not in self._embedded]
        model, policy = cast("Embedder", self.explainer.model), policy_of(self.explainer)
        # Of about one length, as a batch is padded to its longest.
        new.sort(key=len)
        for start in range(0, len(new), AT_ONCE):
            self.tell(what, start, len(new))
            part = new[start : start + AT_ONCE]
            vectors = model.embed(part, prompt=self.explainer.prompts[side], long_text=policy)
            if not np.isfinite(vectors).all():
                raise ModelError("A vector holds NaN or infinity: the model is damaged.")
            self._embedded.update(
                ((side, text), row) for text, row in zip(part, vectors, strict=True)
            )
        if new:
            self.tell(what, len(new), len(new))

    def scores(self, query: str) -> Floats:
        """Return the scores (N,) of all items for a query."""
        if not self.has_vectors:
            return self.score_texts(query, self.texts)
        self.embed([query], side=0, what="embedding queries")
        return self._compare(query, self.vectors)

    def score_texts(self, query: str, texts: Sequence[str]) -> Floats:
        """Return the scores (T,) of T texts, as if each were an item."""
        if not texts:
            return np.zeros(0)
        if not self.has_vectors:
            pairs = [(query, text) for text in texts]
            found = scores_of(
                self.explainer.model,
                pairs,
                prompts=self.explainer.prompts,
                long_text=policy_of(self.explainer),
            )
            return np.round(found, DIGITS)
        return self.compare(query, self.stack(texts))

    def stack(self, texts: Sequence[str]) -> Floats:
        """Return the vectors (T, H) of T texts, each as if it were an item."""
        self.embed(texts, side=1, what="embedding variants")
        width = self.vectors.shape[1]
        return np.array([np.resize(self._embedded[1, text], width) for text in texts])

    def compare(self, query: str, vectors: Floats) -> Floats:
        """Return the scores (T,) of vectors (T, H) for a query."""
        self.embed([query], side=0, what="embedding queries")
        return self._compare(query, vectors)

    def _compare(self, query: str, vectors: Floats) -> Floats:
        # A text without any token has a zero of no width.
        left = np.resize(self._embedded[0, query], vectors.shape[1])
        found: Floats = similarity_matrix(left[None], vectors, function=self.vector_function)
        rounded: Floats = np.round(found[0], DIGITS)
        return rounded

    def place(self, scores: Floats, right: Sequence[int], k: int) -> Placing:
        """Return where right items stand by the scores (N,) of all; of equal ones by their ids."""
        wrong = np.ones(len(scores), dtype=np.bool_)
        wrong[list(right)] = False
        item = min(right, key=lambda place: (-scores[place], self.ids[place]))
        before = np.flatnonzero(wrong & self._precede(scores, scores[item], item))
        order = sorted(before.tolist(), key=lambda place: (-scores[place], self.ids[place]))
        values = scores[wrong]
        bar = float(np.partition(values, -k)[-k]) if len(values) >= k else -np.inf
        return Placing(item, len(order) + 1, float(scores[item]), bar, tuple(order))

    def rank_with(self, scores: Floats, right: Sequence[int], item: int, score: float) -> int:
        """Return the rank of one right item if its score were another one."""
        wrong = np.ones(len(scores), dtype=np.bool_)
        wrong[list(right)] = False
        return 1 + int((wrong & self._precede(scores, score, item)).sum())

    def _precede(self, scores: Floats, score: float, item: int) -> Bools:
        """Return which items (N,) stand before one with a score."""
        level: Bools = (scores == score) & (self._by_id < self._by_id[item])
        found: Bools = (scores > score) | level
        return found

    def read(self, texts: Sequence[str]) -> "list[TokenizedText]":
        """Return texts as the model reads them as items, up to its limit."""
        reader = sides_of(self.explainer.model)[1]
        return reader.tokenize(
            texts, prompt=self.explainer.prompts[1], long_text=policy_of(self.explainer)
        )

    def read_until(self, texts: Sequence[str]) -> list[int]:
        """Return how many characters of each text the model reads."""
        return [
            int(each.offsets[:, 1].max(initial=0)) if each.truncated else len(each.text)
            for each in self.read(texts)
        ]
