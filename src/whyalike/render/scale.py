"""Numbers as parts and places. They were computed elsewhere: what is too large is drawn too."""

import math
from collections.abc import Iterable


def part_of(value: float, whole: float) -> float:
    """Return ``|value| / |whole|``, at most 1; 0 of nothing, and for what is no number."""
    if math.isnan(value) or math.isnan(whole) or not whole:
        return 0.0
    if math.isinf(value):
        return 1.0
    return min(abs(value) / abs(whole), 1.0)


def place_between(value: float, low: float, high: float) -> float:
    """Return where a value is, from 0 at ``low`` to 1 at ``high``, or the nearer end.

    Where both are the same, and for what is no number, that is 0.
    """
    if math.isinf(high - low):
        # Halves, as the whole range is too wide for a number.
        value, low, high = value / 2, low / 2, high / 2
    span = high - low
    if not span or not math.isfinite(span) or math.isnan(value):
        return 0.0
    if math.isinf(value):
        return float((value > 0) == (span > 0))
    return min(max((value - low) / span, 0.0), 1.0)


def finite(values: Iterable[float]) -> list[float]:
    """Return those that are finite numbers."""
    return [value for value in values if math.isfinite(value)]


def greatest_of(values: Iterable[float]) -> float:
    """Return the greatest magnitude of the finite ones; 0 where there are none."""
    return max(map(abs, finite(values)), default=0.0)
