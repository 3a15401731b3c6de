"""``whyalike explain --methods``: one pair, one loaded model, several methods."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from whyalike.cli.failures import one_sentence_errors
from whyalike.cli.fusion import ModelOptions, read_model
from whyalike.cli.groups import with_groups
from whyalike.cli.listings import read_corpus, read_lexicon
from whyalike.cli.options import (
    METHOD_PANEL,
    OUTPUT_PANEL,
    BackgroundTexts,
    Check,
    Column,
    Corpus,
    Debug,
    EmbeddingOptions,
    EncodingOption,
    EngineOption,
    FileA,
    FileB,
    Html,
    Json,
    LexiconFile,
    LoadingOptions,
    LongTextOptions,
    Method,
    MethodOption,
    Picture,
    RayAddress,
    Shades,
    TextA,
    TextB,
    Unit,
    check_options,
    read_options,
    usual_methods,
)
from whyalike.cli.pairs import (
    Fields,
    Force,
    Keep,
    Out,
    PairColumns,
    PairIds,
    PairIndex,
    PairsFile,
    StrictPairs,
    begin_run,
    explain_pairs,
    explainer_of,
    open_items,
    refuse_with_pairs,
    refuse_without_pairs,
)
from whyalike.cli.printing import echo, echo_data, echo_json, open_console, print_view, write_out
from whyalike.cli.refusals import refuse_missing
from whyalike.data.encodings import asked_encoding, reading_in
from whyalike.engines.runner import choose_runner
from whyalike.errors import OptionError, TextError, WhyalikeError

if TYPE_CHECKING:
    from typing import BinaryIO

    from whyalike.comparison import Comparison
    from whyalike.explainer import Explainer
    from whyalike.explanation import Explanation
    from whyalike.models.scorer import Scorer
    from whyalike.options import UnitKind


ALL = "all"


def choose_methods(said: str) -> tuple[str, ...]:
    """Return the names that ``--methods`` gives, each once. Raises OptionError on an unknown one.

    Parameters
    ----------
    said : str
        Names with commas between them, or ``all``.
    """
    from whyalike.methods.listing import check_methods, list_names

    names = list(dict.fromkeys(name.strip() for name in said.split(",") if name.strip()))
    if not names:
        raise OptionError(f"--methods is {said!r}; give names with commas between them, or {ALL}.")
    if names == [ALL]:
        return tuple(list_names())
    check_methods(names)
    return tuple(names)


def those_that_work(
    names: Sequence[str], model: "Scorer", *, named: bool
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the methods that can explain a model, and by its name why another can't.

    Methods that were ``named`` all stay, so that one that can't is refused. Those that are left out
    are said on standard error.
    """
    from whyalike.methods.method import left_out, say_left_out

    if named:
        return tuple(names), {}
    without = left_out(model, names)
    for sentence in say_left_out(without):
        echo(sentence, err=True)
    return tuple(name for name in names if name not in without), without


def explain_by_each(
    explainer: "Explainer",
    names: Sequence[str],
    left: str,
    right: str,
    *,
    check: int = 0,
    unit: "UnitKind" = "word",
) -> tuple[list["Explanation"], dict[str, str]]:
    """Return an explanation by each method, and by its name why one could not give any.

    Raises WhyalikeError, that of the first, if none could.
    """
    explanations: list[Explanation] = []
    failures: dict[str, WhyalikeError] = {}
    for name in names:
        try:
            by_one = explainer.with_method(name)
            explanations.append(by_one.explain(left, right, check=check, unit=unit))
        except WhyalikeError as error:
            failures[name] = error
    if not explanations:
        raise next(iter(failures.values()))
    return explanations, {name: str(error) for name, error in failures.items()}


def show_methods(
    explanations: Sequence["Explanation"],
    failures: Mapping[str, str],
    *,
    html: Path | None,
    as_json: bool,
) -> None:
    """Write the page if one was asked for, and print JSON or the compact view."""
    if html is not None:
        write_page(explanations, failures, html)
    if as_json:
        from whyalike.explanation import explanations_to_dict

        for name, why in failures.items():
            echo(f"Left out {name}: {why}", err=True)
        content = explanations_to_dict(explanations, left_out=failures)
        said = json.dumps(content, ensure_ascii=False, allow_nan=False, indent=2)
        write_out(lambda: echo_json(said))
        return
    from whyalike.render import terminal_methods_view

    print_view(terminal_methods_view, explanations, failures=failures)


def write_page(
    explanations: Sequence["Explanation"], failures: Mapping[str, str], html: Path
) -> None:
    """Write all on one page, whole or not at all, each method with its source and its cost."""
    from whyalike.cli.listings import describe_cost
    from whyalike.files import write_whole
    from whyalike.methods.method import get_method
    from whyalike.render import render_methods

    methods = [get_method(explanation.method) for explanation in explanations]
    notes = {
        method.name: f"{method.summary} · {method.source} · {describe_cost(method)}"
        for method in methods
    }
    page = render_methods(explanations, notes=notes, failures=failures).encode()
    write_whole(html, lambda stream: stream.write(page))
    echo(f"Wrote {html}", err=True)


