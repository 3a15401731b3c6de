"""The outcome of a suite: a figure for each method and metric, and how sure it is who is best."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from whyalike.documents import Format
from whyalike.evaluation.gold_counts import LinkCounts
from whyalike.evaluation.leaderboard_entry import Entry
from whyalike.evaluation.link_test import compare_links
from whyalike.evaluation.suite_metrics import METRICS
from whyalike.render.wording import describe_prompts
from whyalike.statistics import PairedTest, compare_paired

FORMAT = Format(
    "whyalike/leaderboard",
    "leaderboard",
    "Make it anew, or give one that `whyalike evaluate` wrote.",
)
SIGNIFICANT = 0.05


@dataclass(frozen=True, kw_only=True, repr=False)
class Leaderboard:
    """All figures of a suite.

    items: how many pairs each dataset has. versions: of the packages that measured it, several
    where results were kept. digests: of each dataset's pairs, to see that others are the same.
    settings: what was not measured as usual, and how it was. prompts: put before the left texts and
    before the right ones; None where that was not recorded.
    """

    entries: tuple[Entry, ...]
    model: str
    pooling: str
    version: str
    items: Mapping[str, int]
    failures: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    prompts: tuple[str, str] | None = None

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
        """By (dataset, metric), each method against the best, Holm-corrected in each table.

        None by a metric of which no method is best.
        """
        return {
            key: () if METRICS[key[1]].higher_is_better is None else _compare(entries)
            for key, entries in self.tables.items()
        }

    def ties_with_best(self, dataset: str, metric: str) -> frozenset[str]:
        """Return the methods that are not found worse than the best at 5 %, the best included.

        None where no test of so few pairs could find any method worse, and none of a metric of
        which no method is best. A method that no test could find worse is not among them.
        Where an F comes without its counts, the tests compare the items' own F; where the items of
        another are better there (F over all links weighs pairs by their links), it is no worse.
        """
        best = self.tables[dataset, metric][0].method
        sign = 1 if METRICS[metric].higher_is_better else -1
        tests = self.tests[dataset, metric]
        able = [test for test in tests if _least_p(test, of=len(tests)) < SIGNIFICANT]
        if not able:
            return frozenset()
        # The best is first of its table, and so of each test.
        tied = {t.second for t in able if t.p_holm >= SIGNIFICANT or sign * t.difference < 0}
        return frozenset({best} | tied)

    def notes(self, dataset: str) -> tuple[str, ...]:
        """Return what a reader of a dataset's figures should know, a sentence each."""
        found: dict[str, list[str]] = {}
        for entry in self.entries:
            if entry.dataset == dataset:
                for note in entry.notes:
                    found.setdefault(note, []).append(entry.method)
        said = [f"{', '.join(dict.fromkeys(names))}: {note}" for note, names in found.items()]
        few = [
            metric
            for metric in self.metrics(dataset)
            if self.tests.get((dataset, metric)) and not self.ties_with_best(dataset, metric)
        ]
        if few:
            said.append(
                f"Nothing is marked as best by {', '.join(few)}: no paired test of so few pairs "
                f"could find a method worse at {SIGNIFICANT:.0%}."
            )
        return tuple(said)

    @property
    def provenance(self) -> dict[str, str]:
        """What to compare where figures are to be made again, as far as it is known."""
        found = {
            "Packages": ", ".join(
                f"{name} {said}" for name, said in self.versions.items() if name != "whyalike"
            ),
            "Prompts": describe_prompts(self.prompts),
            "Digests of the pairs": ", ".join(f"{n} {said}" for n, said in self.digests.items()),
            **self.settings,
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
            **FORMAT.head(),
            "model": self.model,
            "pooling": self.pooling,
            "prompts": None if self.prompts is None else list(self.prompts),
            "whyalike": self.version,
            "versions": dict(self.versions),
            "items": dict(self.items),
            "digests": dict(self.digests),
            "settings": dict(self.settings),
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
            "pairs' links; Holm-corrected in each column). P and R are precision and recall.",
        ]
        for dataset in self.datasets:
            lines += ["", f"## {dataset}, {self.items.get(dataset, 0):,} pairs", ""]
            lines += self._table(dataset)
            if notes := self.notes(dataset):
                lines += ["", *(f"- {note}" for note in notes)]
        lines += ["", "## Metrics", ""]
        for name, metric in METRICS.items():
            if self._uses(name):
                lines.append(f"- `{name}`: {metric.summary}; {metric.aim}. {metric.source}.")
        if self.failures:
            lines += ["", "## Left out", ""]
            lines += [f"- {what}: {why}" for what, why in self.failures.items()]
        return "\n".join(lines) + "\n"

    def to_html(self, *, command: str = "") -> str:
        """Return one self-contained HTML page."""
        from whyalike.evaluation.leaderboard_page import page_of
        from whyalike.render import render_leaderboard

        return render_leaderboard(page_of(self, command=command))

    def __str__(self) -> str:
        """Return ``to_markdown``, which can be read as it is."""
        return self.to_markdown()

    def __repr__(self) -> str:
        """Return one line: the whole would be the values of every pair."""
        return (
            f"Leaderboard(model={self.model!r}, datasets={list(self.datasets)}, "
            f"entries={len(self.entries)}, failures={len(self.failures)})"
        )

    def _repr_html_(self) -> str:
        from whyalike.evaluation.leaderboard_page import page_of
        from whyalike.render import render_leaderboard_fragment

        return render_leaderboard_fragment(page_of(self))

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
        said = f"{metric} {METRICS[metric].arrow}".rstrip()
        return said + ("" if chance is None else f" (chance {chance:.3f})")

    def _cell(self, entry: Entry | None) -> str:
        if entry is None or entry.figure is None:
            return "–"
        said = str(entry.figure)
        if entry.method in self.ties_with_best(entry.dataset, entry.metric):
            mean, _, interval = said.partition(" ")
            said = f"**{mean}** {interval}"
        if entry.shares is not None:
            said += "".join(
                f", {name} {'–' if np.isnan(share) else f'{share:.3f}'}"
                for name, share in zip("PR", entry.shares, strict=True)
            )
        return said + (f" ({', '.join(entry.remarks)})" if entry.remarks else "")

    def _uses(self, metric: str) -> bool:
        return any(entry.metric == metric for entry in self.entries)


def _rank(entry: Entry) -> float:
    mean = 0.0 if entry.figure is None else entry.figure.mean
    higher = METRICS[entry.metric].higher_is_better
    if higher is None:
        return abs(mean - (entry.chance or 0.0))
    return -mean if higher else mean


def _least_p(test: PairedTest, *, of: int) -> float:
    """Return the least p that the test could give, corrected as the first of so many.

    Of n pairs, all are better or all worse by chance once in 2^(n - 1) times.
    """
    return of * 2.0 ** (1 - test.count)


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
