"""``whyalike train``: a model of one's own from a catalogue of titles and descriptions."""

import json
import os
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from whyalike.cli.explain import quieten
from whyalike.cli.failures import told_plainly
from whyalike.cli.options import (
    DEFAULT_MODEL,
    AllowPickle,
    Debug,
    Device,
    Json,
    TrustRemoteCode,
)
from whyalike.cli.printing import echo_json, write_out
from whyalike.cli.train_files import choose_items, follow, read_catalogue, show


def train(
    catalogue: Annotated[
        Path, typer.Argument(help="CSV, TSV, JSONL or Parquet.", show_default=False)
    ],
    out: Annotated[
        Path,
        typer.Option("-o", "--out", help="Folder to make for the model.", metavar="FOLDER"),
    ],
    base: Annotated[
        str, typer.Option(help="What to start from: a hub name or a local path.")
    ] = DEFAULT_MODEL,
    title: Annotated[str | None, typer.Option(help="Column of the titles.")] = None,
    description: Annotated[str | None, typer.Option(help="Column of the descriptions.")] = None,
    id_: Annotated[str | None, typer.Option("--id", help="Column of the ids.")] = None,
    kind: Annotated[
        str | None, typer.Option(help="Column that says of what kind an item is; for figures.")
    ] = None,
    items: Annotated[
        int | None, typer.Option(min=4, help="Draw so many items instead of taking all.")
    ] = None,
    epochs: Annotated[float | None, typer.Option(help="Passes over the catalogue.")] = None,
    max_steps: Annotated[int | None, typer.Option(help="Instead of --epochs.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Pairs of a step.")] = None,
    lr: Annotated[float | None, typer.Option(help="Learning rate at its peak.")] = None,
    max_length: Annotated[int | None, typer.Option(help="Tokens read in training.")] = None,
    encoding: Annotated[
        Literal["joint", "separate"] | None,
        typer.Option(help="Title and description in one sequence (the paper's), or each alone."),
    ] = None,
    negatives: Annotated[
        Literal["drawn", "all", "ranking"] | None,
        typer.Option(help="False pairs: one drawn (the paper's), or all of the batch."),
    ] = None,
    mlm_weight: Annotated[
        float | None, typer.Option(help="Weight of the masked-language loss.")
    ] = None,
    held_out: Annotated[float | None, typer.Option(help="Share of items to measure on.")] = None,
    patience: Annotated[
        int | None, typer.Option(help="Looks without progress before it stops; 0 never stops.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of everything that is drawn.")] = 0,
    baseline: Annotated[
        Literal["mnrl"] | None,
        typer.Option(help="Train MultipleNegativesRankingLoss too, for comparison."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the unfinished run, if there is one.")
    ] = False,
    json_: Json = False,
    device: Device = None,
    trust_remote_code: TrustRemoteCode = False,
    allow_pickle: AllowPickle = False,
    debug: Debug = False,
) -> None:
    """Train RecoBERT on a catalogue, without labels, and say how much better it finds items.

    Ctrl-C leaves a checkpoint; the same command with --resume goes on from it.
    """
    with told_plainly(debug=debug):
        quieten()
        from whyalike.training import TrainingSettings, train_recobert

        asked: dict[str, Any] = {
            "epochs": epochs,
            "max_steps": max_steps,
            "batch_size": batch_size,
            "learning_rate": lr,
            "max_length": max_length,
            "encoding": encoding,
            "negatives": negatives,
            "mlm_weight": mlm_weight,
            "held_out": held_out,
            "seed": seed,
        }
        chosen = {name: value for name, value in asked.items() if value is not None}
        if patience is not None:
            chosen["patience"] = patience or None
        settings = TrainingSettings.of(**chosen)
        read = read_catalogue(catalogue, id=id_, title=title, description=description)
        with follow(out) as tell:
            found = train_recobert(
                choose_items(read, items, seed=seed),
                out=out,
                base=base,
                settings=settings,
                name=catalogue.name,
                kind=kind,
                baseline=baseline,
                resume=resume,
                progress=tell,
                device=device,
                trust_remote_code=trust_remote_code,
                allow_pickle=allow_pickle,
            )
        if os.environ.get("RANK", "0") != "0":
            return  # torchrun: one process speaks
        if json_:
            said = json.dumps(found.to_dict(), ensure_ascii=False, allow_nan=False, indent=2)
            write_out(lambda: echo_json(said))
        else:
            write_out(lambda: show(found))
