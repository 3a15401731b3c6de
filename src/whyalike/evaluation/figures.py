"""Figures of the paper: gradients beside activations, and explanations of random weights."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil, isnan
from typing import IO, TYPE_CHECKING, Literal

import numpy as np

from whyalike.arrays import Floats
from whyalike.errors import OptionError
from whyalike.evaluation.changed_models import randomized_states
from whyalike.evaluation.randomization import compare_pair
from whyalike.explainer import Explainer
from whyalike.explanation import Explanation
from whyalike.files import check_ending, write_whole
from whyalike.options import refuse_chunks
from whyalike.readings import read_pairs
from whyalike.render.figure import Format, own_settings, save_figure
from whyalike.render.parts import ACCENT, HAIRLINE, MUTED

if TYPE_CHECKING:
    from whyalike.render.figure_sheet import Sheet


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

    Parameters
    ----------
    explainer : Explainer
        A model, and the method that figures 3 and 4 show.
    left : str
        The left text.
    right : str
        The right text.
    path : str | PathLike[str]
        A file that ends in .png or .svg; written whole or not at all.
    number : Number
        2 is the norm of the gradient by word, 3 the explanation with its table, 4 the explanations
        of the trained model and of one with random weights side by side.
    seed : int, default=0
        Of the random weights.
    keep_embeddings : bool, default=False
        In figure 4, leave the embeddings as they were trained.
    dpi : int, default=200
        Of PNG.

    Raises
    ------
    OptionError
        Another number or ending; or a figure that needs a model, and there is none.
    MissingExtraError
        Matplotlib is not installed (extra ``plot``).
    TextError, ModelError
        As the explainer.
    OutputError
        The file can't be written.
    """
    kind = check_file(path)
    draw: Callable[[IO[bytes]], None]
    if number == 2:
        norms = gradient_norms(explainer, left, right)

        def draw(stream: IO[bytes]) -> None:
            draw_gradient_norms(norms, stream, format=kind, dpi=dpi)

    elif number == 3:
        from whyalike.render import draw_figure

        explanation = explainer.explain(left, right)

        def draw(stream: IO[bytes]) -> None:
            draw_figure(explanation, stream, format=kind, dpi=dpi, scale="relative")

    elif number == 4:
        pair = randomized_pair(explainer, left, right, seed=seed, keep_embeddings=keep_embeddings)

        def draw(stream: IO[bytes]) -> None:
            draw_randomized_pair(pair, stream, format=kind, dpi=dpi)

    else:
        raise OptionError(f"number is {number!r}; the figures are 2, 3 and 4.")
    write_whole(path, draw)


def check_file(path: str | os.PathLike[str]) -> Format:
    """Return the format that a file's ending names. Raises OptionError on any other ending."""
    return FORMATS[check_ending(path, tuple(FORMATS), required=True)]


BARS = 78.0
CELL, WIDEST = 15.0, 40.0
"""The least room of a word, and the width of its bar at most."""
AXIS = 30.0
NAMES = 72.0
MOST_WORDS = 400


@dataclass(frozen=True, eq=False)
class GradientNorms:
    """‖∂C/∂E‖₂ of each word, (W,) and (W',), in units of the similarity per unit of E.

    explanation: of the same pair, for its words, its similarity and what there is to say of them.
    """

    explanation: Explanation
    left: Floats
    right: Floats


def gradient_norms(explainer: Explainer, left: str, right: str) -> GradientNorms:
    """Return the norm of the gradient at each word (Malkiel et al. 2022, Eq. 3 and Fig. 2).

    A word has the greatest norm of its tokens, as everywhere (row 12 of our reading of the paper).
    ``vanilla_gradients`` is the same, scaled to [0, 1].

    Raises
    ------
    OptionError
        The explainer has no model, but a function.
    TextError, ModelError
        As ``explain``.
    """
    from whyalike.methods.method import PreparedPair
    from whyalike.methods.token_saliency import token_scores
    from whyalike.words import aggregate

    refuse_chunks(explainer.options, what="the figure of gradients")
    encoder = explainer.encoder
    explanation = explainer.with_method("vanilla_gradients").explain(left, right)
    texts = (explanation.left.text, explanation.right.text)
    (readings,) = read_pairs(encoder, [texts], prompts=explainer.prompts, options=explainer.options)
    prepared = [reading.prepared for reading in readings]
    pair = PreparedPair(*prepared)
    result = encoder.run([pair.tokens], options=explainer.options)
    tokens = token_scores([pair], result, lambda _, gradient: gradient.norm(dim=-1))
    words = [
        aggregate(text.alignment, norms, np.zeros((len(norms), 1))).saliency
        for text, norms in zip(prepared, tokens, strict=True)
    ]
    return GradientNorms(explanation, *words)


