"""``--fusion``, and ``--model bm25``: scorers that the command line puts together itself."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from whyalike.cli.functions import Embed, EmbedDocument, EmbedQuery, Score, read_functions
from whyalike.cli.groups import OptionGroup
from whyalike.cli.listings import read_texts_of
from whyalike.cli.options import DEFAULT_MODEL, FUSION_PANEL, Label, LoadingOptions, Model
from whyalike.errors import OptionError

if TYPE_CHECKING:
    from whyalike.models.bm25 import BM25

LEXICAL = "bm25"
"""The name of BM25 over the texts of ``--over``."""

FusionParts = Annotated[
    list[str] | None,
    typer.Option(
        "--fusion",
        help="Instead of --model, a model and its weight in a sum of several, such as "
        "all-MiniLM-L6-v2=2; bm25=1 is BM25 over the texts of --over. Give it once for each.",
        metavar="MODEL=WEIGHT",
        show_default=False,
        rich_help_panel=FUSION_PANEL,
    ),
]
Normalise = Annotated[
    Literal["none", "min-max", "z-score", "ranks"],
    typer.Option(
        help="What --fusion makes of each model's scores first, by a query's scores of the texts "
        "of --over; ranks is reciprocal rank fusion.",
        rich_help_panel=FUSION_PANEL,
    ),
]
Over = Annotated[
    Path | None,
    typer.Option(
        help="Texts, one a line or in a column of a table, or an index: BM25 counts words there, "
        "and --normalise goes by their scores.",
        metavar="FILE",
        rich_help_panel=FUSION_PANEL,
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOptions(OptionGroup):
    """What scores: a model, functions of the user's, or a fusion."""

    model: Model = DEFAULT_MODEL
    label: Label = None
    embed: Embed = None
    embed_query: EmbedQuery = None
    embed_document: EmbedDocument = None
    score: Score = None
    fusion: FusionParts = None
    normalise: Normalise = "none"
    over: Over = None

    @property
    def is_usual(self) -> bool:
        """Whether nothing is said, so that the default model scores, or that of an index."""
        return self == ModelOptions()


def read_model(
    chosen: ModelOptions, loading: LoadingOptions, *, column: str | None = None
) -> dict[str, Any]:
    """Return what to give to Explainer for a model, for BM25, for a fusion, or for functions.

    Parameters
    ----------
    chosen : ModelOptions
        What the options say.
    loading : LoadingOptions
        How models are loaded.
    column : str, optional
        Of the texts of ``--over``, where the file is a table.

    Raises
    ------
    OptionError
        Options that do not go together, or a part that is no name and weight.
    FormatError, TextError
        The texts can't be read.
    ModelNotFoundError, UnsafeModelError, ModelError
        A model of a fusion can't be found or used.
    """
    model, label, over = chosen.model, chosen.label, chosen.over
    fusion, normalise, opening = chosen.fusion, chosen.normalise, loading.keywords()
    functions = read_functions(
        model,
        embed=chosen.embed,
        embed_query=chosen.embed_query,
        embed_document=chosen.embed_document,
        score=chosen.score,
    )
    if functions and fusion:
        options = ", ".join("--" + name.replace("_", "-") for name in functions)
        raise OptionError(f"Give either --fusion or {options}, not both.")
    if not fusion:
        if normalise != "none":
            raise OptionError(f"--normalise {normalise} goes with --fusion: give its parts.")
        if not is_lexical(model):
            if over is not None:
                raise OptionError(
                    f"--over goes with --fusion and with --model {LEXICAL}: leave it out."
                )
            source = functions or {"model": model}
            return {**source, **opening, "label": label}
        return {"model": _read_bm25(over, column), **opening, "label": label}
    if model != DEFAULT_MODEL:
        raise OptionError(f"Give --model {model} or --fusion, not both.")
    if label is not None:
        raise OptionError(
            f"--label is {label!r}, which is of one model, and the parts of a fusion are several: "
            "leave it out, or make a Fusion in Python, of scorers that have it."
        )
    weighed = [read_part(said) for said in fusion]
    from whyalike.models.fusion import Fusion

    texts = None if over is None else _read_over(over, column)
    parts: list[tuple[Any, float]] = [
        (open_bm25(texts) if is_lexical(name) else name, weight) for name, weight in weighed
    ]
    by_bm25_alone = normalise == "none" and any(not isinstance(part, str) for part, _ in parts)
    return {
        "model": Fusion(
            parts, normalise=normalise, over=None if by_bm25_alone else texts, **opening
        )
    }


def read_part(said: str) -> tuple[str, float]:
    """Return the name and weight that ``--fusion`` says. Raises OptionError on anything else."""
    name, _, weight = said.rpartition("=")
    with suppress(ValueError):
        if name.strip():
            return name.strip(), float(weight)
    raise OptionError(f"--fusion is {said!r}; give MODEL=WEIGHT, such as all-MiniLM-L6-v2=2.")


def is_lexical(name: str) -> bool:
    """Return whether a name is that of BM25, and no folder that is called so."""
    return name == LEXICAL and not Path(name).exists()


def _read_bm25(over: Path | None, column: str | None) -> "BM25":
    return open_bm25(None if over is None else _read_over(over, column))


def open_bm25(texts: list[str] | None) -> "BM25":
    """Return BM25 with the statistics of these texts. Raises OptionError without any."""
    from whyalike.models.bm25 import BM25

    if texts is None:
        raise OptionError(
            "bm25 counts words in the texts of a catalogue: give them with --over, a file or the "
            "folder of an index."
        )
    return BM25(texts)


def _read_over(path: Path, column: str | None) -> list[str]:
    if not path.is_dir():
        from whyalike.data.stream import kind_by_name

        plain: Literal["txt", "auto"] = "txt" if kind_by_name(path) is None else "auto"
        return read_texts_of(path, column=None if plain == "txt" else column, format=plain)
    from whyalike.catalogue import CatalogueIndex

    return CatalogueIndex.open(path).texts()
