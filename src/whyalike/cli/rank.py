"""``whyalike rank``: the passages of a query, best first, and what carries their scores."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from whyalike.cli.explain import LONGEST_TEXT, quieten, read_arguments, refuse_table
from whyalike.cli.failures import one_sentence_errors
from whyalike.cli.fusion import ModelOptions, is_lexical, open_bm25, read_model
from whyalike.cli.groups import with_groups
from whyalike.cli.options import (
    OUTPUT_PANEL,
    TABLES,
    Column,
    Debug,
    EmbeddingOptions,
    EncodingOption,
    Html,
    Json,
    LoadingOptions,
    LongTextOptions,
    MethodOption,
    SignedMethod,
    Strict,
    names_of,
    read_options,
    usual_methods,
)
from whyalike.cli.printing import (
    echo,
    echo_data,
    echo_json,
    echo_report,
    open_console,
    write_out,
    write_page,
)
from whyalike.cli.refusals import refuse_unknown_passages
from whyalike.data.encodings import asked_encoding, reading_in
from whyalike.errors import OptionError, TextError
from whyalike.files import check_folder
from whyalike.spreadsheets import in_csv

if TYPE_CHECKING:
    from whyalike.data.items import Item
    from whyalike.ranking import Ranking, Size

WHOLE = "whole"

Passages = tuple[list[str] | list["Item"], list[str] | None]
"""What is ranked, and the ids of texts that have none of their own."""


@with_groups
def rank(
    *,
    query: Annotated[
        str, typer.Argument(help="The text that is searched with; - reads standard input.")
    ],
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Passages, one a file; each is called by its file.", metavar="FILE..."),
    ] = None,
    jsonl: Annotated[
        Path | None,
        typer.Option(
            "--jsonl",
            "--passages",
            help=f"Instead of files, a file of passages with ids and texts ({TABLES}).",
            metavar="FILE",
        ),
    ] = None,
    right: Annotated[
        str | None,
        typer.Option(
            help="The id of the passage that should be first, or its file, or its number where "
            "passages have no ids: it is compared with the one that is.",
            metavar="ID",
            show_default=False,
        ),
    ] = None,
    sizes: Annotated[
        str | None,
        typer.Option(
            help="Would chunking find it: where the right passage would stand if all were cut into "
            f"chunks of so many tokens, such as 64,128,256,{WHOLE}.",
            metavar="SIZES",
            show_default=False,
        ),
    ] = None,
    explain: Annotated[
        int, typer.Option(min=0, help="Explain this many passages, the first ones; 0 only ranks.")
    ] = 10,
    sentences: Annotated[
        bool | None,
        typer.Option(
            help="Delete a few sentences of each explained passage to find the one that carries "
            "the score; by default where a pass is cheap.",
            show_default=False,
        ),
    ] = None,
    scorer: ModelOptions,
    method: SignedMethod = None,
    option: MethodOption = None,
    embedding: EmbeddingOptions,
    reading: LongTextOptions,
    column: Column = None,
    strict: Strict = False,
    json_: Json = False,
    md: Annotated[
        bool,
        typer.Option(
            "--md", help="Print Markdown, for an issue or a chat.", rich_help_panel=OUTPUT_PANEL
        ),
    ] = False,
    html: Html = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Write it to a file, by its ending: .json, .md, .html, or .csv for a table.",
            metavar="FILE",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = None,
    loading: LoadingOptions,
    encoding: EncodingOption = None,
    debug: Debug = False,
) -> None:
    """Rank passages for a query: scores, the sentence and the words that carry each.

    With --right, what the first passage has that the right one lacks.
    """
    with one_sentence_errors(debug=debug), reading_in(encoding):
        if md and json_:
            raise OptionError("--md and --json both print the result: give one of them.")
        check_output(output)
        if sizes is not None and output is not None and output.suffix.lower() == ".csv":
            raise OptionError(
                "--sizes is no part of a table of passages: write it to .json, .md or .html, or "
                "leave out -o."
            )
        asked = read_arguments({"query": query})[0]
        passages, ids = read_passages_of(files, jsonl, column=column, strict=strict)
        wanted = read_sizes(sizes)
        if right is not None:
            there = ids or [one if isinstance(one, str) else one.id for one in passages]
            refuse_unknown_passages([right], there, says="right is {}, and no passage has this id")
        options = read_options(
            option,
            usual_methods(method, signed=True),
            **reading.keywords(),
        )
        if is_lexical(scorer.model) and scorer.over is None and not scorer.fusion:
            texts = [one if isinstance(one, str) else one.text for one in passages]
            source: dict[str, Any] = {"model": open_bm25(texts), "label": scorer.label}
        else:
            source = read_model(scorer, loading, column=column)
        quieten()
        from whyalike import Explainer

        explainer = Explainer(
            **source,
            **embedding.keywords(),
            options=options,
        )
        found = explainer.rank(
            asked,
            passages,
            ids=ids,
            right=right,
            explain=explain,
            method=method,
            sentences=sentences,
            sizes=wanted,
            progress=say_progress,
        )
        write_page(html, found.to_html)
        if output is not None:
            write_ranking(found, output)
        if json_:
            write_out(lambda: echo_json(found.to_json(indent=2)))
        elif md:
            write_out(lambda: echo_data(found.to_markdown()))
        elif output is None:
            from whyalike.render import terminal_ranking_view

            write_out(lambda: open_console().print(terminal_ranking_view(found)))


def read_passages_of(
    files: Sequence[Path] | None, table: Path | None, *, column: str | None, strict: bool
) -> Passages:
    """Return the passages of files, each by the name of its file, or those of one table.

    Raises
    ------
    OptionError
        Both are given, or neither; or a table as a file of one passage.
    TextError, FormatError
        A file can't be read.
    """
    if bool(files) == (table is not None):
        said = "Give either files or --jsonl, not both" if files else "There are no passages"
        raise OptionError(f"{said}: give files, one a passage, or --jsonl FILE with many.")
    if table is None:
        return [read_file(path) for path in files or ()], [str(path) for path in files or ()]
    from whyalike.data.passages import read_passages
    from whyalike.data.stream import ReadReport

    report = ReadReport()
    items = read_passages(table, column=column, strict=strict, report=report)
    echo_report(report)
    return items, None


def read_file(path: Path) -> str:
    """Return the text of a file.

    Raises
    ------
    OptionError
        It is a table.
    TextError
        It can't be read, or is no text.
    """
    refuse_table(path, "--jsonl FILE reads its rows as passages.")
    try:
        with path.open("rb") as stream:
            content = stream.read(LONGEST_TEXT + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise TextError(f"Could not read the passage {path}: {reason}.") from error
    if len(content) > LONGEST_TEXT:
        raise TextError(f"{path} has more than {LONGEST_TEXT:,} bytes: give a part of it.")
    encoding = asked_encoding() or "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        said = "UTF-8" if encoding == "utf-8-sig" else encoding
        raise TextError(
            f"{path} is not {said} (byte {error.start}): say its encoding (--encoding)."
        ) from error


def read_sizes(said: str | None) -> "list[Size]":
    """Return what ``--sizes`` says. Raises OptionError on anything but numbers and ``whole``."""
    found: list[Size] = []
    for name in names_of(said) or ():
        if name != WHOLE and not (name.isascii() and name.isdecimal() and int(name)):
            raise OptionError(
                f"--sizes has {name!r}; give numbers of tokens with commas between them, or "
                f"{WHOLE}."
            )
        found.append("whole" if name == WHOLE else int(name))
    return found


ENDINGS = (".json", ".md", ".html", ".csv")


def check_output(path: Path | None) -> None:
    """Raise OptionError on a file whose ending says nothing of what to write."""
    if path is not None and path.suffix.lower() not in ENDINGS:
        raise OptionError(f"--output is {path}; its ending must be one of {', '.join(ENDINGS)}.")
    if path is not None:
        check_folder(path)


def write_ranking(ranking: "Ranking", path: Path) -> None:
    """Write a ranking to a file, whole or not at all, in the form that its ending names."""
    from whyalike.files import write_whole

    kind = path.suffix.lower()
    if kind == ".csv":
        rows = ranking.rows()
        content = in_csv(rows, list(rows[0]))
    elif kind == ".html":
        content = ranking.to_html()
    else:
        content = ranking.to_markdown() if kind == ".md" else ranking.to_json(indent=2) + "\n"
    write_whole(path, lambda stream: stream.write(content.encode()))
    echo(f"Wrote {path}", err=True)


def say_progress(done: int, total: int) -> None:
    """Say on standard error how many passages are scored, where that takes several parts."""
    if total > done or done > SAID_FROM:
        echo(f"Scored {done:,} of {total:,} passages", err=True)


SAID_FROM = 1024
"""Passages from which on it is said how far scoring is."""
