"""What ``whyalike index`` reads and says: a catalogue item by item, progress, bad rows, counts."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from whyalike.cli.explain import quieten
from whyalike.cli.failures import one_sentence_errors
from whyalike.cli.groups import with_groups
from whyalike.cli.options import (
    DEFAULT_MODEL,
    Debug,
    EmbeddingOptions,
    EncodingOption,
    EngineOption,
    Json,
    LoadingOptions,
    Model,
    RayAddress,
)
from whyalike.cli.printing import echo, echo_json, write_out
from whyalike.cli.progress import drawing
from whyalike.engines.runner import choose_runner
from whyalike.errors import OptionError

if TYPE_CHECKING:
    from whyalike.catalogue import Item, ReadReport
    from whyalike.catalogue.given_vectors import GivenVectors
    from whyalike.catalogue.manifest import Field
    from whyalike.data.shops import Shop
    from whyalike.data.stream import Format, Markup


def take(
    file: Path,
    *,
    format: "Format",
    encoding: str | None,
    id: str | None,
    title: str | None,
    description: str | None,
    metadata: str | None,
    markup: "Markup",
    shop: "Shop",
    strict: bool,
) -> "tuple[Iterator[Item], ReadReport]":
    """Return the items of a file, which are read as they are taken, and the report that grows.

    The first one is read here: a wrong file or column is refused before a model is loaded.
    """
    from whyalike.catalogue import ReadReport, stream_items

    report = ReadReport()
    items = stream_items(
        file,
        format=format,
        encoding=encoding,
        id=id,
        title=title,
        description=description,
        metadata=None if metadata is None else names_in(metadata),
        markup=markup,
        shop=shop,
        strict=strict,
        report=report,
    )
    return chain(list(islice(items, 1)), items), report


def open_vectors(said: str | None, report: "ReadReport") -> "GivenVectors | None":
    """Return the vectors that are there already; a wrong file is refused before a model loads."""
    from whyalike.catalogue.given_vectors import open_given

    return None if said is None else open_given(said, report.columns)


def _becomes(given: "GivenVectors | None") -> str:
    return "embedded" if given is None else "taken over"


@contextmanager
def following(
    report: "ReadReport", *, done: str = "embedded"
) -> Iterator[Callable[[int, int], None]]:
    """Show on standard error how many texts are embedded, how fast, and how long it will take.

    Before the first one stands what was assumed, and which rows are bad: all are read by then.
    """
    said = False
    try:
        with drawing("texts", done=done) as draw:

            def tell(done: int, total: int) -> None:
                nonlocal said
                if not said:
                    echo(str(report), err=True)
                    said = True
                draw(done, total)

            yield tell
    except KeyboardInterrupt:
        if said:
            echo("What is embedded is kept: the same command goes on from there.", err=True)
        raise


def show_info(info: Mapping[str, Any], *, report: "ReadReport | None", as_json: bool) -> None:
    """Print what an index holds."""
    if as_json:
        content = {"format": "whyalike/index-info", "version": 1, **info}
        if report is not None:
            content["read"] = report.to_dict()
        said = json.dumps(content, ensure_ascii=False, allow_nan=False, indent=2)
        write_out(lambda: echo_json(said))
        return
    write_out(lambda: echo("\n".join(_lines(info))))


def _lines(info: Mapping[str, Any]) -> list[str]:
    from whyalike.catalogue.where import quote_field

    known = dict.fromkeys(["id", "title", "description", *info["metadata"]])
    cut = info["cut"]
    removed = f", {info['removed']:,} removed" if info["removed"] else ""
    lines = [
        f"{info['folder']}: {info['items']:,} items of {info['name']}{removed}",
        f"  vectors of {' and '.join(info['fields'])}{_say_weights(info)}: {info['dimension']} "
        f"numbers, {info['dtype']}; {info['bytes'] / 1e6:,.1f} MB in all",
        f"  model {info['model']}, pooling {info['pooling']}, {info['similarity_function']}",
        f"  to be used with --where: {', '.join(map(quote_field, known))}",
    ]
    if info["explainable"]:
        lines.append(f"  reasons of words stored, {info['explainable']}: hits need no model")
    if info["maps"]:
        lines.append(f"  a map by {' and by '.join(info['maps'])}")
    if info["group_by"]:
        lines.append(f"  a search shows one item of each {info['group_by']!r} (--no-groups: all)")
    if any(info["prompts"]):
        query, passage = info["prompts"]
        lines.append(f"  prompts: {query!r} before a query, {passage!r} before an item")
    if cut:
        lines.append(f"  {cut:,} texts are longer than the model reads: their ends have no effect")
    if info.get("verified"):
        lines.append("  every file is what was written")
    return lines


def _say_weights(info: Mapping[str, Any]) -> str:
    weights = info["weights"]
    return f" weighted {weights['title']:g} to {weights['description']:g}" if weights else ""


File = Annotated[Path, typer.Argument(help="CSV, TSV, JSON, Parquet, XLSX or ODS.", metavar="FILE")]
Folder = Annotated[Path, typer.Argument(help="The index.", metavar="INDEX")]
Id = Annotated[str | None, typer.Option("--id", help="Column of the ids.", metavar="COLUMN")]
Title = Annotated[str | None, typer.Option(help="Column of the titles.", metavar="COLUMN")]

Metadata = Annotated[
    str | None,
    typer.Option(
        help="Columns to keep besides, such as price,brand; by default all others.",
        metavar="COLUMNS",
        show_default=False,
    ),
]

Description = Annotated[
    str | None,
    typer.Option("--description", "--column", help="Column of the descriptions.", metavar="COLUMN"),
]

FormatOption = Annotated[
    Literal["auto", "csv", "tsv", "json", "jsonl", "parquet", "xlsx", "ods", "txt", "dataset"],
    typer.Option("--format", help="What the file is; auto goes by its name."),
]

MarkupOption = Annotated[
    Literal["auto", "keep", "strip"],
    typer.Option(help="Whether HTML in the texts stays, or its text; auto: where it is a page's."),
]

ShopOption = Annotated[
    Literal["auto", "none", "shopify", "woocommerce", "magento", "etsy", "amazon"],
    typer.Option(help="Whose export it is; auto goes by its columns, none takes rows as they are."),
]

Vectors = Annotated[
    str | None,
    typer.Option(
        "--vectors",
        help="Vectors that --model has made of the items already: a .npy or .npz file with a row "
        "for each item, in order, or file.parquet:column, by ids where it has some. A sample is "
        "embedded and compared, and nothing else.",
        metavar="FILE[:COLUMN]",
        show_default=False,
    ),
]

Strict = Annotated[bool, typer.Option("--strict", help="Fail at a bad row, not skip it.")]

Resume = Annotated[
    bool,
    typer.Option(
        "--resume/--no-resume",
        " /--force",
        help="Go on with an unfinished run, or throw it away and begin anew.",
    ),
]


class BuildByDefault(TyperGroup):
    """A group whose command is ``build`` where the first word is none of its commands."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put ``build`` before what is no command and no cry for help."""
        if args and args[0] not in (*self.commands, *ctx.help_option_names):
            args = ["build", *args]
        return super().parse_args(ctx, args)


