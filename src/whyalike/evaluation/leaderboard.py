"""Methods side by side on every metric: entries, their comparison, their file and page."""

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from whyalike.documents import Format, read_object
from whyalike.evaluation.gold_counts import LinkCounts, compare_links
from whyalike.evaluation.in_words import AXES, answer, name_of
from whyalike.evaluation.suite_choice import AGREEMENTS, BY_CHANCE, METRICS, RANDOMIZATION, WEIGHTS
from whyalike.render.leaderboard import BoardPage, BoardRow, BoardSection, BoardTable
from whyalike.render.markdown_table import write_row
from whyalike.render.parts import describe_prompts
from whyalike.statistics import Interval, PairedTest, compare_paired

LARGEST = 1e100
"""Of a figure that is read. Tests and plots square them, and no metric comes near."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A method's figure by one metric on one dataset.

    figure: the mean over items, or F over all links, with its interval; None if undefined.
    values: of each item, None where undefined. constant: how many pairs have a text whose words
    are all equally salient, so that their order is chance. counts: where the figure is an F, each
    item's links: given, correct, wanted, found. curve: where the figure sums up a curve, its
    points and the means there. chance: the figure of random explanations, where known and not 0.
    notes: warnings that every explanation had.

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
    notes: tuple[str, ...] = ()

    @property
    def remarks(self) -> tuple[str, ...]:
        """What to know of a mean: how many pairs are ordered by chance, on how many it stands."""
        found = [f"{self.constant} by chance"] if self.constant else []
        # F over all links takes every pair in, also one that has no F of its own.
        if self.counts is None and self.figure is not None and self.figure.count < len(self.values):
            found.append(f"{self.figure.count} of {len(self.values)} pairs")
        return tuple(found)

    @property
    def shares(self) -> tuple[float, float] | None:
        """Precision and recall over all links, where the figure is an F; NaN where undefined."""
        if self.counts is None:
            return None
        links = LinkCounts(*np.array(self.counts, dtype=np.float64))
        return links.precision(), links.recall()


def check_entries(entries: Iterable[Entry]) -> None:
    """Raise ValueError on entries that were read and can't have been written.

    Those of one dataset and metric are of the same pairs, and have the same points of a curve.
    """
    lengths: dict[tuple[str, str], int] = {}
    points: dict[tuple[str, str], tuple[float, ...]] = {}
    known: set[tuple[str, str, str]] = set()
    for entry in entries:
        table = entry.dataset, entry.metric
        name = f"{entry.method} on {entry.dataset} by {entry.metric}"
        if (*table, entry.method) in known:
            raise ValueError(f"{name} is there twice")
        known.add((*table, entry.method))
        _check_numbers(entry, name)
        if lengths.setdefault(table, len(entry.values)) != len(entry.values):
            raise ValueError(f"{name} has another number of values than the methods before it")
        if entry.counts is not None and (
            len(entry.counts) != 4
            or any(len(row) != len(entry.values) for row in entry.counts)
            or any(count < 0 for row in entry.counts for count in row)
        ):
            raise ValueError(f"{name} has no four counts of each pair")
        if entry.curve is not None:
            if len(entry.curve[0]) != len(entry.curve[1]):
                raise ValueError(f"{name} has a curve of {len(entry.curve[0])} points")
            if points.setdefault(table, entry.curve[0]) != entry.curve[0]:
                raise ValueError(f"{name} has other points than the curves before it")


def _check_numbers(entry: Entry, name: str) -> None:
    figure = (
        () if entry.figure is None else (entry.figure.mean, entry.figure.low, entry.figure.high)
    )
    rows = (*(entry.counts or ()), *(entry.curve or ()), figure, entry.values, (entry.chance,))
    for row in rows:
        for number in row:
            if number is not None and not math.fabs(number) <= LARGEST:
                raise ValueError(f"{name} has the number {number}")
    if entry.figure is not None and entry.figure.count < 1:
        raise ValueError(f"{name} has a figure of {entry.figure.count} pairs")


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
        from whyalike.render import render_leaderboard_fragment

        return render_leaderboard_fragment(page_of(self))

    def _table(self, dataset: str) -> list[str]:
        metrics = self.metrics(dataset)
        heads = [self._head(dataset, name) for name in metrics]
        lines = [write_row(["method", *heads]), f"|---{'|---' * len(heads)}|"]
        found = {(e.method, e.metric): e for e in self.entries if e.dataset == dataset}
        for method in self.methods(dataset):
            cells = [self._cell(found.get((method, metric))) for metric in metrics]
            lines.append(write_row([f"`{method}`", *cells]))
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


NAME = "leaderboard.json"

_WORKED_OUT = ("metrics", "tests")
"""What a leaderboard says for other programs, and is worked out anew here."""


def read_leaderboard(path: str | os.PathLike[str]) -> Leaderboard:
    """Return the leaderboard in a file that ``Leaderboard.to_dict`` was written to.

    Its tests are not read, but done again when they are asked for. Metrics that this release does
    not know are left out, and named among the failures.

    Raises
    ------
    FormatError
        The file can't be read, is none, damaged, or of a newer release.
    """
    body = FORMAT.load(path)
    with FORMAT.reading(where=os.fspath(path)):
        said = {key: value for key, value in body.items() if key not in _WORKED_OUT}
        if "whyalike" in said:
            said["version"] = said.pop("whyalike")
        found = read_object(said, Leaderboard)
        check_entries(found["entries"])
    unknown = sorted({one.metric for one in found["entries"]} - set(METRICS))
    found["entries"] = tuple(one for one in found["entries"] if one.metric in METRICS)
    found["failures"] = {
        **found.get("failures", {}),
        **dict.fromkeys(unknown, "a metric of another release"),
    }
    return Leaderboard(**found)


def page_of(leaderboard: Leaderboard, *, command: str = "") -> BoardPage:
    """Return the page of a leaderboard; ``command`` is what made it, if it is to be shown."""
    return BoardPage(
        facts=(
            ("Model", leaderboard.model),
            ("Pooling", leaderboard.pooling),
            ("Version", leaderboard.version),
            *leaderboard.provenance.items(),
        ),
        command=command,
        sections=tuple(_section(leaderboard, dataset) for dataset in leaderboard.datasets),
        failures=tuple(leaderboard.failures.items()),
    )


def _section(leaderboard: Leaderboard, dataset: str) -> BoardSection:
    metrics = [m for m in leaderboard.metrics(dataset) if (dataset, m) in leaderboard.tables]
    # Those of one agreement beside each other: all weights random, and embeddings kept.
    randomized = [
        (agreement, f"{agreement}_{weights}") for agreement in AGREEMENTS for weights in WEIGHTS
    ]
    return BoardSection(
        dataset,
        leaderboard.items.get(dataset, 0),
        tuple(_table(leaderboard, dataset, m) for m in metrics if m not in RANDOMIZATION),
        tuple(
            replace(
                _table(leaderboard, dataset, metric),
                reference=_reference(leaderboard, dataset, metric, agreement),
                scale=agreement,
            )
            for agreement, metric in randomized
            if metric in metrics
        ),
        leaderboard.notes(dataset),
        answer(leaderboard, dataset),
    )


def _reference(
    leaderboard: Leaderboard, dataset: str, metric: str, agreement: str
) -> tuple[float, str] | None:
    if agreement != BY_CHANCE:
        return 0.0, "no relation"
    chance = leaderboard.chance(dataset, metric)
    return None if chance is None else (chance, "chance")


def _table(leaderboard: Leaderboard, dataset: str, metric: str) -> BoardTable:
    about, ties = METRICS[metric], leaderboard.ties_with_best(dataset, metric)
    rows = [
        BoardRow(
            method=entry.method,
            mean=entry.figure.mean,
            low=entry.figure.low,
            high=entry.figure.high,
            best=entry.method in ties,
            note=", ".join(entry.remarks),
            curve=entry.curve[1] if entry.curve else (),
        )
        for entry in leaderboard.tables[dataset, metric]
        if entry.figure is not None
    ]
    points = next((e.curve[0] for e in leaderboard.tables[dataset, metric] if e.curve), ())
    return BoardTable(
        metric,
        about.summary,
        about.aim,
        tuple(rows),
        points,
        title=name_of(metric),
        axes=AXES.get(metric, ("", "")),
    )
