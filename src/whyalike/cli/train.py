"""What ``whyalike train`` reads, how it tells of progress, and what it prints at the end."""

import json
import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from whyalike.cli.explain import quieten
from whyalike.cli.failures import one_sentence_errors
from whyalike.cli.groups import with_groups
from whyalike.cli.options import DEFAULT_MODEL, Debug, Json, LoadingOptions
from whyalike.cli.printing import echo, echo_json, open_console, write_out
from whyalike.data.encodings import reading_in

if TYPE_CHECKING:
    from whyalike.catalogue import Catalogue, Item
    from whyalike.training import TrainingProgress, TrainingResult


def read_catalogue(
    path: Path, *, id: str | None, title: str | None, description: str | None
) -> "Catalogue":
    """Return the catalogue; what was guessed, and how many rows are bad, goes to standard error."""
    from whyalike.catalogue import Catalogue

    read = Catalogue.read(path, id=id, title=title, description=description)
    if not speaks():
        return read
    for line in read.report.say_notes():
        echo(line, err=True)
    if read.report.bad:
        echo(f"{len(read.report.bad)} bad rows are left out.", err=True)
    return read


def speaks() -> bool:
    """Return whether this process prints: under torchrun the first one alone does."""
    return os.environ.get("RANK", "0") == "0"


def choose_items(catalogue: "Catalogue", count: int | None, *, seed: int) -> list["Item"]:
    """Return all items, or so many drawn from ``seed``, in the catalogue's order."""
    items = list(catalogue)
    if count is None or count >= len(items):
        return items
    chosen = random.Random(seed).sample(range(len(items)), count)
    return [items[index] for index in sorted(chosen)]


@contextmanager
def follow(out: Path) -> Iterator[Callable[["TrainingProgress"], None]]:
    """Give a function that tells of progress on standard error; after Ctrl-C say how to go on."""
    try:
        yield tell_progress
    except KeyboardInterrupt:
        from whyalike.training.unfinished import latest_checkpoint, step_of, unfinished

        kept = latest_checkpoint(unfinished(out))
        if kept is not None:
            echo(
                f"A checkpoint of step {step_of(kept)} is kept: the same command with --resume "
                "goes on.",
                err=True,
            )
        raise


def tell_progress(now: "TrainingProgress") -> None:
    """Print one line of progress on standard error."""
    parts = [f"step {now.step}/{now.steps}"]
    if now.title_description is not None:
        parts.append(f"title-description {now.title_description:.3f}")
    if now.masked_words:
        parts.append(f"masked words {now.masked_words:.3f}")
    if now.mrr is not None:
        parts.append(f"MRR of watched items {now.mrr:.3f}")
    if now.seconds_left is not None:
        parts.append(f"{describe_time(now.seconds_left)} left")
    echo("  ".join(parts), err=True)


