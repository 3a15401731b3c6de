"""What ``whyalike index`` reads and says: a catalogue item by item, progress, bad rows, counts."""

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whyalike.cli.printing import echo, echo_json, open_error_console, write_out

if TYPE_CHECKING:
    from whyalike.catalogue import Item, ReadReport
    from whyalike.data.stream import Format, Markup

SECONDS_BETWEEN_LINES = 10.0


def take(
    file: Path,
    *,
    format: "Format",
    id: str | None,
    title: str | None,
    description: str | None,
    markup: "Markup",
    strict: bool,
) -> "tuple[Iterator[Item], ReadReport]":
    """Return the items of a file, which are read as they are taken, and the report that grows.

    The first one is read here: a wrong name of a file or a column is told before a model is loaded.
    """
    from whyalike.catalogue import ReadReport, stream_items

    report = ReadReport()
    items = stream_items(
        file,
        format=format,
        id=id,
        title=title,
        description=description,
        markup=markup,
        strict=strict,
        report=report,
    )
    return chain(list(islice(items, 1)), items), report


@contextmanager
def following(report: "ReadReport") -> Iterator[Callable[[int, int], None]]:
    """Show on standard error how many texts are embedded, how fast, and how long it will take.

    Before the first one stands what was assumed, and which rows are bad: all are read by then.
    """
    said = False
    try:
        with _drawing() as draw:

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


@contextmanager
def _drawing() -> Iterator[Callable[[int, int], None]]:
    if sys.stderr is None or not sys.stderr.isatty():
        yield _Lines()
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as TimeLeft

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}", markup=False),
        TimeLeft(),
    )
    with Progress(*columns, console=open_error_console()) as progress:
        task = progress.add_task("embedding", total=None, rate="")
        pace = _Pace()

        def tell(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total, rate=f"{pace.rate(done):,.0f}/s")

        yield tell


class _Pace:
    """How many texts a second are embedded, those of an earlier run left out."""

    def __init__(self) -> None:
        self.first: int | None = None
        self.began = 0.0

    def rate(self, done: int) -> float:
        if self.first is None:
            self.first, self.began = done, time.monotonic()
        return (done - self.first) / max(time.monotonic() - self.began, 1e-9)


class _Lines:
    """A line now and then, where nothing can be drawn over."""

    def __init__(self) -> None:
        self.pace = _Pace()
        self.said = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        first = self.pace.first is None
        rate = self.pace.rate(done)
        if first and done:
            echo(f"Going on: {done:,} of {total:,} texts are embedded already.", err=True)
        if done < total and time.monotonic() - self.said < SECONDS_BETWEEN_LINES:
            return
        self.said = time.monotonic()
        left = f", {(total - done) / rate:,.0f} s left" if rate and done < total else ""
        echo(f"{done:,} of {total:,} texts embedded, {rate:,.0f}/s{left}", err=True)


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
        f"  vectors of {' and '.join(info['fields'])}: {info['dimension']} numbers, "
        f"{info['dtype']}; {info['bytes'] / 1e6:,.1f} MB in all",
        f"  model {info['model']}, pooling {info['pooling']}, {info['similarity_function']}",
        f"  to be used with --where: {', '.join(map(quote_field, known))}",
    ]
    if any(info["prompts"]):
        query, passage = info["prompts"]
        lines.append(f"  prompts: {query!r} before a query, {passage!r} before an item")
    if cut:
        lines.append(f"  {cut:,} texts are longer than the model reads: their ends have no effect")
    if info.get("verified"):
        lines.append("  every file is what was written")
    return lines
