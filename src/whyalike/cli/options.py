"""Options that several commands have, each said once."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from whyalike.cli.groups import OptionGroup
from whyalike.errors import OptionError

if TYPE_CHECKING:
    from whyalike.options import BTIOptions

MODEL_PANEL, METHOD_PANEL, OUTPUT_PANEL = "Model", "Method", "Output"
FUNCTION_PANEL, FUSION_PANEL = "A function instead of a model", "Fusion, and BM25"
ENGINE_PANEL = "More than one process"
"""Groups of options in a command's help; the rest are its own."""

TextA = Annotated[
    str | None,
    typer.Argument(help="The left text; - reads standard input.", show_default=False),
]
TextB = Annotated[
    str | None,
    typer.Argument(help="The right text; - reads standard input.", show_default=False),
]
FileA = Annotated[
    str | None,
    typer.Option(help="File with the left text; - is standard input.", metavar="FILE"),
]
FileB = Annotated[
    str | None,
    typer.Option(help="File with the right text; - is standard input.", metavar="FILE"),
]
Model = Annotated[
    str,
    typer.Option(
        help="A hub name or a local path; see `whyalike models`.", rich_help_panel=MODEL_PANEL
    ),
]
Method = Annotated[
    str | None,
    typer.Option(
        help="See `whyalike methods`; by default one that suits the model: exact where its score "
        "is a sum over words, else whyalike, and occlusion for models without gradients.",
        rich_help_panel=METHOD_PANEL,
    ),
]
SignedMethod = Annotated[
    str | None,
    typer.Option(
        help="One that gives signed contributions; by default exact, whyalike or occlusion, "
        "whichever is the first that works with the model.",
        rich_help_panel=METHOD_PANEL,
    ),
]
# The names of encoder.pooling, which can't be imported here: it loads torch.
Pooling = Annotated[
    Literal["auto", "model", "paper", "cls", "last"],
    typer.Option(
        help="Whose score: the model's own, the paper's, or another pooling.",
        rich_help_panel=MODEL_PANEL,
    ),
]


def refuse_both_prompts(
    context: typer.Context, option: typer.CallbackParam, value: tuple[str, str] | None
) -> tuple[str, str] | None:
    """Return what is given. Raises BadParameter where prompts are given, and by name, too."""
    other = "prompt_names" if option.name == "prompts" else "prompts"
    if value is not None and context.params.get(other) is not None:
        raise typer.BadParameter("Give either --prompts or --prompt-names, not both.")
    return value