index = typer.Typer(
    cls=BuildByDefault,
    no_args_is_help=True,
    help="Make an index of a catalogue: whyalike index FILE -o INDEX [OPTIONS].\n\n"
    "`whyalike index build --help` shows its options, and `whyalike similar` searches it.",
)


@index.command()
@with_groups
def build(
    *,
    file: File,
    out: Annotated[
        Path, typer.Option("-o", "--out", help="Folder to make for the index.", metavar="INDEX")
    ],
    model: Model = DEFAULT_MODEL,
    fields: Annotated[
        str,
        typer.Option(
            help="What is embedded: title+description as one text, description, title, or "
            "title,description each by itself."
        ),
    ] = "title+description",
    weights: Annotated[
        str | None,
        typer.Option(
            help="Of --fields title,description, how much either counts, such as 1,2.",
            metavar="TITLE,DESCRIPTION",
            show_default=False,
        ),
    ] = None,
    group_by: Annotated[
        str | None,
        typer.Option(
            help="Column that variants of a product share: a search shows one of each. By default "
            "it is guessed (parent_sku, item_group_id, ...); '' for none.",
            metavar="COLUMN",
            show_default=False,
        ),
    ] = None,
    dtype: Annotated[
        Literal["float32", "float16"], typer.Option(help="Of the vectors on the disk.")
    ] = "float32",
    chunk_size: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Cut descriptions into chunks of so many tokens at most, each an item of its own; "
            "a search finds an item once, by its best one (--group-by item).",
            show_default=False,
        ),
    ] = None,
    chunk_overlap: Annotated[
        int, typer.Option(min=0, help="Tokens that a chunk shares with the one before.")
    ] = 0,
    embedding: EmbeddingOptions,
    id_: Id = None,
    title: Title = None,
    description: Description = None,
    metadata: Metadata = None,
    format_: FormatOption = "auto",
    encoding: EncodingOption = None,
    markup: MarkupOption = "auto",
    shop: ShopOption = "auto",
    strict: Strict = False,
    vectors: Vectors = None,
    explainable: Annotated[
        Literal["int8", "float16", "float32"] | None,
        typer.Option(
            help="Store the reasons of each item's words, as numbers of this format: searches then "
            "explain what they find without the model. It takes some thirty times as long as "
            "embedding alone.",
            show_default=False,
        ),
    ] = None,
    map_: Annotated[
        bool,
        typer.Option(
            "--map",
            help="Also put the items in two dimensions, for the map of `whyalike serve`: by their "
            "principal components. `whyalike index map INDEX` does it later, or by UMAP.",
        ),
    ] = False,
    resume: Resume = True,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the index that is there, when done.")
    ] = False,
    engine: EngineOption = "local",
    ray_address: RayAddress = None,
    json_: Json = False,
    loading: LoadingOptions,
    debug: Debug = False,
) -> None:
    """Make an index of a catalogue; the word build may be left out.

    After an interruption, even a kill, the same command goes on from where it stopped. --fields
    title,description is what `whyalike similar --score four` needs. Before items stands the
    model's prompt for documents, or the right one of --prompts; before what is searched for, that
    for queries.
    """
    with one_sentence_errors(debug=debug):
        chosen, weighed = _fields(fields), _weights(weights)
        from whyalike.catalogue import CatalogueIndex, chunk_items
        from whyalike.catalogue.catalogue import name_of
        from whyalike.catalogue.chunked_items import ITEM
        from whyalike.catalogue.writing import check_place, check_weights

        if chunk_overlap and chunk_size is None:
            raise OptionError("--chunk-overlap goes with --chunk-size: give both.")
        choose_runner(engine, ray_address)
        check_place(out, overwrite=overwrite)
        check_weights(weighed, chosen)
        items, report = take(
            file,
            format=format_,
            encoding=encoding,
            id=id_,
            title=title,
            description=description,
            metadata=metadata,
            markup=markup,
            shop=shop,
            strict=strict,
        )
        given = open_vectors(vectors, report)
        if given is not None and (chunk_size is not None or len(chosen) > 1):
            raise OptionError(
                "--vectors are of one text of each item: leave out --chunk-size, and name the one "
                "field that was embedded (--fields)."
            )
        group = ITEM if chunk_size and group_by is None else _group(group_by, report)
        quieten()
        from whyalike import Explainer

        explainer = Explainer(
            model,
            **embedding.keywords(),
            **loading.keywords(),
        )
        if chunk_size is not None:
            items = chunk_items(items, explainer, size=chunk_size, overlap=chunk_overlap)
        # Of workers that end, Ray says so on standard output.
        with following(report, done=_becomes(given)) as progress, redirect_stdout(sys.stderr):
            made = CatalogueIndex.build(
                items,
                out,
                model=explainer,
                name=name_of(file),
                fields=chosen,
                weights=weighed,
                group_by=group,
                dtype=dtype,
                vectors=given,
                resume=resume,
                overwrite=overwrite,
                report=report,
                progress=progress,
                explainable=explainable,
                engine=engine,
                ray_address=ray_address,
            )
        if map_:
            from whyalike.catalogue.map import write_map

            write_map(out)
            made = CatalogueIndex.open(out, model=explainer)
        show_info(made.info(), report=report, as_json=json_)


