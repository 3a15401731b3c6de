"""Figures of a report as they are written in its tables."""

from whyalike.render.wording import format_number
from whyalike.statistics import Interval
from whyalike.study.mos import MethodScore

NOTHING = "–"


def plus_minus(score: MethodScore) -> str:
    """Return a score as Table 1 has it."""
    return f"{score.mos:.2f} ± {number(score.sd)}"


def number(value: float | None) -> str:
    """Return a number with two decimals, or a dash."""
    return NOTHING if value is None else format_number(value, 2)


def between(interval: Interval | None) -> str:
    """Return both ends of an interval, or a dash."""
    if interval is None:
        return NOTHING
    return f"{format_number(interval.low, 2)} to {format_number(interval.high, 2)}"


def p_value(value: float | None) -> str:
    """Return a p-value without the zero before the point, or a dash."""
    if value is None:
        return NOTHING
    return "<.001" if value < 0.001 else f"{value:.3f}".removeprefix("0")
