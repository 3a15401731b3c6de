"""The paper's figures 2, 3 and 4, of any model and any pair of texts."""

import os
from collections.abc import Callable
from typing import IO, Literal

from whyalike.errors import OptionError
from whyalike.explainer import Explainer
from whyalike.files import check_ending, write_whole
from whyalike.render.figure import Format

Number = Literal[2, 3, 4]

FIGURES: dict[str, Number] = {"2": 2, "3": 3, "4": 4}
FORMATS: dict[str, Format] = {".png": "png", ".svg": "svg"}


def write_figure(
    explainer: Explainer,
    left: str,
    right: str,
    path: str | os.PathLike[str],
    *,
    number: Number,
    seed: int = 0,
    keep_embeddings: bool = False,
    dpi: int = 200,
) -> None:
    """Write a figure as the paper has it (Malkiel et al. 2022), of this model and this pair.

    Args:
        explainer: a model, and the method that figures 3 and 4 show.
        left: the left text.
        right: the right text.
        path: a file that ends in .png or .svg; written whole or not at all.
        number: 2 is the norm of the gradient by word, 3 the explanation with its table, 4 the
            explanations of the trained model and of one with random weights side by side.
        seed: of the random weights.
        keep_embeddings: in figure 4, leave the embeddings as they were trained.
        dpi: of PNG.

    Raises:
        OptionError: another number or ending; or a figure that needs a model, and there is none.
        MissingExtraError: matplotlib is not installed (extra ``plot``).
        TextError, ModelError: as the explainer.
        OutputError: the file can't be written.
    """
    kind = check_file(path)
    draw: Callable[[IO[bytes]], None]
    if number == 2:
        from whyalike.evaluation.figures_gradient import draw_gradient_norms, gradient_norms

        norms = gradient_norms(explainer, left, right)

        def draw(stream: IO[bytes]) -> None:
            draw_gradient_norms(norms, stream, format=kind, dpi=dpi)

    elif number == 3:
        from whyalike.render import draw_figure

        explanation = explainer.explain(left, right)

        def draw(stream: IO[bytes]) -> None:
            draw_figure(explanation, stream, format=kind, dpi=dpi)

    elif number == 4:
        from whyalike.evaluation.figures_randomized import draw_randomized_pair, randomized_pair

        pair = randomized_pair(explainer, left, right, seed=seed, keep_embeddings=keep_embeddings)

        def draw(stream: IO[bytes]) -> None:
            draw_randomized_pair(pair, stream, format=kind, dpi=dpi)

    else:
        raise OptionError(f"number is {number!r}; the figures are 2, 3 and 4.")
    write_whole(path, draw)


def check_file(path: str | os.PathLike[str]) -> Format:
    """Return the format that a file's ending names. Raises OptionError on any other ending."""
    return FORMATS[check_ending(path, tuple(FORMATS), required=True)]
