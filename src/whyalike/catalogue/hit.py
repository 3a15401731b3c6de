"""What a search finds: an item, how alike it is, and, when asked, why."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING

from whyalike.catalogue.four_part import PARTS, Part
from whyalike.catalogue.item_store import field_text
from whyalike.catalogue.manifest import Field
from whyalike.data.items import Item
from whyalike.errors import OptionError
from whyalike.explanation import Explanation

if TYPE_CHECKING:
    from whyalike.explainer import Explainer
    from whyalike.render.similar import SimilarPage


@dataclass(frozen=True, slots=True)
class Query:
    """What was searched with. ``item`` and ``id`` are None where it was a text and no item.

    texts: by field, as they are compared; an item's blank one is filled with the other.
    """

    item: Item | None
    texts: Mapping[Field, str]

    @property
    def id(self) -> str | None:
        """The item's id."""
        return None if self.item is None else self.item.id


@dataclass(frozen=True, kw_only=True, repr=False)
class Hit:
    """An item that a search found; see CatalogueIndex.similar.

    rank: from 1. similarity: with the vectors of the index, so that of ``float16`` it is rounded.
    parts: the four similarities of which it is the mean, with ``score="four"``. compared: the
    field whose texts ``explain`` is about. open_explainer: gives what scores the query, left, with
    an item, right.
    """

    rank: int
    item: Item
    similarity: float
    parts: Mapping[Part, float] | None
    query: Query
    compared: Field
    open_explainer: Callable[[], "Explainer"] = field(compare=False)

    @property
    def query_text(self) -> str:
        """The text of the query that was compared: the left one of the explanation."""
        return self.query.texts[self.compared]

    @property
    def text(self) -> str:
        """The item's text that was compared: the right one of the explanation."""
        return field_text(self.item, self.compared)

    def explain(self, *, method: str | None = None) -> Explanation:
        """Explain why the two compared texts are alike; of four parts, the descriptions.

        Args:
            method: one of ``whyalike methods``; by default that of the index's Explainer.

        Raises:
            OptionError: an unknown method.
            ModelNotFoundError, ModelError: the model of the index can't be had.
        """
        return explain_hits([self], method=method)[0]

    def explain_parts(self, *, method: str | None = None) -> dict[Part, Explanation]:
        """Explain each of the four parts of the score. Raises as ``explain``.

        Raises OptionError where the score has no parts.
        """
        return explain_hit_parts([self], method=method)[0]

    def __str__(self) -> str:
        """Return the query and the item as plain text, 80 columns wide."""
        from whyalike.catalogue.similar_page import page_of_hit
        from whyalike.render import render_similar_text

        return render_similar_text(page_of_hit(self))

    def __repr__(self) -> str:
        """Return one line: the texts may be long."""
        return (
            f"Hit(rank={self.rank}, id={self.item.id!r}, title={self.item.title!r:.60}, "
            f"similarity={self.similarity:.4f})"
        )

    def _repr_html_(self) -> str:
        from whyalike.catalogue.similar_page import page_of_hit
        from whyalike.render import render_similar_fragment

        return render_similar_fragment(page_of_hit(self))


class Hits(list[Hit]):
    """What a search found, best first.

    not_compared: how many values the filter compares with something of another kind, such as a
    text among numbers; their items are found only where the rest of the filter decides.

    A notebook and ``print`` show it as a page, without reasons: those take the model; see
    ``Hit.explain`` and ``explain_hits``. A slice is a plain list.

    Args:
        hits: what was found.
        not_compared: see above.
        page: gives what is shown of them.
    """

    def __init__(
        self,
        hits: Iterable[Hit] = (),
        *,
        not_compared: int = 0,
        page: "Callable[[Hits], SimilarPage] | None" = None,
    ) -> None:
        super().__init__(hits)
        self.not_compared = not_compared
        self._page = page

    def __str__(self) -> str:
        """Return the hits of a search as plain text, 80 columns wide."""
        from whyalike.render import render_similar_text

        return repr(self) if self._page is None else render_similar_text(self._page(self))

    def _repr_html_(self) -> str | None:
        from whyalike.render import render_similar_fragment

        return None if self._page is None else render_similar_fragment(self._page(self))


def explain_hits(hits: Sequence[Hit], *, method: str | None = None) -> list[Explanation]:
    """Explain several hits of one search, batched; each as ``Hit.explain`` does."""
    if not hits:
        return []
    explainer = _explainer(hits[0], method)
    return list(explainer.explain_many((hit.query_text, hit.text) for hit in hits))


def explain_hit_parts(
    hits: Sequence[Hit], *, method: str | None = None
) -> list[dict[Part, Explanation]]:
    """Explain the four parts of several hits of one search, batched."""
    if any(hit.parts is None for hit in hits):
        raise OptionError("These hits have no parts: search with score='four'.")
    if not hits:
        return []
    pairs = (_texts(hit, part) for hit, part in product(hits, PARTS))
    found = iter(_explainer(hits[0], method).explain_many(pairs))
    return [{part: next(found) for part in PARTS} for _ in hits]


def _explainer(hit: Hit, method: str | None) -> "Explainer":
    explainer = hit.open_explainer()
    return explainer if method is None else explainer.with_method(method)


def _texts(hit: Hit, part: Part) -> tuple[str, str]:
    fields: dict[str, Field] = {"title": "title", "description": "description"}
    left, right = part.split("-")
    return hit.query.texts[fields[left]], field_text(hit.item, fields[right])
