"""Pictures of explanations, as PNG and SVG; matplotlib is loaded when one is drawn."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from typing import IO, TYPE_CHECKING, Any, Literal

from whyalike.errors import MissingExtraError
from whyalike.explanation import Explanation
from whyalike.render.view import view_explanation

if TYPE_CHECKING:
    from matplotlib.figure import Figure


WIDTH = 720.0
MARGIN = 30.0
GUTTER = 70.0
COLUMN = (WIDTH - 2 * MARGIN - GUTTER) / 2
TEXT, SMALL, MARK = 10.5, 8.0, 6.5
LINE = 20.0
UNDERLINE = 3.2
PAIRS_SHOWN = 12
Format = Literal["png", "svg"]


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


@contextmanager
def own_settings(*, what: str = "PNG and SVG output") -> Iterator[None]:
    """Draw with SETTINGS and, as what no installed font has is drawn as boxes, without warnings.

    Raises MissingExtraError, which says what is drawn, if matplotlib is not installed.
    """
    try:
        import matplotlib
    except ImportError as error:
        raise MissingExtraError(what, "matplotlib", "plot") from error
    with matplotlib.rc_context(SETTINGS), warnings.catch_warnings():
        for message in (r"Glyph \d+ ", "Matplotlib currently does not support"):
            warnings.filterwarnings("ignore", message=message)
        yield


def save_figure(
    figure: "Figure", path_or_file: str | PathLike[str] | IO[bytes], *, format: Format, dpi: int
) -> None:
    """Write a figure; the same figure gives the same bytes."""
    metadata: dict[str, Any] = {"Date": None} if format == "svg" else {}
    figure.savefig(path_or_file, format=format, dpi=dpi, metadata=metadata)


def draw_figure(
    explanation: Explanation,
    path_or_file: str | PathLike[str] | IO[bytes],
    *,
    format: Format,
    dpi: int = 200,
    scale: str = "absolute",
) -> None:
    """Draw both texts, their linked words and the best pairs, and write them as ``format``.

    The figure is ten inches wide and as long as the texts need. ``dpi`` is for PNG only. ``scale``
    is that of ``scale_of``.

    Raises MissingExtraError if matplotlib is not installed.
    """
    with own_settings():
        from whyalike.render.figure_page import draw_page

        figure = draw_page(explanation, view_explanation(explanation, id="figure", scale=scale))
        save_figure(figure, path_or_file, format=format, dpi=dpi)