def describe_time(seconds: float) -> str:
    """Return a duration in words of a glance: ``40 s``, ``12 min``, ``3 h 05 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def show(found: "TrainingResult") -> None:
    """Print the figures before and after, and how to use the model."""
    from rich.table import Table

    from whyalike.training.result import COLUMNS, figures_rows

    console = open_console()
    if found.figures:
        title = f"{found.held_out} held-out titles looking for their descriptions"
        table = Table(title=f"{title} among {found.items}", title_justify="left")
        for number, column in enumerate(COLUMNS):
            table.add_column(column, justify="right" if number else "left")
        for row in figures_rows(found.figures):
            table.add_row(*row)
        console.print(table)
    for note in found.notes:
        console.print(note)
    console.print(
        f"Step {found.best_step} of {found.steps} was kept, after {describe_time(found.seconds)}. "
        f"Try: whyalike explain TEXT TEXT --model {found.folder}",
        soft_wrap=True,
    )


@with_groups
def train(
    *,
    catalogue: Annotated[
        Path, typer.Argument(help="CSV, TSV, JSONL or Parquet.", show_default=False)
    ],
    out: Annotated[
        Path,
        typer.Option("-o", "--out", help="Folder to make for the model.", metavar="FOLDER"),
    ],
    base: Annotated[
        str, typer.Option(help="What to start from: a hub name or a local path.")
    ] = DEFAULT_MODEL,
    preset: Annotated[
        Literal["ranking", "recobert"],
        typer.Option(
            help="What is learnt: a ranking loss with a little masked-language modelling, or "
            "RecoBERT's own joint objective; the options below change parts of it."
        ),
    ] = "ranking",
    title: Annotated[str | None, typer.Option(help="Column of the titles.")] = None,
    description: Annotated[
        str | None,
        typer.Option("--description", "--column", help="Column of the descriptions."),
    ] = None,
    id_: Annotated[str | None, typer.Option("--id", help="Column of the ids.")] = None,
    kind: Annotated[
        str | None, typer.Option(help="Column that says of what kind an item is; for figures.")
    ] = None,
    items: Annotated[
        int | None, typer.Option(min=4, help="Draw so many items instead of taking all.")
    ] = None,
    epochs: Annotated[float | None, typer.Option(help="Passes over the catalogue.")] = None,
    max_steps: Annotated[int | None, typer.Option(help="Instead of --epochs.")] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Pairs of a step, in each process of torchrun.")
    ] = None,
    cached_batch: Annotated[
        bool,
        typer.Option(
            "--cached-batch",
            help="Gradient caching: memory does not grow with --batch-size, for a forward more.",
        ),
    ] = False,
    lr: Annotated[float | None, typer.Option(help="Learning rate at its peak.")] = None,
    max_length: Annotated[int | None, typer.Option(help="Tokens read in training.")] = None,
    encoding: Annotated[
        Literal["joint", "separate"] | None,
        typer.Option(help="Title and description in one sequence (the paper's), or each alone."),
    ] = None,
    negatives: Annotated[
        Literal["drawn", "all", "ranking"] | None,
        typer.Option(help="False pairs: one drawn (the paper's), or all of the batch."),
    ] = None,
    mlm_weight: Annotated[
        float | None, typer.Option(help="Weight of the masked-language loss.")
    ] = None,
    held_out: Annotated[float | None, typer.Option(help="Share of items to measure on.")] = None,
    patience: Annotated[
        int | None, typer.Option(help="Looks without progress before it stops; 0 never stops.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of everything that is drawn.")] = 0,
    baseline: Annotated[
        Literal["mnrl"] | None,
        typer.Option(help="Train MultipleNegativesRankingLoss too, for comparison."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the unfinished run, if there is one.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Throw an unfinished run away, and begin anew.")
    ] = False,
    json_: Json = False,
    loading: LoadingOptions,
    file_encoding: Annotated[
        str | None,
        typer.Option(
            help="Of a text file, such as cp1252; by default it is found, and said if not UTF-8.",
            metavar="NAME",
            show_default=False,
        ),
    ] = None,
    debug: Debug = False,
) -> None:
    """Train a model on a catalogue, without labels, and say how much better it finds items.

    By default titles must find their descriptions among those of a batch, and a few masked words
    are guessed; --preset recobert has the objective of the RecoBERT paper. The report has TF-IDF
    beside the base and the trained model, alone and together with it.

    Ctrl-C leaves a checkpoint; the same command with --resume goes on from it. Several processes
    share each step under torchrun: torchrun --nproc-per-node 2 -m whyalike train ...
    """
    with one_sentence_errors(debug=debug), reading_in(file_encoding):
        from whyalike.models.locating import find_model
        from whyalike.training import TrainingSettings
        from whyalike.training.unfinished import refuse_what_is_there

        asked: dict[str, Any] = {
            "epochs": epochs,
            "max_steps": max_steps,
            "batch_size": batch_size,
            "cached_batch": cached_batch,
            "learning_rate": lr,
            "max_length": max_length,
            "encoding": encoding,
            "negatives": negatives,
            "mlm_weight": mlm_weight,
            "held_out": held_out,
            "seed": seed,
        }
        chosen = {name: value for name, value in asked.items() if value is not None}
        if patience is not None:
            chosen["patience"] = patience or None
        # What is wrong is said before torch is loaded, which takes seconds.
        settings = TrainingSettings.of(preset=preset, **chosen)
        refuse_what_is_there(out)
        find_model(base, allow_pickle=loading.allow_pickle)
        read = read_catalogue(catalogue, id=id_, title=title, description=description)
        quieten()
        from whyalike.training import train_recobert

        with follow(out) as tell:
            found = train_recobert(
                choose_items(read, items, seed=seed),
                out=out,
                base=base,
                settings=settings,
                name=catalogue.name,
                kind=kind,
                baseline=baseline,
                resume=resume,
                force=force,
                progress=tell,
                say=lambda said: echo(said, err=True),
                **loading.keywords(),
            )
        if not speaks():
            return
        if json_:
            said = json.dumps(found.to_dict(), ensure_ascii=False, allow_nan=False, indent=2)
            write_out(lambda: echo_json(said))
        else:
            write_out(lambda: show(found))
