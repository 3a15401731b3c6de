"""Figure 2: the norm of the gradient at each word of both texts."""

from dataclasses import dataclass
from math import ceil
from typing import IO, TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from whyalike.explainer import Explainer, read_texts
from whyalike.explanation import Explanation
from whyalike.render.figure import Format, own_settings, save_figure
from whyalike.render.palette import ACCENT, HAIRLINE, MUTED

if TYPE_CHECKING:
    from whyalike.render.figure_sheet import Sheet

Floats = NDArray[np.float64]

BARS = 78.0
CELL, WIDEST = 15.0, 27.0
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

    Raises:
        OptionError: the explainer has no model, but a function.
        TextError, ModelError: as ``explain``.
    """
    from whyalike.methods.method import PreparedPair
    from whyalike.methods.token_saliency import token_scores
    from whyalike.words import aggregate

    encoder = explainer.encoder
    explanation = explainer.with_method("vanilla_gradients").explain(left, right)
    texts = (explanation.left.text, explanation.right.text)
    prepared = [
        read_texts(encoder, [text], prompt=prompt, options=explainer.options)[0].prepared
        for text, prompt in zip(texts, explainer.prompts, strict=True)
    ]
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
        from whyalike.render.figure_measures import MARGIN, SMALL, WIDTH
        from whyalike.render.figure_page import draw_warnings
        from whyalike.render.figure_sheet import Sheet
        from whyalike.render.wording import format_number

        sheet, explanation = Sheet(WIDTH), norms.explanation
        sheet.text(MARGIN, MARGIN + 12, "Gradient norm of each word", 12, bold=True)
        said = format_number(explanation.similarity, 3)
        facts = f"{explanation.model} · {explanation.similarity_function} similarity {said}"
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
    from whyalike.render.figure_measures import MARGIN, SMALL, WIDTH

    if not words:
        sheet.text(MARGIN, y + 9, "This text has no words.", SMALL, color=MUTED)
        return y + 26
    shown, width = words[:MOST_WORDS], WIDTH - 2 * MARGIN - AXIS
    rows = ceil(len(shown) / int(width / CELL))
    length = ceil(len(shown) / rows)
    cell = min(WIDEST, width / length)
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
    from whyalike.render.figure_measures import MARGIN, SMALL

    left, right = MARGIN + AXIS, MARGIN + AXIS + cell * len(words)
    for part in (0.0, 0.5, 1.0):
        height = y + BARS * (1 - part)
        sheet.rule(left, height, right, color=HAIRLINE)
        label = f"{part * most:.2g}"
        sheet.text(left - 4, height + 3, label, 7, color=MUTED, align="right")
    names = [sheet.shorten(word, NAMES, SMALL) for word in words]
    below = y + BARS + 4
    for place, (name, value) in enumerate(zip(names, values, strict=True)):
        height = BARS * float(value) / most if most > 0 else 0.0
        sheet.box(left + cell * place + 2, y + BARS - height, cell - 4, height, ACCENT, radius=0)
        foot = below + sheet.measure(name, SMALL)
        sheet.text(left + cell * (place + 0.5), foot, name, SMALL, align="center", upright=True)
    return below + max(sheet.measure(name, SMALL) for name in names) + 16
