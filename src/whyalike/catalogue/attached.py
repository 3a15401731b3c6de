"""Collections of somebody else's store, searched there and explained here."""

from collections.abc import Sequence
from threading import RLock
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from whyalike.catalogue.manifest import policy_of
from whyalike.catalogue.search import Hit, Hits, ItemRank, Query, Searched, explainer_for
from whyalike.catalogue.stores.store import (
    MOST_FOUND,
    Fields,
    Store,
    Stored,
    open_store,
    plain_metadata,
)
from whyalike.catalogue.vector_check import SAMPLE, check_agreement
from whyalike.catalogue.vectors import ExactIndex, Vectors
from whyalike.data.items import Item
from whyalike.errors import OptionError
from whyalike.explanation import SimilarityFunction
from whyalike.options import check_whole
from whyalike.similarity import comparable
from whyalike.texts import clean_text, without_surrogates

if TYPE_CHECKING:
    from whyalike.explainer import Explainer
    from whyalike.render.similar import SimilarPage

UNIT = 1e-2
"""How far a length may be from 1, for cosines and products to give one order."""

EXTRA = 8
"""Hits beyond those that were asked for: the query's own text is left out of them."""


class AttachedCatalogue:
    """A collection that whyalike did not make, in Milvus or PostgreSQL, open for search.

    The store searches; the hits are explained by the model whose vectors it holds, which is checked
    when the collection is opened. Nothing is copied, and nothing is written. See
    ``CatalogueIndex.attach``, which opens one.
    """

    def __init__(self, store: Store, explainer: "Explainer", function: SimilarityFunction) -> None:
        self.store, self.explainer, self._search_by = store, explainer, function
        self._lock = RLock()

    @classmethod
    def open(
        cls,
        address: str,
        *,
        model: "Explainer",
        collection: str,
        fields: Fields,
        token: str | None = None,
        check: bool = True,
    ) -> Self:
        """Open a collection; see ``CatalogueIndex.attach`` for the arguments and errors."""
        store = open_store(address, collection=collection, fields=fields, token=token)
        try:
            found = store.sample(SAMPLE)
            function = _check_metric(store, model, found)
            if check:
                _check_vectors(store, model, found)
        except BaseException:
            store.close()
            raise
        return cls(store, model, function)

    def __repr__(self) -> str:
        """Return one line."""
        return (
            f"AttachedCatalogue({self.store.address!r}, collection={self.store.collection!r}, "
            f"model={self.explainer.model.name!r})"
        )

    def __len__(self) -> int:
        """Return how many items there are now."""
        return len(self.store)

    def __getitem__(self, id: str) -> Item:
        """Return the item of that id. Raises OptionError where there is none."""
        return self._item(self._stored(id))

    @property
    def searched(self) -> Searched:
        """What pages say of the collection."""
        model = self.explainer.model
        return Searched(
            name=f"{self.store.collection} ({self.store.address})",
            items=len(self),
            model=model.name,
            similarity_function=model.similarity_function,  # type: ignore[arg-type]
            compared="description",
            prompts=self.explainer.prompts,
        )

    def similar(
        self,
        text: str | None = None,
        *,
        id: str | None = None,
        k: int = 10,
        where: str | None = None,
    ) -> Hits:
        """Return the items that are most like a text or an item, best first.

        The store finds them, as exactly as its own index does. Their similarities are computed here
        from the vectors that it holds. The item itself, and every item with the query's text, is
        left out.

        Parameters
        ----------
        text : str, optional
            What to look for.
        id : str, optional
            Instead, an item of the collection.
        k : int, default=10
            How many items, at most.
        where : str, optional
            Only items of which this is true, in whyalike's language of filters; it is put into the
            store's own.

        Raises
        ------
        OptionError
            Arguments that don't go together, an unknown id or field, a filter that can't be read.
        TextError
            A text that is none.
        StorageError
            The store does not answer.
        """
        check_whole("k", k)
        query, vector = self._query(text, id)
        asked = k + EXTRA
        while True:
            found = self.store.search(
                vector, min(asked, MOST_FOUND), where=where, function=self._search_by
            )
            kept = [one for one in found if not self._is_query(one, query)]
            if len(kept) >= k or len(found) < asked or asked >= MOST_FOUND:
                break
            asked *= 4
        return self._hits(query, vector, kept, k=k, where=where)

    def rank_of(
        self, item: str, *, text: str | None = None, id: str | None = None, where: str | None = None
    ) -> ItemRank:
        """Return where one item stands in the search that ``similar`` would do, and how alike.

        Milvus ranks the first 16,384 only: beyond, the rank is None and ``left_out`` says so.

        Parameters
        ----------
        item : str
            Its id.
        text, id, where : str, optional
            As for ``similar``.

        Raises
        ------
        OptionError, TextError, StorageError
            As ``similar``.
        """
        query, vector = self._query(text, id)
        stored = self._stored(item)
        similarity = float(self._similarities(vector, [stored])[0])
        reason, before = "", None
        if self._is_query(stored, query):
            same = query.id is not None and query.id == stored.id
            reason = "it is the query itself" if same else "its text is the query's"
        else:
            before = self.store.before(vector, item, where=where, function=self._search_by)
            if before is None:
                reason = f"it is beyond the first {MOST_FOUND:,}, or the filter leaves it out"
            elif query.id is not None and query.id != item:
                before -= 1  # The query's own item is nearest to itself.
        return ItemRank(
            item=self._item(stored),
            similarity=similarity,
            rank=None if before is None else max(0, before) + 1,
            of=len(self),
            left_out=reason,
        )

    def close(self) -> None:
        """Let go of the connection."""
        self.store.close()

    def __enter__(self) -> Self:
        """Return this; at the end of the block the connection is closed."""
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _query(self, text: str | None, id: str | None) -> tuple[Query, Vectors]:
        if (text is None) == (id is None):
            raise OptionError("Give either a text or an id to look for.")
        if id is not None:
            stored = self._stored(id)
            item = self._item(stored)
            return Query(
                item, {"title": item.title, "description": item.description}
            ), stored.vector
        found = clean_text(text, side="query").text
        if not found.strip():
            raise OptionError("The text to look for is blank: give one with words.")
        vector = _embed(self.explainer, [found], prompt=self.explainer.prompts[0])[0]
        return Query(None, {"title": found, "description": found}), vector

    def _hits(
        self,
        query: Query,
        vector: Vectors,
        kept: Sequence[Stored],
        *,
        k: int,
        where: str | None,
    ) -> Hits:
        scores = self._similarities(vector, kept)
        order = sorted(range(len(kept)), key=lambda place: (-scores[place], kept[place].id))[:k]
        hits = [
            Hit(
                rank=rank,
                item=self._item(kept[place]),
                similarity=float(scores[place]),
                parts=None,
                query=query,
                compared="description",
                open_explainer=lambda: explainer_for(query, self.explainer),
            )
            for rank, place in enumerate(order, start=1)
        ]
        asked = query.item or query.texts["description"]

        def page(hits: Hits) -> "SimilarPage":
            from whyalike.catalogue.similar_page import page_of

            return page_of(self, asked, hits, k=k, where=where)

        return Hits(hits, page=page)

    def _similarities(self, vector: Vectors, found: Sequence[Stored]) -> NDArray[np.float64]:
        """Return the model's similarity of a vector with each, by the vectors that are stored."""
        function: Any = self.explainer.model.similarity_function
        rows = np.array([one.vector for one in found], dtype=np.float32).reshape(
            len(found), self.store.dimension
        )
        units = comparable(rows.astype(np.float64), function=function).astype(np.float32)
        query = comparable(vector[None].astype(np.float64), function=function)[0]
        exact = ExactIndex([units], function=function)
        return exact.rescore(query.astype(np.float32), np.arange(len(found)))

    def _stored(self, id: str) -> Stored:
        found = self.store.fetch([id])
        if not found:
            raise OptionError(f"The collection has no item with the id {id!r}: check the id.")
        return found[0]

    def _is_query(self, stored: Stored, query: Query) -> bool:
        if query.id is not None and stored.id == query.id:
            return True
        own = text_of(stored, self.store.fields)
        return _folded(own) == _folded(query.texts["description"])

    def _item(self, stored: Stored) -> Item:
        fields = self.store.fields
        title = "" if fields.title is None else _said(stored.values.get(fields.title))
        text = text_of(stored, fields)
        named = [name for name in (fields.id, fields.title, fields.vector) if name]
        # A title that is not part of the text says what an item without a text is.
        return Item(
            stored.id,
            title or ("" if text.strip() else stored.id),
            text,
            plain_metadata(stored.values, without=[*named, *fields.text]),
        )


