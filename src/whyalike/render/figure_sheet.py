"""A matplotlib figure as a sheet of paper: points from the top left corner, text, boxes, lines."""

import re
from collections.abc import Sequence
from functools import cache

from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch, PathPatch
from matplotlib.path import Path

from whyalike.render.figure_layout import count_fitting
from whyalike.render.palette import HAIRLINE, INK
from whyalike.texts import without_surrogates

POINTS_PER_INCH = 72
FONTS = (
    "DejaVu Sans",
    "Noto Sans",
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "Noto Sans JP",
    "Noto Sans SC",
    "Noto Sans KR",
    "Noto Sans Devanagari",
    "Noto Sans Thai",
    "Noto Emoji",
    "Hiragino Sans",
    "PingFang SC",
    "Apple SD Gothic Neo",
    "Yu Gothic",
    "Microsoft YaHei",
    "Malgun Gothic",
    "Segoe UI Symbol",
    "Arial Unicode MS",
)
UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufffe\uffff]"
)


class Sheet:
    """A page ``width`` points wide, as long as what is drawn on it.

    ``y`` counts down from the top edge, and text stands on its ``y``.
    """

    def __init__(self, width: float) -> None:
        self.width = width
        self.figure = Figure(figsize=(width / POINTS_PER_INCH, 1), facecolor="white")
        self.canvas = FigureCanvasAgg(self.figure)
        self.axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set_axis_off()
        self._widths: dict[tuple[str, float, bool], float] = {}

    def cut_at(self, height: float) -> None:
        """Make the sheet ``height`` points long."""
        self.figure.set_size_inches(self.width / POINTS_PER_INCH, height / POINTS_PER_INCH)
        self.axes.set_xlim(0, self.width)
        self.axes.set_ylim(height, 0)

    def measure(self, text: str, size: float, *, bold: bool = False) -> float:
        """Return the advance of ``text`` in points."""
        key = (text, size, bold)
        if key not in self._widths:
            self._widths[key] = self._measure(text, font(size, bold=bold))
        return self._widths[key]

    def _measure(self, text: str, properties: FontProperties) -> float:
        # Renderers trim the spaces at both ends, so they are measured between two letters.
        renderer = self.canvas.get_renderer()  # type: ignore[no-untyped-call]
        to_points = POINTS_PER_INCH / self.figure.dpi

        def width(of: str) -> float:
            return float(renderer.get_text_width_height_descent(of, properties, False)[0])

        if text.isspace():
            return (width(f"n{text}n") - width("nn")) * to_points
        return width(printable(text)) * to_points

    def shorten(self, text: str, width: float, size: float) -> str:
        """Return ``text``, or as much of its beginning as fits ``width`` with an ellipsis."""

        def measure(part: str) -> float:
            return self.measure(part, size)

        if count_fitting(text, width, measure) == len(text):
            return text
        return text[: count_fitting(text, width - measure("…"), measure)].rstrip() + "…"

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: float,
        *,
        color: str = INK,
        bold: bool = False,
        align: str = "left",
        upright: bool = False,
    ) -> None:
        """Write ``text``, of which nothing is read as mathematics; upright, it runs up from y."""
        self.axes.text(
            x,
            y,
            printable(text),
            fontproperties=font(size, bold=bold),
            color=color,
            horizontalalignment=align,
            verticalalignment="bottom" if upright else "baseline",
            rotation=90 if upright else 0,
            parse_math=False,
            zorder=4,
        )

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        color: str,
        *,
        radius: float = 1.5,
        hatched: bool = False,
    ) -> None:
        """Fill a box with slightly rounded corners, or hatch it inside a dashed outline."""
        self.axes.add_artist(
            FancyBboxPatch(
                (x, y),
                width,
                height,
                boxstyle=f"round,pad=0,rounding_size={radius}",
                facecolor="none" if hatched else color,
                edgecolor=color if hatched else "none",
                linewidth=0.7 if hatched else 0,
                linestyle=(0, (3, 2)) if hatched else "solid",
                hatch="/////" if hatched else None,
                zorder=1,
            )
        )

    def cells(
        self,
        corners: Sequence[tuple[float, float]],
        width: float,
        height: float,
        color: str,
        *,
        hatched: bool = False,
        outlined: bool = False,
    ) -> None:
        """Fill, hatch or outline boxes of one size as one shape: a matrix has thousands."""
        boxes = [
            Path(
                [(x, y), (x + width, y), (x + width, y + height), (x, y + height), (x, y)],
                [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY],
            )
            for x, y in corners
        ]
        self.axes.add_artist(
            PathPatch(
                Path.make_compound_path(*boxes),
                facecolor="none" if hatched or outlined else color,
                edgecolor=color if hatched or outlined else "none",
                linewidth=1.1 if outlined else 0,
                joinstyle="miter",
                hatch="//////" if hatched else None,
                zorder=2 if outlined else 1,
            )
        )

    def rule(
        self,
        x: float,
        y: float,
        to: float,
        *,
        color: str = HAIRLINE,
        weight: float = 0.6,
        dotted: bool = False,
    ) -> None:
        """Draw a horizontal line, thin or dotted."""
        line = Line2D([x, to], [y, y], color=color, linewidth=weight, zorder=3)
        line.set_solid_capstyle("butt")
        if dotted:
            line.set_linewidth(1.1)
            line.set_linestyle((0, (1, 1.4)))
        self.axes.add_artist(line)

    def link(
        self, points: Sequence[tuple[float, float]], *, color: str, weight: float, alpha: float
    ) -> None:
        """Draw a line through six points, thin but for an S between the third and fourth."""
        out, into = points[2], points[3]
        middle = (out[0] + into[0]) / 2
        leader = [Path.MOVETO, Path.LINETO, Path.LINETO]
        self._stroke(Path(points, leader * 2), color, min(weight, 0.6), alpha)
        curve = [out, (middle, out[1]), (middle, into[1]), into]
        self._stroke(Path(curve, [Path.MOVETO, *[Path.CURVE4] * 3]), color, weight, alpha)

    def _stroke(self, path: Path, color: str, weight: float, alpha: float) -> None:
        self.axes.add_artist(
            PathPatch(
                path,
                facecolor="none",
                edgecolor=color,
                linewidth=weight,
                alpha=alpha,
                capstyle="butt",
                joinstyle="round",
                zorder=2,
            )
        )


@cache
def font(size: float, *, bold: bool = False) -> FontProperties:
    """Return the font, with whatever is installed for the scripts that it lacks."""
    return FontProperties(family=installed_fonts(), size=size, weight="bold" if bold else "normal")


@cache
def installed_fonts() -> list[str]:
    """Return those of FONTS that matplotlib finds; asking for others makes it complain."""
    names = set(font_manager.get_font_names())
    return [name for name in FONTS if name in names]


def printable(text: str) -> str:
    """Return the text without what a font cannot draw: controls and lone surrogates."""
    return UNPRINTABLE.sub("", without_surrogates(text))
