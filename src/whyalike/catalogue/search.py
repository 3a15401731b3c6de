"""Searches of an index: hits, their reasons, and where an item stands."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from whyalike.catalogue.grouping import (
    DIVERSITY,
    Group,
    best_of_groups,
    most_diverse,
    others_of,
    pool_size,
)
from whyalike.catalogue.item_store import field_text, one_text
from whyalike.catalogue.manifest import ALONE, Field, policy_of
from whyalike.catalogue.reader import IndexReader, Score
from whyalike.catalogue.vectors import (
    PARTS,
    Bools,
    Ints,
    Part,
    Scores,
    Vectors,
    mean_vectors,
    part_scores,
)
from whyalike.data.items import Item
from whyalike.errors import OptionError
from whyalike.explanation import Explanation, SimilarityFunction
from whyalike.models.scorer import require_vectors
from whyalike.options import check_choice
from whyalike.showing import Shown
from whyalike.similarity import comparable, is_bilinear
from whyalike.texts import clean_text

if TYPE_CHECKING:
    from whyalike.catalogue.hit_reasons import HitReasons
    from whyalike.catalogue.rerank import Reranked
    from whyalike.explainer import Explainer
    from whyalike.models.labels import Label
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


@dataclass(frozen=True, slots=True)
class Searched:
    """What a page says of what was searched: an index, or a collection of somebody else's store.

    prompts: put before a text that is looked for, and before an item. usual_score: what a search
    goes by that names no score. shares: how much titles and descriptions count in the mean of four,
    where they count differently. telling: gives the fields of the metadata that are worth showing;
    None where they are not known, and all are shown.
    """

    name: str
    items: int
    model: str
    similarity_function: SimilarityFunction
    compared: Field
    prompts: tuple[str, str]
    usual_score: Score = "cosine"
    shares: tuple[float, float] | None = None
    telling: Callable[[], Collection[str]] | None = None


@dataclass(frozen=True, kw_only=True, repr=False)
class Hit(Shown):
    """An item that a search found; see CatalogueIndex.similar.

    rank: from 1; of a reranked hit, that of the reranker. similarity: with the vectors of the
    index, so that of ``float16`` it is rounded. parts: the four similarities of which it is the
    mean, with ``score="four"``. compared: the field whose texts ``explain`` is about.
    open_explainer: gives what scores the query, left, with an item, right. reranked: what a
    reranker made of it; see Hits.rerank. group: the items that it stands for, where one result
    stands for each product. reasons: explains it from what the index stores, where that has reasons
    (see CatalogueIndex.build).
    """

    rank: int
    item: Item
    similarity: float
    parts: Mapping[Part, float] | None
    query: Query
    compared: Field
    open_explainer: Callable[[], "Explainer"] = field(compare=False)
    reranked: "Reranked | None" = None
    group: Group | None = None
    reasons: "HitReasons | None" = field(default=None, compare=False)

    _shown_as = "similar"

    @property
    def query_text(self) -> str:
        """The text of the query that was compared: the left one of the explanation."""
        return self.query.texts[self.compared]

    @property
    def text(self) -> str:
        """The item's text that was compared: the right one of the explanation."""
        return field_text(self.item, self.compared)

    def explain(self, *, method: str | None = None, stored: bool = True) -> Explanation:
        """Explain why the two compared texts are alike; of four parts, the descriptions.

        Parameters
        ----------
        method : str, optional
            One of ``whyalike methods``; by default that of the index's Explainer.
        stored : bool, default=True
            Whether to take what the index stores of both texts, where it does and the method is
            that of its reasons; otherwise the model is run.

        Raises
        ------
        OptionError
            An unknown method.
        ModelNotFoundError, ModelError
            The model of the index can't be found.
        """
        return explain_hits([self], method=method, stored=stored)[0]

    def explain_parts(
        self, *, method: str | None = None, stored: bool = True
    ) -> dict[Part, Explanation]:
        """Explain each of the four parts of the score; see ``explain``.

        Raises OptionError where the score has no parts.
        """
        return explain_hit_parts([self], method=method, stored=stored)[0]

    def __repr__(self) -> str:
        """Return one line: the texts may be long."""
        return (
            f"Hit(rank={self.rank}, id={self.item.id!r}, title={self.item.title!r:.60}, "
            f"similarity={self.similarity:.4f})"
        )

    def _to_show(self) -> object:
        from whyalike.catalogue.similar_page import page_of_hit

        return page_of_hit(self)


