"""What ``whyalike evaluate`` reads and writes: datasets by their files, reports, a table."""

import json
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, Literal, TypeVar

import typer

from whyalike.cli.explain import quieten
from whyalike.cli.failures import FAILURE, one_sentence_errors
from whyalike.cli.fusion import ModelOptions, read_model
from whyalike.cli.groups import with_groups
from whyalike.cli.listings import read_lexicon, read_pairs_of, read_texts_of
from whyalike.cli.options import (
    TABLES,
    Column,
    Columns,
    Corpus,
    Debug,
    EncodingOption,
    Json,
    LexiconFile,
    LoadingOptions,
    MethodOption,
    PairEmbeddingOptions,
    Strict,
    names_of,
    read_options,
)
from whyalike.cli.printing import echo, echo_json, open_console, open_error_console, write_out
from whyalike.cli.refusals import refuse_missing
from whyalike.data.encodings import reading_in
from whyalike.errors import OptionError

if TYPE_CHECKING:
    from rich.table import Table

    from whyalike.evaluation.gold import AlignedPair
    from whyalike.evaluation.leaderboard import Leaderboard
    from whyalike.evaluation.suite import Datasets
    from whyalike.explainer import Explainer


Tell = Callable[[str, int, int], None]
Value = TypeVar("Value")

FIGURE, COLUMN_EDGES = 7, 3
"""Characters of "-0.123*", and of what stands between two columns."""

LINE_SECONDS = 30.0
"""How often a part that takes long says how far it is, where there is no terminal."""


def for_pairs(explainer: "Explainer", embedding: PairEmbeddingOptions) -> "Explainer":
    """Return the Explainer for pairs of texts of one kind, unless prompts were asked for.

    Near texts of a catalogue and two sentences that people aligned are no query and document.
    """
    asked = embedding.prompts is not None or embedding.prompt_names is not None
    return explainer if asked else explainer.between_documents()


@dataclass(frozen=True, slots=True)
class Given:
    """What the files hold, each by the name of its file: read before a model is loaded.

    texts: of which pairs are drawn. own: pairs. alignments: those of words.
    """

    texts: Mapping[str, Sequence[str]]
    own: Mapping[str, Sequence[tuple[str, str]]]
    alignments: Mapping[str, "Sequence[AlignedPair]"]
    ists: Mapping[str, Path]


def read_given(
    files: Mapping[str, Sequence[Path]],
    *,
    column: str | None,
    columns: Sequence[str] | None,
    strict: bool,
) -> Given:
    """Return what the files hold.

    Parameters
    ----------
    files : Mapping[str, sequence of Path]
        By kind: texts, own, multimwa, edinburgh, xlwa, ists.
    column : str | None
        Of the texts in a file of texts; None guesses.
    columns : sequence of str | None
        Of the left texts and the right ones, in a file of own pairs; None guesses.
    strict : bool
        Whether a row of these that can't be read is an error.

    Raises
    ------
    OptionError
        Two files have one name, or a column is not there.
    FormatError
        A file can't be read.
    """
    _check_names([path for paths in files.values() for path in paths])
    from whyalike.evaluation.gold import read_edinburgh, read_multimwa, read_xlwa

    def read_all(kind: str, read: Callable[[Path], Value]) -> dict[str, Value]:
        return {_name(path): read(path) for path in files[kind]}

    texts = read_all("texts", lambda path: read_texts_of(path, column=column, strict=strict))
    own = read_all("own", lambda path: read_pairs_of(path, columns=columns, strict=strict))
    alignments = read_all("multimwa", lambda path: read_multimwa(path, strict=strict))
    alignments |= read_all("edinburgh", lambda path: read_edinburgh(path, strict=strict))
    alignments |= read_all("xlwa", lambda path: read_xlwa(path, strict=strict))
    return Given(texts, own, alignments, {_name(path): path for path in files["ists"]})


def datasets_of(
    explainer: "Explainer", given: Given, *, strict: bool, pairs: int, seed: int
) -> "Datasets":
    """Return the datasets of the files, with pairs drawn from the texts.

    Parameters
    ----------
    explainer : Explainer
        Whose vectors say which texts are near.
    given : Given
        What the files hold.
    strict : bool
        Whether a row of a file of iSTS that can't be read is an error.
    pairs : int
        How many are drawn from each file of texts.
    seed : int
        Of the draw.

    Raises
    ------
    FormatError
        A file can't be read.
    """
    from whyalike.evaluation.ists import read_ists
    from whyalike.evaluation.suite import Datasets

    drawn = {
        name: _draw(explainer, name, texts, count=pairs, seed=seed)
        for name, texts in given.texts.items()
    }
    of_own = {name: list(dict.fromkeys(chain(*found))) for name, found in given.own.items()}
    return Datasets(
        pairs={**drawn, **given.own},
        alignments=given.alignments,
        ists={name: read_ists(path, strict=strict) for name, path in given.ists.items()},
        catalogues={**given.texts, **of_own},
    )


