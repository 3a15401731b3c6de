"""``whyalike probe``: texts of a file or the command line, edited, and what a model misses."""

import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from whyalike.cli.explain import quieten
from whyalike.cli.failures import one_sentence_errors
from whyalike.cli.fusion import ModelOptions, read_model
from whyalike.cli.groups import with_groups
from whyalike.cli.options import (
    TABLES,
    Debug,
    EmbeddingOptions,
    EncodingOption,
    Html,
    Json,
    LoadingOptions,
    MethodOption,
    SignedMethod,
    Strict,
    check_options,
    names_of,
    read_options,
    usual_methods,
)
from whyalike.cli.printing import (
    echo_json,
    echo_report,
    open_console,
    open_error_console,
    write_out,
    write_page,
)
from whyalike.cli.refusals import refuse_missing
from whyalike.data.encodings import reading_in
from whyalike.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from whyalike.data.text_columns import TextOrPair
    from whyalike.probing.result import ProbeResult
    from whyalike.probing.rule_text import WordLists


HARMLESS = "harmless"
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


@with_groups
def probe(
    *,
    text_a: Annotated[
        str | None,
        typer.Argument(help="The text to edit; or, with a second one, the query."),
    ] = None,
    text_b: Annotated[
        str | None, typer.Argument(help="The text to edit, compared with the first.")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(help=f"Texts or pairs: {TABLES}.", metavar="FILE"),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            "--columns",
            "--column",
            "--description",
            help="Of the file: the text's, or the query's, a comma and the text's.",
            metavar="COLUMNS",
        ),
    ] = None,
    strict: Strict = False,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only this many from the beginning of the file.")
    ] = None,
    rules: Annotated[
        str | None,
        typer.Option(help="Only these, with commas between; see --list.", metavar="NAMES"),
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="List the rules, and do nothing.")] = False,
    edits: Annotated[int, typer.Option(min=1, help="The most edits of a text by one rule.")] = 1,
    tolerance: Annotated[
        str,
        typer.Option(
            help="The drop that a change of meaning must exceed: harmless, which is the greatest "
            "drop by a harmless edit of the text, or a number.",
        ),
    ] = HARMLESS,
    words: Annotated[
        Path | None,
        typer.Option(help="A folder with word lists to be added.", metavar="FOLDER"),
    ] = None,
    explain: Annotated[int, typer.Option(min=0, help="Explain this many blind spots.")] = 5,
    seed: Annotated[int, typer.Option(min=0, help="Of every random choice.")] = 0,
    scorer: ModelOptions,
    method: SignedMethod = None,
    option: MethodOption = None,
    embedding: EmbeddingOptions,
    json_: Json = False,
    html: Html = None,
    loading: LoadingOptions,
    encoding: EncodingOption = None,
    debug: Debug = False,
) -> None:
    """Edit texts so that their meaning changes, or does not, and show what the model misses.

    Put -- before a text that begins with a hyphen.
    """
    with one_sentence_errors(debug=debug), reading_in(encoding):
        if list_:
            write_out(lambda: open_console().print(_draw_rules()))
            return
        items = _choose_items(text_a, text_b, file, columns, limit, strict=strict)
        refuse_missing(words)
        limit_of_drop = _read_tolerance(tolerance)
        from whyalike.probing.edits import get_rule

        lists = _read_words(words)
        names = None if rules is None else [get_rule(name).name for name in names_of(rules) or []]
        options = read_options(option, usual_methods(method, signed=True))
        source = read_model(scorer, loading)
        quieten()
        from whyalike import Explainer
        from whyalike.probing.blind_spots import find_blind_spots

        explainer = Explainer(
            **source,
            method=method,
            options=options,
            **embedding.keywords(),
        )
        method = method or explainer.signed_method
        check_options(option, [method])
        with _reporting() as progress:
            result = find_blind_spots(
                explainer,
                items,
                rules=names,
                per_rule=edits,
                tolerance=limit_of_drop,
                method=method,
                explain=explain,
                words=lists,
                seed=seed,
                progress=progress,
            )
        _show(result, html=html, as_json=json_)


def _show(result: "ProbeResult", *, html: Path | None, as_json: bool) -> None:
    from whyalike.probing.result import page_of
    from whyalike.render.probe import terminal_probe_view

    write_page(html, result.to_html)
    if as_json:
        write_out(lambda: echo_json(result.to_json(indent=2)))
    else:
        write_out(lambda: open_console().print(terminal_probe_view(page_of(result))))


def _choose_items(
    text_a: str | None,
    text_b: str | None,
    file: Path | None,
    columns: str | None,
    limit: int | None,
    *,
    strict: bool,
) -> "list[TextOrPair]":
    """Return what is probed. Raises OptionError unless that is said once."""
    if file is not None:
        if text_a is not None:
            raise OptionError("Give a text, or --file, not both.")
        from whyalike.data.stream import ReadReport
        from whyalike.data.text_columns import read_texts_or_pairs

        report = ReadReport()
        items = read_texts_or_pairs(file, columns=names_of(columns), strict=strict, report=report)
        echo_report(report)
        return items[:limit]
    if columns is not None or limit is not None:
        raise OptionError("--columns and --limit go with --file; give a file, or leave them out.")
    if text_a is None:
        raise OptionError("There is nothing to probe: give a text, a query and a text, or --file.")
    return [text_a if text_b is None else (text_a, text_b)]


def _read_tolerance(said: str) -> Literal["harmless"] | float:
    if said == HARMLESS:
        return "harmless"
    if not _NUMBER.fullmatch(said):
        raise OptionError(f"--tolerance is {said!r}; give {HARMLESS}, or a number such as 0.05.")
    return float(said)


def _read_words(folder: Path | None) -> "WordLists | None":
    from whyalike.probing.rule_text import WordLists

    return None if folder is None else WordLists.english().extended(WordLists.read(folder))


def _draw_rules() -> object:
    """Return the rules, each with what it does and an example."""
    from rich.table import Table
    from rich.text import Text

    from whyalike.probing.edits import list_rules

    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for rule in list_rules():
        kind = "changes the meaning" if rule.changes_meaning else "harmless"
        table.add_row(Text(rule.name, style="bold"), Text(f"{kind}: {rule.summary}"))
        if rule.example:
            table.add_row("", Text(rule.example, style="dim"))
    return table


@contextmanager
def _reporting() -> "Iterator[Callable[[int, int], None]]":
    """Show a bar on standard error, where that is a terminal."""
    from rich.progress import Progress

    console = open_error_console()
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("embedding", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
