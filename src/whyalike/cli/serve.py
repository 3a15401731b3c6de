"""``whyalike serve``: the Explorer and its API, until it is stopped."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from whyalike.cli.explain import quieten
from whyalike.cli.failures import one_sentence_errors
from whyalike.cli.groups import with_groups
from whyalike.cli.listings import read_corpus
from whyalike.cli.options import (
    DEFAULT_MODEL,
    BackgroundTexts,
    Debug,
    EmbeddingOptions,
    Label,
    LoadingOptions,
    Method,
    MethodOption,
    read_options,
)
from whyalike.cli.printing import echo, write_out
from whyalike.cli.refusals import refuse_missing, refuse_without_index
from whyalike.errors import OptionError

if TYPE_CHECKING:
    from whyalike.web.server import Address


@with_groups
def serve(
    *,
    model: Annotated[
        list[str] | None,
        typer.Option(
            help=f"A hub name or a local path; several may be given, the default first. "
            f"[default: {DEFAULT_MODEL}, or the models of the indexes]",
            show_default=False,
        ),
    ] = None,
    index: Annotated[
        list[Path] | None,
        typer.Option(
            help="An index to search; see `whyalike index`.", metavar="FOLDER", show_default=False
        ),
    ] = None,
    results: Annotated[
        list[Path] | None,
        typer.Option(
            help="What `whyalike evaluate -o` wrote.", metavar="FOLDER", show_default=False
        ),
    ] = None,
    pairs: Annotated[
        list[Path] | None,
        typer.Option(
            help="What `whyalike explain --pairs` wrote, or a file of pairs, for the page of many "
            "pairs.",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    diagnosis: Annotated[
        list[Path] | None,
        typer.Option(
            "--diagnosis",
            help="A report of `whyalike diagnose`, `audit` or `diff` with --json.",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    method: Method = None,
    option: MethodOption = None,
    background: BackgroundTexts = None,
    embedding: EmbeddingOptions,
    host: Annotated[
        str,
        typer.Option(
            help="Where to listen; others than this machine need --public-url and --token."
        ),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes any that is free.")] = 8000,
    public_url: Annotated[
        str,
        typer.Option(
            help="The origin under which others reach it, such as https://why.example.org; a "
            "proxy there gives it HTTPS.",
            metavar="URL",
        ),
    ] = "",
    token: Annotated[
        str,
        typer.Option(
            help="What clients must know, 16 characters or more. Better said by the environment: "
            "arguments can be seen by other users of the machine.",
            envvar="WHYALIKE_TOKEN",
            show_default=False,
        ),
    ] = "",
    open_docs: Annotated[
        bool,
        typer.Option(
            "--open-docs",
            help="Let everybody read /api/docs and /api/openapi.json without the token.",
        ),
    ] = False,
    rate: Annotated[
        float | None,
        typer.Option(
            help="How many requests a minute one client may send, token or not; more get a 429 "
            "with Retry-After. [default: as many as it likes]",
            metavar="PER_MINUTE",
            show_default=False,
        ),
    ] = None,
    short_links: Annotated[
        bool | None,
        typer.Option(
            "--short-links/--no-short-links",
            help="Give questions that are too long for a link a short one, for which their texts "
            "are kept in memory. [default: where this machine alone reaches the server]",
            show_default=False,
        ),
    ] = None,
    cache_mb: Annotated[
        int, typer.Option(min=0, help="Megabytes of results to keep; 0 keeps none.")
    ] = 64,
    max_cost: Annotated[
        float,
        typer.Option(
            min=0.1,
            help="Seconds that a model may work for one request, as estimated beforehand from the "
            "method, the texts and the speed of this machine.",
            metavar="SECONDS",
        ),
    ] = 120.0,
    seconds: Annotated[
        float,
        typer.Option(
            min=0.1,
            help="How long one request may take, with the time in which it waits for others.",
            metavar="SECONDS",
        ),
    ] = 600.0,
    grace: Annotated[
        float,
        typer.Option(
            min=0.0,
            help="How long what was accepted may take once the server is asked to stop.",
            metavar="SECONDS",
        ),
    ] = 10.0,
    open_: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    loading: LoadingOptions,
    label: Label = None,
    debug: Debug = False,
) -> None:
    """Serve the Explorer and its API until Ctrl-C.

    Requests can name only the models, indexes and results that are given here.
    """
    with one_sentence_errors(debug=debug):
        refuse_without_index(index)
        refuse_missing(results)
        refuse_missing(pairs)
        refuse_missing(diagnosis)
        from whyalike.methods.listing import check_methods

        options = read_options(option, [])
        if method is not None:
            check_methods([method])
        # First of all, as the server's packages may not be installed.
        from whyalike.web import open_service  # isort: skip
        from whyalike.web import Address, create_explorer_app, serve
        from whyalike.web.api.api_app import make_access
        from whyalike.web.api.asking import ServiceLimits
        from whyalike.web.server import SECONDS_TO_LEAVE, leave

        address = Address(host, port, public_url)
        if public_url and not token:
            raise OptionError(
                "Others can reach this server, so that it needs a token: give --token, or set "
                "WHYALIKE_TOKEN, to what `openssl rand -hex 16` prints."
            )
        # A short token, or a rate below one, is refused before models are loaded.
        make_access(address, token, open_docs=open_docs, rate=rate)
        quieten()
        service = open_service(
            model or ([] if index else [DEFAULT_MODEL]),
            indexes=[str(folder) for folder in index or []],
            results=[str(folder) for folder in results or []],
            pairs=[str(file) for file in pairs or []],
            reports=[str(file) for file in diagnosis or []],
            method=method,
            options=options,
            background=None if background is None else read_corpus(background, None),
            limits=ServiceLimits(
                kept_bytes=cache_mb * 1024 * 1024, cost_seconds=max_cost, seconds=seconds
            ),
            **embedding.keywords(),
            **loading.keywords(),
            label=label,
        )
        try:
            app = create_explorer_app(
                service,
                address=address,
                token=token,
                open_docs=open_docs,
                rate=rate,
                short_links=short_links,
            )
            serve(
                app,
                address,
                ready=lambda url: _announce(url, address, open_=open_),
                work=service,
                grace=grace,
                leaves=True,
            )
        finally:
            if not service.close(SECONDS_TO_LEAVE):
                leave()


def _announce(url: str, address: "Address", *, open_: bool) -> None:
    write_out(lambda: echo(f"Serving at {url}; Ctrl-C stops it. The API: {url}/api/docs"))
    if open_ and not address.public_url:
        import webbrowser

        # Connections are accepted already, and answered as soon as the server runs.
        webbrowser.open(url)
