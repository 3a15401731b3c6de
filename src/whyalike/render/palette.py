"""How saliency and score become what the eye sees: 21 levels of one hue, four line weights.

The levels are equal steps in OKLab from the paper to a blue that dark text still reads on
(contrast 5.8 at the strongest level). ``templates/states.css`` repeats them for the browser.
"""

from collections.abc import Sequence

from whyalike.explanation import WordPair
from whyalike.render.scale import finite, part_of

LEVELS = (
    "#ffffff", "#f6faff", "#edf5ff", "#e5efff", "#dceaff", "#d3e5ff", "#cae0ff",
    "#c2daff", "#b9d5ff", "#b0d0ff", "#a8cafe", "#9fc5fe", "#96c0fd", "#8ebafd",
    "#85b5fc", "#7caffb", "#73aafb", "#6aa4fa", "#619ef9", "#5899f8", "#4f93f7",
)  # fmt: skip
INK = "#14181f"
MUTED = "#55606f"
HAIRLINE = "#dde2ea"
ACCENT = "#1747a6"

WEIGHTS = 4


def saliency_level(saliency: float) -> int:
    """Return the level of a saliency, by its size: 0 to 20; beyond 1 is the strongest level."""
    strongest = len(LEVELS) - 1
    return round(part_of(saliency, 1.0) * strongest)


def pair_weights(pairs: Sequence[WordPair]) -> list[int]:
    """Return each pair's line weight, 1 to WEIGHTS, by its share of the best score."""
    best = max(finite(pair.score for pair in pairs), default=0.0)
    if best <= 0:
        return [1] * len(pairs)
    return [max(1, round(WEIGHTS * part_of(max(pair.score, 0.0), best))) for pair in pairs]
