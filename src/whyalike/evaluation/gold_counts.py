"""Precision, recall and F from counts of links, pair by pair, so that they can be resampled."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whyalike.errors import OptionError
from whyalike.options import check_whole
from whyalike.statistics import Interval

Floats = NDArray[np.float64]
RESAMPLED_AT_ONCE = 256


@dataclass(frozen=True, eq=False)
class LinkCounts:
    """What was linked and what should have been, for each of P pairs of texts; all (P,).

    given: links that the explanation gives. correct: those of them that the gold allows.
    wanted: links that the gold demands. found: those of them that are given. For gold of one kind
    ``correct`` equals ``found``. With weighted links these are sums of weights.
    """

    given: Floats
    correct: Floats
    wanted: Floats
    found: Floats

    def precision(self) -> float:
        """Return correct / given over all pairs together (micro); NaN where nothing is given."""
        return float(_ratio(self.correct.sum(), self.given.sum()))

    def recall(self) -> float:
        """Return found / wanted over all pairs together (micro); NaN where nothing is wanted."""
        return float(_ratio(self.found.sum(), self.wanted.sum()))

    def f(self) -> float:
        """Harmonic mean of both (van Rijsbergen 1979): 0 if one is undefined, NaN if both are."""
        return float(f_of(*(values.sum() for values in self._all())))

    def pair_f(self) -> Floats:
        """(P,): F of each pair by itself; NaN where nothing is given and nothing wanted."""
        values: Floats = f_of(*self._all())
        return values

    def macro_f(self) -> float:
        """Return the mean of the pairs' own F over those that have one; NaN if none has."""
        values = self.pair_f()
        defined = values[~np.isnan(values)]
        return float(defined.mean()) if len(defined) else float("nan")

    def f_interval(
        self, *, seed: int = 0, resamples: int = 2000, confidence: float = 0.95
    ) -> Interval:
        """Return the micro F with its percentile bootstrap interval; pairs are drawn again.

        Raises:
            OptionError: F is undefined, or the numbers are out of range.
        """
        value, count = self.f(), len(self.given)
        if np.isnan(value):
            raise OptionError("F is undefined: no link is given, and the gold has none.")
        check_whole("resamples", resamples)
        check_whole("seed", seed, least=0)
        if not 0 < confidence < 1:
            raise OptionError(f"confidence is {confidence!r}; give a number between 0 and 1.")
        table = self.table()
        random = np.random.default_rng(seed)
        drawn: list[Floats] = []
        for start in range(0, resamples, RESAMPLED_AT_ONCE):
            rows = min(RESAMPLED_AT_ONCE, resamples - start)
            times = random.multinomial(count, np.full(count, 1 / count), size=rows)
            drawn.append(f_of(*(table @ times.T)))
        tail = (1 - confidence) / 2
        # A sample of pairs without any link has no F.
        low, high = np.nanquantile(np.concatenate(drawn), [tail, 1 - tail])
        return Interval(value, float(low), float(high), count, confidence)

    def table(self) -> Floats:
        """(4, P): given, correct, wanted, found."""
        return np.stack(self._all())

    def _all(self) -> tuple[Floats, Floats, Floats, Floats]:
        return self.given, self.correct, self.wanted, self.found

    def to_dict(self) -> dict[str, list[float]]:
        """Return the counts of each pair as lists."""
        return {
            "given": self.given.tolist(),
            "correct": self.correct.tolist(),
            "wanted": self.wanted.tolist(),
            "found": self.found.tolist(),
        }


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class GoldScores:
    """How the links of one method agree with the gold on P pairs.

    method, model: whose explanations. names: of the P pairs, as the gold has them. counts: by the
    name of the F that they give. values: the figures over all pairs, by the names in METRICS;
    NaN is undefined. settings: the choices they hang on.
    """

    method: str
    model: str
    names: tuple[str, ...]
    counts: Mapping[str, LinkCounts]
    values: Mapping[str, float]
    settings: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; None is undefined."""
        return {
            "method": self.method,
            "model": self.model,
            "pairs": len(self.names),
            "settings": dict(self.settings),
            "metrics": {
                name: None if np.isnan(value) else value for name, value in self.values.items()
            },
            "names": list(self.names),
            "counts": {name: counts.to_dict() for name, counts in self.counts.items()},
        }

    def to_markdown(self) -> str:
        """Return a table of the figures over all pairs."""
        lines = ["| metric | figure |", "|---|---:|"]
        lines += [f"| `{name}` | {value:.4f} |" for name, value in self.values.items()]
        pairs = "1 pair" if len(self.names) == 1 else f"{len(self.names):,} pairs"
        return "\n".join([*lines, "", f"{self.method}, {self.model}, {pairs}."]) + "\n"

    def __str__(self) -> str:
        """Return ``to_markdown``, which can be read as it is."""
        return self.to_markdown()

    def __repr__(self) -> str:
        """Return one line: the whole would be the counts of every pair."""
        figures = ", ".join(f"{name}={value:.4f}" for name, value in self.values.items())
        return (
            f"GoldScores(method={self.method!r}, model={self.model!r}, pairs={len(self.names)}, "
            f"{figures})"
        )

    def _repr_markdown_(self) -> str:
        return self.to_markdown()


def _ratio(part: Any, whole: Any) -> Any:
    """Return part / whole, NaN where the whole is 0."""
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=np.asarray(whole) > 0)


def f_of(given: Any, correct: Any, wanted: Any, found: Any) -> Any:
    """Return F of each column of counts: 0 if precision or recall is undefined, NaN if both are."""
    precision = np.nan_to_num(_ratio(correct, given))
    recall = np.nan_to_num(_ratio(found, wanted))
    both = precision + recall
    f = np.divide(2 * precision * recall, both, out=np.zeros(np.shape(both)), where=both > 0)
    return np.where((np.asarray(given) > 0) | (np.asarray(wanted) > 0), f, np.nan)
