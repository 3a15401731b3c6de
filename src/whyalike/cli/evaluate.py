"""``whyalike evaluate``: methods measured on one model, by faithfulness and by human gold."""

import json
import shlex
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from whyalike.cli.evaluation_files import (
    for_pairs,
    open_progress,
    read_datasets,
    show,
    write_reports,
)
from whyalike.cli.explain import quieten
from whyalike.cli.failures import FAILURE, told_plainly
from whyalike.cli.lexicon_files import read_lexicon
from whyalike.cli.options import (
    DEFAULT_MODEL,
    AllowPickle,
    Debug,
    Device,
    Json,
    LexiconFile,
    Model,
    PairPrompts,
    Pooling,
    PromptNames,
    TrustRemoteCode,
)
from whyalike.cli.printing import echo_json, write_out
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
    own: Annotated[
        list[Path],
        typer.Option(
            help="Pairs of texts of your own: .csv, .tsv, .jsonl; repeat it.", metavar="FILE"
        ),
    ] = [],  # noqa: B006
    column: Annotated[str, typer.Option(help="Column of the texts.")] = "description",
    columns: Annotated[
        str, typer.Option(help="Of your own pairs, the left texts and the right ones.")
    ] = "left,right",
    pairs: Annotated[int, typer.Option(min=1, help="Pairs drawn from each file of texts.")] = 50,
    suite: Annotated[
        Literal["quick", "full"] | None,
        typer.Option(help="A few cheap methods, which is the default, or all there are."),
    ] = None,
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
    replacement: Annotated[
        Literal["drop", "mask", "catalogue"],
        typer.Option(
            help="In the place of a word that is taken away: nothing, the model's mask token, or "
            "words drawn from the texts that the pairs come from."
        ),
    ] = "drop",
    side: Annotated[
        Literal["both", "left", "right"],
        typer.Option(help="Whose words are taken away, except by metrics of pairs of words."),
    ] = "both",
    lexicon: LexiconFile = None,
    corpus: Annotated[
        Path | None,
        typer.Option(
            help="Texts, one a line, to count rare words in; by default those of each dataset.",
            metavar="FILE",
        ),
    ] = None,
    model: Model = DEFAULT_MODEL,
    pooling: Pooling = "auto",
    prompts: PairPrompts = None,
    prompt_names: PromptNames = None,
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
        if not (texts or own or multimwa or edinburgh or ists):
            raise OptionError(
                "Give data to measure on: --texts, --own, --multimwa, --edinburgh, --ists."
            )
        if suite is not None and methods is not None:
            raise OptionError("Give --suite or --methods, not both: each says which methods.")
        quieten()
        from whyalike import Explainer
        from whyalike.cli.several_methods import choose_methods
        from whyalike.evaluation.faithfulness import checked_metrics
        from whyalike.evaluation.suite import run_suite
        from whyalike.evaluation.suite_choice import FAITHFULNESS, checked_parts

        # What is misspelt is told before a model is loaded and texts are embedded.
        names = choose_methods(
            methods if methods is not None else "all" if suite == "full" else QUICK
        )
        chosen = FAITHFULNESS if metrics is None else checked_metrics(_names(metrics))
        on_pairs = checked_parts(_names(parts))
        explainer = Explainer(
            model,
            pooling=pooling,
            prompts=prompts,
            prompt_names=prompt_names,
            lexicon=read_lexicon(lexicon, corpus, allow_pickle=allow_pickle),
            device=device,
            trust_remote_code=trust_remote_code,
            allow_pickle=allow_pickle,
        )
        explainer = for_pairs(explainer, prompts, prompt_names)
        datasets = read_datasets(
            explainer,
            {
                "texts": texts,
                "own": own,
                "multimwa": multimwa,
                "edinburgh": edinburgh,
                "ists": ists,
            },
            column=column,
            columns=_names(columns),
            pairs=pairs,
            seed=seed,
        )
        with open_progress() as tell:
            found = run_suite(
                explainer,
                datasets,
                methods=names,
                parts=on_pairs,
                metrics=chosen,
                replacement=replacement,
                side=side,
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
            write_out(lambda: echo_json(said))
        else:
            write_out(lambda: show(found))
        if not found.entries:
            raise typer.Exit(FAILURE)


def _names(said: str) -> list[str]:
    return [name.strip() for name in said.split(",")]
