"""``whyalike diagnose``: queries that miss their items, why, and what would find them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from whyalike.cli.explain import quieten
from whyalike.cli.failures import one_sentence_errors
from whyalike.cli.groups import with_groups
from whyalike.cli.options import (
    MODEL_PANEL,
    OUTPUT_PANEL,
    TABLES,
    Debug,
    EncodingOption,
    Html,
    Json,
    LoadingOptions,
    PromptNames,
    Prompts,
    Strict,
    names_of,
)
from whyalike.cli.printing import (
    echo,
    echo_json,
    open_console,
    open_error_console,
    write_out,
    write_page,
)
from whyalike.cli.refusals import refuse_missing, refuse_unreadable, refuse_without_index
from whyalike.data.encodings import reading_in
from whyalike.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Callable

SEARCHED_PANEL, REMEDIES_PANEL = "What is searched", "Remedies"


@with_groups
def diagnose(
    *,
    queries: Annotated[
        Path,
        typer.Argument(
            help="Queries, each with the id of its right item, or a list of ids: columns query and "
            f"right ({TABLES.split(', or')[0]}).",
            metavar="QUERIES",
        ),
    ],
    index: Annotated[
        Path | None,
        typer.Option(
            help="The index that is searched; see `whyalike index`.",
            metavar="INDEX",
            rich_help_panel=SEARCHED_PANEL,
        ),
    ] = None,
    passages: Annotated[
        Path | None,
        typer.Option(
            help=f"Instead of an index, a file of items or texts ({TABLES}).",
            metavar="FILE",
            rich_help_panel=SEARCHED_PANEL,
        ),
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(
            help="What another search of these items found, in TREC's format: it says what is "
            "missed, and the model says why.",
            metavar="FILE",
            rich_help_panel=SEARCHED_PANEL,
        ),
    ] = None,
    qrels: Annotated[
        Path | None,
        typer.Option(
            help="Which items are right, in TREC's format; by default the queries name them.",
            metavar="FILE",
            rich_help_panel=SEARCHED_PANEL,
        ),
    ] = None,
    count: Annotated[
        int, typer.Option("-k", min=1, help="A right item among so many is found.")
    ] = 5,
    chunks: Annotated[
        str,
        typer.Option(
            help="Sizes of chunks to try, in tokens, with commas between.",
            metavar="SIZES",
            rich_help_panel=REMEDIES_PANEL,
        ),
    ] = "64,128",
    reranker: Annotated[
        str | None,
        typer.Option(
            help="Try this model on the first 50 of each query: a hub name or a folder.",
            metavar="MODEL",
            rich_help_panel=REMEDIES_PANEL,
        ),
    ] = None,
    remedies: Annotated[
        bool,
        typer.Option(
            "--remedies/--no-remedies",
            help="Try what the causes suggest; chunks and titles embed the items anew.",
            rich_help_panel=REMEDIES_PANEL,
        ),
    ] = True,
    model: Annotated[
        str | None,
        typer.Option(
            help="What searches --passages, by default all-MiniLM-L6-v2; of an index, where its "
            "model is now.",
            rich_help_panel=MODEL_PANEL,
        ),
    ] = None,
    prompts: Prompts = None,
    prompt_names: PromptNames = None,
    strict: Strict = False,
    json_: Json = False,
    html: Html = None,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print Markdown.", rich_help_panel=OUTPUT_PANEL)
    ] = False,
    loading: LoadingOptions,
    encoding: EncodingOption = None,
    debug: Debug = False,
) -> None:
    """Say why a search misses what it should find, query by query, and what would find it.

    Such as: whyalike diagnose queries.jsonl --index idx/ --html misses.html

    Or, of another search: --run run.trec --qrels qrels.txt --passages passages.jsonl
    """
    with one_sentence_errors(debug=debug), reading_in(encoding):
        if (index is None) == (passages is None):
            raise OptionError("Give either --index, or --passages with what is searched.")
        if json_ and markdown:
            raise OptionError("Give --json or --markdown, not both.")
        sizes = read_sizes(chunks)
        refuse_without_index(index)
        refuse_missing(queries, passages, run, qrels)
        refuse_unreadable(queries, passages, labelled=qrels is None, strict=strict)
        quieten()
        from whyalike import Explainer
        from whyalike.catalogue import CatalogueIndex
        from whyalike.catalogue.rerank import open_reranker
        from whyalike.diagnosing import diagnose

        opening = loading.keywords()
        said: dict[str, Any] = {"prompts": prompts, "prompt_names": prompt_names}
        opened = (
            None if index is None else CatalogueIndex.open(index, model=model, **said, **opening)
        )
        explainer = Explainer(model, **said, **opening) if opened is None else None
        second = None if reranker is None else open_reranker(reranker, **opening)
        with telling() as tell:
            found = diagnose(
                queries,
                index=opened,
                passages=passages,
                model=explainer,
                run=run,
                qrels=qrels,
                k=count,
                chunks=sizes,
                reranker=second,
                remedies=remedies,
                strict=strict,
                progress=tell,
            )
        write_page(html, found.to_html)
        if json_:
            write_out(lambda: echo_json(found.to_json(indent=2)))
        elif markdown:
            write_out(lambda: echo(found.to_markdown().rstrip("\n")))
        else:
            from whyalike.render import terminal_diagnosis_view

            write_out(lambda: open_console().print(terminal_diagnosis_view(found)))


def read_sizes(said: str) -> list[int]:
    """Return the sizes that ``--chunks`` names. Raises OptionError on what is no whole number."""
    try:
        return [int(size) for size in names_of(said) or ()]
    except ValueError as error:
        raise OptionError(f"--chunks is {said!r}; give sizes in tokens, such as 64,128.") from error


@contextmanager
def telling() -> "Iterator[Callable[[str, int, int], None]]":
    """Show on standard error what is done and how far it is, where that is a terminal."""
    from rich.progress import Progress

    console = open_error_console()
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None)
        yield lambda what, done, total: bar.update(
            task, description=what, completed=done, total=total
        )
