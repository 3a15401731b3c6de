"""A leaderboard as the plain data that ``render`` draws."""

from whyalike.evaluation.leaderboard import Leaderboard
from whyalike.evaluation.suite_metrics import METRICS
from whyalike.render.leaderboard import BoardPage, BoardRow, BoardSection, BoardTable


def page_of(leaderboard: Leaderboard, *, command: str = "") -> BoardPage:
    """Return the page of a leaderboard; ``command`` is what made it, if it is to be shown."""
    return BoardPage(
        facts=(
            ("Model", leaderboard.model),
            ("Pooling", leaderboard.pooling),
            ("Version", leaderboard.version),
        ),
        command=command,
        sections=tuple(_section(leaderboard, dataset) for dataset in leaderboard.datasets),
        failures=tuple(leaderboard.failures.items()),
    )


def _section(leaderboard: Leaderboard, dataset: str) -> BoardSection:
    tables = [
        _table(leaderboard, dataset, metric)
        for metric in leaderboard.metrics(dataset)
        if (dataset, metric) in leaderboard.tables
    ]
    return BoardSection(dataset, leaderboard.items.get(dataset, 0), tuple(tables))


def _table(leaderboard: Leaderboard, dataset: str, metric: str) -> BoardTable:
    about, ties = METRICS[metric], leaderboard.ties_with_best(dataset, metric)
    rows = [
        BoardRow(
            method=entry.method,
            mean=entry.figure.mean,
            low=entry.figure.low,
            high=entry.figure.high,
            best=entry.method in ties,
            note=f"{entry.constant} by chance" if entry.constant else "",
            curve=entry.curve[1] if entry.curve else (),
        )
        for entry in leaderboard.tables[dataset, metric]
        if entry.figure is not None
    ]
    better = "higher" if about.higher_is_better else "lower"
    points = next((e.curve[0] for e in leaderboard.tables[dataset, metric] if e.curve), ())
    return BoardTable(metric, about.summary, better, tuple(rows), points)
