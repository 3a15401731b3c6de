"""What a search compares with: the query's texts and vectors, and the items that it leaves out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

import numpy as np

from whyalike.catalogue.four_part import Part, mean_vectors, part_scores
from whyalike.catalogue.hit import Query
from whyalike.catalogue.identity import policy_of
from whyalike.catalogue.item_store import field_text
from whyalike.catalogue.manifest import Field
from whyalike.catalogue.reader import IndexReader, Score
from whyalike.catalogue.vector_index import Bools, Floats
from whyalike.data.items import Item
from whyalike.errors import OptionError
from whyalike.models.scores import comparable, is_bilinear
from whyalike.options import check_choice
from whyalike.texts import clean_text

if TYPE_CHECKING:
    from whyalike.explainer import Explainer


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one item stands in a search.

    rank: from 1; None where a search leaves the item out, and ``left_out`` says why. of: how many
    items are ranked. not_compared: see Hits.
    """

    item: Item
    similarity: float
    rank: int | None
    of: int
    left_out: str = ""
    not_compared: int = 0


def make_query(
    reader: IndexReader, *, text: str | None, id: str | None, title: str | None, score: Score
) -> Query:
    """Return the texts to search with; see CatalogueIndex.similar for the arguments and errors."""
    check_choice("score", score, get_args(Score))
    if (text is None) == (id is None):
        raise OptionError("Give either a text or an id to look for.")
    if title is not None and (score != "four" or id is not None):
        raise OptionError("title goes with text and score='four': leave it out.")
    if score == "four":
        _check_four(reader)
    if id is not None:
        item = reader.item(reader.position_of(id))
        return Query(item, {field: field_text(item, field) for field in get_args(Field)})
    found = clean_text(text, side="query").text
    if not found.strip():
        raise OptionError("The text to look for is blank: give one with words.")
    called = found if title is None else clean_text(title, side="title").text
    return Query(None, {"title": called if called.strip() else found, "description": found})


def _check_four(reader: IndexReader) -> None:
    fields, function = reader.manifest.fields, reader.manifest.model.similarity_function
    if len(fields) < 2:
        raise OptionError(
            f"score='four' compares titles and descriptions, and the index has the vectors of "
            f"the {fields[0]} only: make it with fields=('title', 'description') "
            "(--fields title,description)."
        )
    if not is_bilinear(function):
        raise OptionError(
            f"score='four' is a mean of products of vectors, and the model compares by {function}: "
            "use score='cosine', which is the model's own similarity."
        )


def query_vectors(
    reader: IndexReader, query: Query, score: Score, open_explainer: "Callable[[], Explainer]"
) -> dict[Field, Floats]:
    """Return the query's vectors (H,) by field, as they are compared.

    An item's own are taken from the index: it is compared as the document that it is there.
    """
    fields: tuple[Field, ...] = ("title", "description") if score == "four" else (reader.compared,)
    model = reader.manifest.model
    if query.id is not None:
        place = reader.position_of(query.id)
        return {field: reader.vector(field, place) for field in fields}
    explainer = open_explainer()
    texts = list(dict.fromkeys(query.texts[field] for field in fields))
    vectors = explainer.model.embed(
        texts, prompt=explainer.prompts[0], long_text=policy_of(explainer)
    )
    units = comparable(vectors, function=model.similarity_function).astype(np.float32)
    if units.shape[1] != model.dimension:
        # A text without any token has a zero of no width.
        units = np.zeros((len(texts), model.dimension), dtype=np.float32)
    return {field: units[texts.index(query.texts[field])] for field in fields}


def explainer_for(query: Query, explainer: "Explainer") -> "Explainer":
    """Return the Explainer of an index as it scores a query: two documents where that is an item.

    Its left text is the query, its right one an item.
    """
    return explainer if query.id is None else explainer.between_documents()


def joined(vectors: Mapping[Field, Floats]) -> Floats:
    """Return the one vector (H,) that is compared."""
    if len(vectors) == 1:
        return next(iter(vectors.values()))
    return mean_vectors(vectors["title"], vectors["description"])


def left_out(reader: IndexReader, query: Query) -> Bools:
    """Return which items (N,) are the query itself, or have its text."""
    mask: Bools = np.zeros(len(reader.present), dtype=np.bool_)
    mask[reader.alike(query.texts[reader.compared])] = True
    if query.id is not None:
        mask[reader.position_of(query.id)] = True
    return mask


def item_parts(
    reader: IndexReader, query: Mapping[Field, Floats], position: int
) -> dict[Part, float]:
    """Return the four similarities of a query with an item."""
    title, description = (reader.vector(field, position) for field in get_args(Field))
    return part_scores((query["title"], query["description"]), (title, description))


def standing(
    reader: IndexReader,
    query: Query,
    vector: Floats,
    place: int,
    *,
    where: str | None,
    score: Score,
) -> Standing:
    """Return where an item stands in the search with a vector (H,); of equal ones by their ids."""
    allowed, not_compared = reader.filtered(where)
    item, twins = reader.item(place), left_out(reader, query)
    ranked = allowed & ~twins
    similarity, before = reader.exact(score).rank(vector, place, ranked)
    reason = ""
    if twins[place]:
        reason = "it is the query itself" if item.id == query.id else "its text is the query's"
    elif not allowed[place]:
        reason = "the filter leaves it out"
    return Standing(
        item=item,
        similarity=similarity,
        rank=None if reason else before + 1,
        of=int(ranked.sum()),
        left_out=reason,
        not_compared=not_compared,
    )