def _draw(
    explainer: "Explainer", name: str, texts: Sequence[str], *, count: int, seed: int
) -> list[tuple[str, str]]:
    """Return pairs of near texts, and say it where there are fewer than are asked for.

    Raises OptionError where there are none.
    """
    from whyalike.nearest_pairs import COSINES, WORDS, fitting_texts, nearest_pairs

    found = nearest_pairs(
        texts, explainer.model, count=count, seed=seed, prompt=explainer.prompts[1]
    )
    rule = (
        f"a pair is two texts of {WORDS[0]} to {WORDS[1]} words, "
        f"with a cosine of {COSINES[0]} to {COSINES[1]}"
    )
    if not found:
        fit = len(fitting_texts(texts))
        raise OptionError(
            f"{name!r} gives no pairs: {rule}, and of its {len(texts):,} texts {fit:,} different "
            f"ones have so many words{', none near another, or all copies' * (fit > 1)}. Give "
            "other texts, or pairs of your own by --own."
        )
    if len(found) < count:
        echo(
            f"{name} gives {len(found)} pairs of the {count} that are asked for: {rule}.", err=True
        )
    return found


def _check_names(paths: Sequence[Path]) -> None:
    known: dict[str, Path] = {}
    for path in paths:
        other = known.setdefault(_name(path), path)
        if other is not path:
            raise OptionError(
                f"{other} and {path} would both be called {_name(path)!r} in the results: give "
                "each file once, and each a name of its own."
            )


def _name(path: Path) -> str:
    plain = path.with_suffix("") if path.suffix.lower() == ".gz" else path
    return plain.stem.removeprefix("STSint.input.")


@contextmanager
def open_progress() -> Iterator[Tell]:
    """Show on standard error what is measured, where that is a terminal; else say it in lines."""
    from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    if sys.stderr is None or not sys.stderr.isatty():
        yield _in_lines()
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=open_error_console()) as progress:
        task = progress.add_task("")
        yield lambda what, done, total: progress.update(
            task, description=what, completed=done, total=total
        )


def _in_lines() -> Tell:
    """Say at once when another result is begun, and at most once in LINE_SECONDS how far it is."""
    said: tuple[int, float] = (-1, 0.0)

    def tell(what: str, done: int, total: int) -> None:
        nonlocal said
        now = time.monotonic()
        if done != said[0] or now - said[1] >= LINE_SECONDS:
            echo(f"{done}/{total} {what}", err=True)
            said = done, now

    return tell


def write_reports(
    leaderboard: "Leaderboard",
    folder: Path,
    *,
    command: str,
    texts: Mapping[str, Sequence[tuple[str, str]]],
) -> None:
    """Write leaderboard.md, .html and .json into the folder, each whole or not at all.

    Beside them the texts of the pairs, by dataset. Those of a run before are removed first, of
    whatever dataset: they may be of other pairs, or no longer wanted.
    """
    from whyalike.evaluation.leaderboard import page_of
    from whyalike.evaluation.results import remove_pair_texts, write_pair_texts
    from whyalike.files import write_whole
    from whyalike.render import render_leaderboard

    remove_pair_texts(folder)
    content = json.dumps(leaderboard.to_dict(), ensure_ascii=False, allow_nan=False, indent=1)
    for name, text in (
        ("leaderboard.md", leaderboard.to_markdown(command=command)),
        ("leaderboard.html", render_leaderboard(page_of(leaderboard, command=command))),
        ("leaderboard.json", content),
    ):
        write_whole(folder / name, partial(_write, text))
        echo(f"Wrote {folder / name}", err=True)
    for path in write_pair_texts(texts, folder):
        echo(f"Wrote {path}", err=True)


def _write(text: str, stream: BinaryIO) -> None:
    stream.write(text.encode())