def text_of(stored: Stored, fields: Fields) -> str:
    """Return the text of an item that was embedded."""
    parts = [_said(stored.values.get(name)) for name in fields.text]
    return fields.separator.join(part for part in parts if part.strip())


def _said(value: object) -> str:
    return "" if value is None else without_surrogates(str(value))


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()


def _embed(explainer: "Explainer", texts: list[str], *, prompt: str) -> Vectors:
    from whyalike.models.scorer import require_vectors

    model = require_vectors(explainer.model, what="A search of a collection", sparse=False)
    vectors = model.embed(texts, prompt=prompt, long_text=policy_of(explainer))
    return np.asarray(vectors, dtype=np.float32)


def _check_metric(
    store: Store, explainer: "Explainer", found: Sequence[Stored]
) -> SimilarityFunction:
    """Return by what the store is asked to search.

    Raises OptionError where its order is another one than the model's.
    """
    wanted: Any = explainer.model.similarity_function
    if store.metric is None or store.metric == wanted:
        return wanted  # type: ignore[no-any-return]
    lengths = np.array([np.linalg.norm(one.vector) for one in found])
    of_one_order = {"cosine", "dot", "euclidean"}
    if {wanted, store.metric} <= of_one_order and bool(np.all(np.abs(lengths - 1) <= UNIT)):
        return store.metric  # Vectors of length 1 have one order by all three.
    raise OptionError(
        f"The collection {store.collection!r} is searched by {store.metric}, and "
        f"{explainer.model.name} compares by {wanted}: their orders differ, as its vectors are not "
        f"of length 1. Give a model that compares by {store.metric}, or make the store's index for "
        f"{wanted}."
    )


def _check_vectors(store: Store, explainer: "Explainer", found: Sequence[Stored]) -> None:
    """Raise OptionError unless the model gives the vectors that are stored, on a sample of them."""
    texts = [text_of(one, store.fields) for one in found]
    kept = [place for place, text in enumerate(texts) if text.strip()]
    if found and not kept:
        raise OptionError(
            f"None of {len(found)} items of {store.collection!r} has a text in "
            f"{' or '.join(store.fields.text)}: name the field that was embedded (text_field)."
        )
    if not kept:
        return
    vectors = _embed(explainer, [texts[place] for place in kept], prompt=explainer.prompts[1])
    if vectors.shape[1] != store.dimension:
        raise OptionError(
            f"The vectors of {store.collection!r} have {store.dimension} features, and those of "
            f"{explainer.model.name} {vectors.shape[1]}: give the model that made them."
        )
    check_agreement(
        vectors,
        np.array([found[place].vector for place in kept]),
        name=explainer.model.name,
        advice="Give the model that made them, with its prompt before a passage (prompts), its "
        "pooling, and the fields that were embedded, in their order (text_field).",
    )
