"""``whyalike study invite``, ``export`` and ``simulate``: who rates, and what they said."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from whyalike.cli.failures import told_plainly
from whyalike.cli.options import Debug
from whyalike.cli.printing import echo, echo_data, write_out
from whyalike.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from whyalike.study import Study

Folder = Annotated[
    Path, typer.Argument(help="The study, as `whyalike study create` made it.", metavar="FOLDER")
]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(help="sqlite:// or postgresql://; by default in the folder.", metavar="URL"),
]


def invite(
    folder: Folder,
    raters: Annotated[int, typer.Option(min=1, help="How many to add.")] = 1,
    name: Annotated[str, typer.Option(help="What the report calls them.")] = "",
    url: Annotated[
        str, typer.Option(help="Where the study is served.", metavar="URL")
    ] = "http://127.0.0.1:8000",
    database: DatabaseUrl = None,
    debug: Debug = False,
) -> None:
    """Add raters and print a link for each.

    A link is shown this once: only a hash of its token is kept.
    """
    with told_plainly(debug=debug):
        from whyalike.study import open_storage, read_study
        from whyalike.web.public_url import check_origin

        # First of all, as a rater who was added can't be taken out again.
        origin = check_origin(url, named="--url")
        storage = open_storage(read_study(folder), database=database)
        try:
            added = [storage.add_rater(name) for _ in range(raters)]
        finally:
            storage.close()
        links = [f"{one.number}\t{origin}/r/{one.token}" for one in added]
        write_out(lambda: echo("\n".join(links)))


def export(
    folder: Folder,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help=".csv or .parquet; by default, CSV is printed."),
    ] = None,
    history: Annotated[
        bool, typer.Option("--history", help="Answers that were changed later, too.")
    ] = False,
    database: DatabaseUrl = None,
    debug: Debug = False,
) -> None:
    """Write every rating, with the method that was rated."""
    with told_plainly(debug=debug):
        from whyalike.study import from_storage, open_storage, read_study
        from whyalike.study.export import export_ratings, to_csv

        found = read_study(folder)
        storage = open_storage(found, database=database, existing=True)
        try:
            table = from_storage(found, storage, history=history)
        finally:
            storage.close()
        if not len(table):
            echo(f"There are no ratings yet in {storage.place}.", err=True)
        if table.has_simulated:
            echo("These are SIMULATED ratings: no human gave them.", err=True)
        if out is None:
            write_out(lambda: echo_data(to_csv(table)))
            return
        export_ratings(table, out)
        echo(f"Wrote {len(table)} ratings to {out}", err=True)


def simulate(
    folder: Folder,
    raters: Annotated[int, typer.Option(min=1, help="How many to add.")] = 5,
    careless: Annotated[int, typer.Option(min=0, help="How many of them answer at random.")] = 0,
    means: Annotated[
        str | None,
        typer.Option(
            help="The true mean of each method, as bti=4.2,random=2; by default equal steps."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of all that is drawn.")] = 0,
    database: DatabaseUrl = None,
    debug: Debug = False,
) -> None:
    """Add fake raters, to try out a study: they are marked as SIMULATED wherever they are shown.

    Where real raters were invited, they are refused.
    """
    with told_plainly(debug=debug):
        from whyalike.study import Truth, open_storage, read_study, simulate_ratings
        from whyalike.study.simulation import default_means

        found = read_study(folder)
        truth = Truth(
            means=default_means(found) if means is None else read_means(means), careless=careless
        )
        storage = open_storage(found, database=database)
        try:
            simulate_ratings(found, storage, truth, raters=raters, seed=seed)
        finally:
            storage.close()
        write_out(lambda: _describe(found, truth.means, raters))


def read_means(said: str) -> dict[str, float]:
    """Return what ``--means`` says. Raises OptionError where it is no list of names and numbers."""
    try:
        entries = [entry.split("=") for entry in said.split(",")]
        return {name.strip(): float(mean) for name, mean in entries}
    except ValueError as error:
        raise OptionError(
            f"--means is {said!r}; give names and numbers, such as bti=4.2,random=2."
        ) from error


def _describe(study: "Study", means: "Mapping[str, float]", raters: int) -> None:
    echo(f"Added {raters} SIMULATED raters to {study.folder}. Their truth, before rounding:")
    for name, mean in means.items():
        echo(f"  {name}\t{mean}")