def draw_gradient_norms(
    norms: GradientNorms, stream: IO[bytes], *, format: Format, dpi: int = 200
) -> None:
    """Draw a bar for each word of both texts, on one scale.

    Raises MissingExtraError if matplotlib is not installed.
    """
    with own_settings():
        from whyalike.render.figure import MARGIN, SMALL, WIDTH
        from whyalike.render.figure_page import draw_warnings
        from whyalike.render.figure_sheet import Sheet
        from whyalike.render.parts import format_number, score_name

        sheet, explanation = Sheet(WIDTH), norms.explanation
        sheet.text(MARGIN, MARGIN + 12, "Gradient norm of each word", 12, bold=True)
        said = format_number(explanation.similarity, 3)
        facts = f"{explanation.model} · {score_name(explanation.similarity_function)} {said}"
        sheet.text(MARGIN, MARGIN + 26, facts, SMALL, color=MUTED)
        y = draw_warnings(sheet, explanation.warnings, MARGIN + 40)
        most = max((*norms.left, *norms.right), default=0.0)
        for title, side, values in (
            ("Left text", explanation.left, norms.left),
            ("Right text", explanation.right, norms.right),
        ):
            sheet.text(MARGIN, y + 9, title, 9, bold=True)
            beside = MARGIN + sheet.measure(title, 9, bold=True) + 8
            sheet.text(beside, y + 9, "‖∂C/∂E‖₂", SMALL, color=MUTED)
            y = _draw_bars(sheet, [word.text for word in side.words], values, y + 18, most=most)
        sheet.cut_at(y + MARGIN - 12)
        save_figure(sheet.figure, stream, format=format, dpi=dpi)


def _draw_bars(sheet: "Sheet", words: list[str], values: Floats, y: float, *, most: float) -> float:
    """Draw the words in rows of about equal length; returns where they end."""
    from whyalike.render.figure import MARGIN, SMALL, WIDTH

    if not words:
        sheet.text(MARGIN, y + 9, "This text has no words.", SMALL, color=MUTED)
        return y + 26
    shown, width = words[:MOST_WORDS], WIDTH - 2 * MARGIN - AXIS
    rows = ceil(len(shown) / int(width / CELL))
    length = ceil(len(shown) / rows)
    cell = width / length  # However few words there are, they take the whole width.
    for start in range(0, len(shown), length):
        row, heights = shown[start : start + length], values[start : start + length]
        y = _draw_row(sheet, row, heights, y, cell=cell, most=most)
    if more := len(words) - len(shown):
        sheet.text(MARGIN, y + 4, f"and {more:,} more words", SMALL, color=MUTED)
        y += 14
    return y


def _draw_row(
    sheet: "Sheet", words: list[str], values: Floats, y: float, *, cell: float, most: float
) -> float:
    from whyalike.render.figure import MARGIN, SMALL

    left, right = MARGIN + AXIS, MARGIN + AXIS + cell * len(words)
    for part in (0.0, 0.5, 1.0):
        height = y + BARS * (1 - part)
        sheet.rule(left, height, right, color=HAIRLINE)
        label = f"{part * most:.2g}"
        sheet.text(left - 4, height + 3, label, 7, color=MUTED, align="right")
    below, gap = y + BARS + 4, 4.0
    # Names lie where all of them have room beside each other, and stand otherwise.
    lying = all(sheet.measure(word, SMALL) <= cell - gap for word in words)
    names = [word if lying else sheet.shorten(word, NAMES, SMALL) for word in words]
    bar = min(WIDEST, cell - gap)
    for place, (name, value) in enumerate(zip(names, values, strict=True)):
        height, middle = (
            BARS * float(value) / most if most > 0 else 0.0,
            left + cell * (place + 0.5),
        )
        sheet.box(middle - bar / 2, y + BARS - height, bar, height, ACCENT, radius=0)
        foot = below + (7 if lying else sheet.measure(name, SMALL))
        sheet.text(middle, foot, name, SMALL, align="center", upright=not lying)
    tallest = 7.0 if lying else max(sheet.measure(name, SMALL) for name in names)
    return below + tallest + 16


TOP = 5


@dataclass(frozen=True, eq=False)
class RandomizedPair:
    """Two explanations of one pair of texts.

    agreement: the metrics of ``measure_randomization`` by name, NaN where undefined. chance: what
    the top words of two random explanations share.
    """

    trained: Explanation
    randomised: Explanation
    seed: int
    keep_embeddings: bool
    agreement: dict[str, float]
    chance: float


