"""The commands, and what is true of all of them."""

import inspect
import sys
from collections.abc import Callable
from typing import Annotated

import typer

import whyalike
from whyalike.cli.audit import audit
from whyalike.cli.compare import compare
from whyalike.cli.demo import demo
from whyalike.cli.diagnose import diagnose
from whyalike.cli.diff import diff
from whyalike.cli.differences import differences
from whyalike.cli.evaluate import evaluate
from whyalike.cli.explain import explain
from whyalike.cli.failures import one_sentence_errors
from whyalike.cli.figure import figure
from whyalike.cli.highlight import highlight
from whyalike.cli.index import index
from whyalike.cli.listings import methods, models
from whyalike.cli.printing import echo, guard_streams, write_out
from whyalike.cli.probe import probe
from whyalike.cli.rank import rank
from whyalike.cli.serve import serve
from whyalike.cli.similar import similar
from whyalike.cli.study import study
from whyalike.cli.trace import InOrder, trace
from whyalike.cli.train import train


def _joined(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command whose help has paragraphs of one line each, which Typer wraps itself."""
    said = inspect.getdoc(command) or ""
    command.__doc__ = "\n\n".join(" ".join(part.split()) for part in said.split("\n\n"))
    return command


app = typer.Typer(
    name="whyalike",
    help="Why does this model think these two texts are alike?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(_joined(explain))
app.command()(_joined(compare))
app.command()(_joined(evaluate))
app.command()(_joined(demo))
app.command()(_joined(probe))
app.command()(_joined(similar))
app.command()(_joined(rank))
app.command()(_joined(differences))
app.command()(_joined(highlight))
app.command(cls=InOrder)(_joined(trace))
app.command()(_joined(diagnose))
app.command()(_joined(audit))
app.command()(_joined(diff))
app.command()(_joined(figure))
app.command()(_joined(train))
app.command()(_joined(serve))
app.command()(_joined(models))
app.command()(_joined(methods))
app.add_typer(index, name="index")
app.add_typer(study, name="study")


def _print_version(wanted: bool) -> None:
    if wanted:
        with one_sentence_errors(debug=False):
            write_out(lambda: echo(f"whyalike {whyalike.__version__}"))
        raise typer.Exit


@app.callback()
def whyalike_command(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Why does this model think these two texts are alike?"""


def main() -> None:
    """Run the command line."""
    guard_streams()
    # Each command tells its own errors; what is left is help that can't be printed.
    with one_sentence_errors(debug="--debug" in sys.argv):
        write_out(app)
