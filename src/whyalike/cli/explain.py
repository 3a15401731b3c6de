"""``whyalike explain``: one pair, in the terminal or as a file."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from whyalike.cli.failures import told_plainly
from whyalike.cli.lexicon_files import read_lexicon
from whyalike.cli.options import (
    DEFAULT_MODEL,
    AllowPickle,
    Debug,
    Device,
    FileA,
    FileB,
    Html,
    Json,
    LexiconFile,
    Model,
    Picture,
    Pooling,
    PromptNames,
    Prompts,
    TextA,
    TextB,
    TrustRemoteCode,
)
from whyalike.cli.printing import echo, echo_data, echo_json, open_console, write_out
from whyalike.cli.several_methods import choose_methods, explain_by_each, show_methods
from whyalike.errors import OptionError, TextError

if TYPE_CHECKING:
    from typing import BinaryIO

    from whyalike.explanation import Comparison, Explanation

LONGEST_TEXT = 1 << 24
"""Bytes of a text from a file or standard input: a device or a pipe may never end."""


def explain(
    text_a: TextA = None,
    text_b: TextB = None,
    file_a: FileA = None,
    file_b: FileB = None,
    model: Model = DEFAULT_MODEL,
    method: Annotated[str, typer.Option(help="See `whyalike methods`.")] = "bti",
    methods: Annotated[
        str | None,
        typer.Option(
            help="Several methods side by side: all, or names with commas.", metavar="NAMES"
        ),
    ] = None,
    pooling: Pooling = "auto",
    prompts: Prompts = None,
    prompt_names: PromptNames = None,
    words: Annotated[
        Literal["text", "pretoken", "token"], typer.Option(help="What counts as a word.")
    ] = "text",
    long_text: Annotated[
        Literal["truncate", "error", "windows"],
        typer.Option(help="What to do with text beyond the model's limit."),
    ] = "truncate",
    top_k: Annotated[
        int, typer.Option(min=1, help="Show the pairs of this many clusters of scores.")
    ] = 2,
    lexicon: LexiconFile = None,
    corpus: Annotated[
        Path | None,
        typer.Option(help="Texts, one a line, to count rare words in.", metavar="FILE"),
    ] = None,
    json_: Json = False,
    md: Annotated[
        bool, typer.Option("--md", help="Print Markdown, for an issue or a chat.")
    ] = False,
    html: Html = None,
    png: Picture = None,
    svg: Picture = None,
    device: Device = None,
    trust_remote_code: TrustRemoteCode = False,
    allow_pickle: AllowPickle = False,
    debug: Debug = False,
) -> None:
    """Explain why a model finds two texts alike: which words of one go with which of the other.

    Put -- before a text that begins with a hyphen.
    """
    with told_plainly(debug=debug):
        if md and (json_ or methods is not None):
            raise OptionError(
                "--md prints one explanation as Markdown: leave out --json and --methods, or --md."
            )
        left, right = read_pair(text_a, text_b, file_a, file_b)
        quieten()
        from whyalike import BTIOptions, Explainer

        names = None if methods is None else choose_methods(methods)
        if names and (method != "bti" or png or svg):
            raise OptionError(
                "--methods gives a page, JSON or text of several methods: leave out --method, "
                "--png and --svg, or leave out --methods."
            )

        explainer = Explainer(
            model,
            method=method,
            pooling=pooling,
            prompts=prompts,
            prompt_names=prompt_names,
            options=BTIOptions(words=words, long_text=long_text, top_k=top_k),
            lexicon=read_lexicon(lexicon, corpus, allow_pickle=allow_pickle),
            device=device,
            trust_remote_code=trust_remote_code,
            allow_pickle=allow_pickle,
        )
        if names:
            found = explain_by_each(explainer, names, left, right)
            show_methods(*found, html=html, as_json=json_)
            return
        explanation = explainer.explain(left, right)
        write_files(explanation, html=html, png=png, svg=svg)
        if json_:
            write_out(lambda: echo_json(explanation.to_json(indent=2)))
        elif md:
            write_out(lambda: echo_data(explanation.to_markdown()))
        else:
            write_out(lambda: show(explanation))


def show(explanation: "Explanation") -> None:
    """Print an explanation, in colour where the terminal has any."""
    from whyalike.render.terminal import terminal_view

    console = open_console()
    console.print(terminal_view(explanation, colour=console.color_system is not None))


def write_files(
    shown: "Explanation | Comparison", *, html: Path | None, png: Path | None, svg: Path | None
) -> None:
    """Write the files that were asked for, each whole or not at all."""
    from whyalike.files import write_whole

    if html is not None:
        page = shown.to_html().encode()
        write_whole(html, lambda stream: stream.write(page))
    if png is not None:
        shown.to_png(png)
    if svg is not None:
        shown.to_svg(svg)
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
    return _one("left", text_a, file_a, "--file-a"), _one("right", text_b, file_b, "--file-b")


def read_arguments(texts: Mapping[str, str]) -> list[str]:
    """Return texts given as arguments, by what they are called; one of them may be standard input.

    Raises:
        OptionError: more than one is.
        TextError: standard input can't be read.
    """
    if list(texts.values()).count("-") > 1:
        raise OptionError(f"Standard input (-) can be only one of {', '.join(texts)}.")
    return [_one(name, text, None, "") for name, text in texts.items()]


def quieten() -> None:
    """Keep what libraries say while loading out of the answer."""
    import logging
    import os

    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    logging.getLogger("sentence_transformers").setLevel(logging.ERROR)
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]


def _one(side: str, text: str | None, file: str | None, option: str) -> str:
    if text is not None and file is not None:
        raise OptionError(f"The {side} text is given twice: as an argument and with {option}.")
    if file == "-" or text == "-":
        return _decode(_read_input(side), "standard input", side)
    if file is not None:
        return _decode(_read_file(file, side), file, side)
    if text is None:
        raise OptionError(
            f"The {side} text is missing: give two texts, or {option} FILE, or - for standard "
            "input."
        )
    return text


def _read_file(file: str, side: str) -> bytes:
    try:
        with Path(file).open("rb") as stream:
            return _bounded(stream, file, side)
    except (OSError, ValueError) as error:
        raise TextError(f"Could not read the {side} text from {file}: {_reason(error)}.") from error


def _read_input(side: str) -> bytes:
    if sys.stdin is None:
        raise TextError(f"Could not read the {side} text: standard input is closed.")
    try:
        return _bounded(sys.stdin.buffer, "standard input", side)
    except OSError as error:
        raise TextError(
            f"Could not read the {side} text from standard input: {_reason(error)}."
        ) from error


def _bounded(stream: "BinaryIO", source: str, side: str) -> bytes:
    content = stream.read(LONGEST_TEXT + 1)
    if len(content) > LONGEST_TEXT:
        raise TextError(
            f"The {side} text from {source} has more than {LONGEST_TEXT:,} bytes, which is the "
            "most that is read: give a text, or a part of it."
        )
    return content


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _decode(content: bytes, source: str, side: str) -> str:
    try:
        return content.decode("utf-8-sig").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise TextError(
            f"The {side} text from {source} is not UTF-8 (byte {error.start}): convert it first."
        ) from error
