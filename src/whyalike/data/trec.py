"""Runs and relevance judgments as TREC's tools write them: fields between blanks, a line each."""

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from whyalike.data.stream import ReadReport, make_of_rows
from whyalike.data.tables import LINE_COLUMN, RawRow, open_lines
from whyalike.errors import FormatError
from whyalike.texts import without_surrogates

Run = dict[str, list[tuple[str, float]]]
"""By query the ids that were found with their scores, best first."""

Qrels = dict[str, dict[str, int]]
"""By query the judged ids with their relevance; above 0 is relevant."""

Made = TypeVar("Made")


def read_run(
    path: str | os.PathLike[str], *, strict: bool = False, report: ReadReport | None = None
) -> Run:
    """Return a run: lines of query, ``Q0``, id, rank, score and a name.

    As in ``trec_eval``, the score orders, and the rank that is written decides only among equal
    scores. Lines that are none are left out and reported.

    Parameters
    ----------
    path : str or PathLike[str]
        Gzipped or not.
    strict : bool, default=False
        Whether a bad line is an error.
    report : ReadReport, optional
        Gets what became of every line.

    Raises
    ------
    FormatError
        The file can't be read, or holds no such line.
    """
    seen: set[tuple[str, str]] = set()

    def make(fields: list[str]) -> tuple[str, str, int, float]:
        if len(fields) != 6:
            raise FormatError(f"{len(fields)} fields, where a line of a run has 6")
        query, _, id, rank, score, _ = fields
        if (query, id) in seen:
            raise FormatError(f"{id!r} is there for query {query!r} already")
        found = query, id, _whole(rank, "rank"), _number(score)
        seen.add((query, id))
        return found

    run: dict[str, list[tuple[str, int, float]]] = {}
    for query, id, rank, score in _read(path, make, "line of a run", strict, report):
        run.setdefault(query, []).append((id, rank, score))
    return {
        query: [(id, score) for id, _, score in sorted(found, key=lambda one: (-one[2], one[1]))]
        for query, found in run.items()
    }


def read_qrels(
    path: str | os.PathLike[str], *, strict: bool = False, report: ReadReport | None = None
) -> Qrels:
    """Return relevance judgments: lines of query, iteration, id and relevance.

    Arguments and errors are those of ``read_run``.
    """
    seen: set[tuple[str, str]] = set()

    def make(fields: list[str]) -> tuple[str, str, int]:
        if len(fields) != 4:
            raise FormatError(f"{len(fields)} fields, where a judgment has 4")
        query, _, id, relevance = fields
        found = query, id, _whole(relevance, "relevance")
        if (query, id) in seen:
            raise FormatError(f"{id!r} is judged for query {query!r} already")
        seen.add((query, id))
        return found

    qrels: Qrels = {}
    for query, id, relevance in _read(path, make, "judgment", strict, report):
        qrels.setdefault(query, {})[id] = relevance
    return qrels


def _read(
    path: str | os.PathLike[str],
    make: Callable[[list[str]], Made],
    what: str,
    strict: bool,
    report: ReadReport | None,
) -> list[Made]:
    report = ReadReport() if report is None else report
    report.path = str(path)

    def make_row(row: RawRow) -> Made:
        line = str(row.values[LINE_COLUMN])
        if without_surrogates(line) != line or "\0" in line:
            raise FormatError("broken encoding: not UTF-8")
        return make(line.split())

    with open_lines(Path(path)) as table:
        return list(make_of_rows(table, make_row, report=report, strict=strict, what=what))


def _whole(text: str, role: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise FormatError(f"the {role} is {text[:20]!r}, not a whole number") from error


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise FormatError(f"the score is {text[:20]!r}, not a finite number")
    return value