Prompts = Annotated[
    tuple[str, str] | None,
    typer.Option(
        help="Put before the left text (a query) and the right one (a document), such as 'query: ' "
        "'passage: '; '' '' are none. By default the model's own.",
        metavar="LEFT RIGHT",
        show_default=False,
        callback=refuse_both_prompts,
        rich_help_panel=MODEL_PANEL,
    ),
]
PairPrompts = Annotated[
    tuple[str, str] | None,
    typer.Option(
        help="Put before the left texts and the right ones; '' '' are none. By default both get "
        "the model's prompt for documents: give both for pairs of a query and a document.",
        metavar="LEFT RIGHT",
        show_default=False,
        callback=refuse_both_prompts,
        rich_help_panel=MODEL_PANEL,
    ),
]
PromptNames = Annotated[
    tuple[str, str] | None,
    typer.Option(
        help="The same by their names in the model, such as query document.",
        metavar="LEFT RIGHT",
        show_default=False,
        callback=refuse_both_prompts,
        rich_help_panel=MODEL_PANEL,
    ),
]
MethodOption = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        "-O",
        help="An option of the method, such as top_k=3; `whyalike methods NAME` lists them. It may "
        "be repeated.",
        metavar="NAME=VALUE",
        show_default=False,
        rich_help_panel=METHOD_PANEL,
    ),
]
Unit = Annotated[
    Literal["word", "phrase", "sentence"],
    typer.Option(
        help="Say besides what the score loses without each sentence, and what each scores alone; "
        "or which neighbouring words act together. Measured: a few passes more.",
        rich_help_panel=METHOD_PANEL,
    ),
]
LongTextOption = Annotated[
    Literal["truncate", "error", "windows", "chunks"],
    typer.Option(
        help="What to do with text beyond the model's limit; chunks are scored each by itself, as "
        "engines store long texts.",
        rich_help_panel=MODEL_PANEL,
    ),
]
ChunkSize = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="With --long-text chunks, tokens of a chunk at most; by default what the model reads.",
        show_default=False,
        rich_help_panel=MODEL_PANEL,
    ),
]
ChunkOverlap = Annotated[
    int,
    typer.Option(
        min=0,
        help="With --long-text chunks, tokens that a chunk shares with the one before.",
        rich_help_panel=MODEL_PANEL,
    ),
]
ChunkScoreOption = Annotated[
    Literal["max", "mean"],
    typer.Option(
        help="With --long-text chunks, the score: that of the best chunk, or the mean.",
        rich_help_panel=MODEL_PANEL,
    ),
]
EngineOption = Annotated[
    Literal["local", "ray"],
    typer.Option(
        "--engine",
        help="Who does the work: this process, or workers of Ray (extra ray), one for each CPU but "
        "one.",
        rich_help_panel=ENGINE_PANEL,
    ),
]
RayAddress = Annotated[
    str | None,
    typer.Option(
        "--ray-address",
        help="With --engine ray, the cluster of which this machine is a node (auto, HOST:6379); by "
        "default workers are started on this machine.",
        metavar="ADDRESS",
        show_default=False,
        rich_help_panel=ENGINE_PANEL,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.", rich_help_panel=OUTPUT_PANEL)]


def names_of(said: str | None) -> list[str] | None:
    """Return the names in a list with commas between them, or None where none is given."""
    if said is None:
        return None
    return [name for name in map(str.strip, said.split(",")) if name]


def check_written(option: typer.CallbackParam, path: Path | None) -> Path | None:
    """Return the file of ``--html``, ``--png`` or ``--svg`` unless it is named for other content.

    Raises BadParameter then, or where it has no folder, before a model is loaded.
    """
    from whyalike.files import PAGE, PNG, SVG, check_ending, check_folder

    endings = {"html": PAGE, "png": PNG, "svg": SVG}
    if path is not None:
        try:
            check_ending(path, endings[str(option.name)])
            check_folder(path)
        except OptionError as error:
            raise typer.BadParameter(str(error)) from error
    return path


Html = Annotated[
    Path | None,
    typer.Option(
        help="Write a page.", metavar="FILE", callback=check_written, rich_help_panel=OUTPUT_PANEL
    ),
]
Picture = Annotated[
    Path | None,
    typer.Option(
        help="Write a picture.",
        metavar="FILE",
        callback=check_written,
        rich_help_panel=OUTPUT_PANEL,
    ),
]
Shades = Annotated[
    Literal["absolute", "relative"],
    typer.Option(
        "--scale",
        help="What a full shade is: the same amount of a cosine for every pair, or the most of "
        "this one.",
        rich_help_panel=OUTPUT_PANEL,
    ),
]
Column = Annotated[
    str | None,
    typer.Option(
        "--column",
        "--description",
        help="Column of the texts; by default one called description, or the like.",
        metavar="COLUMN",
    ),
]
Columns = Annotated[
    str | None,
    typer.Option(
        help="Columns of the left texts and the right ones, with a comma between; by default "
        "left,right, query,passage, query,text or text_a,text_b.",
        metavar="COLUMNS",
    ),
]
EncodingOption = Annotated[
    str | None,
    typer.Option(
        "--encoding",
        help="Of text files, such as cp1252; by default it is found, and said if not UTF-8.",
        metavar="NAME",
        show_default=False,
    ),
]

Strict = Annotated[
    bool, typer.Option("--strict", help="Fail at a row that can't be read, not leave it out.")
]
TABLES = "CSV, TSV, JSON Lines, Parquet, or lines of text; gzipped or not"
LexiconFile = Annotated[
    Path | None,
    typer.Option(
        "--lexicon",
        help="Word vectors, for methods that go by them.",
        metavar="FILE",
        rich_help_panel=METHOD_PANEL,
    ),
]
Corpus = Annotated[
    Path | None,
    typer.Option(
        help="Texts to count rare words in, one a line or in a column of a table; by default those "
        "of --texts, where there are any.",
        metavar="FILE",
        rich_help_panel=METHOD_PANEL,
    ),
]
BackgroundTexts = Annotated[
    Path | None,
    typer.Option(
        "--background",
        help="Texts of your own, 30 or more, one a line or in a column of a table: says how high "
        "the score is among them, and what the two have beyond what all of them share.",
        metavar="FILE",
        rich_help_panel=METHOD_PANEL,
    ),
]
Check = Annotated[
    int | None,
    typer.Option(
        min=0,
        help="Delete the words of this many pairs from both texts, each and all, and say what the "
        "score is then. By default 3; of a function, whose calls may cost, 0; with --methods, 0.",
        rich_help_panel=METHOD_PANEL,
    ),
]
Device = Annotated[
    str | None,
    typer.Option(help="cpu, cuda, mps; by default the best there is.", rich_help_panel=MODEL_PANEL),
]
TrustRemoteCode = Annotated[
    bool,
    typer.Option(
        "--trust-remote-code",
        help="Let code that comes with the model run.",
        rich_help_panel=MODEL_PANEL,
    ),
]
Label = Annotated[
    str | None,
    typer.Option(
        help="Of a model with several labels, the one whose logit is explained: its name, or its "
        "number from 0.",
        metavar="LABEL",
        show_default=False,
        rich_help_panel=MODEL_PANEL,
    ),
]
AllowPickle = Annotated[
    bool,
    typer.Option(
        "--allow-pickle",
        help="Allow weights that are not safetensors.",
        rich_help_panel=MODEL_PANEL,
    ),
]
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks.")]

DEFAULT_MODEL = "all-MiniLM-L6-v2"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadingOptions(OptionGroup):
    """How weights are loaded."""

    device: Device = None
    trust_remote_code: TrustRemoteCode = False
    allow_pickle: AllowPickle = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingOptions(OptionGroup):
    """How texts become vectors."""

    pooling: Pooling = "auto"
    prompts: Prompts = None
    prompt_names: PromptNames = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PairEmbeddingOptions(EmbeddingOptions):
    """The same for pairs of texts of one kind."""

    prompts: PairPrompts = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LongTextOptions(OptionGroup):
    """What is done with text beyond the limit of a model."""

    long_text: LongTextOption = "truncate"
    chunk_size: ChunkSize = None
    chunk_overlap: ChunkOverlap = 0
    chunk_score: ChunkScoreOption = "max"


def usual_methods(method: str | None, *, signed: bool = False) -> tuple[str, ...]:
    """Return the methods that it may become, of which a model that is not loaded yet takes one."""
    from whyalike.methods.listing import USUAL, USUAL_SIGNED

    return (method,) if method is not None else USUAL_SIGNED if signed else USUAL


def read_options(said: Sequence[str] | None, methods: Sequence[str], **flags: Any) -> "BTIOptions":
    """Return the options that ``-O name=value`` gives, as one of the methods declares each.

    Parameters
    ----------
    said : sequence of str | None
        Each ``name=value``.
    methods : sequence of str
        Names of the methods; without any, all there are.
    flags : Any
        Options that have a flag of their own, by name, with what was given or the default.

    Raises
    ------
    OptionError
        An unknown method, an option that none has, a value that is not allowed, an option that is
        given twice, or chunks where texts are read otherwise.
    """
    from whyalike.options import BTIOptions, all_options, check_chunks

    usual, given = BTIOptions().values(), check_options(said, methods)
    for name, value in given.items():
        if flags.get(name, value) not in (usual.get(name), value):
            raise _given_twice(name)
    options = all_options({**flags, **given})
    check_chunks(options)
    return options


def check_options(said: Sequence[str] | None, methods: Sequence[str]) -> dict[str, Any]:
    """Return what ``-O`` says by name, once it is known which methods are taken.

    What goes together with flags is looked at by ``read_options``.

    Raises
    ------
    OptionError
        An unknown method, an option that none has, a value that is not allowed, or an option that
        is given twice.
    """
    from whyalike.methods.listing import check_methods, find_option_of

    check_methods(methods)
    given: dict[str, Any] = {}
    for one in said or ():
        name, equals, text = one.partition("=")
        if not equals:
            raise OptionError(f"-O is {one!r}; give NAME=VALUE, such as top_k=3.")
        value = find_option_of(name, methods).parse(text)
        if given.setdefault(name, value) != value:
            raise _given_twice(name)
    return given


def _given_twice(name: str) -> OptionError:
    return OptionError(f"{name} is given twice, with different values: give it once.")
