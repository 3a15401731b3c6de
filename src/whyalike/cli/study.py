"""``whyalike study invite``, ``export`` and ``simulate``: who rates, and what they said."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from whyalike.cli.evaluate import for_pairs, open_progress
from whyalike.cli.explain import quieten
from whyalike.cli.failures import one_sentence_errors
from whyalike.cli.groups import with_groups
from whyalike.cli.listings import read_lexicon, read_pairs_of, read_texts_of
from whyalike.cli.options import (
    DEFAULT_MODEL,
    TABLES,
    Column,
    Columns,
    Corpus,
    Debug,
    EncodingOption,
    Label,
    LexiconFile,
    LoadingOptions,
    MethodOption,
    Model,
    PairEmbeddingOptions,
    Strict,
    names_of,
    read_options,
)
from whyalike.cli.printing import echo, echo_data, write_out
from whyalike.cli.refusals import refuse_missing
from whyalike.cli.study_report import report
from whyalike.data.encodings import reading_in
from whyalike.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from whyalike import Explainer
    from whyalike.study import Study
    from whyalike.study.options import StudyOptions


Folder = Annotated[
    Path, typer.Argument(help="The study, as `whyalike study create` made it.", metavar="FOLDER")
]

DatabaseUrl = Annotated[
    str | None,
    typer.Option(help="sqlite:// or postgresql://; by default in the folder.", metavar="URL"),
]


def invite(
    *,
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
    with one_sentence_errors(debug=debug):
        from whyalike.study import open_storage, read_study
        from whyalike.web.middleware import check_origin

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
    with one_sentence_errors(debug=debug):
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
    *,
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
    with one_sentence_errors(debug=debug):
        from whyalike.study import Truth, open_storage, read_study, simulate_ratings
        from whyalike.study.power import default_means

        found = read_study(folder)
        truth = Truth(
            means=default_means(found) if means is None else read_means(means), careless=careless
        )
        storage = open_storage(found, database=database)
        try:
            simulate_ratings(found, storage, truth, raters=raters, seed=seed)
        finally:
            storage.close()
        write_out(lambda: _describe_simulation(found, truth.means, raters))


def read_means(said: str) -> dict[str, float]:
    """Return what ``--means`` says. Raises OptionError where it is no list of names and numbers."""
    try:
        entries = [entry.split("=") for entry in said.split(",")]
        return {name.strip(): float(mean) for name, mean in entries}
    except ValueError as error:
        raise OptionError(
            f"--means is {said!r}; give names and numbers, such as bti=4.2,random=2."
        ) from error


def _describe_simulation(study: "Study", means: "Mapping[str, float]", raters: int) -> None:
    echo(f"Added {raters} SIMULATED raters to {study.folder}. Their truth, before rounding:")
    for name, mean in means.items():
        echo(f"  {name}\t{mean}")


def serve(
    *,
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
    with one_sentence_errors(debug=debug):
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
            app = create_rating_app(study, storage, address=address)
            serve(app, address, ready=ready, leaves=True)
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


DRAWN = 100
"""Pairs drawn from texts, as many as the paper's study has."""

study = typer.Typer(help="A blind study: humans rate explanations.", no_args_is_help=True)


@study.command()
@with_groups
def create(
    *,
    methods: Annotated[
        str, typer.Option(help="Names with commas between them, in the order of the report.")
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="Where to write.", metavar="FOLDER")],
    pairs: Annotated[
        Path | None,
        typer.Option(help=f"Pairs of texts, in two columns: {TABLES}.", metavar="FILE"),
    ] = None,
    columns: Columns = None,
    option: MethodOption = None,
    texts: Annotated[
        Path | None,
        typer.Option(
            help="Instead of pairs: texts in such a file; each goes with its nearest.",
            metavar="FILE",
        ),
    ] = None,
    column: Column = None,
    strict: Strict = False,
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
    label: Label = None,
    embedding: PairEmbeddingOptions,
    lexicon: LexiconFile = None,
    corpus: Corpus = None,
    loading: LoadingOptions,
    encoding: EncodingOption = None,
    debug: Debug = False,
) -> None:
    """Explain samples by every method, and freeze what raters will see.

    The same options give the same bytes. Without -n, --texts draws 100 pairs.
    """
    with one_sentence_errors(debug=debug), reading_in(encoding):
        if (pairs is None) == (texts is None):
            raise OptionError("Give either --pairs or --texts.")
        refuse_missing(pairs, texts, practice, lexicon, corpus)
        from whyalike.cli.explain import ALL, choose_methods, those_that_work
        from whyalike.study.design import PACKAGED, read_known_answers
        from whyalike.study.model import QUESTION, SCALE
        from whyalike.study.options import StudyOptions, draw_samples, plan_of

        names = choose_methods(methods)
        chosen = read_options(option, names)
        known = read_known_answers(PACKAGED if practice is None else practice)
        options = StudyOptions(
            seed=seed,
            count=count,
            question=QUESTION if question is None else question,
            scale=SCALE if scale is None else [text.strip() for text in scale.split(",")],
            shown=shown,
            per_rater=per_rater,
            checks=checks,
            repeats=repeats,
            known=known,
        )
        catalogue = None if texts is None else read_texts_of(texts, column=column, strict=strict)
        if pairs is not None:
            found = read_pairs_of(pairs, columns=names_of(columns), strict=strict)
        drawn = (options.count or DRAWN) if pairs is None else len(draw_samples(found, options))
        plan_of(options, names, samples=drawn)
        quieten()
        from whyalike import Explainer
        from whyalike.methods.method import get_method
        from whyalike.study.creation import create_study

        explainer = Explainer(
            model,
            options=chosen,
            **embedding.keywords(),
            lexicon=read_lexicon(
                lexicon,
                corpus,
                allow_pickle=loading.allow_pickle,
                column=column,
                strict=strict,
                catalogue=catalogue if any(get_method(name).lexical for name in names) else None,
            ),
            **loading.keywords(),
            label=label,
        )
        names, _ = those_that_work(names, explainer.model, named=methods.strip() != ALL)
        explainer = for_pairs(explainer, embedding)
        if pairs is None:
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