def _fitting(metrics: Sequence[str], width: int) -> list[list[str]]:
    """Return metrics in as few groups as fit into ``width``, and of like sizes."""
    needs = [COLUMN_EDGES + _width(name) for name in metrics]
    for size in range(len(metrics), 1, -1):
        count = -(-len(metrics) // size)
        ends = [len(metrics) * n // count for n in range(count + 1)]
        cuts = [slice(*ends[n : n + 2]) for n in range(count)]
        if all(sum(needs[cut]) <= width for cut in cuts):
            return [list(metrics[cut]) for cut in cuts]
    return [[name] for name in metrics]


def _width(metric: str) -> int:
    return max(FIGURE, *map(len, _heading(metric).split()))


def _heading(metric: str) -> str:
    from whyalike.evaluation.suite_choice import METRICS

    return METRICS[metric].heading or metric.replace("_", " ")


def _table(leaderboard: "Leaderboard", dataset: str, metrics: Sequence[str]) -> "Table":
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("method", no_wrap=True)
    for metric in metrics:
        # By itself Rich narrows all columns alike, and cuts a word of one in two.
        table.add_column(_heading(metric), justify="right", width=_width(metric))
    found = {(e.method, e.metric): e for e in leaderboard.entries if e.dataset == dataset}
    for method in leaderboard.methods(dataset):
        cells = []
        for metric in metrics:
            entry = found.get((method, metric))
            figure = None if entry is None else entry.figure
            best = figure is not None and method in leaderboard.ties_with_best(dataset, metric)
            said = "–" if figure is None else f"{figure.mean:.3f}{'*' if best else ' '}"
            cells.append(Text(said, style="bold" if best else ""))
        table.add_row(method, *cells)
    return table


def _remarks(leaderboard: "Leaderboard", dataset: str) -> list[str]:
    """Return what the cells have no room for, the same of several metrics once."""
    found: dict[tuple[str, str], list[str]] = {}
    for entry in leaderboard.entries:
        if entry.dataset == dataset and entry.remarks:
            key = entry.method, ", ".join(entry.remarks)
            found.setdefault(key, []).append(entry.metric)
    return [f"{method}: {said} ({', '.join(names)})" for (method, said), names in found.items()]


def show(leaderboard: "Leaderboard") -> None:
    """Print the tables of each dataset: a row for each method, best first by the first metric.

    Metrics that would not fit beside each other go into further tables.
    """
    from rich.text import Text

    console = open_console()
    for dataset in leaderboard.datasets:
        heading = f"\n{dataset}, {leaderboard.items.get(dataset, 0):,} pairs"
        console.print(Text(heading, style="bold"))
        longest = max(map(len, leaderboard.methods(dataset)))
        for metrics in _fitting(leaderboard.metrics(dataset), console.width - longest):
            console.print(_table(leaderboard, dataset, metrics))
        for note in (*leaderboard.notes(dataset), *_remarks(leaderboard, dataset)):
            console.print(Text(f"! {note}", style="dim"))
    console.print("* best, or not found worse (paired tests, Holm, 5 %)", style="dim")
    for what, why in leaderboard.failures.items():
        console.print(Text(f"! {what}: {why}"))


QUICK = ("random", "bti", "gradient_x_activation", "token_similarity", "whyalike")
QUICK_OUTSIDE = ("random", "exact", "occlusion")
"""The same for a model whose inside can't be seen."""


@with_groups
def evaluate(
    *,
    texts: Annotated[
        list[Path],
        typer.Option(
            help=f"Texts, from which pairs are drawn: {TABLES}. Repeat it.", metavar="FILE"
        ),
    ] = [],  # noqa: B006
    multimwa: Annotated[
        list[Path], typer.Option(help="Word alignments, MultiMWA's TSV.", metavar="FILE")
    ] = [],  # noqa: B006
    edinburgh: Annotated[
        list[Path], typer.Option(help="Word alignments, Edinburgh++'s JSON.", metavar="FILE")
    ] = [],  # noqa: B006
    xlwa: Annotated[
        list[Path],
        typer.Option(help="Word alignments of two languages, XL-WA's TSV.", metavar="FILE"),
    ] = [],  # noqa: B006
    ists: Annotated[
        list[Path], typer.Option(help="Chunk alignments, iSTS's .wa.", metavar="FILE")
    ] = [],  # noqa: B006
    own: Annotated[
        list[Path],
        typer.Option(
            help="Pairs of texts of your own, in two columns of such a file; repeat it.",
            metavar="FILE",
        ),
    ] = [],  # noqa: B006
    column: Column = None,
    columns: Columns = None,
    strict: Strict = False,
    pairs: Annotated[int, typer.Option(min=1, help="Pairs drawn from each file of texts.")] = 50,
    suite: Annotated[
        Literal["quick", "full"] | None,
        typer.Option(help="A few cheap methods, which is the default, or all there are."),
    ] = None,
    methods: Annotated[
        str | None, typer.Option(help="Names with commas between them, instead of --suite.")
    ] = None,
    option: MethodOption = None,
    parts: Annotated[
        str,
        typer.Option(
            help="On pairs drawn from texts: faithfulness, randomization, infidelity, sensitivity; "
            "with commas between them."
        ),
    ] = "faithfulness",
    metrics: Annotated[
        str | None,
        typer.Option(help="Of faithfulness, with commas between them, instead of the usual six."),
    ] = None,
    replacement: Annotated[
        Literal["drop", "mask", "catalogue"],
        typer.Option(
            help="In the place of a word that is taken away: nothing, the model's mask token, or "
            "words drawn from the texts that the pairs come from."
        ),
    ] = "drop",
    side: Annotated[
        Literal["both", "left", "right"],
        typer.Option(help="Whose words are taken away, except by metrics of pairs of words."),
    ] = "both",
    lexicon: LexiconFile = None,
    corpus: Corpus = None,
    scorer: ModelOptions,
    embedding: PairEmbeddingOptions,
    seed: Annotated[
        int, typer.Option(min=0, help="Of the pairs drawn, of ties and of intervals.")
    ] = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o", "--out", help="Folder for results; a run goes on from them.", metavar="FOLDER"
        ),
    ] = None,
    keep_texts: Annotated[
        bool,
        typer.Option(
            "--keep-texts/--no-texts",
            help="With -o, keep the pairs' texts: in pairs.*.json, for `whyalike serve` to show, "
            "and in explanations that are not measured yet, for a run to go on from.",
        ),
    ] = True,
    json_: Json = False,
    loading: LoadingOptions,
    encoding: EncodingOption = None,
    debug: Debug = False,
) -> None:
    """Measure explanation methods on a model: what deleting words does, and human alignments.

    With -o, every result is kept as it is found, and leaderboard.md, .html and .json are written
    there, and beside them the texts of the pairs; --no-texts leaves no text there. If every method
    fails on all data, the exit code is 1.
    """
    with one_sentence_errors(debug=debug), reading_in(encoding):
        if not (texts or own or multimwa or edinburgh or xlwa or ists):
            raise OptionError(
                "Give data to measure on: --texts, --own, --multimwa, --edinburgh, --xlwa, --ists."
            )
        if suite is not None and methods is not None:
            raise OptionError("Give --suite or --methods, not both: each says which methods.")
        refuse_missing(texts, own, multimwa, edinburgh, xlwa, ists, lexicon, corpus)
        from whyalike.cli.explain import ALL, choose_methods, those_that_work
        from whyalike.evaluation.measures import FAITHFULNESS, checked_metrics, checked_parts

        # What is misspelt is refused before a model is loaded and texts are embedded.
        chosen = FAITHFULNESS if metrics is None else checked_metrics(_names(metrics))
        on_pairs = checked_parts(_names(parts))
        quick = methods is None and suite != "full"
        names = (*QUICK, *QUICK_OUTSIDE) if quick else choose_methods(methods or ALL)
        options = read_options(option, names)
        files = {
            "texts": texts,
            "own": own,
            "multimwa": multimwa,
            "edinburgh": edinburgh,
            "xlwa": xlwa,
            "ists": ists,
        }
        given = read_given(files, column=column, columns=names_of(columns), strict=strict)
        words = read_lexicon(
            lexicon, corpus, allow_pickle=loading.allow_pickle, column=column, strict=strict
        )
        source = read_model(scorer, loading, column=column)
        quieten()
        from whyalike import Explainer
        from whyalike.evaluation.suite import run_suite

        explainer = Explainer(
            **source,
            options=options,
            **embedding.keywords(),
            lexicon=words,
        )
        if quick:
            inside = "hidden states" in explainer.model.capabilities
            names = QUICK if inside else QUICK_OUTSIDE
        named = methods is not None and methods.strip() != ALL
        names, without = those_that_work(names, explainer.model, named=named)
        explainer = for_pairs(explainer, embedding)
        datasets = datasets_of(explainer, given, strict=strict, pairs=pairs, seed=seed)
        with open_progress() as tell:
            found = run_suite(
                explainer,
                datasets,
                methods=names,
                parts=on_pairs,
                metrics=chosen,
                replacement=replacement,
                side=side,
                folder=None if out is None else out / "results",
                keep_texts=keep_texts,
                seed=seed,
                progress=tell,
                left_out=without,
            )
        if out is not None:
            write_reports(
                found,
                out,
                command=shlex.join(["whyalike", *sys.argv[1:]]),
                texts=datasets.texts() if keep_texts else {},
            )
        if json_:
            said = json.dumps(found.to_dict(), ensure_ascii=False, allow_nan=False, indent=2)
            write_out(lambda: echo_json(said))
        else:
            write_out(lambda: show(found))
        if not found.entries:
            raise typer.Exit(FAILURE)


def _names(said: str) -> list[str]:
    return [name.strip() for name in said.split(",")]
