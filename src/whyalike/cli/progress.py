"""How far long work is, how fast it goes, and how long it will take, on standard error."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from whyalike.cli.printing import echo, open_error_console

SECONDS_BETWEEN_LINES = 10.0


@contextmanager
def drawing(what: str, *, done: str) -> Iterator[Callable[[int, int], None]]:
    """Yield what is called with how many of how many are done; at first, how many were found done.

    A terminal gets a bar, anything else a line now and then.

    Parameters
    ----------
    what : str
        What is counted, in the plural.
    done : str
        What becomes of it, such as ``"embedded"``.
    """
    if sys.stderr is None or not sys.stderr.isatty():
        yield _Lines(what, done)
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
        task = progress.add_task(f"{what} {done}", total=None, rate="")
        pace = _Pace()

        def tell(count: int, total: int) -> None:
            rate = f"{pace.rate(count):,.0f}/s"
            progress.update(task, completed=count, total=total, rate=rate)

        yield tell


class _Pace:
    """How many are done a second, those of an earlier run left out."""

    def __init__(self) -> None:
        self.first: int | None = None
        self.began = 0.0

    def rate(self, done: int) -> float:
        if self.first is None:
            self.first, self.began = done, time.monotonic()
        return (done - self.first) / max(time.monotonic() - self.began, 1e-9)


class _Lines:
    """A line now and then, where nothing can be drawn over."""

    def __init__(self, what: str, done: str) -> None:
        self.what, self.done = what, done
        self.pace = _Pace()
        self.said = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        first = self.pace.first is None
        rate = self.pace.rate(done)
        if first and done:
            said = f"{done:,} of {total:,} {self.what} are {self.done} already"
            echo(f"Going on: {said}." if done < total else f"{said}.", err=True)
            return
        if done < total and time.monotonic() - self.said < SECONDS_BETWEEN_LINES:
            return
        self.said = time.monotonic()
        left = f", {(total - done) / rate:,.0f} s left" if rate and done < total else ""
        echo(f"{done:,} of {total:,} {self.what} {self.done}, {rate:,.0f}/s{left}", err=True)
