"""``whyalike trace``: a query followed through the stages of a search, and the words that count."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer
from typer.core import TyperCommand

from whyalike.cli.explain import quieten, read_arguments
from whyalike.cli.failures import one_sentence_errors
from whyalike.cli.fusion import LEXICAL, is_lexical, open_bm25, read_part
from whyalike.cli.groups import with_groups
from whyalike.cli.options import (
    TABLES,
    Column,
    Debug,
    EncodingOption,
    Html,
    Json,
    LoadingOptions,
    Strict,
)
from whyalike.cli.printing import echo_json, echo_report, print_view, write_out, write_page
from whyalike.cli.refusals import refuse_unknown_passages
from whyalike.data.encodings import reading_in
from whyalike.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from whyalike.models.fusion import Fusion

ORDER = "whyalike.order"

Value = TypeVar("Value", int, str)


class InOrder(TyperCommand):
    """A command that knows in which order its options were given: ``--keep`` is of a stage."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Note the order, and parse as usual."""
        _, _, order = self.make_parser(ctx).parse_args(args=list(args))
        ctx.meta[ORDER] = [parameter.name for parameter in order]
        return super().parse_args(ctx, args)


@with_groups
def trace(
    *,
    context: typer.Context,
    text: Annotated[str, typer.Option(help="The query; - reads standard input.")],
    passages: Annotated[
        Path,
        typer.Option(
            help=f"What is searched: a file of items or texts ({TABLES}).", metavar="FILE"
        ),
    ],
    stage: Annotated[
        list[str] | None,
        typer.Option(
            help=f"What scores, in order: a hub name, a folder, or {LEXICAL}, which counts the "
            "words of the passages. Give it once for each stage.",
            metavar="MODEL",
            show_default=False,
        ),
    ] = None,
    fusion: Annotated[
        list[str] | None,
        typer.Option(
            help="As the first stage, a model and its weight in a sum of several, such as "
            f"all-MiniLM-L6-v2=2, or {LEXICAL}=1. Give it once for each.",
            metavar="MODEL=WEIGHT",
            show_default=False,
        ),
    ] = None,
    normalise: Annotated[
        Literal["none", "min-max", "z-score", "ranks"],
        typer.Option(
            help="What --fusion makes of each model's scores first, by those of all passages; "
            "ranks is reciprocal rank fusion."
        ),
    ] = "none",
    keep: Annotated[
        list[int] | None,
        typer.Option(
            min=1,
            help="How many passages of the stage before it go on to the next one; by default all.",
            show_default=False,
        ),
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(
            help="Of the stage before it, a model with several labels, the one whose logit is the "
            "score: its name, or its number.",
            metavar="LABEL",
            show_default=False,
        ),
    ] = None,
    top: Annotated[
        int, typer.Option(min=0, help="Explain this many passages, the first in the final order.")
    ] = 5,
    passage: Annotated[
        list[str] | None,
        typer.Option(
            help="Explain this passage too, by its id, or its number. It may be repeated.",
            metavar="ID",
            show_default=False,
        ),
    ] = None,
    column: Column = None,
    strict: Strict = False,
    json_: Json = False,
    html: Html = None,
    loading: LoadingOptions,
    encoding: EncodingOption = None,
    debug: Debug = False,
) -> None:
    """Follow a query through the stages of a search: ranks after each, and the words that count.

    Such as --stage bm25 --keep 50 --stage all-MiniLM-L6-v2 --keep 10 --stage RERANKER.

    With a fusion first: --fusion bm25=1 --fusion all-MiniLM-L6-v2=2 --keep 10 --stage RERANKER.
    """
    with one_sentence_errors(debug=debug), reading_in(encoding):
        for said in fusion or ():
            read_part(said)
        if not stage and not fusion:
            raise OptionError(
                "There is no stage: give --stage MODEL, once for each, or --fusion MODEL=WEIGHT."
            )
        if normalise != "none" and not fusion:
            raise OptionError(f"--normalise {normalise} goes with --fusion: give its parts.")
        order, fused = context.meta[ORDER], bool(fusion)
        kept = of_stages(order, keep or (), option="keep", what="cuts", fused=fused)
        labels = of_stages(order, label or (), option="label", what="labels", fused=fused)
        if fused and labels[0] is not None:
            raise OptionError(
                f"--label {labels[0]} comes before any --stage, and a fusion has no labels: put it "
                "behind its own."
            )
        query = read_arguments({"query": text})[0]
        from whyalike.data.passages import read_passages
        from whyalike.data.stream import ReadReport

        report = ReadReport()
        items = read_passages(passages, column=column, strict=strict, report=report)
        echo_report(report)
        refuse_unknown_passages(
            passage or (), [item.id for item in items], says="There is no passage {}"
        )
        quieten()
        from whyalike import Explainer, Stage
        from whyalike.chain import signed

        opening = loading.keywords()
        texts = [item.text for item in items]

        @cache
        def open_stage(name: str, label: str | None) -> Explainer:
            if is_lexical(name):
                return Explainer(open_bm25(texts), label=label)
            return signed(Explainer(name, label=label, **opening))

        labelled = zip(stage or (), labels[fused:], strict=True)
        explainers = [open_stage(name, own) for name, own in labelled]
        if fusion:
            first = open_fusion(fusion, texts, normalise=normalise, **opening)
            explainers.insert(0, Explainer(first))
        stages = [Stage(one, keep=most) for one, most in zip(explainers, kept, strict=True)]
        found = explainers[0].trace(
            query, items, keep=kept[0], stages=stages[1:], top=top, named=passage or ()
        )
        write_page(html, found.to_html)
        if json_:
            write_out(lambda: echo_json(found.to_json(indent=2)))
            return
        from whyalike.render import terminal_trace_view

        print_view(terminal_trace_view, found)


def open_fusion(
    said: "Sequence[str]",
    texts: list[str],
    *,
    normalise: Literal["none", "min-max", "z-score", "ranks"],
    **opening: Any,
) -> "Fusion":
    """Return a fusion whose scores are normalised over these texts.

    Raises
    ------
    OptionError
        A part that is no name and weight.
    """
    from whyalike.models.fusion import Fusion

    parts = [
        (open_bm25(texts) if is_lexical(name) else name, weight)
        for name, weight in map(read_part, said)
    ]
    over = None if normalise == "none" else texts
    return Fusion(parts, normalise=normalise, over=over, **opening)


def of_stages(
    order: "Sequence[str | None]",
    given: "Sequence[Value]",
    *,
    option: str,
    what: str,
    fused: bool,
) -> "list[Value | None]":
    """Return for each stage what an option behind it says, or None where there is none.

    Parameters
    ----------
    order : sequence of str or None
        The names of the options as they were given.
    given : sequence
        What the option says, in that order.
    option : str
        Its name.
    what : str
        What it gives, in the plural.
    fused : bool
        Whether a fusion is the first stage, whatever the order; what comes before all others is
        its.

    Raises
    ------
    OptionError
        The option before the first stage, or twice behind one.
    """
    found: list[Value | None] = [None] if fused else []
    values = iter(given)
    for name in order:
        if name == "stage":
            found.append(None)
        elif name == option:
            value = next(values)
            if not found:
                raise OptionError(
                    f"--{option} {value} comes before any --stage: put it behind its own."
                )
            if found[-1] is not None:
                raise OptionError(
                    f"A stage has two {what}, --{option} {found[-1]} and {value}: give one."
                )
            found[-1] = value
    return found
