"""Pairs in the rows of a file: which columns they are in, what else is kept, how many there are."""

import hashlib
import json
import math
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from whyalike.data.columns import list_columns, named_column
from whyalike.data.items import as_text, plain, refuse_broken
from whyalike.data.stream import Format, begin, open_table
from whyalike.data.tables import RawRow, RowTable
from whyalike.data.text_columns import PAIRS
from whyalike.errors import FormatError, OptionError
from whyalike.options import check_choice
from whyalike.texts import without_surrogates

Ids = Literal["both", "right"]
"""Which columns hold ids of an index in place of texts."""

Kind = Literal["integer", "number", "boolean", "text"]
"""What a kept column holds, where each column has one type."""

BOTH_IDS = (
    ("left_id", "right_id"),
    ("id_a", "id_b"),
    ("id1", "id2"),
    ("query_id", "doc_id"),
    ("query_id", "passage_id"),
    ("left", "right"),
)
RIGHT_ID = (
    ("query", "id"),
    ("query", "item_id"),
    ("query", "doc_id"),
    ("query", "passage_id"),
    ("left", "right_id"),
    ("text", "id"),
)
"""Columns of pairs with ids that are found without being named, in this order."""

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,14})\.[0-9]{1,15}")
_RANKS: Mapping[tuple[Kind, Kind], Kind] = {
    ("integer", "number"): "number",
    ("number", "integer"): "number",
}


@dataclass(frozen=True, slots=True)
class PairRow:
    """A row: its number from 1, its texts or ids, what is kept of it, or why it is no pair.

    ``place`` is where it stands in the file. ``texts`` is None exactly where ``error`` says why.
    """

    number: int
    place: str
    texts: tuple[str, str] | None
    kept: Mapping[str, object]
    error: str = ""


@dataclass(frozen=True, slots=True)
class Survey:
    """What a first pass over the file found.

    rows: blank lines are none. digest: of all rows. columns: of the left and the right texts, or
    ids. kept: the columns that go into the output, those two among them, each with its kind.
    ``typed`` is False where every value of the file is text. notes: what was assumed.
    """

    rows: int
    digest: str
    columns: tuple[str, str]
    kept: Mapping[str, Kind]
    typed: bool
    notes: tuple[str, ...]


