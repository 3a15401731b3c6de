"""Standard output: in colour where a terminal shows it, and never lost without a word."""

import io
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

from whyalike.cli.failures import discard, discard_output
from whyalike.errors import OutputError

if TYPE_CHECKING:
    from rich.console import Console

PIPE_WIDTH = 80

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


def open_console() -> "Console":
    """Return a console for standard output: plain in a pipe and where NO_COLOR is set."""
    from rich.console import Console

    class PipeConsole(Console):
        """Lets a broken pipe be handled where all else is; Rich would exit with an error."""

        def on_broken_pipe(self) -> None:
            raise  # noqa: PLE0704

    width = None if sys.stdout is not None and sys.stdout.isatty() else PIPE_WIDTH
    # Brackets and colons are those of names and texts, no markup and no emoji.
    settings: Any = {"width": width, "highlight": False, "markup": False, "emoji": False}
    console = PipeConsole(**settings, force_jupyter=False)
    if console.no_color:
        # Without colours Rich would still print bold and dim.
        return PipeConsole(**settings, force_jupyter=False, color_system=None)
    return console


def open_error_console() -> "Console":
    """Return a console for what is drawn on standard error: how far something is."""
    from rich.console import Console

    return Console(stderr=True, markup=False, emoji=False, force_jupyter=False)