@index.command("map")
def map_items(
    folder: Folder,
    by: Annotated[
        Literal["pca", "umap"],
        typer.Option(
            help="pca takes the directions in which items differ most; umap keeps "
            "neighbours together (extra map)."
        ),
    ] = "pca",
    json_: Json = False,
    debug: Debug = False,
) -> None:
    """Put the items of an index in two dimensions, for the map of `whyalike serve`."""
    with one_sentence_errors(debug=debug):
        from whyalike.catalogue import CatalogueIndex
        from whyalike.catalogue.map import write_map

        made = write_map(folder, kind=by)
        echo(made.said, err=True)
        show_info(CatalogueIndex.open(folder).info(), report=None, as_json=json_)


@index.command()
@with_groups
def add(
    *,
    folder: Folder,
    file: File,
    replace: Annotated[
        bool, typer.Option("--replace", help="Let an item take the place of one with its id.")
    ] = False,
    model: Annotated[
        str | None, typer.Option(help="Where the model of the index is now, if it has moved.")
    ] = None,
    id_: Id = None,
    title: Title = None,
    description: Description = None,
    metadata: Metadata = None,
    format_: FormatOption = "auto",
    encoding: EncodingOption = None,
    markup: MarkupOption = "auto",
    shop: ShopOption = "auto",
    strict: Strict = False,
    vectors: Vectors = None,
    resume: Resume = True,
    json_: Json = False,
    loading: LoadingOptions,
    debug: Debug = False,
) -> None:
    """Add the items of a file to an index: all of them, or none."""
    with one_sentence_errors(debug=debug):
        from whyalike.catalogue import CatalogueIndex

        items, report = take(
            file,
            format=format_,
            encoding=encoding,
            id=id_,
            title=title,
            description=description,
            metadata=metadata,
            markup=markup,
            shop=shop,
            strict=strict,
        )
        given = open_vectors(vectors, report)
        quieten()
        opened = CatalogueIndex.open(
            folder,
            model=model,
            **loading.keywords(),
        )
        with following(report, done=_becomes(given)) as progress:
            changed = opened.add(
                items,
                replace=replace,
                vectors=given,
                resume=resume,
                report=report,
                progress=progress,
            )
        show_info(changed.info(), report=report, as_json=json_)


