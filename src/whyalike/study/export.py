"""Ratings as CSV and Parquet, and back from CSV."""

import csv
import io
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import (
    CheckConstraint,
    Connection,
    DateTime,
    ForeignKey,
    Index,
    TypeDecorator,
    UniqueConstraint,
    event,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from whyalike.documents import shown
from whyalike.errors import FormatError, MissingExtraError, OptionError
from whyalike.files import write_whole
from whyalike.study.ratings import COLUMNS, FLAGS, INTEGERS, RatingTable, table_of

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "'")
_FREE_TEXT = ("name", "comment")


def export_ratings(table: RatingTable, path: str | Path) -> None:
    """Write ratings to a ``.csv`` or a ``.parquet`` file, whole or not at all.

    Raises
    ------
    OptionError
        Another ending.
    OutputError
        The file can't be written.
    MissingExtraError
        Parquet without pyarrow.
    """
    kind = Path(path).suffix.lower()
    if kind == ".csv":
        write_csv(table, path)
    elif kind == ".parquet":
        write_parquet(table, path)
    else:
        raise OptionError(f"{path} ends with {kind!r}; give a file .csv or .parquet.")


def write_csv(table: RatingTable, path: str | Path) -> None:
    """Write UTF-8 CSV with a header, a row for each rating.

    Names and comments come from strangers, and a spreadsheet would run one that begins with ``=``
    as a formula: such a text, and one that begins with an apostrophe, gets an apostrophe before
    it. ``read_csv`` takes that off.

    Raises OutputError where the file can't be written.
    """
    content = to_csv(table).encode()
    write_whole(path, lambda stream: stream.write(content))


def to_csv(table: RatingTable) -> str:
    """Return what ``write_csv`` writes."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    columns = [
        [_written(name, value) for value in getattr(table, name).tolist()] for name in COLUMNS
    ]
    writer.writerows(zip(*columns, strict=True))
    return stream.getvalue()


def read_csv(path: str | Path) -> RatingTable:
    """Read what ``write_csv`` wrote; columns may come in any order.

    Raises FormatError on a file that can't be read, lacks a column, or is damaged.
    """
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            missing = set(COLUMNS) - set(reader.fieldnames or ())
            if missing:
                raise FormatError(f"{path} lacks the columns {', '.join(sorted(missing))}.")
            return table_of([_read(row, path, n) for n, row in enumerate(reader, start=2)])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise FormatError(f"Could not read ratings from {path}: {reason}.") from error


def write_parquet(table: RatingTable, path: str | Path) -> None:
    """Write Parquet: the same columns with their types, and unknown seconds as null.

    Raises
    ------
    OutputError
        The file can't be written.
    MissingExtraError
        Pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ModuleNotFoundError as error:
        raise MissingExtraError("Parquet", "pyarrow", "study") from error
    kinds = {name: pa.int64() for name in INTEGERS} | {name: pa.bool_() for name in FLAGS}
    kinds["seconds"] = pa.float64()
    columns = {
        name: pa.array(
            getattr(table, name).tolist(), kinds.get(name, pa.string()), from_pandas=True
        )
        for name in COLUMNS
    }
    write_whole(path, lambda stream: pq.write_table(pa.table(columns), stream))


def _written(name: str, value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return "" if math.isnan(value) else repr(value)
    if name in _FREE_TEXT and str(value).startswith(_FORMULA_STARTS):
        return f"'{value}"
    return value


def _whole(said: str) -> int:
    """Return a whole number that a column of NumPy holds."""
    value = int(said)
    if abs(value) >= 2**63:
        raise ValueError(f"{shown(value)} is too large")
    return value


def _read(row: Mapping[str, str | None], path: str | Path, number: int) -> dict[str, object]:
    found: dict[str, object] = {}
    try:
        for name in COLUMNS:
            said = row[name]
            if said is None:
                raise ValueError(f"{name} is missing")
            if name in INTEGERS:
                found[name] = _whole(said)
            elif name in FLAGS:
                found[name] = {"true": True, "false": False}[said]
            elif name == "seconds":
                found[name] = float(said) if said else math.nan
            else:
                found[name] = said.removeprefix("'") if name in _FREE_TEXT else said
    except (ValueError, KeyError) as error:
        raise FormatError(f"{path}, rating {number - 1} is damaged: {error}.") from error
    return found


VERSION = 1


class UtcTime(TypeDecorator[datetime]):
    """A moment: kept in UTC without a zone, as SQLite can, and given back with its zone."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return the moment as it is kept."""
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return the moment with its zone."""
        return None if value is None else value.replace(tzinfo=UTC)


class Base(DeclarativeBase):
    """All tables."""


class StudyEntry(Base):
    """The one study whose ratings these are; ``digest`` is "" until the first rater comes."""

    __tablename__ = "whyalike_study"

    id: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int]
    digest: Mapped[str]


class AdminEntry(Base):
    """A token that opens the report page, as its hash."""

    __tablename__ = "whyalike_admins"

    token_hash: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class RaterEntry(Base):
    """A rater. The token itself is in the invitation only."""

    __tablename__ = "whyalike_raters"

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(unique=True)
    name: Mapped[str]
    simulated: Mapped[bool]
    token_hash: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    consented_at: Mapped[datetime | None] = mapped_column(UtcTime)


class RatingEntry(Base):
    """One answer. A changed answer is a further row; the one with the highest id holds."""

    __tablename__ = "whyalike_ratings"
    __table_args__ = (
        UniqueConstraint("rater_id", "client_key"),
        Index("whyalike_ratings_current", "rater_id", "position", "id"),
        CheckConstraint("value BETWEEN 1 AND 5"),
        CheckConstraint("position >= 0"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    rater_id: Mapped[int] = mapped_column(ForeignKey("whyalike_raters.id"))
    position: Mapped[int]
    stimulus_id: Mapped[str]
    value: Mapped[int]
    comment: Mapped[str]
    client_key: Mapped[str]
    shown_at: Mapped[datetime | None] = mapped_column(UtcTime)
    answered_at: Mapped[datetime | None] = mapped_column(UtcTime)
    received_at: Mapped[datetime] = mapped_column(UtcTime)


_REFUSAL = "ratings are only ever added"

_TRIGGERS = {
    "sqlite": (
        "CREATE TRIGGER whyalike_no_update BEFORE UPDATE ON whyalike_ratings "
        f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END",
        "CREATE TRIGGER whyalike_no_delete BEFORE DELETE ON whyalike_ratings "
        f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END",
    ),
    "postgresql": (
        "CREATE OR REPLACE FUNCTION whyalike_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$",
        "CREATE TRIGGER whyalike_only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON "
        "whyalike_ratings FOR EACH STATEMENT EXECUTE FUNCTION whyalike_refuse()",
    ),
}


@event.listens_for(RatingEntry.__table__, "after_create")
def _forbid_changes(_table: object, connection: Connection, **_said: object) -> None:
    for statement in _TRIGGERS[connection.dialect.name]:
        connection.exec_driver_sql(statement)


def create_tables(connection: Connection) -> None:
    """Make what is not there yet. Two processes that open a new database at once take turns."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7204411967)")
    Base.metadata.create_all(connection)
