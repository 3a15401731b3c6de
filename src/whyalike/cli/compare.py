"""``whyalike compare``: why the model scores one text above another for a query."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from whyalike.cli.explain import quieten
from whyalike.cli.failures import told_plainly
from whyalike.cli.printing import open_console, write_out


def compare(
    query: Annotated[str, typer.Argument(help="The text that both were compared with.")],
    better: Annotated[str, typer.Argument(help="The text that is scored higher.")],
    worse: Annotated[str, typer.Argument(help="The text that is scored lower.")],
    model: Annotated[
        str, typer.Option(help="A hub name or a local path; see `whyalike models`.")
    ] = "all-MiniLM-L6-v2",
    method: Annotated[
        str, typer.Option(help="One that gives signed contributions; see `whyalike methods`.")
    ] = "whyalike",
    pooling: Annotated[
        Literal["auto", "model", "paper", "cls", "last"],
        typer.Option(help="Whose score: the model's own, the paper's, or another pooling."),
    ] = "auto",
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    html: Annotated[Path | None, typer.Option(help="Write a page.", metavar="FILE")] = None,
    png: Annotated[Path | None, typer.Option(help="Write a picture.", metavar="FILE")] = None,
    svg: Annotated[Path | None, typer.Option(help="Write a picture.", metavar="FILE")] = None,
    device: Annotated[
        str | None, typer.Option(help="cpu, cuda, mps; by default the best there is.")
    ] = None,
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Let code that comes with the model run.")
    ] = False,
    allow_pickle: Annotated[
        bool, typer.Option("--allow-pickle", help="Allow weights that are not safetensors.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Explain why a model scores one text above another for a query.

    Put -- before a text that begins with a hyphen.
    """
    with told_plainly(debug=debug):
        quieten()
        from whyalike import Explainer
        from whyalike.explain import write_whole
        from whyalike.render import terminal_comparison_view

        explainer = Explainer(
            model,
            pooling=pooling,
            device=device,
            trust_remote_code=trust_remote_code,
            allow_pickle=allow_pickle,
        )
        comparison = explainer.compare(query, better, worse, method=method)
        if html is not None:
            page = comparison.to_html().encode()
            write_whole(html, lambda stream: stream.write(page))
        if png is not None:
            comparison.to_png(png)
        if svg is not None:
            comparison.to_svg(svg)
        for path in (html, png, svg):
            if path is not None:
                typer.echo(f"Wrote {path}", err=True)
        if json_:
            write_out(lambda: typer.echo(comparison.to_json(indent=2)))
            return
        console = open_console()
        view = terminal_comparison_view(comparison, colour=console.color_system is not None)
        write_out(lambda: console.print(view))
