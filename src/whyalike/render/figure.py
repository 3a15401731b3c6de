"""An explanation as a figure for print: PNG, or SVG with its text as paths."""

import warnings
from os import PathLike
from typing import IO, Any, Literal

from whyalike.errors import MissingExtraError
from whyalike.render.view import view_explanation
from whyalike.types import ExplanationData

# A user's own matplotlib settings must not change the picture.
SETTINGS: Any = {
    "text.usetex": False,
    "text.hinting": "none",
    "path.sketch": None,
    "path.effects": [],
    "hatch.linewidth": 0.7,
    "savefig.bbox": None,
    "savefig.facecolor": "auto",
    # Words are laid out with the widths of these fonts; as text, another machine's fonts would
    # shift them off their backgrounds.
    "svg.fonttype": "path",
    # With a fixed salt and no date, equal explanations give equal bytes.
    "svg.hashsalt": "whyalike",
}


def draw_figure(
    explanation: ExplanationData,
    path_or_file: str | PathLike[str] | IO[bytes],
    *,
    format: Literal["png", "svg"],
    dpi: int = 200,
) -> None:
    """Draw both texts, their linked words and the best pairs, and write them as ``format``.

    The figure is ten inches wide and as long as the texts need. ``dpi`` is for PNG only.

    Raises MissingExtraError if matplotlib is not installed.
    """
    try:
        import matplotlib
    except ImportError as error:
        raise MissingExtraError("PNG and SVG output", "matplotlib", "plot") from error
    from whyalike.render.figure_page import draw_page

    with matplotlib.rc_context(SETTINGS), warnings.catch_warnings():
        # Characters that no installed font has are drawn as boxes.
        warnings.filterwarnings("ignore", message=r"Glyph \d+ ")
        figure = draw_page(explanation, view_explanation(explanation, id="figure"))
        metadata = {"Date": None} if format == "svg" else {}
        figure.savefig(path_or_file, format=format, dpi=dpi, metadata=metadata)
