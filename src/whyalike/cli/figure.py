"""``whyalike figure``: the paper's figures, of any model and any pair."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from whyalike.cli.explain import quieten, read_pair
from whyalike.cli.failures import one_sentence_errors
from whyalike.cli.groups import with_groups
from whyalike.cli.options import (
    DEFAULT_MODEL,
    Debug,
    EmbeddingOptions,
    FileA,
    FileB,
    Label,
    LoadingOptions,
    Method,
    MethodOption,
    Model,
    TextA,
    TextB,
    check_options,
    read_options,
    usual_methods,
)
from whyalike.cli.printing import echo
from whyalike.errors import OptionError
from whyalike.files import check_ending, check_folder


class Number(StrEnum):
    """The figures that there are."""

    gradient_norms = "2"
    explanation = "3"
    randomised = "4"


@with_groups
def figure(
    *,
    number: Annotated[
        Number,
        typer.Argument(
            help="2: gradient norm by word. 3: the explanation. 4: trained and random weights."
        ),
    ],
    text_a: TextA = None,
    text_b: TextB = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A .png or .svg file.", metavar="FILE")
    ] = None,
    file_a: FileA = None,
    file_b: FileB = None,
    model: Model = DEFAULT_MODEL,
    label: Label = None,
    method: Method = None,
    option: MethodOption = None,
    embedding: EmbeddingOptions,
    seed: Annotated[int, typer.Option(min=0, help="Of the random weights of figure 4.")] = 0,
    keep_embeddings: Annotated[
        bool, typer.Option("--keep-embeddings", help="In figure 4, keep the trained embeddings.")
    ] = False,
    loading: LoadingOptions,
    debug: Debug = False,
) -> None:
    """Draw figure 2, 3 or 4 of the paper for a model and a pair of texts.

    Put -- before a text that begins with a hyphen.
    """
    with one_sentence_errors(debug=debug):
        if output is None:
            raise OptionError("The figure needs a file: give -o FILE.png or -o FILE.svg.")
        if number == Number.gradient_norms and method is not None:
            raise OptionError(
                f"Figure 2 shows the gradient itself and takes no --method; got {method!r}."
            )
        if keep_embeddings and number != Number.randomised:
            raise OptionError("--keep-embeddings is of figure 4: leave it out of the others.")
        check_ending(output, (".png", ".svg"), required=True)
        left, right = read_pair(text_a, text_b, file_a, file_b)
        check_folder(output)
        options = read_options(option, usual_methods(method))
        quieten()
        from whyalike import Explainer
        from whyalike.evaluation.figures import FIGURES, check_file, write_figure

        check_file(output)
        explainer = Explainer(
            model,
            method=method,
            options=options,
            **embedding.keywords(),
            **loading.keywords(),
            label=label,
        )
        check_options(option, [explainer.method.name])
        write_figure(
            explainer,
            left,
            right,
            output,
            number=FIGURES[number],
            seed=seed,
            keep_embeddings=keep_embeddings,
        )
        echo(f"Wrote {output}", err=True)