LONGEST_TEXT = 1 << 24
"""Bytes of a text from a file or standard input: a device or a pipe may never end."""


@with_groups
def explain(
    *,
    text_a: TextA = None,
    text_b: TextB = None,
    file_a: FileA = None,
    file_b: FileB = None,
    scorer: ModelOptions,
    method: Method = None,
    methods: Annotated[
        str | None,
        typer.Option(
            help="Several methods side by side: all, or names with commas.",
            metavar="NAMES",
            rich_help_panel=METHOD_PANEL,
        ),
    ] = None,
    option: MethodOption = None,
    embedding: EmbeddingOptions,
    words: Annotated[
        Literal["text", "pretoken", "token"],
        typer.Option(help="What counts as a word.", rich_help_panel=METHOD_PANEL),
    ] = "text",
    reading: LongTextOptions,
    top_k: Annotated[
        int,
        typer.Option(
            min=1,
            help="Show the pairs of this many clusters of scores.",
            rich_help_panel=METHOD_PANEL,
        ),
    ] = 2,
    lexicon: LexiconFile = None,
    corpus: Corpus = None,
    background: BackgroundTexts = None,
    check: Check = None,
    unit: Unit = "word",
    column: Column = None,
    pairs: PairsFile = None,
    out: Out = None,
    columns: PairColumns = None,
    index: PairIndex = None,
    ids: PairIds = None,
    fields: Fields = None,
    keep: Keep = None,
    force: Force = False,
    strict: StrictPairs = False,
    engine: EngineOption = "local",
    ray_address: RayAddress = None,
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
    scale: Shades = "absolute",
    loading: LoadingOptions,
    encoding: EncodingOption = None,
    debug: Debug = False,
) -> None:
    """Explain why a model finds two texts alike: which words of one go with which of the other.

    With --pairs FILE -o FILE, each pair of a file is explained into a row of another one. Put --
    before a text that begins with a hyphen.
    """
    with one_sentence_errors(debug=debug), reading_in(encoding):
        if md and (json_ or methods is not None):
            raise OptionError(
                "--md prints one explanation as Markdown: leave out --json and --methods, or --md."
            )
        refuse_missing(lexicon, corpus, pairs)
        for_files: dict[str, Any] = {
            "columns": columns,
            "index": index,
            "ids": ids,
            "fields": fields,
            "keep": keep,
            "force": force,
        }
        if pairs is None:
            refuse_without_pairs(
                out=out,
                strict=strict,
                engine=None if engine == "local" else engine,
                ray_address=ray_address,
                **for_files,
            )
            left, right = read_pair(text_a, text_b, file_a, file_b)
            run, runner = None, choose_runner(engine, ray_address)
        else:
            texts = text_a or text_b or file_a or file_b
            many = {"--methods": methods, "--md": md, "--unit": unit if unit != "word" else None}
            refuse_with_pairs(
                **{"A text": texts, **many, "--html": html, "--png": png, "--svg": svg}
            )
            runner = choose_runner(engine, ray_address)
            left, right, run = "", "", begin_run(pairs, out, check=check, **for_files)
        names = None if methods is None else choose_methods(methods)
        if names and (method is not None or png or svg):
            raise OptionError(
                "--methods gives a page, JSON or text of several methods: leave out --method, "
                "--png and --svg, or leave out --methods."
            )

        options = read_options(
            option,
            names or usual_methods(method),
            words=words,
            **reading.keywords(),
            top_k=top_k,
        )
        items = None
        if index is not None:
            items = open_items(
                index,
                prompts=embedding.prompts,
                prompt_names=embedding.prompt_names,
                options=options,
                **loading.keywords(),
            )
        known = read_lexicon(lexicon, corpus, allow_pickle=loading.allow_pickle, column=column)
        usual = None if background is None else read_corpus(background, column)
        if items is not None and scorer.is_usual:
            explainer = explainer_of(items, method, known, usual, pooling=embedding.pooling)
        else:
            source = read_model(scorer, loading, column=column)
            quieten()
            from whyalike import Explainer

            explainer = Explainer(
                **source,
                method=method,
                **embedding.keywords(),
                options=options,
                lexicon=known,
                background=usual,
            )
        check_options(option, names or [explainer.method.name])
        if names:
            from whyalike.methods.method import left_out

            unfit = left_out(explainer.model, names) if (methods or "").strip() == ALL else {}
            able = [name for name in names if name not in unfit]
            found, failures = explain_by_each(
                explainer, able, left, right, check=check or 0, unit=unit
            )
            show_methods(found, {**unfit, **failures}, html=html, as_json=json_)
            return
        if run is not None:
            explain_pairs(run, explainer, items, as_json=json_, strict=strict, runner=runner)
            return
        explanation = explainer.explain(
            left, right, check=explainer.usual_check if check is None else check, unit=unit
        )
        write_files(explanation, html=html, png=png, svg=svg, scale=scale)
        if json_:
            write_out(lambda: echo_json(explanation.to_json(indent=2)))
        elif md:
            write_out(lambda: echo_data(explanation.to_markdown()))
        else:
            write_out(lambda: show(explanation, scale=scale))


