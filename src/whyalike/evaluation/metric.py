"""What a metric is: a name, what it measures, and which way is better."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric of explanations.

    unit: what its values are counted in, or nothing. heading: what a narrow column calls it, where
    that is not its name.
    """

    name: str
    summary: str
    source: str
    higher_is_better: bool
    unit: str = ""
    heading: str = ""