class Hits(list[Hit]):
    """What a search found, best first.

    twins: the ids of items that are left out because all that is embedded of them is the query's,
    but for case and white space. variants: the ids of items that are left out because they are of
    the query's own group, where one result stands for each.

    not_compared: how many values the filter compares with something of another kind, such as a
    text among numbers; their items are found only where the rest of the filter decides.

    A notebook and ``print`` show it as a page, without reasons: those take the model; see
    ``Hit.explain`` and ``explain_hits``. A slice is a plain list.

    Parameters
    ----------
    hits : iterable of Hit, default=()
        What was found.
    not_compared : int, default=0
        See above.
    twins : sequence of str, default=()
        See above.
    variants : sequence of str, default=()
        See above.
    page : Callable[[Hits], SimilarPage], optional
        Gives what is shown of them.
    """

    def __init__(
        self,
        hits: Iterable[Hit] = (),
        *,
        not_compared: int = 0,
        twins: Sequence[str] = (),
        variants: Sequence[str] = (),
        page: "Callable[[Hits], SimilarPage] | None" = None,
    ) -> None:
        super().__init__(hits)
        self.not_compared = not_compared
        self.twins, self.variants = tuple(twins), tuple(variants)
        self._page = page

    def rerank(
        self,
        model: Any,
        *,
        k: int | None = None,
        label: "Label | None" = None,
        device: str | None = None,
        trust_remote_code: bool = False,
        allow_pickle: bool = False,
    ) -> "Hits":
        """Return the hits in the order in which another model puts them, such as a cross-encoder.

        Each keeps its similarity, and ``Hit.reranked`` has the other score and the rank before. The
        query's text that was searched with is left, the item's right. Of equal scores, the order of
        the search stays.

        Parameters
        ----------
        model : Explainer, or what one is made of
            A name, a folder, a model, a scorer.
        k : int, optional
            How many to return, at most; by default all. A reranker can lift only what the search
            found: search for more than are to be shown.
        label : int or str, optional
            Of a model with several labels, the one whose logit is the score.
        device : str, optional
            Where to put a model that is loaded here.
        trust_remote_code : bool, default=False
            Allow code that comes with a model to run.
        allow_pickle : bool, default=False
            Allow weights that are not safetensors.

        Raises
        ------
        OptionError
            Hits that are reranked already, or an argument that does not go with the model.
        ModelNotFoundError, UnsafeModelError, ModelError
            The model can't be found or used.
        """
        from whyalike.catalogue.rerank import open_reranker, rerank_hits

        explainer = open_reranker(
            model,
            label=label,
            device=device,
            trust_remote_code=trust_remote_code,
            allow_pickle=allow_pickle,
        )
        found = rerank_hits(self, explainer, k=k)
        return Hits(
            found,
            not_compared=self.not_compared,
            twins=self.twins,
            variants=self.variants,
            page=self._page,
        )

    def __str__(self) -> str:
        """Return the hits of a search as plain text, 80 columns wide."""
        from whyalike.render import render_similar_text

        return repr(self) if self._page is None else render_similar_text(self._page(self))

    def _repr_html_(self) -> str | None:
        from whyalike.render import render_similar_fragment

        return None if self._page is None else render_similar_fragment(self._page(self))


def explain_hits(
    hits: Sequence[Hit], *, method: str | None = None, stored: bool = True
) -> list[Explanation]:
    """Explain several hits of one search, batched; each as ``Hit.explain`` does."""
    if not hits:
        return []
    fields = [(hit.compared, hit.compared) for hit in hits]
    if stored and (found := _from_stored(hits, fields, method)) is not None:
        return found
    explainer = _explainer(hits[0], method)
    return list(explainer.explain_many((hit.query_text, hit.text) for hit in hits))


def explain_hit_parts(
    hits: Sequence[Hit], *, method: str | None = None, stored: bool = True
) -> list[dict[Part, Explanation]]:
    """Explain the four parts of several hits of one search, batched."""
    if any(hit.parts is None for hit in hits):
        raise OptionError("These hits have no parts: search with score='four'.")
    if not hits:
        return []
    wanted = list(product(hits, PARTS))
    made = None
    if stored:
        fields = [of_part(part) for _, part in wanted]
        made = _from_stored([hit for hit, _ in wanted], fields, method)
    if made is None:
        pairs = (_texts(hit, part) for hit, part in wanted)
        made = list(_explainer(hits[0], method).explain_many(pairs))
    found = iter(made)
    return [{part: next(found) for part in PARTS} for _ in hits]


