"""What a parameter randomisation test found: a value for each seed and pair, and their summary."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from whyalike.arrays import Floats
from whyalike.evaluation.metrics import plain
from whyalike.render.markdown_table import write_row
from whyalike.showing import Tabulated
from whyalike.statistics import Interval, mean_interval


@dataclass(frozen=True, eq=False)
class RandomizationStep:
    """How far explanations of one randomised state agree with those of the trained model.

    S are seeds, P are pairs.

    name: which state, such as ``all`` or ``layer 3 and above``. parts: what had new weights.
    values: (S, P) of each metric, NaN where it is undefined. similarity: (S, P), what the
    randomised models say of the pairs.
    """

    name: str
    parts: tuple[str, ...]
    values: Mapping[str, Floats]
    similarity: Floats

    def per_pair(self, metric: str) -> Floats:
        """Return the mean over seeds (P,); NaN for a pair that is undefined under each of them."""
        return _mean_of_defined(self.values[metric], axis=0)

    def by_seed(self, metric: str) -> Floats:
        """Return the mean over pairs (S,); NaN for a seed under which every pair is undefined."""
        return _mean_of_defined(self.values[metric], axis=1)

    def undefined(self, metric: str) -> int:
        """Return how many of the S P comparisons are undefined, and count in no mean."""
        return int(np.isnan(self.values[metric]).sum())

    def interval(self, metric: str, *, seed: int = 0) -> Interval | None:
        """Return the mean over pairs with its bootstrap interval; None where all are undefined.

        Pairs are resampled, each with its mean over the seeds; ``by_seed`` shows how much the draw
        of the weights moves the mean.
        """
        values = self.per_pair(metric)
        values = values[~np.isnan(values)]
        return mean_interval(values, seed=seed) if len(values) else None

    @cached_property
    def summary(self) -> dict[str, Any]:
        """Every metric as plain data: mean, interval, undefined, by seed and by pair."""
        return {metric: self._summary(metric) for metric in self.values}

    def _summary(self, metric: str) -> dict[str, Any]:
        interval = self.interval(metric)
        return {
            "mean": interval.mean if interval else None,
            "low": interval.low if interval else None,
            "high": interval.high if interval else None,
            "undefined": self.undefined(metric),
            "by_seed": plain(self.by_seed(metric)),
            "by_pair": plain(self.per_pair(metric)),
        }


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class RandomizationResult(Tabulated):
    """A parameter randomisation test of one method.

    top: words that counted as a text's top, see ``count_top``. chance: (P,), what the top words of
    two random explanations share. constant: how many of the 2 P texts have one saliency for all
    words in the explanation of the trained model, so that nothing can be compared. samples, noise:
    of sMPRT; 0 samples if it was left out.
    """

    method: str
    model: str
    mode: str
    keep_embeddings: bool
    seeds: tuple[int, ...]
    top: float
    bins: int
    samples: int
    noise: float
    chance: Floats
    constant: int
    steps: tuple[RandomizationStep, ...] = field(repr=False)

    @property
    def last(self) -> RandomizationStep:
        """The last step: of ``full`` the only one, of a cascade the one with all new weights."""
        return self.steps[-1]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON; what is undefined is None."""
        return {
            "method": self.method,
            "model": self.model,
            "mode": self.mode,
            "keep_embeddings": self.keep_embeddings,
            "seeds": list(self.seeds),
            "pairs": len(self.chance),
            "top": self.top,
            "bins": self.bins,
            "samples": self.samples,
            "noise": self.noise,
            "chance": plain(self.chance),
            "constant": self.constant,
            "steps": [
                {
                    "name": step.name,
                    "parts": list(step.parts),
                    "similarity": plain(step.similarity.mean(axis=0)),
                    "metrics": step.summary,
                }
                for step in self.steps
            ],
        }

    def to_markdown(self) -> str:
        """Return a table: by step the means over pairs with 95 % intervals."""
        metrics = list(self.last.values)
        lines = [
            write_row(["new weights", *metrics, "cosine"]),
            "|---" * (len(metrics) + 2) + "|",
        ]
        for step in self.steps:
            cells = [say_interval(step.interval(name), step.undefined(name)) for name in metrics]
            cells.append(f"{step.similarity.mean():.3f}")
            lines.append(write_row([step.name, *cells]))
        kept = "kept" if self.keep_embeddings else "random too"
        note = (
            f"{self.method}, {self.model}, {len(self.chance)} pairs, seeds {list(self.seeds)}, "
            f"embeddings {kept}."
        )
        return "\n".join([*lines, "", note]) + "\n"

    def __repr__(self) -> str:
        """Return one line: the whole would be the values of every pair."""
        return (
            f"RandomizationResult(method={self.method!r}, model={self.model!r}, "
            f"mode={self.mode!r}, keep_embeddings={self.keep_embeddings}, "
            f"seeds={self.seeds}, pairs={len(self.chance)}, steps={len(self.steps)})"
        )


def say_interval(interval: Interval | None, undefined: int) -> str:
    """Return a mean with its interval, and how many comparisons are undefined."""
    if interval is None:
        return "undefined"
    return f"{interval}" + (f" ({undefined} undefined)" if undefined else "")


def _mean_of_defined(values: Floats, *, axis: int) -> Floats:
    """Return means without NaN, and NaN only where nothing else is there."""
    defined = ~np.isnan(values)
    sums = np.where(defined, values, 0.0).sum(axis=axis)
    counts = defined.sum(axis=axis)
    means: Floats = np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
    return means
