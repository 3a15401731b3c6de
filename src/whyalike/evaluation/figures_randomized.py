"""Figure 4: what explains the trained model beside what explains one with random weights."""

from dataclasses import dataclass, replace
from math import isnan
from typing import IO, TYPE_CHECKING

from whyalike.evaluation.randomization import compare_pair
from whyalike.evaluation.randomization_models import randomized_states
from whyalike.explainer import Explainer
from whyalike.explanation import Explanation
from whyalike.render.figure import Format, own_settings, save_figure
from whyalike.render.palette import MUTED

if TYPE_CHECKING:
    from whyalike.render.figure_sheet import Sheet

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

    Args:
        explainer: a model and a method.
        left: the left text.
        right: the right text.
        seed: of the weights.
        keep_embeddings: leave the embeddings as they were trained.

    Raises:
        OptionError: the explainer has no model, but a function.
        TextError, ModelError: as ``explain``.
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
        from whyalike.render.figure_measures import COLUMN, GUTTER, MARGIN, SMALL, WIDTH
        from whyalike.render.figure_page import draw_legend, draw_warnings
        from whyalike.render.figure_sheet import Sheet
        from whyalike.render.view import view_explanation

        sheet = Sheet(WIDTH)
        sheet.text(MARGIN, MARGIN + 12, "Trained and random weights", 12, bold=True)
        facts = f"{pair.trained.model} · {pair.trained.method} · seed {pair.seed}"
        sheet.text(MARGIN, MARGIN + 26, facts, SMALL, color=MUTED)
        views = [view_explanation(e, id="figure") for e in (pair.trained, pair.randomised)]
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
    from whyalike.render.figure_measures import SMALL
    from whyalike.render.wording import format_number

    number = format_number(explanation.similarity, 3)
    sheet.text(x, y + 12, title, 10.5, bold=True)
    said = f"{explanation.similarity_function} similarity {number}"
    sheet.text(x, y + 24, said, SMALL, color=MUTED)
    return y + 34


def _draw_texts(sheet: "Sheet", pair: RandomizedPair, y: float) -> float:
    """Draw the left text in both columns, and below it the right one."""
    from whyalike.render.figure_measures import COLUMN, GUTTER, MARGIN
    from whyalike.render.figure_texts import draw_side
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
