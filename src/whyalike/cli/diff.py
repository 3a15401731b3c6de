"""``whyalike diff``: two models on the same texts, such as one before and after a fine-tune."""

from pathlib import Path
from typing import Annotated, Any

import typer

from whyalike.cli.diagnose import telling
from whyalike.cli.explain import quieten
from whyalike.cli.failures import one_sentence_errors
from whyalike.cli.groups import with_groups
from whyalike.cli.options import (
    TABLES,
    Columns,
    Debug,
    EncodingOption,
    Html,
    Json,
    LoadingOptions,
    Strict,
    names_of,
)
from whyalike.cli.printing import echo_json, echo_report, open_console, write_out, write_page
from whyalike.cli.refusals import refuse_missing
from whyalike.data.encodings import reading_in
from whyalike.errors import OptionError


@with_groups
def diff(
    *,
    file: Annotated[
        Path,
        typer.Argument(
            help=f"Pairs of texts ({TABLES}); with --passages, queries with the ids of their right "
            "items.",
            metavar="FILE",
        ),
    ],
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="A hub name or a folder; give it twice: the model before, and the one after.",
            metavar="MODEL",
            show_default=False,
        ),
    ] = None,
    passages: Annotated[
        Path | None,
        typer.Option(
            help=f"What the queries search: a file of items or texts ({TABLES}).", metavar="FILE"
        ),
    ] = None,
    count: Annotated[
        int, typer.Option("-k", min=1, help="A right item among so many is found.")
    ] = 5,
    explain: Annotated[
        int, typer.Option(min=0, help="Explain this many pairs, those that moved farthest first.")
    ] = 50,
    columns: Columns = None,
    strict: Strict = False,
    json_: Json = False,
    html: Html = None,
    loading: LoadingOptions,
    encoding: EncodingOption = None,
    debug: Debug = False,
) -> None:
    """Say where the scores or ranks of two models differ, and which words make the difference.

    Such as: whyalike diff --model all-MiniLM-L6-v2 --model tuned/ pairs.jsonl
    """
    with one_sentence_errors(debug=debug), reading_in(encoding):
        if model is None or len(model) != 2:
            times = "once" if model and len(model) == 1 else f"{len(model or ())} times"
            raise OptionError(
                f"--model is given {times}; give it twice: the model before, and the one after."
            )
        if passages is not None and columns is not None:
            raise OptionError("--columns goes with pairs: leave it out with --passages.")
        refuse_missing(file, passages)
        from whyalike.data.passages import read_passages
        from whyalike.data.queries import read_queries
        from whyalike.data.stream import ReadReport
        from whyalike.data.text_columns import read_pairs

        report, given = ReadReport(), dict[str, Any]()
        if passages is None:
            given["pairs"] = read_pairs(
                file, columns=names_of(columns), strict=strict, report=report
            )
        else:
            given["queries"] = read_queries(file, strict=strict, report=report)
            searched = ReadReport()
            given["passages"] = read_passages(passages, strict=strict, report=searched)
            echo_report(searched)
        echo_report(report)
        opening = loading.keywords()
        quieten()
        from whyalike import Explainer
        from whyalike.diagnosing import diff_models

        before, after = (Explainer(each, **opening) for each in model)
        with telling() as tell:
            found = diff_models(before, after, **given, k=count, explain=explain, progress=tell)
        write_page(html, found.to_html)
        if json_:
            write_out(lambda: echo_json(found.to_json(indent=2)))
        else:
            from whyalike.render import terminal_difference_view

            write_out(lambda: open_console().print(terminal_difference_view(found)))
