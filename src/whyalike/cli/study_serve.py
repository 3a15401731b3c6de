"""``whyalike study serve``: the rating app, until it is stopped."""

from pathlib import Path
from typing import Annotated

import typer

from whyalike.cli.failures import told_plainly
from whyalike.cli.options import Debug
from whyalike.cli.printing import echo, write_out


def serve(
    folder: Annotated[Path, typer.Argument(help="The study, as `whyalike study create` made it.")],
    host: Annotated[
        str, typer.Option(help="Where to listen; others than this machine need --public-url.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes any that is free.")] = 8000,
    public_url: Annotated[
        str,
        typer.Option(
            help="The origin under which raters elsewhere reach it, such as "
            "https://study.example.org; a proxy there gives it HTTPS.",
            metavar="URL",
        ),
    ] = "",
    database: Annotated[
        str | None,
        typer.Option(help="sqlite:// or postgresql://; by default in the folder.", metavar="URL"),
    ] = None,
    raters: Annotated[
        int, typer.Option(min=0, help="Invite this many more, and print their links.")
    ] = 0,
    admin_token: Annotated[
        bool, typer.Option("--admin-token", help="Print a new token for the page of progress.")
    ] = False,
    debug: Debug = False,
) -> None:
    """Serve the rating app until Ctrl-C.

    Links and tokens are printed once: only their hashes are kept.
    """
    with told_plainly(debug=debug):
        # First of all, as the server's packages may not be installed.
        from whyalike.web import Address, create_rating_app, serve

        address = Address(host, port, public_url)

        from whyalike.study import open_storage, read_study

        study = read_study(folder)
        storage = open_storage(study, database=database)

        def ready(url: str) -> None:
            invitations = [storage.add_rater() for _ in range(raters)]
            token = storage.add_admin() if admin_token else ""
            links = [f"{one.number}\t{url}/r/{one.token}" for one in invitations]
            write_out(lambda: _announce(url, links, token))

        try:
            serve(create_rating_app(study, storage, address=address), address, ready=ready)
        finally:
            storage.close()


def _announce(url: str, links: list[str], admin_token: str) -> None:
    echo(f"Serving at {url}; Ctrl-C stops it.")
    if links:
        echo("Invitations, one for each rater by number; they are shown only now:")
    for link in links:
        echo(f"  {link}")
    if admin_token:
        echo(f"Progress: {url}/admin with the token {admin_token}")