def randomized_pair(
    explainer: Explainer, left: str, right: str, *, seed: int = 0, keep_embeddings: bool = False
) -> RandomizedPair:
    """Explain a pair by the trained model, and with random weights (as the paper's Fig. 4).

    Parameters
    ----------
    explainer : Explainer
        A model and a method.
    left : str
        The left text.
    right : str
        The right text.
    seed : int, default=0
        Of the weights.
    keep_embeddings : bool, default=False
        Leave the embeddings as they were trained.

    Raises
    ------
    OptionError
        The explainer has no model, but a function.
    TextError, ModelError
        As ``explain``.
    """
    trained = explainer.explain(left, right)
    (state,) = randomized_states(explainer, keep_embeddings=keep_embeddings, seed=seed)
    randomised = state.explainer.explain(left, right)
    agreement, chance = compare_pair(explainer, trained, randomised, top=TOP, seed=seed)
    return RandomizedPair(trained, randomised, seed, keep_embeddings, agreement, chance)


def draw_randomized_pair(
    pair: RandomizedPair, stream: IO[bytes], *, format: Format, dpi: int = 200
) -> None:
    """Draw both explanations side by side, each text at the same height in both.

    Raises MissingExtraError if matplotlib is not installed.
    """
    with own_settings():
        from whyalike.render.figure import COLUMN, GUTTER, MARGIN, SMALL, WIDTH
        from whyalike.render.figure_page import draw_legend, draw_warnings
        from whyalike.render.figure_sheet import Sheet
        from whyalike.render.view import view_explanation

        sheet = Sheet(WIDTH)
        sheet.text(MARGIN, MARGIN + 12, "Trained and random weights", 12, bold=True)
        facts = f"{pair.trained.model} · {pair.trained.method} · seed {pair.seed}"
        sheet.text(MARGIN, MARGIN + 26, facts, SMALL, color=MUTED)
        views = [
            view_explanation(e, id="figure", scale="relative")
            for e in (pair.trained, pair.randomised)
        ]
        told = tuple(dict.fromkeys(warning for view in views for warning in view.warnings))
        y = draw_warnings(sheet, told, MARGIN + 40)
        kept = ", embeddings trained" if pair.keep_embeddings else ""
        ends = [
            _draw_heading(sheet, title, explanation, x, y)
            for title, explanation, x in (
                ("Trained", pair.trained, MARGIN),
                (f"Random weights{kept}", pair.randomised, MARGIN + COLUMN + GUTTER),
            )
        ]
        y = _draw_texts(sheet, pair, max(ends))
        legend = replace(
            views[0],
            has_negative=any(view.has_negative for view in views),
            has_unmatched=any(view.has_unmatched for view in views),
        )
        y = draw_legend(sheet, legend, y)
        for line in describe_agreement(pair):
            sheet.text(MARGIN, y, line, SMALL)
            y += 13
        sheet.cut_at(y + MARGIN - 13)
        save_figure(sheet.figure, stream, format=format, dpi=dpi)


def describe_agreement(pair: RandomizedPair) -> tuple[str, ...]:
    """Return in words how far the two explanations agree."""
    found = pair.agreement
    return (
        f"Rank correlation of word saliency: {_said(found['spearman'])}; without the sign "
        f"{_said(found['spearman_abs'])}. 0 is no relation.",
        f"Shared of the top {TOP} words: {_said(found['jaccard_words'])} (chance "
        f"{_said(pair.chance)}); of all matches: {_said(found['jaccard_matches'])}; of the "
        f"selected pairs: {_said(found['jaccard_pairs'])} (Jaccard index).",
    )


def _draw_heading(
    sheet: "Sheet", title: str, explanation: Explanation, x: float, y: float
) -> float:
    from whyalike.render.figure import SMALL
    from whyalike.render.parts import format_number, score_name

    number = format_number(explanation.similarity, 3)
    sheet.text(x, y + 12, title, 10.5, bold=True)
    said = f"{score_name(explanation.similarity_function)} {number}"
    sheet.text(x, y + 24, said, SMALL, color=MUTED)
    return y + 34


def _draw_texts(sheet: "Sheet", pair: RandomizedPair, y: float) -> float:
    """Draw the left text in both columns, and below it the right one."""
    from whyalike.render.figure import COLUMN, GUTTER, MARGIN
    from whyalike.render.figure_page import draw_side
    from whyalike.render.view import view_sides

    for which in (0, 1):
        bottoms = []
        for explanation, x in (
            (pair.trained, MARGIN),
            (pair.randomised, MARGIN + COLUMN + GUTTER),
        ):
            side = (explanation.left, explanation.right)[which]
            view = view_sides(explanation)[which]
            placed = draw_side(sheet, side, view, x, y, pairs=explanation.pairs)
            bottoms.append(placed.bottom)
        y = max(bottoms) + 4
    return y


def _said(value: float) -> str:
    return "undefined" if isnan(value) else f"{value:.2f}"
