"""What a metric is: a name, what it measures, and which way is better."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric of explanations. ``unit`` is what its values are counted in, or nothing."""

    name: str
    summary: str
    source: str
    higher_is_better: bool
    unit: str = ""
