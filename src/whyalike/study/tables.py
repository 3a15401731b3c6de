"""The tables of a study's database. Ratings are only ever added; the database itself sees to it."""

from datetime import UTC, datetime

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
