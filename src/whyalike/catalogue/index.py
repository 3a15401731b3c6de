"""The model of an index, opened as it was when the index was made."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, Self, get_args

import numpy as np

from whyalike.catalogue.building import Progress
from whyalike.catalogue.given_vectors import GivenVectors, VectorSource
from whyalike.catalogue.hit_reasons import HitReasons, usual_options
from whyalike.catalogue.manifest import Field, IndexedModel, check_model
from whyalike.catalogue.reader import IndexReader, Score, describe_index, open_reader
from whyalike.catalogue.search import (
    Hit,
    Hits,
    ItemRank,
    Query,
    Searched,
    check_diversity,
    choose,
    explainer_for,
    item_parts,
    joined,
    make_query,
    query_vectors,
    standing,
    twins_of,
)
from whyalike.catalogue.vectors import Bools, DType, Engine, Vectors
from whyalike.catalogue.writing import Source, add_items, check_place, remove_items, write_index
from whyalike.data.items import Item
from whyalike.data.stream import ReadReport
from whyalike.engines.runner import Runners, choose_runner
from whyalike.errors import ModelNotFoundError, OptionError
from whyalike.options import BTIOptions, MethodOptions, all_options, check_choice, check_whole
from whyalike.stored_reasons import Numbers

if TYPE_CHECKING:
    from whyalike.catalogue.attached import AttachedCatalogue
    from whyalike.explainer import Explainer
    from whyalike.render.similar import SimilarPage


def open_explainer(
    model: str | os.PathLike[str] | None,
    *,
    indexed: IndexedModel | None = None,
    **opening: Any,
) -> "Explainer":
    """Return an Explainer of a model, with the pooling and prompts of an index if one is given.

    ``opening`` are arguments of Explainer; prompts among them take the place of the index's.

    Raises
    ------
    ModelNotFoundError, UnsafeModelError, ModelError
        The model can't be found or used.
    OptionError
        An argument that does not go with it.
    """
    from whyalike.explainer import Explainer

    name = None if model is None else str(model)
    if indexed is None:
        return Explainer(name, **opening)
    pooling: Any = indexed.pooling
    if opening.get("prompts") is None and opening.get("prompt_names") is None:
        opening["prompts"] = indexed.prompts
    given = all_options(opening.pop("options", None))
    options = dataclasses.replace(given, long_text=indexed.long_text)
    return Explainer(name, pooling=pooling, options=options, **opening)


Folder = str | os.PathLike[str]


class CatalogueIndex:
    """An index, open for search. ``build`` and ``open`` make one.

    Threads may share it. It shows the state that it was opened in, whatever is written later.
    """

    def __init__(self, reader: IndexReader, explainer: "Explainer | None", **opening: Any) -> None:
        self._reader, self._explainer, self._opening = reader, explainer, opening
        self._lock = RLock()

    @classmethod
    def build(
        cls,
        source: Source,
        folder: Folder,
        *,
        model: "str | os.PathLike[str] | Explainer | None" = None,
        name: str | None = None,
        fields: Sequence[Field] = ("title+description",),
        weights: Mapping[str, float] | None = None,
        group_by: str | None = None,
        dtype: DType = "float32",
        vectors: VectorSource | GivenVectors | None = None,
        resume: bool = True,
        overwrite: bool = False,
        report: ReadReport | None = None,
        progress: Progress | None = None,
        explainable: Numbers | None = None,
        engine: Runners = "local",
        ray_address: str | None = None,
    ) -> Self:
        """Embed a catalogue into a folder, and open it.

        Items pass through one by one. What was embedded before a run was cut off is kept: the same
        call goes on from there, to the same bytes as if it had not been. Readers see nothing of it
        until all is done.

        Parameters
        ----------
        source : Source
            A catalogue; a file, in which a bad row is then an error; or items.
        folder : Folder
            A new or an empty one, or one that an unfinished run left.
        model : str | PathLike[str] | Explainer, optional
            A name, a folder, or an Explainer, whose prompts and pooling are kept in mind.
        name : str, optional
            Of the catalogue; by default the source's.
        fields : sequence of Field, default=('title+description',)
            What is embedded of an item: both as one text, its description, its title, or each of
            the two by itself. A blank one is filled with the other.
        weights : Mapping[str, float], optional
            With ``fields=("title", "description")``, how much either counts: searches then go by
            both, as ``score="four"``.
        group_by : str, optional
            The field that variants of a product share; searches give one result for each. By
            default it is guessed by its name (``parent_sku``, ``item_group_id`` …); "" for none.
        dtype : DType, default='float32'
            Of the vectors on the disk. ``"float16"`` takes half the disk, rounds similarities to
            about three decimals, and is cast in memory at the first search.
        vectors : VectorSource or GivenVectors, optional
            Vectors that the model has made of the items already: an array (N, H) or a .npy or .npz
            file, one row for each item in their order; or ``"file.parquet:column"``, by its ids
            where it has a column of them. A sample of the items is embedded to see that they are
            the model's, and nothing else.
        resume : bool, default=True
            Whether to go on with an unfinished run; one of other items or another model is then
            an error, and not thrown away.
        overwrite : bool, default=False
            Whether an index that is there may be replaced, when the new one is done.
        report : ReadReport, optional
            That of the items, where they are read elsewhere; gets notes on the vectors. Without
            it, a text in a language that the model has no tokens for is warned of.
        progress : Progress, optional
            Is called with how many of how many texts are embedded.
        explainable : Numbers, optional
            Store the reasons of each item's words, too, as numbers of this format (``"int8"``,
            ``"float16"`` or ``"float32"``): hits are then explained from there, without the model.
            It takes some thirty times as long as embedding alone, and about two vectors a word.
        engine : Runners, default='local'
            ``"ray"`` embeds by the workers of Ray (extra ``ray``): a worker for each CPU but one,
            on this machine or on a cluster. The index is the same.
        ray_address : str, optional
            Of the cluster, of which this machine is a node: ``"auto"`` or HOST:PORT.

        Raises
        ------
        EngineError
            The cluster can't be reached, or texts ended their worker again and again.
        OptionError
            An argument that is not allowed, no items, or two with one id.
        OutputError
            The folder can't be written to, or someone else writes there now.
        FormatError
            A file that can't be read as a catalogue.
        ModelNotFoundError, UnsafeModelError, ModelError
            The model can't be found or used.
        """
        from whyalike.explainer import Explainer

        runner = choose_runner(engine, ray_address)
        check_place(Path(folder), overwrite=overwrite)
        explainer = model if isinstance(model, Explainer) else open_explainer(model)
        write_index(
            Path(folder),
            source,
            explainer,
            name=name,
            fields=fields,
            weights=weights or {},
            group_by=group_by,
            dtype=dtype,
            vectors=vectors,
            resume=resume,
            overwrite=overwrite,
            report=report,
            progress=progress or _tell_nobody,
            explainable=explainable,
            runner=runner,
        )
        return cls(open_reader(Path(folder), "exact"), explainer)

    @classmethod
    def open(
        cls,
        folder: Folder,
        *,
        model: "str | os.PathLike[str] | Explainer | None" = None,
        engine: Engine = "exact",
        prompts: tuple[str, str] | None = None,
        prompt_names: tuple[str, str] | None = None,
        options: MethodOptions | None = None,
        device: str | None = None,
        trust_remote_code: bool = False,
        allow_pickle: bool = False,
    ) -> Self:
        """Open an index.

        Parameters
        ----------
        folder : Folder
            That of the index.
        model : str | PathLike[str] | Explainer, optional
            The one that it was made with, as a name, a folder or an Explainer. By default it is
            opened by the name in the index, when it is needed first.
        engine : Engine, default='exact'
            ``"exact"`` misses nothing; ``"hnsw"`` is FAISS's graph (extra ``faiss``), made at the
            first search and kept beside the index.
        prompts : tuple[str, str], optional
            Put before a query, and before an item as it was when the index was made; by default
            those that the index notes. An Explainer has its own.
        prompt_names : tuple[str, str], optional
            The same by their names in the model's own.
        options : MethodOptions, optional
            Of the methods that explain what is found; ``long_text`` is the index's.
        device : str, optional
            Where to put a model that is loaded here.
        trust_remote_code : bool, default=False
            Allow code that comes with a model to run.
        allow_pickle : bool, default=False
            Allow weights that are not safetensors.

        Raises
        ------
        FormatError
            There is no index, it is damaged, or of another release.
        OptionError
            Another model than the index was made with, or another prompt before items.
        ModelNotFoundError, UnsafeModelError, ModelError
            The model can't be found or used.
        """
        check_choice("engine", engine, get_args(Engine))
        reader = open_reader(Path(folder), engine)
        opening = {
            "prompts": prompts,
            "prompt_names": prompt_names,
            "options": options,
            "device": device,
            "trust_remote_code": trust_remote_code,
            "allow_pickle": allow_pickle,
        }
        if model is None:
            return cls(reader, None, **opening)
        from whyalike.explainer import Explainer

        if not isinstance(model, Explainer):
            explainer = open_explainer(model, indexed=reader.manifest.model, **opening)
        else:
            for what, given in (("prompts", prompts or prompt_names), ("options", options)):
                if given is not None:
                    raise OptionError(f"An Explainer has {what} of its own: leave out the others.")
            explainer = model
        check_model(explainer, reader.manifest.model, any_query=_any_query(opening))
        return cls(reader, explainer, **opening)

    @classmethod
    def attach(
        cls,
        address: str,
        *,
        collection: str,
        model: "str | os.PathLike[str] | Explainer | None" = None,
        text_field: str | Sequence[str] = "text",
        vector_field: str = "vector",
        id_field: str | None = None,
        title_field: str | None = None,
        separator: str = "\n",
        token: str | None = None,
        prompts: tuple[str, str] | None = None,
        prompt_names: tuple[str, str] | None = None,
        options: MethodOptions | None = None,
        device: str | None = None,
        trust_remote_code: bool = False,
        allow_pickle: bool = False,
    ) -> "AttachedCatalogue":
        """Open a collection that somebody else keeps: it is searched there and explained here.

        A sample of its items is embedded to see that the model is the one that made the vectors.

        Parameters
        ----------
        address : str
            ``milvus://host:19530``, ``milvus:///folder/file.db`` (Milvus Lite), or
            ``postgresql://user:password@host/database`` (with pgvector).
        collection : str
            Its name; in PostgreSQL the table's.
        model : str | PathLike[str] | Explainer, optional
            The one that made the vectors, as a name, a folder or an Explainer.
        text_field : str or sequence of str, default='text'
            What was embedded; of several fields their texts joined, blank ones left out.
        vector_field : str, default='vector'
            The vectors.
        id_field : str, optional
            What tells items apart; by default the primary key.
        title_field : str, optional
            Shown of an item.
        separator : str, default a line break
            Put between the texts of several fields.
        token : str, optional
            What Milvus lets one in by.
        prompts : tuple[str, str], optional
            Put before a query, and before an item as it was when the vectors were made; by default
            the model's own. An Explainer has its own.
        prompt_names : tuple[str, str], optional
            The same by their names in the model's own.
        options : MethodOptions, optional
            Of the methods that explain what is found.
        device : str, optional
            Where to put a model that is loaded here.
        trust_remote_code : bool, default=False
            Allow code that comes with a model to run.
        allow_pickle : bool, default=False
            Allow weights that are not safetensors.

        Raises
        ------
        OptionError
            No such collection or field; vectors that are not the model's; or a search by another
            similarity than the model's.
        StorageError
            The store does not answer, or refuses.
        MissingExtraError
            The store's client is not installed (extras ``milvus`` and ``postgres``).
        ModelNotFoundError, UnsafeModelError, ModelError
            The model can't be found or used.
        """
        from whyalike.catalogue.attached import AttachedCatalogue
        from whyalike.catalogue.stores.store import Fields
        from whyalike.explainer import Explainer

        texts = (text_field,) if isinstance(text_field, str) else tuple(text_field)
        fields = Fields(
            id=id_field, text=texts, vector=vector_field, title=title_field, separator=separator
        )
        if isinstance(model, Explainer):
            for what, given in (("prompts", prompts or prompt_names), ("options", options)):
                if given is not None:
                    raise OptionError(f"An Explainer has {what} of its own: leave out the others.")
            explainer = model
        else:
            explainer = open_explainer(
                model,
                prompts=prompts,
                prompt_names=prompt_names,
                options=options,
                device=device,
                trust_remote_code=trust_remote_code,
                allow_pickle=allow_pickle,
            )
        return AttachedCatalogue.open(
            address, model=explainer, collection=collection, fields=fields, token=token
        )

    def __repr__(self) -> str:
        """Return one line, without opening the model."""
        manifest = self._reader.manifest
        return (
            f"CatalogueIndex({manifest.name!r}, {len(self):,} item{'s' * (len(self) != 1)}, "
            f"model={manifest.model.name!r})"
        )

    @property
    def explainer(self) -> "Explainer":
        """The index's model, opened when it is needed first; left is a query, right an item.

        Raises
        ------
        OptionError
            The model of that name is another one now.
        ModelNotFoundError, UnsafeModelError, ModelError
            It can't be found or used.
        """
        with self._lock:
            if self._explainer is None:
                model = self._reader.manifest.model
                try:
                    explainer = open_explainer(model.name, indexed=model, **self._opening)
                except ModelNotFoundError as error:
                    raise ModelNotFoundError(
                        f"The index was made with {model.name}, which is not found under that "
                        f"name: give it with model= (--model). {error}"
                    ) from error
                check_model(explainer, model, any_query=_any_query(self._opening))
                self._explainer = explainer
            return self._explainer

    @property
    def reader(self) -> IndexReader:
        """The state that is open: its manifest, items and vectors by position."""
        return self._reader

    @property
    def searched(self) -> Searched:
        """What pages say of the index."""
        manifest = self._reader.manifest
        return Searched(
            name=manifest.name,
            items=manifest.items,
            model=manifest.model.name,
            similarity_function=manifest.model.similarity_function,
            compared=self._reader.compared,
            prompts=manifest.model.prompts,
            usual_score=self._reader.usual_score,
            shares=manifest.shares if manifest.weights else None,
            telling=self._reader.telling_fields,
        )

    def __len__(self) -> int:
        """Return the number of items."""
        return self._reader.manifest.items

    def __getitem__(self, id: str) -> Item:
        """Return the item of that id. Raises OptionError where there is none."""
        return self._reader.item(self._reader.position_of(id))

    def texts(self) -> list[str]:
        """Return the texts that searches compare, one an item, as BM25 and Lexicon.fit take them.

        Raises FormatError on a damaged index.
        """
        return self._reader.texts()

    def similar(
        self,
        text: str | None = None,
        *,
        id: str | None = None,
        title: str | None = None,
        k: int = 10,
        where: str | None = None,
        score: Score | None = None,
        twins: bool = False,
        group_by: str | None = None,
        diverse: float = False,
    ) -> Hits:
        """Return the items that are most like a text or an item, best first; of equal ones by id.

        The item itself is left out, and so is every item of which the same texts are embedded as
        of the query, but for case and white space; the result's ``twins`` names those.

        Parameters
        ----------
        text : str, optional
            What to look for, compared with what is embedded of items.
        id : str, optional
            Instead, an item of the index.
        title : str, optional
            The title that goes with ``text``, where titles are compared too.
        k : int, default=10
            How many items, at most.
        where : str, optional
            Only items of which this is true; see whyalike.catalogue.where. How many values it could
            not be compared with is the result's ``not_compared``.
        score : Score, optional
            ``"cosine"`` is the model's own similarity, which for nearly every model is the cosine;
            ``"four"`` is RecoBERT's mean of four (Malkiel et al. 2020), for which titles and
            descriptions must each be indexed by themselves. By default the latter where the index
            has weights of both, and else the former.
        twins : bool, default=False
            Whether to find items with the query's texts, too.
        group_by : str, optional
            A field of which one result stands for each value, such as a product's variants:
            ``Hit.group`` names the others, and items of the query's own group are left out. By
            default what the index was made with; "" for none.
        diverse : float, default=False
            Whether results should differ from each other (maximal marginal relevance), and, as a
            number up to 1, how much that counts; True is 0.5.

        Raises
        ------
        OptionError
            Arguments that don't go together, an unknown id or field, a filter that can't be read.
        TextError
            A text that is none.
        FormatError
            A damaged index.
        ModelNotFoundError, UnsafeModelError, ModelError
            The model can't be found or used.
        """
        check_whole("k", k)
        score = self._reader.usual_score if score is None else score
        query = make_query(self._reader, text=text, id=id, title=title, score=score)
        vectors = query_vectors(self._reader, query, score, lambda: self.explainer)
        allowed, not_compared = self._reader.filtered(where)
        same = twins_of(self._reader, query) & allowed
        if query.id is not None:
            allowed[self._reader.position_of(query.id)] = False
        left_out: list[str] = []
        if not twins:
            allowed &= ~same
            left_out = self._reader.ids(np.flatnonzero(same))
        column = self._reader.manifest.group_by or "" if group_by is None else group_by
        variants = self._own_group(query, column, allowed)
        allowed &= ~variants
        found = choose(
            self._reader,
            joined(self._reader, vectors),
            k,
            allowed,
            score=score,
            group_by=column,
            diversity=check_diversity(diverse, self._reader),
        )
        reasons = self._hit_reasons(query, vectors)
        hits = [
            Hit(
                rank=rank,
                item=self._reader.item(int(place)),
                similarity=float(value),
                parts=None if score == "cosine" else item_parts(self._reader, vectors, int(place)),
                query=query,
                compared=self._reader.compared,
                open_explainer=lambda: explainer_for(query, self.explainer),
                group=group,
                reasons=reasons,
            )
            for rank, (place, value, group) in enumerate(
                zip(found.positions, found.scores, found.groups, strict=True), start=1
            )
        ]
        asked = query.item or query.texts[self._reader.compared]

        def page(hits: Hits) -> "SimilarPage":
            from whyalike.catalogue.similar_page import page_of

            return page_of(self, asked, hits, k=k, where=where, score=score)

        return Hits(
            hits,
            not_compared=not_compared,
            twins=left_out,
            variants=self._reader.ids(np.flatnonzero(variants)),
            page=page,
        )

    def _hit_reasons(self, query: Query, vectors: Mapping[Field, Vectors]) -> HitReasons | None:
        if self._reader.manifest.reasons is None:
            return None
        return HitReasons(self._reader, query, vectors, self.stored_options, lambda: self.explainer)

    def stored_options(self, method: str | None = None) -> BTIOptions | None:
        """Return the options by which stored reasons explain as a method would.

        The model is not opened for that. None where the index stores none, or where they are not
        what the index's Explainer would find by this method.

        Parameters
        ----------
        method : str, optional
            One of ``whyalike methods``; by default that of the index's Explainer.
        """
        described = self._reader.manifest.reasons
        if described is None or method not in (None, described.method):
            return None
        explainer = self._explainer
        if explainer is None:
            long_text = self._reader.manifest.model.long_text
            given = all_options(self._opening.get("options"))
            return usual_options(dataclasses.replace(given, long_text=long_text))
        own = method or explainer.method.name
        if own != described.method or explainer.background is not None:
            return None
        return usual_options(explainer.options)

    def _own_group(self, query: Query, column: str, allowed: Bools) -> Bools:
        """Return which allowed items (N,) are of the group of the item that was asked for."""
        if not column or query.id is None:
            return np.zeros(len(allowed), dtype=np.bool_)
        codes = self._reader.groups(column)
        own: Bools = allowed & (codes == codes[self._reader.position_of(query.id)])
        return own

    def rank_of(
        self,
        item: str,
        *,
        text: str | None = None,
        id: str | None = None,
        title: str | None = None,
        where: str | None = None,
        score: Score | None = None,
    ) -> ItemRank:
        """Return where one item stands in the search that ``similar`` would do, and how alike.

        Parameters
        ----------
        item : str
            Its id.
        text : str, optional
            As for ``similar``, and so are the others.
        id : str, optional
            See ``similar``.
        title : str, optional
            See ``similar``.
        where : str, optional
            See ``similar``.
        score : Score, optional
            See ``similar``.

        Raises
        ------
        OptionError, TextError, FormatError, ModelError
            As ``similar``.
        """
        place = self._reader.position_of(item)
        score = self._reader.usual_score if score is None else score
        query = make_query(self._reader, text=text, id=id, title=title, score=score)
        vectors = query_vectors(self._reader, query, score, lambda: self.explainer)
        return standing(
            self._reader, query, joined(self._reader, vectors), place, where=where, score=score
        )

    def add(
        self,
        source: Source,
        *,
        replace: bool = False,
        vectors: VectorSource | GivenVectors | None = None,
        resume: bool = True,
        report: ReadReport | None = None,
        progress: Progress | None = None,
    ) -> Self:
        """Add items, and return the index with them; this one stays as it is.

        Parameters
        ----------
        source : Source
            As for ``build``.
        replace : bool, default=False
            Whether an item takes the place of one with the same id; otherwise that is an error.
        vectors : VectorSource or GivenVectors, optional
            Vectors of these items that the model has made already; as for ``build``.
        resume : bool, default=True
            Whether to go on with an unfinished run; one of other items or another model is then
            an error, and not thrown away.
        report : ReadReport, optional
            As for ``build``.
        progress : Progress, optional
            Is called with how many of how many texts are embedded.

        Raises
        ------
        OptionError
            As ``build``; or an id that is there already.
        OutputError, FormatError, ModelError
            As ``build``.
        """
        folder = self._reader.folder
        add_items(
            folder,
            source,
            self.explainer,
            replace_known=replace,
            vectors=vectors,
            resume=resume,
            report=report,
            progress=progress or _tell_nobody,
        )
        return self._reopened()

    def remove(self, ids: Sequence[str]) -> Self:
        """Remove items by their ids, and return the index without them; this one stays as it is.

        Raises
        ------
        OptionError
            An id that is not there, or no item would be left; nothing is removed then.
        OutputError
            As ``build``.
        """
        remove_items(self._reader.folder, ids)
        return self._reopened()

    def info(self) -> dict[str, Any]:
        """Return what there is to say about the index, as plain values: see `index info --json`."""
        return describe_index(self._reader)

    def verify(self) -> None:
        """Read every file of the index. Raises FormatError where one is damaged."""
        self._reader.verify()

    def _reopened(self) -> Self:
        reader = open_reader(self._reader.folder, self._reader.engine)
        return type(self)(reader, self._explainer, **self._opening)


def _any_query(opening: dict[str, Any]) -> bool:
    """Return whether prompts were asked for, so that a query's need not be the index's."""
    return any(opening.get(name) is not None for name in ("prompts", "prompt_names"))


def _tell_nobody(done: int, total: int) -> None:
    """Take no notice of progress."""