def show(explanation: "Explanation", *, scale: str = "absolute") -> None:
    """Print an explanation, in colour where the terminal has any."""
    from whyalike.render.terminal import terminal_view

    console = open_console()
    colour = console.color_system is not None
    console.print(terminal_view(explanation, colour=colour, scale=scale))


def write_files(
    shown: "Explanation | Comparison",
    *,
    html: Path | None,
    png: Path | None,
    svg: Path | None,
    **settings: Any,
) -> None:
    """Write the files that were asked for, each whole or not at all.

    ``settings`` are those of the methods that write: the ``scale`` of an explanation.
    """
    from whyalike.files import write_whole

    if html is not None:
        page = shown.to_html(**settings).encode()
        write_whole(html, lambda stream: stream.write(page))
    if png is not None:
        shown.to_png(png, **settings)
    if svg is not None:
        shown.to_svg(svg, **settings)
    for path in (html, png, svg):
        if path is not None:
            echo(f"Wrote {path}", err=True)


def read_pair(
    text_a: str | None, text_b: str | None, file_a: str | None, file_b: str | None
) -> tuple[str, str]:
    """Return both texts from arguments, files or standard input.

    With ``--file-a`` alone, the one argument is the right text.
    """
    if file_a is not None and text_a is not None and text_b is None and file_b is None:
        text_a, text_b = None, text_a
    if [text_a, text_b, file_a, file_b].count("-") > 1:
        raise OptionError("Standard input (-) can be only one of the two texts.")
    return read_text("left", text_a, file_a, "--file-a"), read_text(
        "right", text_b, file_b, "--file-b"
    )


def read_arguments(texts: Mapping[str, str]) -> list[str]:
    """Return texts given as arguments, by what they are called; one of them may be standard input.

    Raises
    ------
    OptionError
        More than one is.
    TextError
        Standard input can't be read.
    """
    if list(texts.values()).count("-") > 1:
        raise OptionError(f"Standard input (-) can be only one of {', '.join(texts)}.")
    return [read_text(name, text, None, "") for name, text in texts.items()]


def quieten() -> None:
    """Keep what libraries say while loading out of the answer."""
    import logging
    import os

    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    logging.getLogger("sentence_transformers").setLevel(logging.ERROR)
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]


def read_text(side: str, text: str | None, file: str | None, option: str) -> str:
    """Return a text given as an argument, or by a file that an option names; - is standard input.

    Raises
    ------
    OptionError
        Neither, or both.
    TextError
        It can't be read.
    """
    if text is not None and file is not None:
        raise OptionError(f"The {_named(side)} is given twice: as an argument and with {option}.")
    if file == "-" or text == "-":
        return _decode(_read_input(side), "standard input", side)
    if file is not None:
        return _decode(_read_file(file, side), file, side)
    if text is None:
        raise OptionError(
            f"The {_named(side)} is missing: give two texts, or {option} FILE, or - for standard "
            "input."
        )
    return text


def refuse_table(path: Path, instead: str) -> None:
    """Raise OptionError on a file whose ending is that of a table; ``instead`` says what to do."""
    if path.suffix.lower() in TABLE_ENDINGS:
        raise OptionError(f"{path} is a table, and a file is one passage here: {instead}")


TABLE_ENDINGS = (".jsonl", ".ndjson", ".csv", ".tsv", ".parquet")


def _named(side: str) -> str:
    """Return what a text is called in an error: the left text, or the passage."""
    return side if side == "passage" else f"{side} text"


def _read_file(file: str, side: str) -> bytes:
    try:
        with Path(file).open("rb") as stream:
            return _bounded(stream, file, side)
    except (OSError, ValueError) as error:
        raise TextError(
            f"Could not read the {_named(side)} from {file}: {_reason(error)}."
        ) from error


def _read_input(side: str) -> bytes:
    if sys.stdin is None:
        raise TextError(f"Could not read the {_named(side)}: standard input is closed.")
    try:
        return _bounded(sys.stdin.buffer, "standard input", side)
    except OSError as error:
        raise TextError(
            f"Could not read the {_named(side)} from standard input: {_reason(error)}."
        ) from error


def _bounded(stream: "BinaryIO", source: str, side: str) -> bytes:
    content = stream.read(LONGEST_TEXT + 1)
    if len(content) > LONGEST_TEXT:
        raise TextError(
            f"The {_named(side)} from {source} has more than {LONGEST_TEXT:,} bytes, which is the "
            "most that is read: give a text, or a part of it."
        )
    return content


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _decode(content: bytes, source: str, side: str) -> str:
    encoding = asked_encoding() or "utf-8-sig"
    try:
        return content.decode(encoding).removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        said = "UTF-8" if encoding == "utf-8-sig" else encoding
        raise TextError(
            f"The {_named(side)} from {source} is not {said} (byte {error.start}): say its "
            "encoding (--encoding)."
        ) from error
