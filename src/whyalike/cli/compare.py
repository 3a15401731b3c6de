"""``whyalike compare``: why the model scores one text above another for a query."""

from typing import Annotated

import typer

from whyalike.cli.explain import quieten, read_arguments, write_files
from whyalike.cli.failures import told_plainly
from whyalike.cli.options import (
    DEFAULT_MODEL,
    AllowPickle,
    Debug,
    Device,
    Html,
    Json,
    Model,
    Picture,
    Pooling,
    PromptNames,
    Prompts,
    SignedMethod,
    TrustRemoteCode,
)
from whyalike.cli.printing import echo_json, open_console, write_out


def compare(
    query: Annotated[
        str, typer.Argument(help="The text that both were compared with; - reads standard input.")
    ],
    better: Annotated[str, typer.Argument(help="The text that should be scored higher; or -.")],
    worse: Annotated[str, typer.Argument(help="The text that should be scored lower; or -.")],
    model: Model = DEFAULT_MODEL,
    method: SignedMethod = "whyalike",
    pooling: Pooling = "auto",
    prompts: Prompts = None,
    prompt_names: PromptNames = None,
    json_: Json = False,
    html: Html = None,
    png: Picture = None,
    svg: Picture = None,
    device: Device = None,
    trust_remote_code: TrustRemoteCode = False,
    allow_pickle: AllowPickle = False,
    debug: Debug = False,
) -> None:
    """Explain why a model scores one text above another for a query.

    Put -- before a text that begins with a hyphen.
    """
    with told_plainly(debug=debug):
        texts = read_arguments({"query": query, "better": better, "worse": worse})
        quieten()
        from whyalike import Explainer
        from whyalike.render import terminal_comparison_view

        explainer = Explainer(
            model,
            pooling=pooling,
            prompts=prompts,
            prompt_names=prompt_names,
            device=device,
            trust_remote_code=trust_remote_code,
            allow_pickle=allow_pickle,
        )
        comparison = explainer.compare(*texts, method=method)
        write_files(comparison, html=html, png=png, svg=svg)
        if json_:
            write_out(lambda: echo_json(comparison.to_json(indent=2)))
            return
        console = open_console()
        view = terminal_comparison_view(comparison, colour=console.color_system is not None)
        write_out(lambda: console.print(view))
