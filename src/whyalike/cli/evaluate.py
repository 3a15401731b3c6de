"""``whyalike evaluate``: methods measured on one model, by faithfulness and by human gold."""

import json
import shlex
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from whyalike.cli.evaluation_files import open_progress, read_datasets, show, write_reports
from whyalike.cli.explain import quieten
from whyalike.cli.failures import FAILURE, told_plainly
from whyalike.cli.options import (
    DEFAULT_MODEL,
    AllowPickle,
    Debug,
    Device,
    Json,
    Model,
    Pooling,
    TrustRemoteCode,
)
from whyalike.cli.printing import write_out
from whyalike.errors import OptionError

QUICK = "random,bti,gradient_x_activation,token_similarity,whyalike"


def evaluate(
    texts: Annotated[
        list[Path],
        typer.Option(help="CSV of texts, from which pairs are drawn; repeat it.", metavar="FILE"),
    ] = [],  # noqa: B006
    multimwa: Annotated[
        list[Path], typer.Option(help="Word alignments, MultiMWA's TSV.", metavar="FILE")
    ] = [],  # noqa: B006
    edinburgh: Annotated[
        list[Path], typer.Option(help="Word alignments, Edinburgh++'s JSON.", metavar="FILE")
    ] = [],  # noqa: B006
    ists: Annotated[
        list[Path], typer.Option(help="Chunk alignments, iSTS's .wa.", metavar="FILE")
    ] = [],  # noqa: B006
    column: Annotated[str, typer.Option(help="Column of the texts.")] = "description",
    pairs: Annotated[int, typer.Option(min=1, help="Pairs drawn from each file of texts.")] = 50,
    suite: Annotated[
        Literal["quick", "full"], typer.Option(help="A few cheap methods, or all there are.")
    ] = "quick",
    methods: Annotated[
        str | None, typer.Option(help="Names with commas between them, instead of --suite.")
    ] = None,
    parts: Annotated[
        str,
        typer.Option(
            help="On pairs drawn from texts: faithfulness, randomization, infidelity, sensitivity; "
            "with commas between them."
        ),
    ] = "faithfulness",
    metrics: Annotated[
        str | None,
        typer.Option(help="Of faithfulness, with commas between them, instead of the usual six."),
    ] = None,
    model: Model = DEFAULT_MODEL,
    pooling: Pooling = "auto",
    seed: Annotated[
        int, typer.Option(min=0, help="Of the pairs drawn, of ties and of intervals.")
    ] = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o", "--out", help="Folder for results; a run goes on from them.", metavar="FOLDER"
        ),
    ] = None,
    keep_texts: Annotated[
        bool,
        typer.Option(
            "--keep-texts/--no-texts",
            help="With -o, keep the pairs' texts: in pairs.*.json, for `whyalike serve` to show, "
            "and in explanations that are not measured yet, for a run to go on from.",
        ),
    ] = True,
    json_: Json = False,
    device: Device = None,
    trust_remote_code: TrustRemoteCode = False,
    allow_pickle: AllowPickle = False,
    debug: Debug = False,
) -> None:
    """Measure explanation methods on a model: what deleting words does, and human alignments.

    With -o, every result is kept as it is found, and leaderboard.md, .html and .json are written
    there, and beside them the texts of the pairs; --no-texts leaves no text there. If every method
    fails on all data, the exit code is 1.
    """
    with told_plainly(debug=debug):
        if not (texts or multimwa or edinburgh or ists):
            raise OptionError("Give data to measure on: --texts, --multimwa, --edinburgh, --ists.")
        quieten()
        from whyalike import Explainer
        from whyalike.cli.several_methods import choose_methods
        from whyalike.evaluation.suite import run_suite
        from whyalike.evaluation.suite_parts import FAITHFULNESS

        explainer = Explainer(
            model,
            pooling=pooling,
            device=device,
            trust_remote_code=trust_remote_code,
            allow_pickle=allow_pickle,
        )
        names = choose_methods(
            methods if methods is not None else "all" if suite == "full" else QUICK
        )
        chosen = FAITHFULNESS if metrics is None else [n.strip() for n in metrics.split(",")]
        files = {"texts": texts, "multimwa": multimwa, "edinburgh": edinburgh, "ists": ists}
        datasets = read_datasets(explainer, files, column=column, pairs=pairs, seed=seed)
        with open_progress() as tell:
            found = run_suite(
                explainer,
                datasets,
                methods=names,
                parts=[part.strip() for part in parts.split(",")],
                metrics=chosen,
                folder=None if out is None else out / "results",
                keep_texts=keep_texts,
                seed=seed,
                progress=tell,
            )
        if out is not None:
            write_reports(
                found,
                out,
                command=shlex.join(["whyalike", *sys.argv[1:]]),
                texts=datasets.texts() if keep_texts else {},
            )
        if json_:
            said = json.dumps(found.to_dict(), ensure_ascii=False, allow_nan=False, indent=2)
            write_out(lambda: typer.echo(said))
        else:
            write_out(lambda: show(found))
        if not found.entries:
            raise typer.Exit(FAILURE)
