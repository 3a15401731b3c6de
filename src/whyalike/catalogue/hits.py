"""What one search found, as a list that can be shown."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from whyalike.catalogue.hit import Hit
from whyalike.catalogue.item import Item
from whyalike.catalogue.reader import Score

if TYPE_CHECKING:
    from whyalike.catalogue.index import CatalogueIndex
    from whyalike.render.similar import SimilarPage


class Hits(list[Hit]):
    """The hits of one search, best first: a list that a notebook and ``print`` show as a page.

    No reasons are shown: those take the model; see ``Hit.explain`` and ``explain_hits``. A slice is
    a plain list.
    """

    def __init__(
        self,
        hits: Sequence[Hit],
        *,
        index: "CatalogueIndex",
        query: Item | str,
        k: int,
        where: str | None,
        score: Score,
    ) -> None:
        super().__init__(hits)
        self._index, self._query = index, query
        self._k, self._where, self._score = k, where, score

    def _page(self) -> "SimilarPage":
        from whyalike.catalogue.similar_page import page_of

        return page_of(
            self._index, self._query, self, k=self._k, where=self._where, score=self._score
        )

    def __str__(self) -> str:
        """Return the hits as plain text, 80 columns wide."""
        from whyalike.render import render_similar_text

        return render_similar_text(self._page())

    def _repr_html_(self) -> str:
        from whyalike.render import render_similar_fragment

        return render_similar_fragment(self._page())
