"""A function of the user's in the place of a model: where it is, and what its calls are."""

import importlib
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from whyalike.cli.options import DEFAULT_MODEL, FUNCTION_PANEL
from whyalike.cli.printing import echo
from whyalike.errors import OptionError

WHERE = "MODULE:NAME"

Embed = Annotated[
    str | None,
    typer.Option(
        help="Instead of a model, your function from a list of texts to their vectors, such as "
        "mymodule:embed. The module is imported, and so its code runs.",
        metavar=WHERE,
        show_default=False,
        rich_help_panel=FUNCTION_PANEL,
    ),
]
EmbedQuery = Annotated[
    str | None,
    typer.Option(
        help="The same for the left text alone, with --embed-document.",
        metavar=WHERE,
        show_default=False,
        rich_help_panel=FUNCTION_PANEL,
    ),
]
EmbedDocument = Annotated[
    str | None,
    typer.Option(
        help="The same for the right text alone, with --embed-query.",
        metavar=WHERE,
        show_default=False,
        rich_help_panel=FUNCTION_PANEL,
    ),
]
Score = Annotated[
    str | None,
    typer.Option(
        help="Instead of a model, your function from a list of pairs of texts to their scores.",
        metavar=WHERE,
        show_default=False,
        rich_help_panel=FUNCTION_PANEL,
    ),
]


def read_functions(model: str, **said: str | None) -> dict[str, Any]:
    """Return the functions that are given as ``module:name``, by the arguments of Explainer.

    A name may have dots, and be that of a BlackBox or PairScorer. Modules are looked for in the
    current folder first. What is sent to a function is then said on standard error, before it is
    called.

    Raises
    ------
    OptionError
        A model is given too, or there is no such module or name.
    """
    given = {name: where for name, where in said.items() if where is not None}
    if given and model != DEFAULT_MODEL:
        options = ", ".join("--" + name.replace("_", "-") for name in given)
        raise OptionError(f"Give either --model or {options}, not both.")
    found = {name: _find("--" + name.replace("_", "-"), where) for name, where in given.items()}
    if found:
        _say_calls()
    return found


def _find(option: str, where: str) -> Callable[..., Any]:
    module, colon, names = where.partition(":")
    if not (module and colon and names):
        raise OptionError(f"{option} is {where!r}; give {WHERE}, such as mymodule:embed.")
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, here)
    try:
        found = importlib.import_module(module)
    except ImportError as error:
        raise OptionError(
            f"{option} is {where!r}, and {module} can't be imported: {error}."
        ) from error
    for name in names.split("."):
        if not hasattr(found, name):
            raise OptionError(f"{option} is {where!r}, and there is no {name!r} in {module}.")
        found = getattr(found, name)
    return found  # type: ignore[return-value]  # Explainer checks it.


class _OnStandardError(logging.Handler):
    """Prints what is logged as a line."""

    def emit(self, record: logging.LogRecord) -> None:
        echo(record.getMessage(), err=True)


def _say_calls() -> None:
    log = logging.getLogger("whyalike.calls")
    if not any(isinstance(handler, _OnStandardError) for handler in log.handlers):
        log.addHandler(_OnStandardError())
    log.setLevel(logging.INFO)
