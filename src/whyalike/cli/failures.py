"""Errors as one sentence that says what to do, and the exit codes 0, 1 and 2."""

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from whyalike.cli.printing import discard_output, echo
from whyalike.errors import FormatError, OptionError, TextError, WhyalikeError

USAGE, FAILURE, INTERRUPTED = 2, 1, 130


@contextmanager
def one_sentence_errors(*, debug: bool) -> Iterator[None]:
    """Turn errors into a sentence on standard error and an exit code; ``debug`` shows them whole.

    Exit codes: 2 for wrong use (an option, a text, a file that is not there), 1 for failure, 130
    after Ctrl-C.
    """
    try:
        yield
    except (OptionError, TextError) as error:
        _fail(error, USAGE, debug=debug)
    except WhyalikeError as error:
        _fail(error, USAGE if _names_nothing(error) else FAILURE, debug=debug)
    except BrokenPipeError:
        # The reader (head, less) has seen enough.
        discard_output()
        sys.exit(0)
    except KeyboardInterrupt:
        echo("Interrupted; nothing was left half written.", err=True)
        sys.exit(INTERRUPTED)
    except SystemExit as stop:
        # So Rich and click leave where the reader of help has gone.
        if stop.code == FAILURE and isinstance(stop.__context__, BrokenPipeError):
            discard_output()
            sys.exit(0)
        raise
    except typer.Exit:
        raise
    except MemoryError as error:
        _fail(error, FAILURE, debug=debug, says="Out of memory: try shorter texts.")
    except Exception as error:
        says = f"Unexpected {type(error).__name__}: {error} (--debug shows where)"
        _fail(error, FAILURE, debug=debug, says=says)


def _names_nothing(error: WhyalikeError) -> bool:
    """Return whether a file to read is not there, or is a folder, or the other way round."""
    nothing = FileNotFoundError | IsADirectoryError | NotADirectoryError
    return isinstance(error, FormatError) and isinstance(error.__cause__, nothing)


def _fail(error: BaseException, code: int, *, debug: bool, says: str | None = None) -> None:
    if debug:
        echo("".join(traceback.format_exception(error)), err=True)
    sentence = " ".join((says or str(error)).split())
    echo(f"whyalike: {sentence}", err=True)
    sys.exit(code)
