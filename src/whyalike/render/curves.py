"""Curves of several methods on one scale, as an SVG and as numbers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from whyalike.render.scale import finite, place_between
from whyalike.render.wording import format_number

WIDTH, HEIGHT = 460.0, 240.0
LEFT, RIGHT, TOP, BOTTOM = 40.0, 160.0, 10.0, 26.0
LABEL = 13.0


@dataclass(frozen=True, slots=True)
class Curve:
    """A method's means at the points of a curve; None where no pair has a value."""

    method: str
    means: tuple[float | None, ...]
    best: bool


@dataclass(frozen=True, slots=True)
class Line:
    """A curve as it is drawn: its path, and where its name stands, if it has one."""

    method: str
    path: str
    kind: str
    name_at: float | None


@dataclass(frozen=True, slots=True)
class CurvePlot:
    """Lines in their order, best last so that it lies on top; ticks; the same as numbers."""

    lines: tuple[Line, ...]
    across: tuple[tuple[float, str], ...]
    up: tuple[tuple[float, str], ...]
    heads: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]
    names_at: float = WIDTH - RIGHT + 8
    size: tuple[float, float] = (WIDTH, HEIGHT)
    ends: tuple[float, float] = (LEFT, WIDTH - RIGHT)


def plot_curves(points: Sequence[float], curves: Sequence[Curve]) -> CurvePlot | None:
    """Return a plot of curves (K points each), or None where there is nothing to draw.

    Only the best lines and that of ``random`` have names: more would lie on each other.
    """
    values = finite(mean for curve in curves for mean in curve.means if mean is not None)
    if len(points) < 2 or not values:
        return None
    low, high = min(0.0, *values), max(0.0, *values)

    def x(point: float) -> float:
        place = place_between(point, points[0], points[-1])
        return round(LEFT + (WIDTH - LEFT - RIGHT) * place, 1)

    def y(value: float) -> float:
        return round(TOP + (HEIGHT - TOP - BOTTOM) * place_between(value, high, low), 1)

    ordered = sorted(curves, key=lambda curve: (curve.best, curve.method == "random"))
    places = _spread(
        {
            curve.method: y(last)
            for curve in ordered
            if (curve.best or curve.method == "random") and (last := curve.means[-1]) is not None
        }
    )
    return CurvePlot(
        lines=tuple(
            Line(
                curve.method,
                " ".join(
                    f"{x(point)},{y(mean)}"
                    for point, mean in zip(points, curve.means, strict=True)
                    if mean is not None and math.isfinite(mean)
                ),
                "best" if curve.best else "random" if curve.method == "random" else "other",
                places.get(curve.method),
            )
            for curve in ordered
        ),
        across=tuple((x(point), _point(point)) for point in _few(points)),
        up=tuple((y(value), format_number(value, 2)) for value in sorted({low, 0.0, high})),
        heads=tuple(map(_point, points)),
        rows=tuple(
            (
                curve.method,
                tuple("–" if m is None else format_number(m, 3) for m in curve.means),
            )
            for curve in curves
        ),
    )


def _spread(wanted: dict[str, float]) -> dict[str, float]:
    """Move names apart so that none lies on another, and keep their order and the frame."""
    found: dict[str, float] = {}
    above = TOP - LABEL / 2
    for method, place in sorted(wanted.items(), key=lambda item: item[1]):
        above = found[method] = max(place, above + LABEL)
    below = HEIGHT
    for method in reversed(list(found)):
        below = found[method] = round(min(found[method], below - LABEL), 1)
    return found


def _few(points: Sequence[float]) -> Sequence[float]:
    return points if len(points) <= 6 else [*points[:-1:2], points[-1]]


def _point(point: float) -> str:
    return f"{point:g}"
