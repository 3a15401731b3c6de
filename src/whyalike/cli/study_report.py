"""``whyalike study report``: Table 1 of a study, and what stands behind it."""

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from whyalike.cli.failures import one_sentence_errors
from whyalike.cli.options import Debug, Html, Json
from whyalike.cli.printing import echo, echo_json, open_console, write_out
from whyalike.errors import OptionError

if TYPE_CHECKING:
    from whyalike.render.study import StudyPage
    from whyalike.study.exclusion import ExclusionRules
    from whyalike.study.report import ReportSettings, StudyReport

Written = Annotated[Path | None, typer.Option(help="Write Table 1.", metavar="FILE")]


def report(
    *,
    folder: Annotated[Path, typer.Argument(help="The study, as `whyalike study create` made it.")],
    json_: Json = False,
    markdown: Written = None,
    latex: Written = None,
    png: Written = None,
    html: Html = None,
    database: Annotated[
        str | None,
        typer.Option(help="sqlite:// or postgresql://; by default in the folder.", metavar="URL"),
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(
            help="Test the others against this method, instead of each two.", metavar="METHOD"
        ),
    ] = None,
    no_exclusions: Annotated[
        bool, typer.Option("--no-exclusions", help="Set no judge background.")
    ] = False,
    failed_checks: Annotated[
        float, typer.Option(help="Set background who fails more than this share of the checks.")
    ] = 0.25,
    same_answer: Annotated[
        float, typer.Option(help="... who rates this share of the items the same, or more.")
    ] = 0.9,
    seconds: Annotated[
        float, typer.Option(help="... whose median time on an item is shorter.")
    ] = 3.0,
    repeat_difference: Annotated[
        float, typer.Option(help="... whose ratings of the same item differ by more in the mean.")
    ] = 1.2,
    difference: Annotated[
        float, typer.Option(help="How many judges and samples would a difference of this need?")
    ] = 0.3,
    resamples: Annotated[int, typer.Option(min=1, help="Of the bootstrap.")] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="Of the bootstrap.")] = 0,
    debug: Debug = False,
) -> None:
    """Print what a study found: scores, differences, agreement, judges, and power.

    Choose who is set aside before you look: the report always gives both figures, with and without.
    """
    with one_sentence_errors(debug=debug):
        from whyalike.study.exclusion import ExclusionRules
        from whyalike.study.report import ReportSettings
        from whyalike.study.report_page import page_of

        rules = ExclusionRules(
            failed_checks=failed_checks,
            same_answer=same_answer,
            seconds=seconds,
            repeat_difference=repeat_difference,
        )
        settings = ReportSettings(
            rules=_off() if no_exclusions else rules,
            reference=reference,
            difference=difference,
            resamples=resamples,
            seed=seed,
        )
        found = _make(folder, database, settings)
        page = page_of(found)
        _write_files(page, markdown=markdown, latex=latex, png=png, html=html)
        if json_:
            said = json.dumps(found.to_dict(), ensure_ascii=False, allow_nan=False, indent=2)
            write_out(lambda: echo_json(said))
        else:
            write_out(lambda: _show(page))


def _off() -> "ExclusionRules":
    from whyalike.study.exclusion import ExclusionRules

    return ExclusionRules(
        failed_checks=None, same_answer=None, seconds=None, repeat_difference=None
    )


def _make(folder: Path, database: str | None, settings: "ReportSettings") -> "StudyReport":
    from whyalike.study import from_storage, open_storage, read_study
    from whyalike.study.report import StudyFacts, make_report

    study = read_study(folder)
    storage = open_storage(study, database=database, existing=True)
    try:
        table = from_storage(study, storage)
    finally:
        storage.close()
    if not len(table.items):
        raise OptionError(
            f"There are no ratings of items yet in {storage.place}: check --database, let the "
            "judges rate, or run `whyalike study simulate` to see what a report looks like."
        )
    known = StudyFacts.of(study)
    return make_report(table, methods=study.methods, study=known, settings=settings)


def _write_files(
    page: "StudyPage",
    *,
    markdown: Path | None,
    latex: Path | None,
    png: Path | None,
    html: Path | None,
) -> None:
    from whyalike.files import write_whole
    from whyalike.render.study import draw_study_table, render_study, write_latex, write_markdown

    texts = ((markdown, write_markdown), (latex, write_latex), (html, render_study))
    for path, render in texts:
        if path is not None:
            write_whole(path, partial(_write, render(page)))
            echo(f"Wrote {path}", err=True)
    if png is not None:
        write_whole(png, partial(draw_study_table, page))
        echo(f"Wrote {png}", err=True)


def _write(text: str, stream: BinaryIO) -> None:
    stream.write(text.encode())


def _show(page: "StudyPage") -> None:
    from whyalike.render.study import terminal_study_view

    open_console().print(terminal_study_view(page))
