"""``whyalike study``: a blind study of explanations, from samples to ratings."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from whyalike.cli.evaluation_files import for_pairs, open_progress
from whyalike.cli.explain import quieten
from whyalike.cli.failures import told_plainly
from whyalike.cli.lexicon_files import read_lexicon
from whyalike.cli.options import (
    DEFAULT_MODEL,
    AllowPickle,
    Debug,
    Device,
    LexiconFile,
    Model,
    PairPrompts,
    Pooling,
    PromptNames,
    TrustRemoteCode,
)
from whyalike.cli.printing import echo, write_out
from whyalike.cli.study_data import export, invite, simulate
from whyalike.cli.study_report import report
from whyalike.cli.study_serve import serve
from whyalike.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from whyalike import Explainer
    from whyalike.study import Study
    from whyalike.study.creation import StudyOptions

DRAWN = 100
"""Pairs drawn from texts, as many as the paper's study has."""

study = typer.Typer(help="A blind study: humans rate explanations.", no_args_is_help=True)


@study.command()
def create(
    methods: Annotated[
        str, typer.Option(help="Names with commas between them, in the order of the report.")
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="Where to write.", metavar="FOLDER")],
    pairs: Annotated[
        Path | None,
        typer.Option(help="Pairs of texts: .csv, .tsv, .jsonl.", metavar="FILE"),
    ] = None,
    columns: Annotated[
        str, typer.Option(help="Of the pairs, the left texts and the right ones.")
    ] = "left,right",
    texts: Annotated[
        Path | None,
        typer.Option(
            help="Instead of pairs: CSV of texts; each goes with its nearest.", metavar="FILE"
        ),
    ] = None,
    column: Annotated[str, typer.Option(help="Of the texts.")] = "description",
    count: Annotated[int | None, typer.Option("-n", min=1, help="Samples; by default all.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of samples, ids and orders.")] = 0,
    per_rater: Annotated[
        int | None,
        typer.Option(min=1, help="Items for a rater; by default every sample by every method."),
    ] = None,
    checks: Annotated[
        int | None, typer.Option(min=0, help="Mixed in for each rater; by default 1 for 25 items.")
    ] = None,
    repeats: Annotated[
        int | None, typer.Option(min=0, help="Items shown twice; by default 1 in 10, at most 20.")
    ] = None,
    shown: Annotated[
        Literal["equal", "own"],
        typer.Option(help="Equally many pairs by all methods, or each method's own number."),
    ] = "equal",
    question: Annotated[str | None, typer.Option(help="Asked on every screen.")] = None,
    scale: Annotated[
        str | None, typer.Option(help="What 1 to 5 mean, lowest first, with commas between.")
    ] = None,
    practice: Annotated[
        Path | None,
        typer.Option(help="JSON of practice and checks, instead of English ones.", metavar="FILE"),
    ] = None,
    model: Model = DEFAULT_MODEL,
    pooling: Pooling = "auto",
    prompts: PairPrompts = None,
    prompt_names: PromptNames = None,
    lexicon: LexiconFile = None,
    corpus: Annotated[
        Path | None,
        typer.Option(
            help="Texts, one a line, to count rare words in; by default those of --texts.",
            metavar="FILE",
        ),
    ] = None,
    device: Device = None,
    trust_remote_code: TrustRemoteCode = False,
    allow_pickle: AllowPickle = False,
    debug: Debug = False,
) -> None:
    """Explain samples by every method, and freeze what raters will see.

    The same options give the same bytes. Without -n, --texts draws 100 pairs.
    """
    with told_plainly(debug=debug):
        if (pairs is None) == (texts is None):
            raise OptionError("Give either --pairs or --texts.")
        quieten()
        from whyalike import Explainer
        from whyalike.cli.several_methods import choose_methods
        from whyalike.methods.method import get_method
        from whyalike.nearest_pairs import read_texts
        from whyalike.study.creation import StudyOptions, create_study
        from whyalike.study.model import QUESTION, SCALE
        from whyalike.study.pair_files import read_pairs
        from whyalike.study.practice import PACKAGED, read_known_answers

        options = StudyOptions(
            seed=seed,
            count=count,
            question=QUESTION if question is None else question,
            scale=SCALE if scale is None else [text.strip() for text in scale.split(",")],
            shown=shown,
            per_rater=per_rater,
            checks=checks,
            repeats=repeats,
            known=read_known_answers(PACKAGED if practice is None else practice),
        )
        names = choose_methods(methods)
        catalogue = None if texts is None else read_texts(str(texts), column=column)
        explainer = Explainer(
            model,
            pooling=pooling,
            prompts=prompts,
            prompt_names=prompt_names,
            lexicon=read_lexicon(
                lexicon,
                corpus,
                allow_pickle=allow_pickle,
                catalogue=catalogue if any(get_method(name).lexical for name in names) else None,
            ),
            device=device,
            trust_remote_code=trust_remote_code,
            allow_pickle=allow_pickle,
        )
        explainer = for_pairs(explainer, prompts, prompt_names)
        if pairs is not None:
            found = read_pairs(pairs, columns=[name.strip() for name in columns.split(",")])
        else:
            found = draw_pairs(explainer, catalogue or [], named=str(texts), options=options)
        with open_progress() as tell:
            made = create_study(
                explainer, found, methods=names, folder=out, options=options, tell=tell
            )
        write_out(lambda: _describe(made))


study.command()(invite)
study.command()(serve)
study.command()(report)
study.command()(export)
study.command()(simulate)


def draw_pairs(
    explainer: "Explainer", catalogue: "Sequence[str]", *, named: str, options: "StudyOptions"
) -> list[tuple[str, str]]:
    """Return texts of a catalogue with the nearest of each; ``named`` is what errors call it.

    Raises OptionError where the catalogue has too few pairs that are long and near enough.
    """
    from whyalike.nearest_pairs import COSINES, WORDS, nearest_pairs

    found = nearest_pairs(
        catalogue,
        explainer.model,
        count=options.count or DRAWN,
        seed=options.seed,
        prompt=explainer.prompts[1],
    )
    if len(found) < (options.count or 1):
        raise OptionError(
            f"{named} gives {len(found)} pairs, and {options.count or DRAWN} are asked for. A pair "
            f"is two texts of {WORDS[0]} to {WORDS[1]} words whose cosine is {COSINES[0]} to "
            f"{COSINES[1]}: give more texts, a smaller -n, or your own pairs with --pairs."
        )
    return found


def _describe(made: "Study") -> None:
    from whyalike.study.design import plan

    screens = len(plan(made, 0))
    echo(
        f"Wrote {made.folder}: {made.samples} samples by {len(made.methods)} methods. A rater has "
        f"{screens} screens: {len(made.practice)} of practice, {made.plan.checks} checks and "
        f"{made.plan.repeats} repeats among them."
    )
    fewer = {name: n for name, n in made.settings["fewer_pairs"].items() if n}
    for name, n in fewer.items():
        echo(f"Fewer pairs than another method of the sample: {name}, stimuli: {n}.")
    echo(f"Next: whyalike study serve {made.folder} --raters 5")