def _from_stored(
    hits: Sequence[Hit], fields: Sequence[tuple[Field, Field]], method: str | None
) -> list[Explanation] | None:
    """Return explanations from what is stored; None where that is not, or not by the method."""
    reasons = hits[0].reasons
    if reasons is None or any(hit.reasons is not reasons for hit in hits):
        return None
    if (options := reasons.options(method)) is None:
        return None
    return [
        reasons.explain(hit.item.id, query=query, item=item, options=options)
        for hit, (query, item) in zip(hits, fields, strict=True)
    ]


def _explainer(hit: Hit, method: str | None) -> "Explainer":
    explainer = hit.open_explainer()
    return explainer if method is None else explainer.with_method(method)


def of_part(part: str) -> tuple[Field, Field]:
    """Return the query's field and the item's that a part of a score compares.

    Raises
    ------
    OptionError
        There is no such part.
    """
    check_choice("part", part, PARTS)
    left, right = part.split("-")
    fields: dict[str, Field] = {name: name for name in ALONE}
    return fields[left], fields[right]


def _texts(hit: Hit, part: Part) -> tuple[str, str]:
    left, right = of_part(part)
    return hit.query.texts[left], field_text(hit.item, right)


@dataclass(frozen=True, slots=True)
class ItemRank:
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
    takes_title = score == "four" or reader.compared == "title+description"
    if title is not None and (id is not None or not takes_title):
        raise OptionError(
            "title goes with text, and with score='four' or an index of title+description: leave "
            "it out."
        )
    if score == "four":
        _check_four(reader)
    if id is not None:
        item = reader.item(reader.position_of(id))
        return Query(item, {field: field_text(item, field) for field in get_args(Field)})
    found = clean_text(text, side="query").text
    if not found.strip():
        raise OptionError("The text to look for is blank: give one with words.")
    called = found if title is None else clean_text(title, side="title").text
    texts: dict[Field, str] = {
        "title": called if called.strip() else found,
        "description": found,
        "title+description": found if title is None else one_text(called, found),
    }
    return Query(None, texts)


def check_search(
    reader: IndexReader,
    *,
    where: str | None,
    group_by: str | None,
    diverse: float,
    score: Score | None,
    twins: bool = False,
    **query: Any,
) -> None:
    """Raise what ``CatalogueIndex.similar`` would of these arguments; it takes no model."""
    del twins  # Any value will do.
    score = reader.usual_score if score is None else score
    make_query(reader, score=score, **{"text": None, "id": None, "title": None} | query)
    reader.filtered(where)
    if group_by:
        reader.groups(group_by)
    check_diversity(diverse, reader)


def _check_four(reader: IndexReader) -> None:
    fields, function = reader.manifest.fields, reader.manifest.model.similarity_function
    if not set(ALONE) <= set(fields):
        raise OptionError(
            f"score='four' compares titles and descriptions, and the index has the vectors of "
            f"the {' and '.join(fields)} only: make it with fields=('title', 'description') "
            "(--fields title,description)."
        )
    if not is_bilinear(function):
        raise OptionError(
            f"score='four' is a mean of products of vectors, and the model compares by {function}: "
            "use score='cosine', which is the model's own similarity."
        )


def query_vectors(
    reader: IndexReader, query: Query, score: Score, open_explainer: "Callable[[], Explainer]"
) -> dict[Field, Vectors]:
    """Return the query's vectors (H,) by field, as they are compared.

    An item's own are taken from the index: it is compared as the document that it is there.
    """
    fields: tuple[Field, ...] = ALONE if score == "four" else (reader.compared,)
    model = reader.manifest.model
    if query.id is not None:
        place = reader.position_of(query.id)
        return {field: reader.vector(field, place) for field in fields}
    explainer = open_explainer()
    texts = list(dict.fromkeys(query.texts[field] for field in fields))
    embedder = require_vectors(explainer.model, what="A search", sparse=True)
    vectors = embedder.embed(texts, prompt=explainer.prompts[0], long_text=policy_of(explainer))
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


def joined(reader: IndexReader, vectors: Mapping[Field, Vectors]) -> Vectors:
    """Return the one vector (H,) that is compared."""
    if len(vectors) == 1:
        return next(iter(vectors.values()))
    return mean_vectors(vectors["title"], vectors["description"], reader.manifest.shares)


