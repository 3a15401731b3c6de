"""What is printed: the one way to the terminal for texts that come from outside.

Names of files and columns, ids, texts and what errors quote may hold characters that command a
terminal. ``echo``, ``echo_json`` and the console that ``open_console`` gives show them instead;
nothing else of the command line prints.
"""

import io
import os
import re
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TextIO, TypeVar, cast

import typer

from whyalike.errors import OutputError

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment

    from whyalike.data.stream import ReadReport

PIPE_WIDTH = 80

_UNSEEN = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What JSON need not escape, and what a terminal may obey or show in another order."""

_STYLE = re.compile("(\x1b\\[[0-9;]*m)")
"""Colours and the like: what Rich prints besides text."""

_Done = TypeVar("_Done")


def write_out(write: Callable[[], object]) -> None:
    """Write to standard output and flush it. Raises OutputError where that fails."""
    if sys.stdout is None:
        raise OutputError("Standard output is closed: nothing can be printed.")
    try:
        write()
        sys.stdout.flush()
    except (BrokenPipeError, OutputError):
        raise
    except OSError as error:
        discard_output()
        raise OutputError(f"Could not write to standard output: {error.strerror}.") from error


def discard_output() -> None:
    """Let what is still buffered for standard output go nowhere.

    Otherwise the interpreter tries again to write it at exit, and complains.
    """
    discard(sys.stdout)


def discard(stream: TextIO) -> None:
    """Let what is written to a stream from now on, and what it still holds, go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def echo(text: str, *, err: bool = False) -> None:
    """Print lines for people, on standard output or standard error, with nothing to obey in them.

    Line feeds and tabs stay.
    """
    typer.echo(shown(text), err=err)


def echo_report(report: "ReadReport") -> None:
    """Say on standard error what of a file was assumed and what was left out, if anything was."""
    if report.bad or report.say_notes():
        echo(report.say(most=5), err=True)


def echo_json(text: str) -> None:
    """Print JSON, the same value, with nothing in it that a terminal obeys."""
    typer.echo(_UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text))


def echo_data(text: str) -> None:
    """Print what other programs read, as it is; on a terminal with nothing to obey in it."""
    # Rows of CSV end with both.
    sys.stdout.write(shown(text.replace("\r\n", "\n")) if sys.stdout.isatty() else text)


def shown(text: str) -> str:
    """Return lines of text in which whatever could command the terminal is replaced."""
    from whyalike.render.terminal import visible

    return "\n".join(
        "\t".join(part if part.isprintable() else visible(part) for part in line.split("\t"))
        for line in text.split("\n")
    )


def open_console() -> "Console":
    """Return a console for standard output: plain in a pipe and where NO_COLOR is set.

    It takes no text for markup, and shows what could command the terminal.
    """
    is_seen = sys.stdout is not None and sys.stdout.isatty()
    return _console(width=None if is_seen else PIPE_WIDTH)


def open_error_console() -> "Console":
    """Return a console for what is drawn on standard error: how far something is."""
    # Bars are drawn by moving the cursor, which a guarded stream would show.
    return _console(file=getattr(sys.stderr, "unguarded", None), stderr=True)


def _console(**settings: Any) -> "Console":
    from rich.console import Console
    from rich.segment import Segment

    class PlainConsole(Console):
        def on_broken_pipe(self) -> None:
            # It is handled where all else is; Rich would exit with an error.
            raise  # noqa: PLE0704

        def render(
            self, renderable: "RenderableType", options: "ConsoleOptions | None" = None
        ) -> "Iterable[Segment]":
            for segment in super().render(renderable, options):
                is_ours = segment.control or segment.text.isprintable() or segment.text == "\n"
                yield segment if is_ours else Segment(shown(segment.text), segment.style)

    # Brackets and colons are those of names and texts, no markup and no emoji.
    settings |= {"highlight": False, "markup": False, "emoji": False, "force_jupyter": False}
    console = PlainConsole(**settings)
    if console.no_color:
        # Without colours Rich would still print bold and dim.
        return PlainConsole(**settings, color_system=None)
    return console


def guard_streams() -> None:
    """Let nothing but text and its colours get to a terminal, whoever prints it.

    Besides us, typer reports wrong use, in the words of the command, and Python warnings and
    tracebacks.
    """
    keep_whole()
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        # A pipe or an old terminal may claim an encoding that can't hold the texts.
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            # The new way stands before Python asks where the stream is, which a stream that was
            # opened on a file can't say once its descriptor is a pipe.
            with suppress(OSError):
                reconfigure(errors="replace")
        if isinstance(stream, io.TextIOWrapper) and stream.isatty():
            setattr(sys, name, GuardedStream(stream))
    if sys.stderr is not None:
        sys.stderr = cast("TextIO", LastingStream(sys.stderr))


class GuardedStream(io.TextIOWrapper):
    """A terminal's stream that passes on text, line ends, tabs and colours."""

    def __init__(self, stream: io.TextIOWrapper) -> None:
        super().__init__(
            stream.buffer,
            encoding=stream.encoding,
            errors=stream.errors,
            line_buffering=stream.line_buffering,
            write_through=stream.write_through,
        )
        self.unguarded: TextIO = stream

    def write(self, text: str, /) -> int:
        """Write text; see GuardedStream."""
        if text.isprintable():
            return super().write(text)
        parts = _STYLE.split(text)
        # Every other part is a style.
        parts[::2] = ["\r".join(map(shown, part.split("\r"))) for part in parts[::2]]
        super().write("".join(parts))
        return len(text)


def keep_whole() -> None:
    """Put a buffer before standard output where it has none, as with PYTHONUNBUFFERED.

    Without one, Python takes a write for whole of which a full disk has taken a part.
    """
    stream = sys.stdout
    raw = getattr(stream, "buffer", None)
    if isinstance(raw, io.RawIOBase):
        sys.stdout = io.TextIOWrapper(
            io.BufferedWriter(raw),
            encoding=stream.encoding,
            errors=stream.errors,
            line_buffering=True,
        )


class LastingStream:
    """Standard error that may come to an end: what is said then is lost, and the work goes on.

    Its reader may go, or the disk be full.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write, or let it go nowhere."""
        return self._unless_gone(lambda: self._stream.write(text), len(text))

    def flush(self) -> None:
        """Flush, or let it go nowhere."""
        self._unless_gone(self._stream.flush, None)

    def _unless_gone(self, do: Callable[[], _Done], instead: _Done) -> _Done:
        try:
            return do()
        except OSError:
            discard(self._stream)
            return instead

    def __getattr__(self, name: str) -> Any:
        """Be the stream in all else."""
        return getattr(self._stream, name)


def write_page(html: "Path | None", render: Callable[[], str]) -> None:
    """Write the page that ``render`` gives, whole or not at all, if one was asked for."""
    from whyalike.files import write_whole

    if html is not None:
        content = render().encode()
        write_whole(html, lambda stream: stream.write(content))
        echo(f"Wrote {html}", err=True)


def print_view(view: Callable[..., Any], *shown: object, **settings: object) -> None:
    """Print what ``view`` makes of a result, in colour where the terminal has any."""
    console = open_console()
    made = view(*shown, colour=console.color_system is not None, **settings)
    write_out(lambda: console.print(made))
