"""``whyalike compare``: why a model scores one text above another for a query."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from whyalike.cli.explain import quieten, read_text, write_files
from whyalike.cli.failures import one_sentence_errors
from whyalike.cli.fusion import ModelOptions, read_model
from whyalike.cli.groups import with_groups
from whyalike.cli.options import (
    METHOD_PANEL,
    OUTPUT_PANEL,
    Debug,
    EmbeddingOptions,
    EncodingOption,
    Html,
    Json,
    LoadingOptions,
    LongTextOptions,
    MethodOption,
    Picture,
    SignedMethod,
    check_options,
    read_options,
    usual_methods,
)
from whyalike.cli.printing import echo_data, echo_json, print_view, write_out
from whyalike.cli.refusals import refuse_unknown_items, refuse_without_index
from whyalike.data.encodings import reading_in
from whyalike.errors import OptionError

if TYPE_CHECKING:
    from whyalike.explainer import Explainer
    from whyalike.options import BTIOptions

NAMES = ("query", "better", "worse")

INDEX_PANEL = "Files and items of an index"

OWN_MODEL = (*(name for name in ModelOptions.names() if name != "model"), "pooling")
"""Parameters that choose a model, which an index brings."""

FileOf = Annotated[
    str | None,
    typer.Option(
        help="File with this text; - is standard input.",
        metavar="FILE",
        rich_help_panel=INDEX_PANEL,
    ),
]
ItemOf = Annotated[
    str | None,
    typer.Option(
        help="Item of --index whose text this is.", metavar="ITEM", rich_help_panel=INDEX_PANEL
    ),
]


@with_groups
def compare(
    *,
    context: typer.Context,
    query: Annotated[
        str | None,
        typer.Argument(
            help="The text that both were compared with; - reads standard input.",
            show_default=False,
        ),
    ] = None,
    better: Annotated[
        str | None,
        typer.Argument(help="The text that should be scored higher; or -.", show_default=False),
    ] = None,
    worse: Annotated[
        str | None,
        typer.Argument(help="The text that should be scored lower; or -.", show_default=False),
    ] = None,
    file_query: FileOf = None,
    file_better: FileOf = None,
    file_worse: FileOf = None,
    index: Annotated[
        Path | None,
        typer.Option(
            help="An index, with whose model texts are compared, and whose items can be named; see "
            "`whyalike index`. --model then says where its model is now.",
            metavar="INDEX",
            rich_help_panel=INDEX_PANEL,
        ),
    ] = None,
    id_query: ItemOf = None,
    id_better: ItemOf = None,
    id_worse: ItemOf = None,
    scorer: ModelOptions,
    method: SignedMethod = None,
    option: MethodOption = None,
    embedding: EmbeddingOptions,
    reading: LongTextOptions,
    check: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Delete this many words of the query, and this many of the texts, with all their "
            "occurrences, and say what the scores lose. By default 10; of a function, whose calls "
            "may cost, 0.",
            rich_help_panel=METHOD_PANEL,
        ),
    ] = None,
    json_: Json = False,
    md: Annotated[
        bool,
        typer.Option(
            "--md", help="Print Markdown, for an issue or a chat.", rich_help_panel=OUTPUT_PANEL
        ),
    ] = False,
    html: Html = None,
    png: Picture = None,
    svg: Picture = None,
    loading: LoadingOptions,
    encoding: EncodingOption = None,
    debug: Debug = False,
) -> None:
    """Explain why a model scores one text above another for a query.

    Each of the three is an argument, a file, or an item of an index; arguments stand for those that
    are not given otherwise, in this order. Put -- before a text that begins with a hyphen.
    """
    with one_sentence_errors(debug=debug), reading_in(encoding):
        if md and json_:
            raise OptionError("--md and --json each print the answer: leave out one of them.")
        ids = {"query": id_query, "better": id_better, "worse": id_worse}
        files = {"query": file_query, "better": file_better, "worse": file_worse}
        texts = read_texts([query, better, worse], files, ids)
        if index is None and any(id_ is not None for id_ in ids.values()):
            raise OptionError("--id-query, --id-better and --id-worse name items of --index INDEX.")
        refuse_without_index(index)
        chosen = read_options(option, usual_methods(method, signed=True), **reading.keywords())
        if index is not None:
            given = [name for name in OWN_MODEL if _is_given(context, name)]
            if given:
                flags = ", ".join(f"--{name.replace('_', '-')}" for name in given)
                raise OptionError(f"--index brings its own model: leave out {flags}, or --index.")
            moved = scorer.model if _is_given(context, "model") else None
            own = any(_is_given(context, name) for name in reading.names())
            refuse_unknown_items(index, [id_ for id_ in ids.values() if id_ is not None])
            quieten()
            explainer, texts = of_index(
                index,
                texts,
                ids,
                own_reading=own,
                options=chosen,
                model=moved,
                prompts=embedding.prompts,
                prompt_names=embedding.prompt_names,
                **loading.keywords(),
            )
        else:
            source = read_model(scorer, loading)
            quieten()
            from whyalike import Explainer

            explainer = Explainer(**source, **embedding.keywords(), options=chosen)
        method = method or explainer.signed_method
        check_options(option, [method])
        comparison = explainer.compare(
            texts["query"], texts["better"], texts["worse"], method=method, check=check
        )
        write_files(comparison, html=html, png=png, svg=svg)
        if json_:
            write_out(lambda: echo_json(comparison.to_json(indent=2)))
        elif md:
            write_out(lambda: echo_data(comparison.to_markdown()))
        else:
            from whyalike.render import terminal_comparison_view

            print_view(terminal_comparison_view, comparison)


def read_texts(
    arguments: list[str | None],
    files: Mapping[str, str | None],
    ids: Mapping[str, str | None],
) -> dict[str, str]:
    """Return the texts that are given as arguments and files, by what they are called.

    Arguments are those texts, in their order, that neither a file nor an id gives.

    Raises
    ------
    OptionError
        A text that is given twice, none or more than are wanted, or standard input twice.
    TextError
        One can't be read.
    """
    for name in NAMES:
        if files[name] is not None and ids[name] is not None:
            raise OptionError(
                f"The {name} text is given twice: with --file-{name} and with --id-{name}."
            )
    open_ = [name for name in NAMES if files[name] is None and ids[name] is None]
    given = [text for text in arguments if text is not None]
    if len(given) > len(open_):
        wanted = "no argument" if not open_ else f"{len(open_)}: {', '.join(open_)}"
        raise OptionError(
            f"There are {len(given)} texts as arguments, and with these options there should be "
            f"{wanted}."
        )
    if len(given) < len(open_):
        missing = open_[len(given)]
        raise OptionError(
            f"The {missing} text is missing: give it as an argument, - for standard input, "
            f"--file-{missing} FILE, or --index INDEX --id-{missing} ITEM."
        )
    if [*given, *files.values()].count("-") > 1:
        raise OptionError(f"Standard input (-) can be only one of {', '.join(NAMES)}.")
    as_arguments = dict(zip(open_, given, strict=True))
    return {
        name: read_text(name, as_arguments.get(name), files[name], f"--file-{name}")
        for name in NAMES
        if ids[name] is None
    }


def of_index(
    folder: Path,
    texts: Mapping[str, str],
    ids: Mapping[str, str | None],
    *,
    own_reading: bool,
    options: "BTIOptions",
    **opening: Any,
) -> tuple["Explainer", dict[str, str]]:
    """Return what explains scores of an index, and the texts with those of its items.

    An item as the query is a document, as `whyalike similar --id` has it. Texts are read as those
    of the index were; with ``own_reading``, or in chunks, as ``options`` say.

    Raises
    ------
    OptionError
        An id that the index has not.
    FormatError, ModelNotFoundError, ModelError
        The index, or its model, can't be opened.
    """
    from whyalike.catalogue import CatalogueIndex
    from whyalike.catalogue.item_store import field_text
    from whyalike.options import without_chunks

    whole = without_chunks(options)
    opened: CatalogueIndex = CatalogueIndex.open(folder, options=whole, **opening)
    found = {
        name: field_text(opened[id_], opened.reader.compared)
        for name, id_ in ids.items()
        if id_ is not None
    }
    explainer = opened.explainer
    if own_reading or options.long_text == "chunks":
        explainer = explainer.with_options(options)
    if ids["query"] is not None:
        explainer = explainer.between_documents()
    return explainer, {**texts, **found}


def _is_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"
