"""Queries with the ids of the items that answer them, from any table."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from whyalike.data.columns import list_columns
from whyalike.data.items import as_text, refuse_broken
from whyalike.data.stream import ReadReport, begin, make_of_rows, open_table
from whyalike.data.tables import RawRow
from whyalike.errors import FormatError, TextError

QUERIES = ("query", "question", "text", "search", "title")
RIGHT = (
    "right", "relevant", "right_id", "relevant_id", "relevant_ids", "positive", "item", "item_id",
    "doc_id", "docid", "passage_id", "expected", "gold", "answer_id",
)  # fmt: skip
OWN = ("query_id", "qid", "_id", "id")
ANSWER = ("answer", "answer_text")
"""Columns that are found without being named, the best guess first."""


@dataclass(frozen=True, slots=True)
class LabelledQuery:
    """A query and the ids of its right items, one or more; none where qrels name them.

    answer: the words of the right item that answer it; empty where they are not known.

    Raises
    ------
    TextError
        A blank query, or an id that is no text.
    """

    id: str
    query: str
    right: tuple[str, ...] = ()
    answer: str = ""

    def __post_init__(self) -> None:
        """Refuse what can't be searched with."""
        if not isinstance(self.query, str) or not self.query.strip():
            raise TextError(f"The query {self.id!r} is blank, or no text: give one with words.")
        if isinstance(self.right, str) or not all(isinstance(id, str) for id in self.right):
            raise TextError(f"The right items of query {self.id!r} are no list of ids.")


def read_queries(
    path: str | os.PathLike[str],
    *,
    labelled: bool = True,
    strict: bool = False,
    report: ReadReport | None = None,
) -> list[LabelledQuery]:
    """Return the queries of a file in their order; rows that are none are left out and reported.

    Columns are found by their names: ``query`` (or question, text), ``right`` (or relevant, doc_id
    and the like: an id, or a list of ids), ``query_id`` (or qid, id), ``answer``. Where only ``id``
    is there besides the query, it is the right item's. Queries without an id are called by the
    numbers of their rows.

    Parameters
    ----------
    path : str or PathLike[str]
        CSV, TSV, JSON Lines, Parquet, gzipped or not.
    labelled : bool, default=True
        Whether each row must name its right items.
    strict : bool, default=False
        Whether a bad row is an error.
    report : ReadReport, optional
        Gets what became of every row.

    Raises
    ------
    FormatError
        The file can't be read, has no such columns, or holds no query.
    OptionError, MissingExtraError
        As ``open_table``.
    """
    report = ReadReport() if report is None else report
    report.path = str(path)
    with open_table(Path(path), "auto") as table:
        query, right, own, answer = _choose(table.columns, labelled, report)
        seen: dict[str, int] = {}

        def make(row: RawRow) -> LabelledQuery:
            if row.problem:
                raise FormatError(row.problem)
            text = as_text(row.values.get(query), role="query")
            refuse_broken(text)
            if not text:
                raise FormatError("no query")
            ids = () if right is None else ids_of(row.values.get(right))
            if labelled and not ids:
                raise FormatError(f"no id of a right item in {right!r}")
            given = None if own is None else as_text(row.values.get(own), role="id")
            id = given or str(report.rows)
            first = seen.setdefault(id, row.line)
            if first != row.line:
                raise FormatError(f"duplicate id {begin(id)!r}, first in {table.unit} {first}")
            said = "" if answer is None else as_text(row.values.get(answer), role="answer")
            return LabelledQuery(id, text, ids, said)

        return list(make_of_rows(table, make, report=report, strict=strict, what="query"))


def ids_of(value: object) -> tuple[str, ...]:
    """Return the ids that a cell names: one, or a list of them, each once.

    Raises FormatError on anything else.
    """
    given = value if isinstance(value, list | tuple) else [value]
    found = [as_text(each, role="id of a right item") for each in given]
    return tuple(dict.fromkeys(each for each in found if each))


Chosen = tuple[str, str | None, str | None, str | None]


def _choose(columns: Sequence[str], labelled: bool, report: ReadReport) -> Chosen:
    """Return the columns of the query, of its right items, of its own id and of the answer."""
    by_name = {name.strip().casefold(): name for name in reversed(columns)}

    def first(names: Sequence[str]) -> str | None:
        return next((by_name[name] for name in names if name in by_name), None)

    query = first(QUERIES)
    right = first(RIGHT) if labelled else None
    own = first(OWN)
    if labelled and right is None and own is not None and own.casefold() == "id":
        right, own = own, None
        report.notes.append("'id' is taken for the id of the right item.")
    if query is None or (labelled and right is None):
        wanted = (
            "'query' and 'right', the id of the item that answers it" if labelled else "'query'"
        )
        raise FormatError(
            f"{report.path} has no columns such as {wanted}; it has {list_columns(columns)}: "
            "rename them."
        )
    return query, right, own, first(ANSWER)
