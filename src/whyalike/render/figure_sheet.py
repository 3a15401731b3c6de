"""The sheet that pictures are drawn on: lines of words, and what stands on them."""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch, PathPatch
from matplotlib.path import Path

from whyalike.render.parts import HAIRLINE, INK, Segment
from whyalike.texts import without_surrogates

Measure = Callable[[str], float]
ATOMS = re.compile(r"\n|[^\S\n]+|\S+")
LINE_ENDS = re.compile(r"\r\n?|[\v\f\x1c-\x1e\x85\u2028\u2029]")
MIRRORED = str.maketrans("()[]{}<>«»", ")(][}{><»«")
MARKS_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Piece:
    """Ink on a line: ``x`` and ``width`` are of the text; its mark stands beside it, after it."""

    text: str
    segment: Segment
    width: float
    mark: str = ""
    mark_width: float = 0.0
    x: float = 0.0
    line: int = 0
    rtl: bool = False

    @property
    def is_space(self) -> bool:
        """Whether a line can end here and start again after it."""
        return self.text.isspace()

    @property
    def advance(self) -> float:
        """What the piece takes of its line."""
        return self.width + self.mark_width


@dataclass(frozen=True, slots=True)
class Flow:
    """A text in lines. ``cut`` says that it had more lines than were allowed."""

    pieces: tuple[Piece, ...]
    lines: int
    cut: bool = False


def flow_text(
    segments: Iterable[Segment],
    width: float,
    measure: Measure,
    *,
    measure_mark: Measure | None = None,
    max_lines: int | None = None,
) -> Flow:
    """Return the segments set in lines of at most ``width``.

    Words are kept whole where they fit a line; lines also break between characters of scripts
    that write no spaces. A text whose first strong character is right-to-left starts at the right.
    """
    segments = list(segments)
    base_rtl = bool(is_rtl("".join(segment.text for segment in segments)))
    lines: list[list[Piece]] = [[]]
    room = width
    cut = False
    for cluster in clusters(split_segments(segments, width, measure, measure_mark or measure)):
        needed = sum(piece.advance for piece in cluster)
        starts_line = cluster[0].text == "\n" or (needed > room and not cluster[0].is_space)
        if starts_line and (lines[-1] or cluster[0].text == "\n"):
            if max_lines is not None and len(lines) == max_lines:
                cut = True
                break
            lines.append([])
            room = width
        if cluster[0].text != "\n":
            lines[-1].extend(cluster)
            room -= needed
    placed = [
        piece
        for number, line in enumerate(lines)
        for piece in place_line(line, width, number, base_rtl=base_rtl)
    ]
    return Flow(tuple(placed), len(lines), cut)


def split_segments(
    segments: Iterable[Segment], width: float, measure: Measure, measure_mark: Measure
) -> Iterator[Piece]:
    """Yield pieces none of which is wider than a line, in reading order."""
    for segment in segments:
        mark = format_marks(segment.marks)
        mark_width = measure_mark(mark) if mark else 0.0
        atoms = ATOMS.findall(LINE_ENDS.sub("\n", segment.text))
        if segment.word is not None:
            atoms = [" ".join(segment.text.split())] if segment.text.strip() else []
        chunks = [chunk for atom in atoms for chunk in fit_atom(atom, width - mark_width, measure)]
        for number, chunk in enumerate(chunks, start=1):
            piece = Piece(chunk, segment, 0.0 if chunk == "\n" else measure(chunk))
            if number == len(chunks):
                piece = replace(piece, mark=mark, mark_width=mark_width)
            yield piece


def fit_atom(atom: str, width: float, measure: Measure) -> list[str]:
    """Return the atom in parts that fit a line; spaces become one part, however long."""
    if atom == "\n":
        return [atom]
    if atom.isspace():
        return [" " * min(len(atom.expandtabs(4)), 8)]
    parts: list[str] = []
    while (size := max(1, count_fitting(atom, width, measure))) < len(atom):
        parts.append(atom[:size])
        atom = atom[size:]
    return [*parts, atom]


def count_fitting(text: str, width: float, measure: Measure) -> int:
    """Return how many characters of ``text`` fit ``width``, without measuring much more of it."""
    limit = 32
    while limit < len(text) and measure(text[:limit]) <= width:
        limit *= 2
    sizes = range(1, min(limit, len(text)) + 1)
    return bisect_right(sizes, width, key=lambda size: measure(text[:size]))


def clusters(pieces: Iterable[Piece]) -> Iterator[list[Piece]]:
    """Yield the pieces in groups that stay on one line, such as a word and its comma."""
    group: list[Piece] = []
    for piece in pieces:
        if group and (piece.is_space or group[-1].is_space or can_break(group[-1], piece)):
            yield group
            group = []
        group.append(piece)
    if group:
        yield group


def can_break(before: Piece, after: Piece) -> bool:
    """Whether a line may break between two pieces of ink: in wide scripts, or inside a word."""
    if before.segment is after.segment:
        return True
    if unicodedata.category(after.text[0]) in ("Po", "Pe", "Pf"):
        return False
    if unicodedata.category(before.text[-1]) in ("Ps", "Pi"):
        return False
    return any(unicodedata.east_asian_width(c) in "WF" for c in (before.text[-1], after.text[0]))


def place_line(
    line: Sequence[Piece], width: float, number: int, *, base_rtl: bool
) -> Iterator[Piece]:
    """Yield the pieces of a line from left to right, as their directions order them."""
    while line and line[-1].is_space:
        line = line[:-1]
    directions = resolve_directions([piece.text for piece in line], base_rtl=base_rtl)
    order = order_visually(directions, base_rtl=base_rtl)
    x = width - sum(piece.advance for piece in line) if base_rtl else 0.0
    for index in order:
        piece, rtl = line[index], directions[index]
        start = x + piece.mark_width if rtl else x
        x += piece.advance
        if piece.is_space:
            continue
        text = piece.text
        if rtl and is_rtl(text) is None:
            text = text.translate(MIRRORED)
        yield replace(piece, text=text, x=start, line=number, rtl=rtl)


def resolve_directions(texts: Sequence[str], *, base_rtl: bool) -> list[bool]:
    """Return which texts run right-to-left; neutral ones follow their neighbours if both agree."""
    strong = [is_rtl(text) for text in texts]
    resolved = []
    for index, own in enumerate(strong):
        if own is not None:
            resolved.append(own)
            continue
        before = next((d for d in reversed(strong[:index]) if d is not None), base_rtl)
        after = next((d for d in strong[index + 1 :] if d is not None), base_rtl)
        resolved.append(before if before == after else base_rtl)
    return resolved


def order_visually(directions: Sequence[bool], *, base_rtl: bool) -> list[int]:
    """Return the indices of a line's pieces from left to right: runs against the base turn."""
    order: list[int] = []
    run: list[int] = []
    for index, rtl in enumerate(directions):
        if rtl == base_rtl:
            order.extend(reversed(run))
            order.append(index)
            run = []
        else:
            run.append(index)
    order.extend(reversed(run))
    return order[::-1] if base_rtl else order


def is_rtl(text: str) -> bool | None:
    """Return the direction of the first strong character; None if there is none."""
    for character in text:
        kind = unicodedata.bidirectional(character)
        if kind in ("R", "AL"):
            return True
        if kind == "L":
            return False
    return None


def format_marks(marks: Sequence[int]) -> str:
    """Return the ranks of a word's pairs, the best few of them."""
    text = ",".join(map(str, marks[:MARKS_SHOWN]))
    more = len(marks) - MARKS_SHOWN
    return f"{text}+{more}" if more > 0 else text


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
