"""``whyalike explain --pairs``: a file of pairs, explained into another one."""

import json
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from whyalike.cli.failures import FAILURE
from whyalike.cli.options import names_of
from whyalike.cli.printing import echo, echo_json, write_out
from whyalike.cli.progress import drawing
from whyalike.engines.runner import Runner, run_here
from whyalike.errors import OptionError

if TYPE_CHECKING:
    from whyalike.batch.run import PairsRun, RunReport
    from whyalike.catalogue import CatalogueIndex
    from whyalike.explainer import Explainer
    from whyalike.words import Lexicon

PAIRS_PANEL = "Many pairs from a file"

PairsFile = Annotated[
    Path | None,
    typer.Option(
        "--pairs",
        help="CSV, TSV, JSON Lines or Parquet, a pair a row. The same command goes on after an "
        "interruption, even a kill.",
        metavar="FILE",
        rich_help_panel=PAIRS_PANEL,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--out",
        help="What to write, ending in .jsonl or .parquet.",
        metavar="FILE",
        rich_help_panel=PAIRS_PANEL,
    ),
]
PairColumns = Annotated[
    str | None,
    typer.Option(
        "--columns",
        help="Columns of the left texts and the right ones (or of their ids), with a comma "
        "between; by default left,right, query,passage, query,text or text_a,text_b.",
        metavar="COLUMNS",
        rich_help_panel=PAIRS_PANEL,
    ),
]
PairIndex = Annotated[
    Path | None,
    typer.Option(
        "--index",
        help="An index whose ids are in the columns in place of texts, by default left_id,right_id "
        "or the like; its model explains them.",
        metavar="INDEX",
        rich_help_panel=PAIRS_PANEL,
    ),
]
PairIds = Annotated[
    Literal["both", "right"] | None,
    typer.Option(
        "--ids",
        help="With --index: both columns hold ids, or the right one alone and the left one "
        "queries. By default both.",
        rich_help_panel=PAIRS_PANEL,
    ),
]
Fields = Annotated[
    str | None,
    typer.Option(
        help="What a row says of its pair: score, verdict, pairs, words, warnings, texts, full, "
        "with commas between, or all. By default the first five.",
        metavar="FIELDS",
        rich_help_panel=PAIRS_PANEL,
    ),
]
Keep = Annotated[
    str | None,
    typer.Option(
        help="Columns of the file that the output has, too, with commas between; by default all.",
        metavar="COLUMNS",
        rich_help_panel=PAIRS_PANEL,
    ),
]
Force = Annotated[
    bool,
    typer.Option(
        "--force",
        help="Replace an output that was made of something else.",
        rich_help_panel=PAIRS_PANEL,
    ),
]
StrictPairs = Annotated[
    bool,
    typer.Option(
        "--strict",
        help="Exit with 1 where a row could not be explained; all others are.",
        rich_help_panel=PAIRS_PANEL,
    ),
]


def open_items(folder: Path, **opening: Any) -> "CatalogueIndex":
    """Return the index whose ids the pairs are; see ``CatalogueIndex.open``."""
    from whyalike.catalogue import CatalogueIndex

    return CatalogueIndex.open(folder, **opening)


def explainer_of(
    index: "CatalogueIndex",
    method: str | None,
    lexicon: "Lexicon | None",
    background: list[str] | None,
    *,
    pooling: str,
) -> "Explainer":
    """Return the Explainer of an index with what was asked for besides.

    Raises OptionError where a pooling was.
    """
    if pooling != "auto":
        raise OptionError("--pooling goes with --model: an index has a pooling of its own.")
    explainer = index.explainer if method is None else index.explainer.with_method(method)
    explainer = explainer if lexicon is None else explainer.with_lexicon(lexicon)
    return explainer if background is None else explainer.with_background(background)


def explain_pairs(
    run: "PairsRun",
    explainer: "Explainer",
    index: "CatalogueIndex | None",
    *,
    as_json: bool,
    strict: bool,
    runner: Runner = run_here,
) -> None:
    """Explain a file into a file, say how far it is, and at the end what became of the rows.

    Exits with 1 where no row could be explained, or, where ``strict``, one could not.
    """
    echo(f"Explaining by {explainer.method.name} with {explainer.model.name}", err=True)
    try:
        # Of workers that end, Ray says so on standard output.
        with drawing("rows", done="done") as tell, redirect_stdout(sys.stderr):
            report = run.explain(explainer, index=index, progress=tell, runner=runner)
    except KeyboardInterrupt:
        echo("What is explained is kept: the same command goes on from there.", err=True)
        raise
    _say(report, as_json=as_json)
    if not report.explained or (strict and report.bad):
        sys.exit(FAILURE)


def _say(report: "RunReport", *, as_json: bool) -> None:
    if as_json:
        said = json.dumps(report.to_dict(), ensure_ascii=False, allow_nan=False, indent=2)
        write_out(lambda: echo_json(said))
    else:
        write_out(lambda: echo(str(report)))


def begin_run(
    pairs: Path,
    out: Path | None,
    *,
    columns: str | None,
    index: Path | None,
    ids: Literal["both", "right"] | None,
    fields: str | None,
    keep: str | None,
    check: int | None,
    force: bool,
) -> "PairsRun":
    """Return the run that the options say, before a model is loaded.

    Raises
    ------
    OptionError
        Options that do not go together, or a column that is not there.
    FormatError
        The file can't be read.
    """
    if out is None:
        raise OptionError("--pairs needs -o FILE, ending in .jsonl or .parquet.")
    if ids is not None and index is None:
        raise OptionError("--ids goes with --index INDEX: give both or neither.")
    from whyalike.batch.run import PairsRun
    from whyalike.batch.source import PairSource

    source = PairSource(
        pairs,
        columns=names_of(columns),
        keep=names_of(keep),
        ids=None if index is None else ids or "both",
    )
    return PairsRun(source, out, fields=names_of(fields), check=check or 0, force=force)


def refuse_without_pairs(**given: object) -> None:
    """Raise OptionError where an option is given that goes with ``--pairs``, by its name."""
    for name, value in given.items():
        if value not in (None, False):
            flag = "-o" if name == "out" else f"--{name.replace('_', '-')}"
            raise OptionError(f"{flag} goes with --pairs FILE: give both or neither.")


def refuse_with_pairs(**given: object) -> None:
    """Raise OptionError where an option is given that goes with one pair only, by its name."""
    for name, value in given.items():
        if value not in (None, False):
            raise OptionError(
                f"{name} goes with one pair of texts, and --pairs FILE gives many: leave it out."
            )