def twins_of(reader: IndexReader, query: Query) -> Bools:
    """Return which items (N,) have the query's text in all that is embedded; not the query itself.

    Case and white space make no difference.
    """
    twins: Bools = np.ones(len(reader.present), dtype=np.bool_)
    is_whole = query.item is not None or query.texts["title"] != query.texts["description"]
    # Of a text alone nobody knows which title goes with it.
    for one in reader.manifest.fields if is_whole else (reader.compared,):
        mask: Bools = np.zeros(len(reader.present), dtype=np.bool_)
        mask[reader.alike(query.texts[one], one)] = True
        twins &= mask
    if query.id is not None:
        twins[reader.position_of(query.id)] = False
    return twins


@dataclass(frozen=True, slots=True)
class Found:
    """What a search chose: positions (K,) with scores (K,), and the groups that they stand for."""

    positions: Ints
    scores: Scores
    groups: tuple[Group | None, ...]


def check_diversity(diverse: float, reader: IndexReader) -> float:
    """Return how much difference counts, from 0 to 1. Raises OptionError on what it can't be."""
    found = DIVERSITY if diverse is True else float(diverse)
    if not 0 <= found <= 1:
        raise OptionError(f"diverse is {diverse!r}; give True, False, or a number from 0 to 1.")
    function = reader.manifest.model.similarity_function
    if found and not is_bilinear(function):
        raise OptionError(
            f"diverse weighs similarities against each other, and the model compares by {function}:"
            " leave it out."
        )
    return found


def choose(
    reader: IndexReader,
    vector: Vectors,
    k: int,
    allowed: Bools,
    *,
    score: Score,
    group_by: str,
    diversity: float,
) -> Found:
    """Return the best items for a vector (H,), one of each group, or those that differ most."""
    codes = reader.groups(group_by) if group_by else None
    engine = reader.search_engine(score)
    most = min(pool_size(k) if diversity else k, len(allowed))
    places, scores = best_of_groups(engine, vector, most, allowed, codes)
    if diversity and len(places):
        rows = reader.rows(score, places).astype(np.float64)
        order = most_diverse(scores, rows @ rows.T, k, diversity)
        places, scores = places[order], scores[order]
    places, scores = places[:k], scores[:k]
    groups: list[Group | None] = []
    for place in places.tolist():
        groups.append(_group_of(reader, vector, place, allowed, score, group_by))
    return Found(places, scores, tuple(groups))


def _group_of(  # noqa: PLR0917
    reader: IndexReader, vector: Vectors, place: int, allowed: Bools, score: Score, group_by: str
) -> Group | None:
    if not group_by:
        return None
    codes = reader.groups(group_by)
    if codes[place] < 0:
        return None
    rest = others_of(codes, place, allowed, lambda rows: reader.exact(score).rescore(vector, rows))
    item = reader.item(place)
    value = getattr(item, group_by) if group_by in ("id", "title") else item.metadata.get(group_by)
    shown = value[0] if isinstance(value, tuple) and value else value
    return Group(group_by, str(shown), tuple(reader.ids(rest)))


def item_parts(
    reader: IndexReader, query: Mapping[Field, Vectors], position: int
) -> dict[Part, float]:
    """Return the four similarities of a query with an item."""
    title, description = (reader.vector(field, position) for field in ALONE)
    return part_scores((query["title"], query["description"]), (title, description))


def standing(
    reader: IndexReader,
    query: Query,
    vector: Vectors,
    place: int,
    *,
    where: str | None,
    score: Score,
) -> ItemRank:
    """Return where an item stands in the search with a vector (H,); of equal ones by their ids."""
    allowed, not_compared = reader.filtered(where)
    item, twins = reader.item(place), twins_of(reader, query)
    if query.id is not None:
        twins[reader.position_of(query.id)] = True
    ranked = allowed & ~twins
    similarity, before = reader.exact(score).rank(vector, place, ranked)
    reason = ""
    if twins[place]:
        reason = "it is the query itself" if item.id == query.id else "its text is the query's"
    elif not allowed[place]:
        reason = "the filter leaves it out"
    return ItemRank(
        item=item,
        similarity=similarity,
        rank=None if reason else before + 1,
        of=int(ranked.sum()),
        left_out=reason,
        not_compared=not_compared,
    )


Standing = ItemRank
"""The name that it has in ``whyalike.catalogue``."""