@index.command()
def remove(
    folder: Folder,
    ids: Annotated[list[str], typer.Argument(help="Ids of items.", metavar="ID...")],
    json_: Json = False,
    debug: Debug = False,
) -> None:
    """Remove items from an index: all of them, or none."""
    with one_sentence_errors(debug=debug):
        from whyalike.catalogue import CatalogueIndex

        changed = CatalogueIndex.open(folder).remove(ids)
        show_info(changed.info(), report=None, as_json=json_)


@index.command()
def info(
    folder: Folder,
    verify: Annotated[
        bool, typer.Option("--verify", help="Read every file and compare its checksum.")
    ] = False,
    json_: Json = False,
    debug: Debug = False,
) -> None:
    """Say what an index holds, and with --verify whether it is whole."""
    with one_sentence_errors(debug=debug):
        from whyalike.catalogue import CatalogueIndex

        opened = CatalogueIndex.open(folder)
        if verify:
            opened.verify()
        told = {**opened.info(), **({"verified": True} if verify else {})}
        show_info(told, report=None, as_json=json_)


def _fields(said: str) -> "list[Field]":
    known: dict[str, Field] = {
        "title": "title",
        "description": "description",
        "title+description": "title+description",
    }
    names = [name.replace(" ", "") for name in said.split(",") if name.strip()]
    if not names or any(name not in known for name in names):
        raise OptionError(
            f"--fields is {said!r}; give title+description (one text), description, title, or "
            "title,description (each by itself)."
        )
    return [known[name] for name in names]


def names_in(said: str) -> list[str]:
    """Return the names of a list with commas between them."""
    return [name.strip() for name in said.split(",") if name.strip()]


def _group(said: str | None, report: "ReadReport") -> str:
    """Return the column that variants share. Raises OptionError where there is none so called."""
    from whyalike.data.columns import guess_group, named_column

    columns = () if report.columns is None else report.columns.metadata
    if said is None:
        return guess_group(columns)
    return said if said in ("", "id", "title") else named_column(columns, said, "groups")


def _weights(said: str | None) -> dict[str, float]:
    if said is None:
        return {}
    try:
        title, description = (float(one) for one in said.split(","))
    except ValueError as error:
        raise OptionError(
            f"--weights is {said!r}; give that of titles and that of descriptions, such as 1,2."
        ) from error
    return {"title": title, "description": description}
