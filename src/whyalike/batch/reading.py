"""Pairs read back: what ``explain_file`` wrote, or a file of pairs that nobody explained yet."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from whyalike.batch.formats import JSON_LINES, PARQUET
from whyalike.batch.output import NOTE, note_beside
from whyalike.batch.rows import ERROR, NUMBER, OWN
from whyalike.batch.source import PairSource, json_value
from whyalike.catalogue.files import read_note
from whyalike.catalogue.manifest import is_sealed
from whyalike.data.text_columns import PAIRS
from whyalike.documents import read_json
from whyalike.errors import FormatError, MissingExtraError, OutputError
from whyalike.texts import without_surrogates

MOST_ROWS = 20_000
"""Rows that are held."""

LONGEST_LINE = 1 << 23
"""Bytes of a line: a whole explanation of long texts may be a few million."""


@dataclass(frozen=True, slots=True)
class ReadPair:
    """A row: its number, its texts where they are known, and what was said of them.

    score: None where it has no explanation, or has none yet. pairs: the selected words of both
    texts, with their scores. explanation: the whole one as plain values, where it was kept. error:
    why there is none.
    """

    number: int
    texts: tuple[str, str] | None
    kept: Mapping[str, object]
    score: float | None = None
    verdict: str = ""
    pairs: tuple[tuple[str, str, float], ...] = ()
    error: str = ""
    explanation: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class PairTable:
    """Rows of pairs.

    kept: the columns that are neither texts nor ours. is_explained: whether that was done already,
    and model and method say by what, where that is known. more: how many rows are left out. notes:
    what was assumed.
    """

    name: str
    rows: tuple[ReadPair, ...]
    kept: tuple[str, ...]
    is_explained: bool
    model: str = ""
    method: str = ""
    more: int = 0
    notes: tuple[str, ...] = ()


def read_pair_table(path: Path, *, name: str | None = None, most: int = MOST_ROWS) -> PairTable:
    """Return the rows of a file, the first ``most`` of them.

    Parameters
    ----------
    path : Path
        What ``explain_file`` (``whyalike explain --pairs -o``) wrote, or any file of pairs that it
        takes.
    name : str, optional
        What it is called; by default as its file.
    most : int, default=MOST_ROWS
        How many rows are held.

    Raises
    ------
    FormatError, OptionError, MissingExtraError
        It can't be read, is none of the two, or needs a package that is not installed.
    """
    name = path.name if name is None else name
    rows = _written_rows(path)
    first = next(rows, None)
    if first is None or not _is_ours(first):
        return _unexplained(path, name, most)
    plan = _plan_beside(path)
    kept = tuple(key for key in first if key not in OWN)
    of_texts = _text_columns(first, kept, plan)
    held: list[ReadPair] = []
    more = 0
    for number, row in enumerate(_joined(first, rows), start=1):
        if len(held) == most:
            more += 1
            continue
        held.append(_read_pair(row, number, kept, of_texts, path))
    return PairTable(
        name=name,
        rows=tuple(held),
        kept=tuple(key for key in kept if key not in of_texts),
        is_explained=True,
        model=str(plan.get("model") or ""),
        method=str(plan.get("method") or ""),
        more=more,
    )


def _joined(first: dict[str, Any], rest: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    yield first
    yield from rest


def _written_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a file in a form of the output; nothing of other forms."""
    ending = path.suffix.lower()
    if ending in JSON_LINES:
        yield from _lines(path)
    elif ending in PARQUET:
        yield from _parquet_rows(path)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with path.open("rb") as stream:
            for number in range(1, 1 << 62):
                line = stream.readline(LONGEST_LINE + 1)
                if not line:
                    return
                if len(line) > LONGEST_LINE:
                    raise FormatError(f"{path}, line {number}: it has more than 8 MiB.")
                if not line.strip():
                    continue
                found = read_json(line)
                if not isinstance(found, dict):
                    raise FormatError(f"{path}, line {number}: it is no object.")
                yield found
    except OSError as error:
        raise FormatError(f"Could not read {path}: {error.strerror}.") from error


