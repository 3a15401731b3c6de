"""Errors as one sentence that says what to do, and the exit codes 0, 1 and 2."""

import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer

from whyalike.errors import OptionError, OutputError, TextError, WhyalikeError

USAGE, FAILURE, INTERRUPTED = 2, 1, 130


@contextmanager
def told_plainly(*, debug: bool) -> Iterator[None]:
    """Turn errors into a sentence on standard error and an exit code; ``debug`` shows them whole.

    Exit codes: 2 for wrong use (an option or a text), 1 for failure, 130 after Ctrl-C.
    """
    try:
        yield
    except (OptionError, TextError) as error:
        _fail(error, USAGE, debug=debug)
    except WhyalikeError as error:
        _fail(error, FAILURE, debug=debug)
    except BrokenPipeError:
        # The reader (head, less) has seen enough. Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None
    except KeyboardInterrupt:
        typer.echo("Interrupted; nothing was left half written.", err=True)
        raise typer.Exit(INTERRUPTED) from None
    except typer.Exit:
        raise
    except MemoryError as error:
        _fail(error, FAILURE, debug=debug, says="Out of memory: try shorter texts.")
    except Exception as error:
        says = f"Unexpected {type(error).__name__}: {error} (--debug shows where)"
        _fail(error, FAILURE, debug=debug, says=says)


def write_out(write: Callable[[], None]) -> None:
    """Write to standard output and flush it. Raises OutputError where that fails."""
    try:
        write()
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        # Otherwise the interpreter tries again at exit, and complains.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise OutputError(f"Could not write to standard output: {error.strerror}.") from error


def _fail(error: BaseException, code: int, *, debug: bool, says: str | None = None) -> None:
    if debug:
        traceback.print_exception(error)
    typer.echo(f"whyalike: {says or error}", err=True)
    raise typer.Exit(code) from None
