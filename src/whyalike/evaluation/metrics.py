"""What a metric is, and what a measure found for each pair of texts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whyalike.arrays import Floats
from whyalike.render.markdown_table import write_row
from whyalike.showing import Tabulated


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


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class PairValues(Tabulated):
    """Measures of one method on P pairs of texts.

    method, model: whose explanations of whose similarity. similarity: (P,), of the whole texts.
    values: metric, then side ("left", "right" or "both": where words were taken away), then (P,);
    NaN where it is undefined for a pair, by the pair's texts or for want of matches.
    constant: (P,), whether all words of a text are equally salient, so that their order is chance.
    settings: the choices that the values depend on.
    """

    method: str
    model: str
    similarity: Floats
    values: Mapping[str, Mapping[str, Floats]]
    constant: NDArray[np.bool_]
    settings: Mapping[str, Any]

    def mean(self, metric: str, *, side: str = "both") -> float:
        """Return the mean over the pairs for which it is defined; NaN if there is none."""
        values = self.values[metric][side]
        defined = values[~np.isnan(values)]
        return float(defined.mean()) if len(defined) else float("nan")

    def undefined(self, metric: str, *, side: str = "both") -> int:
        """Return for how many pairs the metric is undefined."""
        return int(np.isnan(self.values[metric][side]).sum())

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; None is undefined."""
        return {
            "method": self.method,
            "model": self.model,
            "pairs": len(self.similarity),
            "constant": int(self.constant.sum()),
            "settings": dict(self.settings),
            "similarity": self.similarity.tolist(),
            "metrics": {
                metric: {
                    side: {
                        "mean": plain(np.array([self.mean(metric, side=side)]))[0],
                        "undefined": self.undefined(metric, side=side),
                        "values": plain(values),
                    }
                    for side, values in sides.items()
                }
                for metric, sides in self.values.items()
            },
        }

    def to_markdown(self) -> str:
        """Return a table: the mean of each metric, and for how many pairs it is undefined."""
        lines = ["| metric | words of | mean | undefined |", "|---|---|---:|---:|"]
        lines += [
            write_row(
                [
                    f"`{metric}`",
                    side,
                    f"{self.mean(metric, side=side):.4f}",
                    f"{self.undefined(metric, side=side)}",
                ]
            )
            for metric, sides in self.values.items()
            for side in sides
        ]
        return "\n".join([*lines, "", f"{self.method}, {self.model}, {self._pairs}."]) + "\n"

    @property
    def _pairs(self) -> str:
        count = len(self.similarity)
        return "1 pair" if count == 1 else f"{count:,} pairs"

    def __repr__(self) -> str:
        """Return one line: the whole would be the values of every pair."""
        return (
            f"{type(self).__name__}(method={self.method!r}, model={self.model!r}, "
            f"pairs={len(self.similarity)}, metrics={list(self.values)})"
        )


def plain(values: Floats) -> list[float | None]:
    """Return numbers that JSON has: None for NaN."""
    return [None if np.isnan(value) else float(value) for value in values]
