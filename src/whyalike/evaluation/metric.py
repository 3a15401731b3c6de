"""What a metric is: a name, what it measures, and which way is better."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric of explanations.

    higher_is_better: None where no method is best: the metric asks whether a method passes a test,
    and that does who is as near to chance as random. unit: what its values are counted in, or
    nothing. heading: what a narrow column calls it, where that is not its name.
    """

    name: str
    summary: str
    source: str
    higher_is_better: bool | None
    unit: str = ""
    heading: str = ""

    @property
    def aim(self) -> str:
        """Which way is better, as a report says it."""
        if self.higher_is_better is None:
            return "near chance passes, and no method is best"
        return "higher is better" if self.higher_is_better else "lower is better"

    @property
    def arrow(self) -> str:
        """Which way is better, as the head of a column shows it; nothing where none is."""
        if self.higher_is_better is None:
            return ""
        return "↑" if self.higher_is_better else "↓"