class PairSource:
    """A file of pairs.

    Parameters
    ----------
    path : str or PathLike[str]
        CSV, TSV, JSON Lines or Parquet, gzipped or not, or the folder of a saved data set.
    columns : sequence of str, optional
        Of the left texts and of the right ones, or of their ids; None takes the first usual names
        that there are.
    format : Format, default='auto'
        What the file is; ``"auto"`` goes by its name.
    keep : sequence of str, optional
        Columns that go into the output; None keeps all.
    ids : Ids, optional
        Which columns hold ids in place of texts; None for none.

    Raises
    ------
    OptionError
        Not two columns, or an unknown format.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        columns: Sequence[str] | None = None,
        format: Format = "auto",
        keep: Sequence[str] | None = None,
        ids: Ids | None = None,
    ) -> None:
        if columns is not None and (isinstance(columns, str) or len(columns) != 2):
            raise OptionError(f"columns is {columns!r}; name two: left texts and right texts.")
        if ids is not None:
            check_choice("ids", ids, get_args(Ids))
        self.path, self.format, self.ids = Path(path), format, ids
        self._asked, self._keep = columns, keep

    def survey(self) -> Survey:
        """Read the file once, to its end: no more of it is held than a row.

        Raises
        ------
        FormatError
            It can't be read, has no rows, or no columns of pairs.
        OptionError
            A column that was asked for is not there, or the format is not known.
        MissingExtraError
            The format needs a package that is not installed.
        """
        digest, rows = hashlib.sha256(), 0
        kinds: dict[str, Kind | None] = {}
        with open_table(self.path, self.format) as table:
            columns, notes = self._choose(table)
            kept = self._kept(table.columns)
            kind_of = _kind_of if table.typed else _kind_of_text
            kinds = dict.fromkeys(kept)
            for row in table.rows:
                rows += 1
                said = repr((row.line, row.problem, list(row.values.items())))
                digest.update(said.encode("utf-8", "surrogatepass"))
                for name in kept:
                    if kinds[name] != "text" and (kind := kind_of(row.values.get(name))):
                        kinds[name] = _joined(kinds[name], kind)
            notes = [*table.notes, *notes]
            typed = table.typed
        if not rows:
            raise FormatError(f"{self.path} has no rows: give a file with pairs of texts.")
        return Survey(
            rows=rows,
            digest=digest.hexdigest(),
            columns=columns,
            kept={name: kind or "text" for name, kind in kinds.items()},
            typed=typed,
            notes=tuple(notes),
        )

    def rows(self, survey: Survey, *, skip: int = 0) -> Iterator[PairRow]:
        """Yield the rows behind the first ``skip``, in order, bad ones with their reason.

        Raises FormatError where the file can't be read any more.
        """
        roles = ("id" if self.ids == "both" else "text", "id" if self.ids else "text")
        with open_table(self.path, self.format) as table:
            for number, row in enumerate(table.rows, start=1):
                if number <= skip:
                    continue
                place = f"{table.unit} {row.line}"
                kept = {name: row.values.get(name) for name in survey.kept}
                try:
                    left, right = (
                        _text(row, name, role)
                        for name, role in zip(survey.columns, roles, strict=True)
                    )
                except FormatError as error:
                    yield PairRow(number, place, None, kept, str(error))
                else:
                    yield PairRow(number, place, (left, right), kept)

    def _choose(self, table: RowTable) -> tuple[tuple[str, str], list[str]]:
        """Return the two columns, and what was assumed."""
        what = "texts" if self.ids is None else "texts and ids" if self.ids == "right" else "ids"
        if not table.named:
            raise OptionError(
                f"{self.path} holds lines of text, and a pair needs two columns: give a .csv, "
                ".tsv, .jsonl or .parquet."
            )
        if self._asked is not None:
            left, right = (named_column(table.columns, name, what) for name in self._asked)
            return (left, right), []
        usual = {None: PAIRS, "both": BOTH_IDS, "right": RIGHT_ID}[self.ids]
        for pair in usual:
            if set(pair) <= set(table.columns):
                said = [f"Columns guessed: {what} from {' and '.join(map(repr, pair))}."]
                return pair, said if pair != usual[0] else []
        looked = " or ".join(" and ".join(map(repr, pair)) for pair in usual)
        raise OptionError(
            f"{self.path} has no columns of {what} such as {looked}; it has "
            f"{list_columns(table.columns)}: name two (--columns)."
        )

    def _kept(self, columns: Sequence[str]) -> tuple[str, ...]:
        if self._keep is None:
            return tuple(columns)
        return tuple(dict.fromkeys(named_column(columns, name, "keep") for name in self._keep))


def _text(row: RawRow, name: str, role: str) -> str:
    """Return a text or an id of a row. Raises FormatError with the reason where there is none."""
    if row.problem:
        raise FormatError(f"{row.problem}{': ' if row.excerpt else ''}{begin(row.excerpt)}")
    if name not in row.values:
        raise FormatError(f"no column {name!r} in it")
    value = row.values[name]
    what = f"{role} in {name!r}"
    text = value if isinstance(value, str) and role == "text" else as_text(value, role=what)
    if not text.strip():
        raise FormatError(f"no {what}")
    refuse_broken(text)
    return text


def _joined(one: Kind | None, other: Kind) -> Kind:
    return other if one in (None, other) else _RANKS.get((one, other), "text")


def _kind_of(value: object) -> Kind | None:
    """Return what a typed value is; None for none."""
    value = value if isinstance(value, bool | int | float | str) else plain(value)
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer" if -(2**63) <= value < 2**63 else "text"
    return "number" if isinstance(value, float) else "text"


def _kind_of_text(value: object) -> Kind | None:
    """Return what a text may be read as with nothing lost: written again, it is the same."""
    if not isinstance(value, str) or not value:
        return None
    if _INTEGER.fullmatch(value) and value != "-0":
        return "integer"
    is_number = _NUMBER.fullmatch(value) is not None and repr(float(value)) == value
    return "number" if is_number else "text"


def converter(kind: Kind, *, typed: bool) -> Callable[[object], object]:
    """Return what turns a value of a column into its kind, for tables whose columns have types."""
    if kind == "text":
        return _as_text if typed else lambda value: None if value is None else _clean(str(value))
    make: Callable[[Any], object] = {"integer": int, "number": float, "boolean": bool}[kind]

    def convert(value: object) -> object:
        is_none = value in (None, "") or (isinstance(value, float) and not math.isfinite(value))
        return None if is_none else make(value)

    return convert


def _as_text(value: object) -> str | None:
    found = plain(value)
    if found is None or isinstance(found, str):
        return found if found is None else _clean(found)
    return json.dumps(found)


def json_value(value: object) -> object:
    """Return a typed value as JSON has it; lists and objects stay what they are."""
    if isinstance(value, list | dict):
        try:
            return json.loads(json.dumps(value, allow_nan=False, default=str))
        except (ValueError, RecursionError):
            return str(value)
    return plain(value)


def _clean(text: str) -> str:
    return text if text.isascii() else without_surrogates(text)
