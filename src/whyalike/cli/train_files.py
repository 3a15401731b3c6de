"""What ``whyalike train`` reads, how it tells of progress, and what it prints at the end."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from whyalike.cli.printing import echo, open_console

if TYPE_CHECKING:
    from whyalike.catalogue import Catalogue, Item
    from whyalike.training import TrainingProgress, TrainingResult


def read_catalogue(
    path: Path, *, id: str | None, title: str | None, description: str | None
) -> "Catalogue":
    """Return the catalogue; what was guessed, and how many rows are bad, goes to standard error."""
    from whyalike.catalogue import Catalogue

    read = Catalogue.read(path, id=id, title=title, description=description)
    for line in read.report.say_notes():
        echo(line, err=True)
    if read.report.bad:
        echo(f"{len(read.report.bad)} bad rows are left out.", err=True)
    return read


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
        from whyalike.training.checkpoints import latest_checkpoint, unfinished

        kept = latest_checkpoint(unfinished(out))
        if kept is not None:
            step = kept.name.rpartition("-")[2]
            echo(
                f"A checkpoint of step {step} is kept: the same command with --resume goes on.",
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

    from whyalike.training.card import COLUMNS, figures_rows

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