def _parquet_rows(path: Path) -> Iterator[dict[str, Any]]:
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise MissingExtraError("Reading Parquet", "pyarrow", "catalogue") from error
    try:
        with ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=256):
                yield from batch.to_pylist()
    except (OSError, ArrowException) as error:
        raise FormatError(f"Could not read {path}: {error}.") from error


def _is_ours(row: Mapping[str, Any]) -> bool:
    return NUMBER in row and ERROR in row and bool({"score", "explanation"} & row.keys())


def _plan_beside(path: Path) -> Mapping[str, Any]:
    """Return what the note beside an output says of how it was made; nothing where there is none.

    Notes only add what the page says; the rows are read without them.
    """
    try:
        content = read_json(read_note(note_beside(path)))
        if isinstance(content, dict) and is_sealed(content):
            plan = NOTE.body(content).get("plan")
            return plan if isinstance(plan, dict) else {}
    except (FormatError, OutputError):
        pass
    return {}


def _text_columns(
    first: Mapping[str, Any], kept: Sequence[str], plan: Mapping[str, Any]
) -> tuple[str, ...]:
    """Return the two kept columns that hold the texts; none where they may be ids."""
    if plan.get("index") is not None:
        return ()
    columns = plan.get("columns")
    if isinstance(columns, list) and len(columns) == 2:
        usual = [tuple(columns)]
    else:
        # Without a note, what looks like texts may be ids where there are texts besides.
        usual = [] if {"left_text", "explanation"} & first.keys() else list(PAIRS)
    found = next((pair for pair in usual if set(pair) <= set(kept)), ())
    return tuple(map(str, found))


def _read_pair(
    row: Mapping[str, Any], number: int, kept: Sequence[str], of_texts: Sequence[str], path: Path
) -> ReadPair:
    whole = row.get("explanation")
    try:
        if isinstance(whole, str):  # As Parquet has it.
            whole = json.loads(whole)
        texts = _texts_of(row, of_texts, whole)
        score = row.get("score")
        if score is None and whole:
            score = whole.get("similarity")
        pairs = row.get("pairs") or ()
        return ReadPair(
            number=int(row.get(NUMBER) or number),
            texts=texts,
            kept={name: json_value(row.get(name)) for name in kept if name not in of_texts},
            score=None if score is None or not math.isfinite(score) else float(score),
            verdict=str(row.get("verdict") or (whole or {}).get("verdict") or ""),
            pairs=tuple(
                (str(one["left"]), str(one["right"]), float(one["score"])) for one in pairs
            ),
            error=str(row.get(ERROR) or ""),
            explanation=whole or None,
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise FormatError(
            f"{path}: row {number} is not as `whyalike explain --pairs` writes one "
            f"({type(error).__name__}: {error})."
        ) from error


def _texts_of(
    row: Mapping[str, Any], of_texts: Sequence[str], whole: Any
) -> tuple[str, str] | None:
    if of_texts:
        left, right = (row.get(name) for name in of_texts)
    elif whole:
        left, right = whole["left"]["text"], whole["right"]["text"]
    else:
        left, right = row.get("left_text"), row.get("right_text")
    if not (isinstance(left, str) and isinstance(right, str)):
        return None
    return without_surrogates(left), without_surrogates(right)


def _unexplained(path: Path, name: str, most: int) -> PairTable:
    source = PairSource(path)
    survey = source.survey()
    kept = tuple(one for one in survey.kept if one not in survey.columns)
    rows = tuple(
        ReadPair(
            number=row.number,
            texts=row.texts,
            kept={one: json_value(row.kept.get(one)) for one in kept},
            error=row.error,
        )
        for row in islice(source.rows(survey), most)
    )
    return PairTable(
        name=name,
        rows=rows,
        kept=kept,
        is_explained=False,
        more=survey.rows - len(rows),
        notes=survey.notes,
    )
