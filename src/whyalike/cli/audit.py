"""``whyalike audit``: which words carry the neighbours of an index, and which items are hubs."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from whyalike.cli.diagnose import telling
from whyalike.cli.explain import quieten
from whyalike.cli.failures import one_sentence_errors
from whyalike.cli.groups import with_groups
from whyalike.cli.options import MODEL_PANEL, Debug, Html, Json, LoadingOptions
from whyalike.cli.printing import echo_json, open_console, write_out, write_page
from whyalike.cli.refusals import refuse_without_index


@with_groups
def audit(
    *,
    folder: Annotated[
        Path, typer.Argument(help="The index; see `whyalike index`.", metavar="INDEX")
    ],
    sample: Annotated[
        int,
        typer.Option(min=1, help="Look for the neighbours of this many items, drawn at random."),
    ] = 1000,
    explain: Annotated[
        int, typer.Option(min=1, help="Explain this many pairs of an item and its nearest one.")
    ] = 200,
    neighbours: Annotated[
        int, typer.Option(min=1, help="Neighbours of each item, where hubs are counted.")
    ] = 10,
    pairs: Annotated[
        Literal["nearest", "all"],
        typer.Option(help="Explain pairs of an item and its nearest one, or all its neighbours."),
    ] = "nearest",
    seed: Annotated[int, typer.Option(min=0, help="Of the draws.")] = 0,
    model: Annotated[
        str | None,
        typer.Option(
            help="Where the model of the index is now; by default where it was.",
            rich_help_panel=MODEL_PANEL,
        ),
    ] = None,
    json_: Json = False,
    html: Html = None,
    loading: LoadingOptions,
    debug: Debug = False,
) -> None:
    """Say which pairs of words carry the nearest neighbours of a whole index.

    Also which of them are boilerplate, and which words make an item a neighbour of many.
    """
    with one_sentence_errors(debug=debug):
        refuse_without_index(folder)
        quieten()
        from whyalike.catalogue import CatalogueIndex
        from whyalike.diagnosing import audit

        index = CatalogueIndex.open(
            folder,
            model=model,
            **loading.keywords(),
        )
        with telling() as tell:
            found = audit(
                index,
                sample=sample,
                explain=explain,
                neighbours=neighbours,
                seed=seed,
                pairs=pairs,
                progress=tell,
            )
        write_page(html, found.to_html)
        if json_:
            write_out(lambda: echo_json(found.to_json(indent=2)))
        else:
            from whyalike.render import terminal_audit_view

            write_out(lambda: open_console().print(terminal_audit_view(found)))
