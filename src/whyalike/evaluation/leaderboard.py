"""The outcome of a suite: a figure for each method and metric, and how sure it is who is best."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from whyalike.evaluation.gold_counts import LinkCounts
from whyalike.evaluation.link_test import compare_links
from whyalike.evaluation.suite_metrics import METRICS
from whyalike.statistics import Interval, PairedTest, compare_paired

SIGNIFICANT = 0.05


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A method's figure by one metric on one dataset.

    figure: the mean over items, or F over all links, with its interval; None if undefined.
    values: of each item, None where undefined. constant: how many pairs have a text whose words
    are all equally salient, so that their order is chance. counts: where the figure is an F, each
    item's links: given, correct, wanted, found. curve: where the figure sums up a curve, its
    points and the means there. chance: the figure of random explanations, where known and not 0.
    Paired tests compare counts where there are some, else values.
    """

    dataset: str
    method: str
    metric: str
    figure: Interval | None
    values: tuple[float | None, ...]
    constant: int = 0
    counts: tuple[tuple[float, ...], ...] | None = None
    curve: tuple[tuple[float, ...], tuple[float | None, ...]] | None = None
    chance: float | None = None


@dataclass(frozen=True, kw_only=True)
class Leaderboard:
    """All figures of a suite.

    items: how many pairs each dataset has. versions: of the packages that measured it, several
    where results were kept. digests: of each dataset's pairs, to see that others are the same.
    """

    entries: tuple[Entry, ...]
    model: str
    pooling: str
    version: str
    items: Mapping[str, int]
    failures: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def tables(self) -> dict[tuple[str, str], tuple[Entry, ...]]:
        """By (dataset, metric), the entries with a figure, best first."""
        found: dict[tuple[str, str], list[Entry]] = {}
        for entry in self.entries:
            if entry.figure is not None:
                found.setdefault((entry.dataset, entry.metric), []).append(entry)
        return {key: tuple(sorted(entries, key=_rank)) for key, entries in found.items()}

    @cached_property
    def tests(self) -> dict[tuple[str, str], tuple[PairedTest, ...]]:
        """By (dataset, metric), each method against the best, Holm-corrected in each table."""
        return {key: _compare(entries) for key, entries in self.tables.items()}

    def ties_with_best(self, dataset: str, metric: str) -> frozenset[str]:
        """Return the methods that are not found worse than the best at 5 %, the best included.

        Where an F comes without its counts, the tests compare the items' own F; where the items of
        another are better there (F over all links weighs pairs by their links), it is no worse.
        """
        best = self.tables[dataset, metric][0].method
        sign = 1 if METRICS[metric].higher_is_better else -1
        # The best is first of its table, and so of each test.
        return frozenset(
            {best}
            | {
                test.second
                for test in self.tests[dataset, metric]
                if test.p_holm >= SIGNIFICANT or sign * test.difference < 0
            }
        )

    @property
    def provenance(self) -> dict[str, str]:
        """What to compare where figures are to be made again, as far as it is known."""
        found = {
            "Packages": ", ".join(
                f"{name} {said}" for name, said in self.versions.items() if name != "whyalike"
            ),
            "Digests of the pairs": ", ".join(f"{n} {said}" for n, said in self.digests.items()),
        }
        return {name: said for name, said in found.items() if said}

    @property
    def datasets(self) -> tuple[str, ...]:
        """The names of the datasets, in the order they were measured."""
        return tuple(dict.fromkeys(entry.dataset for entry in self.entries))

    def metrics(self, dataset: str) -> tuple[str, ...]:
        """Return the names of the metrics of a dataset."""
        return tuple(dict.fromkeys(e.metric for e in self.entries if e.dataset == dataset))

    def methods(self, dataset: str) -> tuple[str, ...]:
        """Return the methods of a dataset, best first by its first metric."""
        order = self.tables.get((dataset, self.metrics(dataset)[0]), ())
        names = [entry.method for entry in order]
        names += [e.method for e in self.entries if e.dataset == dataset]
        return tuple(dict.fromkeys(names))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, items' values and tests included."""
        return {
            "format": "whyalike/leaderboard",
            "version": 1,
            "model": self.model,
            "pooling": self.pooling,
            "whyalike": self.version,
            "versions": dict(self.versions),
            "items": dict(self.items),
            "digests": dict(self.digests),
            "metrics": {name: asdict(METRICS[name]) for name in METRICS if self._uses(name)},
            "entries": [asdict(entry) for entry in self.entries],
            "tests": [
                {"dataset": dataset, "metric": metric, **asdict(test)}
                for (dataset, metric), tests in self.tests.items()
                for test in tests
            ],
            "failures": dict(self.failures),
        }

    def to_markdown(self, *, command: str = "") -> str:
        """Return a page of tables: methods by metrics, one table for each dataset."""
        lines = [
            "# Leaderboard",
            "",
            f"Model: {self.model}, pooling: {self.pooling}, whyalike {self.version}.",
            *([f"Made by: `{command}`", ""] if command else [""]),
            *(f"{name}: {said}." for name, said in self.provenance.items()),
            *([""] if self.provenance else []),
            "A figure is the mean over pairs (faithfulness) or F over all links (human gold), with "
            "its 95 % bootstrap interval. **Bold**: the best, and what a paired test does not find "
            "worse at 5 % (Wilcoxon's of the pairs' values; for F, Noreen's randomisation of the "
            "pairs' links; Holm-corrected in each column).",
        ]
        for dataset in self.datasets:
            lines += ["", f"## {dataset}, {self.items.get(dataset, 0):,} pairs", ""]
            lines += self._table(dataset)
        lines += ["", "## Metrics", ""]
        for name, metric in METRICS.items():
            if self._uses(name):
                better = "higher" if metric.higher_is_better else "lower"
                lines.append(f"- `{name}`: {metric.summary}; {better} is better. {metric.source}.")
        if self.failures:
            lines += ["", "## Left out", ""]
            lines += [f"- {what}: {why}" for what, why in self.failures.items()]
        return "\n".join(lines) + "\n"

    def _table(self, dataset: str) -> list[str]:
        metrics = self.metrics(dataset)
        heads = [self._head(dataset, name) for name in metrics]
        lines = [f"| method | {' | '.join(heads)} |", f"|---{'|---' * len(heads)}|"]
        found = {(e.method, e.metric): e for e in self.entries if e.dataset == dataset}
        for method in self.methods(dataset):
            cells = [self._cell(found.get((method, metric))) for metric in metrics]
            lines.append(f"| `{method}` | {' | '.join(cells)} |")
        return lines

    def chance(self, dataset: str, metric: str) -> float | None:
        """Return the figure of random explanations by a metric, where it is known and not 0."""
        every = (e.chance for e in self.entries if (e.dataset, e.metric) == (dataset, metric))
        return next((known for known in every if known is not None), None)

    def _head(self, dataset: str, metric: str) -> str:
        chance = self.chance(dataset, metric)
        arrow = "↑" if METRICS[metric].higher_is_better else "↓"
        return f"{metric} {arrow}" + ("" if chance is None else f" (chance {chance:.3f})")

    def _cell(self, entry: Entry | None) -> str:
        if entry is None or entry.figure is None:
            return "–"
        said = str(entry.figure)
        if entry.method in self.ties_with_best(entry.dataset, entry.metric):
            mean, _, interval = said.partition(" ")
            said = f"**{mean}** {interval}"
        return said + (f" ({entry.constant} by chance)" if entry.constant else "")

    def _uses(self, metric: str) -> bool:
        return any(entry.metric == metric for entry in self.entries)


def _rank(entry: Entry) -> float:
    mean = 0.0 if entry.figure is None else entry.figure.mean
    return -mean if METRICS[entry.metric].higher_is_better else mean


def _compare(entries: Sequence[Entry]) -> tuple[PairedTest, ...]:
    """Test the first entry against each other one."""
    counts = {
        entry.method: LinkCounts(*np.array(entry.counts, dtype=np.float64))
        for entry in entries
        if entry.counts is not None
    }
    if len(counts) == len(entries):
        return compare_links(counts, reference=entries[0].method)
    values = {entry.method: _floats(entry) for entry in entries}
    return compare_paired(values, reference=entries[0].method)


def _floats(entry: Entry) -> list[float]:
    return [np.nan if value is None else value for value in entry.values]
