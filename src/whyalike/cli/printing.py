"""Standard output: in colour where a terminal shows it, and never lost without a word."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from whyalike.cli.failures import discard_output
from whyalike.errors import OutputError

if TYPE_CHECKING:
    from rich.console import Console

PIPE_WIDTH = 80


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
