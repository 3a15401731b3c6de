"""What a measure found for each pair of texts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class PairValues:
    """Measures of one method on P pairs of texts.

    method, model: whose explanations of whose similarity. similarity: (P,), of the whole texts.
    values: metric, then side ("left", "right" or "both": where words were taken away), then (P,);
    NaN where it is undefined for a pair, by the pair's texts or for want of matches.
    constant: (P,), whether all words of a text are equally salient, so that their order is chance.
    settings: the choices that the values hang on.
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


def plain(values: Floats) -> list[float | None]:
    """Return numbers that JSON has: None for NaN."""
    return [None if np.isnan(value) else float(value) for value in values]
