"""``whyalike similar``: items of an index that are like one of them or like a text, and why."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from whyalike.cli.explain import quieten, read_arguments
from whyalike.cli.failures import one_sentence_errors
from whyalike.cli.groups import with_groups
from whyalike.cli.index import names_in
from whyalike.cli.options import (
    MODEL_PANEL,
    Debug,
    Html,
    Json,
    LoadingOptions,
    Method,
    MethodOption,
    check_options,
    read_options,
    refuse_both_prompts,
    usual_methods,
)
from whyalike.cli.printing import echo_json, print_view, write_out, write_page
from whyalike.errors import OptionError

if TYPE_CHECKING:
    from whyalike.catalogue import AttachedCatalogue, CatalogueIndex, Hit

RERANK_PANEL = "Rerank"
STORE_PANEL = "A store of your own"
CANDIDATES = 50
"""Items that a reranker gets."""


@with_groups
def similar(
    *,
    folder: Annotated[
        str,
        typer.Argument(
            help="The index, see `whyalike index`; or the address of a store of your own, see "
            "--collection.",
            metavar="INDEX",
        ),
    ],
    id_: Annotated[
        str | None, typer.Option("--id", help="The item to find others for.", metavar="ITEM")
    ] = None,
    text: Annotated[
        str | None, typer.Option(help="A text to find items for; - reads standard input.")
    ] = None,
    title: Annotated[str | None, typer.Option(help="The title that goes with --text.")] = None,
    count: Annotated[int, typer.Option("-k", min=1, help="How many items to show.")] = 10,
    where: Annotated[
        str | None,
        typer.Option(
            help='Only items of which this is true, such as: variety = "Viura" and price < 20.',
            metavar="CONDITION",
        ),
    ] = None,
    score: Annotated[
        Literal["cosine", "four"] | None,
        typer.Option(
            help="The model's own similarity of the texts, or the mean of four: title and "
            "description, each with title and description; by default what the index is made for.",
            show_default=False,
        ),
    ] = None,
    twins: Annotated[
        bool, typer.Option("--twins", help="Show items with the very same text, too.")
    ] = False,
    group_by: Annotated[
        str | None,
        typer.Option(
            help="Show one item for each value of this field, such as a product's variants; by "
            "default what the index was made with.",
            metavar="FIELD",
            show_default=False,
        ),
    ] = None,
    no_groups: Annotated[
        bool, typer.Option("--no-groups", help="Show each item by itself.")
    ] = False,
    diverse: Annotated[
        bool,
        typer.Option("--diverse", help="Show items that differ from each other, too."),
    ] = False,
    metadata: Annotated[
        str | None,
        typer.Option(
            help="What to show of items, such as price,brand, or all; by default what is not the "
            "same everywhere, no address and no long text.",
            metavar="FIELDS",
            show_default=False,
        ),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain/--no-explain", help="Say why each item was found.")
    ] = True,
    stored: Annotated[
        bool,
        typer.Option(
            "--stored/--no-stored",
            help="Take the reasons that the index stores, if it does (whyalike index "
            "--explainable), or run the model.",
        ),
    ] = True,
    method: Method = None,
    option: MethodOption = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="Where the model of the index is now; by default where it was.",
            rich_help_panel=MODEL_PANEL,
        ),
    ] = None,
    prompts: Annotated[
        tuple[str, str] | None,
        typer.Option(
            help="Put before --text, and before items as it was when the index was made; by "
            "default those that the index notes.",
            metavar="QUERY ITEM",
            callback=refuse_both_prompts,
            rich_help_panel=MODEL_PANEL,
            show_default=False,
        ),
    ] = None,
    prompt_names: Annotated[
        tuple[str, str] | None,
        typer.Option(
            help="The same by their names in the model.",
            metavar="QUERY ITEM",
            show_default=False,
            callback=refuse_both_prompts,
            rich_help_panel=MODEL_PANEL,
        ),
    ] = None,
    engine: Annotated[
        Literal["exact", "hnsw"],
        typer.Option(help="What searches: all vectors, or a graph that may miss some."),
    ] = "exact",
    rerank: Annotated[
        str | None,
        typer.Option(
            help="Put what was found in the order of this model, such as a cross-encoder: a hub "
            "name or a folder.",
            metavar="MODEL",
            rich_help_panel=RERANK_PANEL,
        ),
    ] = None,
    rerank_label: Annotated[
        str | None,
        typer.Option(
            help="Of a reranker with several labels, the one whose logit is the score: its name, "
            "or its number.",
            metavar="LABEL",
            rich_help_panel=RERANK_PANEL,
        ),
    ] = None,
    candidates: Annotated[
        int | None,
        typer.Option(
            min=1,
            help=f"How many items the reranker gets; by default {CANDIDATES}, or -k if it is more.",
            rich_help_panel=RERANK_PANEL,
        ),
    ] = None,
    collection: Annotated[
        str | None,
        typer.Option(
            help="Search a collection that you keep: of milvus://HOST:PORT, of milvus:///FILE.db, "
            "or a table of postgresql://USER@HOST/DATABASE with pgvector.",
            metavar="NAME",
            rich_help_panel=STORE_PANEL,
        ),
    ] = None,
    text_field: Annotated[
        str,
        typer.Option(
            help="What was embedded; of several fields, with commas between, the texts on lines.",
            metavar="FIELDS",
            rich_help_panel=STORE_PANEL,
        ),
    ] = "text",
    vector_field: Annotated[
        str, typer.Option(help="The vectors.", metavar="FIELD", rich_help_panel=STORE_PANEL)
    ] = "vector",
    id_field: Annotated[
        str | None,
        typer.Option(
            help="What tells items apart; by default the primary key.",
            metavar="FIELD",
            rich_help_panel=STORE_PANEL,
        ),
    ] = None,
    title_field: Annotated[
        str | None,
        typer.Option(help="Shown of an item.", metavar="FIELD", rich_help_panel=STORE_PANEL),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(
            help="What Milvus lets you in by.",
            envvar="WHYALIKE_STORE_TOKEN",
            show_default=False,
            rich_help_panel=STORE_PANEL,
        ),
    ] = None,
    json_: Json = False,
    html: Html = None,
    loading: LoadingOptions,
    debug: Debug = False,
) -> None:
    """Find similar items in an index, each with the words that explain it.

    The item itself and items with exactly its text are left out.
    """
    with one_sentence_errors(debug=debug):
        if (id_ is None) == (text is None):
            raise OptionError("Give either --id with an item of the index, or --text.")
        sought = None if text is None else read_arguments({"query": text})[0]
        if id_ is not None and (prompts is not None or prompt_names is not None):
            raise OptionError(
                "--prompts and --prompt-names go with --text: an item is compared with the vector "
                "that the index has of it."
            )
        if no_groups and group_by is not None:
            raise OptionError("--group-by and --no-groups exclude each other: give one of them.")
        most = candidates_of(count, rerank, rerank_label, candidates)
        # What needs no model is said before one is loaded, which takes seconds.
        from whyalike.catalogue.stores.store import is_address
        from whyalike.catalogue.where import parse_where

        if where is not None:
            parse_where(where)
        opening: dict[str, Any] = {
            "model": model,
            "prompts": prompts,
            "prompt_names": prompt_names,
            **loading.keywords(),
        }
        of_index: dict[str, Any] = {
            "title": title,
            "score": score,
            "twins": twins,
            "group_by": "" if no_groups else group_by,
            "diverse": diverse,
        }
        if is_address(folder):
            changed = {**of_index, "engine": engine if engine != "exact" else None}
            opening |= _of_store(
                {**changed, "no_groups": no_groups, "group_by": group_by},
                collection=collection,
                text_field=names_in(text_field),
                vector_field=vector_field,
                id_field=id_field,
                title_field=title_field,
                token=token,
            )
            of_index = {}
        else:
            _check_index(folder, collection, metadata, text=sought, id=id_, where=where, **of_index)
            opening["engine"] = engine
        options = read_options(option, usual_methods(method))
        needs_model = (
            sought is not None
            or model is not None
            or rerank is not None
            or (explain and not _explains_itself(folder, collection, method, option, stored=stored))
        )
        if needs_model:
            quieten()
        from whyalike.catalogue import CatalogueIndex
        from whyalike.catalogue.similar_page import explain_all, page_of, search_to_dict
        from whyalike.render import render_similar, terminal_similar_view

        index = (
            CatalogueIndex.open(folder, options=options if needs_model else None, **opening)
            if collection is None
            else CatalogueIndex.attach(folder, options=options, **opening)
        )
        if explain and needs_model:
            check_options(option, [method or index.explainer.method.name])
        hits = index.similar(sought, id=id_, k=most, where=where, **of_index)
        if rerank is not None:
            hits = hits.rerank(
                rerank,
                k=count,
                label=rerank_label,
                **loading.keywords(),
            )
        reasons = explain_all(hits, method=method, stored=stored) if explain else []
        query = index[id_] if id_ is not None else sought or ""
        asked: dict[str, Any] = {"k": count, "where": where, "score": score}
        shown = shown_fields(metadata, index, hits)
        page = page_of(index, query, hits, reasons, shown=shown, **asked)
        write_page(html, lambda: render_similar(page))
        if json_:
            found = search_to_dict(index, query, hits, reasons, **asked)
            write_out(
                lambda: echo_json(json.dumps(found, ensure_ascii=False, allow_nan=False, indent=2))
            )
        else:
            print_view(terminal_similar_view, page)


def _of_store(of_index: Mapping[str, object], **of_store: object) -> dict[str, object]:
    """Return what a store is opened by.

    Raises OptionError without a collection, or where an option is given that goes with an index
    of ours alone.
    """
    for name, value in of_index.items():
        if value not in (None, False):
            raise OptionError(
                f"--{name.replace('_', '-')} goes with an index that `whyalike index` made, and a "
                "store searches in its own way: leave it out."
            )
    if of_store["collection"] is None:
        raise OptionError(
            "The address of a store goes with --collection NAME, the collection or the table to be "
            "searched: give it."
        )
    return of_store


def _explains_itself(
    folder: str,
    collection: str | None,
    method: str | None,
    option: Sequence[str] | None,
    *,
    stored: bool,
) -> bool:
    """Return whether an index stores the reasons that are asked for, so that no model is loaded."""
    from whyalike.catalogue.manifest import read_manifest

    if collection is not None or option or not stored:
        return False
    described = read_manifest(Path(folder)).reasons
    return described is not None and method in (None, described.method)


def _check_index(folder: str, collection: str | None, metadata: str | None, **asked: Any) -> None:
    """Raise FormatError without an index, and OptionError on what it can't be asked.

    That is a store's option without a store, an unknown item or field, a condition that can't be
    read, and the like: see ``check_search``.
    """
    from whyalike.catalogue.reader import open_reader
    from whyalike.catalogue.search import check_search

    if collection is not None:
        raise OptionError(
            f"--collection goes with the address of a store, and {folder!r} is none: give "
            "milvus://HOST:PORT, milvus:///FILE.db or postgresql://USER@HOST/DATABASE."
        )
    reader = open_reader(Path(folder), "exact")
    check_search(reader, **asked)
    if metadata is not None:
        named_fields(metadata, reader.metadata_fields())


def shown_fields(
    said: str | None, index: "CatalogueIndex | AttachedCatalogue", hits: "Sequence[Hit]"
) -> list[str] | None:
    """Return the fields to show, None for the usual ones. Raises OptionError on an unknown one."""
    if said is None:
        return None
    from whyalike.catalogue import CatalogueIndex

    if isinstance(index, CatalogueIndex):
        known = index.reader.metadata_fields()
    else:
        known = list(dict.fromkeys(name for hit in hits for name in hit.item.metadata))
    return named_fields(said, known)


def named_fields(said: str, known: Sequence[str]) -> list[str]:
    """Return the fields that ``--metadata`` names. Raises OptionError on an unknown one."""
    wanted = list(known) if said == "all" else names_in(said)
    if unknown := [name for name in wanted if name not in known]:
        raise OptionError(
            f"--metadata names {unknown[0]!r}, which the index does not have; it has "
            f"{', '.join(map(repr, known)) or 'none'}."
        )
    return wanted


def candidates_of(count: int, rerank: str | None, label: str | None, candidates: int | None) -> int:
    """Return how many items to search for.

    Raises
    ------
    OptionError
        Options of a reranker without one, or fewer candidates than are to be shown.
    """
    if rerank is None:
        for option, given in (("--rerank-label", label), ("--candidates", candidates)):
            if given is not None:
                raise OptionError(f"{option} goes with --rerank MODEL: give both or neither.")
        return count
    if candidates is None:
        return max(count, CANDIDATES)
    if candidates < count:
        raise OptionError(
            f"--candidates is {candidates}, fewer than the {count} items to be shown (-k): give at "
            "least as many."
        )
    return candidates
