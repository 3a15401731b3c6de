"""A leaderboard as the plain data that ``render`` draws."""

from dataclasses import replace

from whyalike.evaluation.leaderboard import Leaderboard
from whyalike.evaluation.suite_metrics import AGREEMENTS, BY_CHANCE, METRICS, RANDOMIZATION, WEIGHTS
from whyalike.render.leaderboard import BoardPage, BoardRow, BoardSection, BoardTable


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
    return BoardTable(metric, about.summary, about.aim, tuple(rows), points)
