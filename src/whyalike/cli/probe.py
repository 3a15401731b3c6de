"""Texts, or pairs of a query and a text, from a file: one a line, CSV, TSV, or JSON lines."""

import csv
import json
import re
from collections.abc import Sequence
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from whyalike.cli.explain import quieten
from whyalike.cli.failures import one_sentence_errors
from whyalike.cli.options import (
    DEFAULT_MODEL,
    AllowPickle,
    Debug,
    Device,
    Html,
    Json,
    MethodOption,
    Model,
    Pooling,
    PromptNames,
    Prompts,
    SignedMethod,
    TrustRemoteCode,
    read_options,
)
from whyalike.cli.printing import echo, echo_json, open_console, open_error_console, write_out
from whyalike.errors import FormatError, OptionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from whyalike.probing.result import ProbeResult
    from whyalike.probing.rule_text import WordLists


Item = str | tuple[str, str]


Table = tuple[list[str], list[dict[str, Any]]]
"""The names of the columns, and the rows."""


KNOWN = (
    ("query", "passage"),
    ("query", "text"),
    ("left", "right"),
    ("text_a", "text_b"),
    ("text",),
    ("description",),
)
"""Columns that are found without being named, in this order."""


DELIMITERS = {".csv": ("CSV", ",", "comma"), ".tsv": ("TSV", "\t", "tab")}


LINES = (".txt", "")
"""Endings of files with a text a line."""


def read_items(path: Path, *, columns: Sequence[str] | None = None) -> list[Item]:
    """Return the texts or pairs of a file, without the blank ones.

    Parameters
    ----------
    path : Path
        A ``.csv`` or ``.tsv`` with a header, a ``.jsonl`` with an object a line, or a ``.txt`` or a
        file without an ending with a text a line.
    columns : sequence of str, optional
        Names of one column or two; by default the first of KNOWN that the file has.

    Raises
    ------
    OptionError
        A file with another ending; more than two columns are named, or columns of a plain text
        file.
    FormatError
        The file can't be read, is damaged, or has no such columns.
    """
    if columns is not None and len(columns) not in (1, 2):
        raise OptionError(f"--columns names {len(columns)}; name the text's, or the query's too.")
    kind = path.suffix.lower()
    if kind not in (*DELIMITERS, ".jsonl", *LINES):
        raise OptionError(
            f"{path} ends in {kind!r}; give a .csv, .tsv or .jsonl, or texts, one a line, in a "
            ".txt or a file without an ending."
        )
    if columns is not None and kind in LINES:
        raise OptionError(f"--columns goes with .csv, .tsv and .jsonl; {path} has no columns.")
    try:
        content = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError(f"{path} is not UTF-8 (byte {error.start}): convert it first.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise FormatError(f"Could not read {path}: {reason}.") from error
    if kind in LINES:
        return [line for line in content.split("\n") if line.strip()]
    table = _rows_of_jsonl(path, content) if kind == ".jsonl" else _rows_of_csv(path, content)
    return _pick(path, table, columns)


def _pick(path: Path, table: Table, columns: Sequence[str] | None) -> list[Item]:
    there, rows = table
    wanted = [tuple(columns)] if columns is not None else KNOWN
    names = next((names for names in wanted if set(names) <= set(there)), None)
    if names is None:
        raise FormatError(
            f"{path} has the columns {', '.join(there) or '(none)'}; name with --columns which of "
            "them holds the text, or the query and the text."
        )
    items: list[Item] = []
    for number, row in enumerate(rows, start=1):
        values = [row.get(name) for name in names]
        if not all(isinstance(value, str) for value in values):
            raise FormatError(f"{path}, row {number}: {', '.join(names)} must be text.")
        if all(str(value).strip() for value in values):
            items.append(str(values[0]) if len(names) == 1 else (str(values[0]), str(values[1])))
    return items


def _rows_of_csv(path: Path, content: str) -> Table:
    kind, delimiter, called = DELIMITERS[path.suffix.lower()]
    try:
        # By "\n" only: what else Python calls a line end (U+2028) is part of a text.
        found = list(csv.reader(StringIO(content), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise FormatError(f"{path} is no {kind} that can be read: {error}.") from error
    names, *rows = [row for row in found if row] or [[]]
    for number, row in enumerate(rows, start=1):
        if len(row) != len(names):
            fields = f"{len(row)} field{'s' * (len(row) != 1)}"
            raise FormatError(
                f"{path}, row {number} has {fields} where the header has {len(names)}: put quotes "
                f"around a text that holds a {called}."
            )
    return names, [dict(zip(names, row, strict=True)) for row in rows]


def _rows_of_jsonl(path: Path, content: str) -> Table:
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(content.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise FormatError(f"{path}, line {number} is no JSON: {error}.") from error
        if not isinstance(row, dict):
            raise FormatError(f"{path}, line {number} is no JSON object with named texts.")
        rows.append(row)
    return list(rows[0]) if rows else [], rows


HARMLESS = "harmless"


_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def probe(
    text_a: Annotated[
        str | None,
        typer.Argument(help="The text to edit; or, with a second one, the query."),
    ] = None,
    text_b: Annotated[
        str | None, typer.Argument(help="The text to edit, compared with the first.")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(help="Texts or pairs: .txt (one a line), .csv, .tsv, .jsonl.", metavar="FILE"),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            help="In a .csv, .tsv or .jsonl, the text's, or the query's, a comma and the text's.",
            metavar="NAMES",
        ),
    ] = None,
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
    model: Model = DEFAULT_MODEL,
    method: SignedMethod = "whyalike",
    option: MethodOption = None,
    pooling: Pooling = "auto",
    prompts: Prompts = None,
    prompt_names: PromptNames = None,
    json_: Json = False,
    html: Html = None,
    device: Device = None,
    trust_remote_code: TrustRemoteCode = False,
    allow_pickle: AllowPickle = False,
    debug: Debug = False,
) -> None:
    """Edit texts so that their meaning changes, or does not, and show what the model misses.

    Put -- before a text that begins with a hyphen.
    """
    with one_sentence_errors(debug=debug):
        if list_:
            write_out(lambda: open_console().print(_draw_rules()))
            return
        items = _choose_items(text_a, text_b, file, columns, limit)
        limit_of_drop = _read_tolerance(tolerance)
        quieten()
        from whyalike import Explainer
        from whyalike.probing.blind_spots import find_blind_spots
        from whyalike.probing.edits import get_rule

        lists = _read_words(words)
        names = None if rules is None else [get_rule(name).name for name in _names(rules)]
        explainer = Explainer(
            model,
            method=method,
            options=read_options(option, [method]),
            pooling=pooling,
            prompts=prompts,
            prompt_names=prompt_names,
            device=device,
            trust_remote_code=trust_remote_code,
            allow_pickle=allow_pickle,
        )
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
    from whyalike.files import write_whole
    from whyalike.probing.result import page_of
    from whyalike.render.probe import terminal_probe_view

    if html is not None:
        page = result.to_html().encode()
        write_whole(html, lambda stream: stream.write(page))
        echo(f"Wrote {html}", err=True)
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
) -> list[Item]:
    """Return what is probed. Raises OptionError unless that is said once."""
    if file is not None:
        if text_a is not None:
            raise OptionError("Give a text, or --file, not both.")
        items = read_items(file, columns=None if columns is None else _names(columns))
        if not items:
            raise OptionError(f"{file} has no texts to probe: give one that has.")
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


def _names(said: str) -> list[str]:
    return [name.strip() for name in said.split(",") if name.strip()]


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
