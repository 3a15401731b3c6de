"""Links counted against those of people, and methods tested against each other by them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from whyalike.arrays import Floats
from whyalike.errors import OptionError
from whyalike.options import check_whole
from whyalike.render.markdown_table import write_row
from whyalike.showing import Tabulated
from whyalike.statistics import Interval, PairedTest, holm

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

        Raises
        ------
        OptionError
            F is undefined, or the numbers are out of range.
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
class GoldScores(Tabulated):
    """How the links of one method agree with the gold on P pairs.

    method, model: whose explanations. names: of the P pairs, as the gold has them. counts: by the
    name of the F that they give. values: the figures over all pairs, by the names in METRICS;
    NaN is undefined. settings: the choices they depend on.
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
        lines += [write_row([f"`{name}`", f"{value:.4f}"]) for name, value in self.values.items()]
        pairs = "1 pair" if len(self.names) == 1 else f"{len(self.names):,} pairs"
        return "\n".join([*lines, "", f"{self.method}, {self.model}, {pairs}."]) + "\n"

    def __repr__(self) -> str:
        """Return one line: the whole would be the counts of every pair."""
        figures = ", ".join(f"{name}={value:.4f}" for name, value in self.values.items())
        return (
            f"GoldScores(method={self.method!r}, model={self.model!r}, pairs={len(self.names)}, "
            f"{figures})"
        )


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


SWAPPED_AT_ONCE = 256


def compare_links(
    counts: Mapping[str, LinkCounts],
    *,
    reference: str,
    resamples: int = 9999,
    seed: int = 0,
) -> tuple[PairedTest, ...]:
    """Test one method's F over all links against each other's (Noreen 1989; Yeh 2000; Holm 1979).

    F is no mean over pairs of texts, so that no test of the pairs' own figures fits it. If two
    methods are equally good, it doesn't matter which of them gave a pair's links: these are swapped
    at random, for each pair of texts by itself, and p is how often the two F then differ at least
    as much as they do, (1 + times) / (1 + resamples).

    Parameters
    ----------
    counts : Mapping[str, LinkCounts]
        Of each method, on the same P pairs.
    reference : str
        The method to test against.
    resamples : int, default=9999
        How many times links are swapped.
    seed : int, default=0
        Of the swaps, the same ones for each method.

    Raises
    ------
    OptionError
        Other numbers of pairs, no such method, or fewer than one resample.
    """
    if reference not in counts:
        raise OptionError(f"There are no counts of {reference!r}; there are: {', '.join(counts)}.")
    if len(lengths := {len(found.given) for found in counts.values()}) > 1:
        raise OptionError(f"Paired tests need the same pairs for all; got {sorted(lengths)}.")
    check_whole("resamples", resamples)
    check_whole("seed", seed, least=0)
    others = [name for name in counts if name != reference]
    first = counts[reference]
    raw = [_swap(first, counts[name], resamples=resamples, seed=seed) for name in others]
    adjusted = holm([p for _, p in raw])
    return tuple(
        PairedTest(reference, name, difference, p, corrected, len(first.given))
        for name, (difference, p), corrected in zip(others, raw, adjusted, strict=True)
    )


def _swap(
    first: LinkCounts, second: LinkCounts, *, resamples: int, seed: int
) -> tuple[float, float]:
    """Return the difference of F, and p."""
    one, two = first.table(), second.table()
    difference = float(f_of(*one.sum(axis=1)) - f_of(*two.sum(axis=1)))
    # An F that is undefined is no better and no worse than another.
    if np.isnan(difference):
        return 0.0, 1.0
    random = np.random.default_rng(seed)
    change = two - one
    as_great = 0
    for start in range(0, resamples, SWAPPED_AT_ONCE):
        rows = min(SWAPPED_AT_ONCE, resamples - start)
        swapped = random.integers(2, size=(rows, one.shape[1])).astype(np.float64)
        moved = change @ swapped.T
        drawn = f_of(*(one.sum(axis=1)[:, None] + moved)) - f_of(
            *(two.sum(axis=1)[:, None] - moved)
        )
        # Swapping all pairs or none must count, whatever rounding says.
        as_great += int((np.abs(np.nan_to_num(drawn)) >= abs(difference) - 1e-12).sum())
    return difference, (1 + as_great) / (1 + resamples)
