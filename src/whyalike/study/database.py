"""The database of a study: tables that refuse changed ratings, and the statements on them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Connection,
    DateTime,
    ForeignKey,
    Index,
    Row,
    Select,
    TypeDecorator,
    UniqueConstraint,
    event,
    func,
    insert,
    inspect,
    select,
    update,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from whyalike.errors import FormatError
from whyalike.study.engine import Answer

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


Found = Row[Any]


def create(connection: Connection) -> None:
    """Make the tables that are missing. Raises FormatError on a database of another version."""
    create_tables(connection)
    if connection.scalar(select(StudyEntry.version)) is None:
        connection.execute(insert(StudyEntry).values(id=1, version=VERSION, digest=""))
    check_version(connection)


def is_made(connection: Connection) -> bool:
    """Return whether this is the database of a study."""
    if not inspect(connection).has_table(StudyEntry.__tablename__):
        return False
    return connection.scalar(select(StudyEntry.version)) is not None


def check_version(connection: Connection) -> None:
    """Raise FormatError on a database of another version."""
    version = connection.scalar(select(StudyEntry.version))
    if version != VERSION:
        raise FormatError(
            f"The database is of version {version}; this release reads version {VERSION}. Use the "
            "release of whyalike that made it."
        )


def study_digest(connection: Connection) -> str:
    """Return whose ratings these are, and hold that until the transaction ends."""
    return connection.execute(select(StudyEntry.digest).with_for_update()).scalar_one()


def set_study_digest(connection: Connection, digest: str) -> None:
    """Say whose ratings these are."""
    connection.execute(update(StudyEntry).values(digest=digest))


def add_rater(
    connection: Connection, *, name: str, simulated: bool, token_hash: str, at: datetime
) -> tuple[int, int]:
    """Add a rater with the next number, and return id and number."""
    study_digest(connection)  # Held, so that no two raters get one number.
    number = connection.execute(select(func.count(RaterEntry.id))).scalar_one()
    added = insert(RaterEntry).values(
        number=number, name=name, simulated=simulated, token_hash=token_hash, created_at=at
    )
    return connection.execute(added.returning(RaterEntry.id)).scalar_one(), number


def add_admin(connection: Connection, *, token_hash: str, at: datetime) -> None:
    """Add a token for the report page."""
    connection.execute(insert(AdminEntry).values(token_hash=token_hash, created_at=at))


def admin_by_hash(connection: Connection, token_hash: str) -> str | None:
    """Return the hash if it is there."""
    return connection.scalar(
        select(AdminEntry.token_hash).where(AdminEntry.token_hash == token_hash)
    )


def rater_by_hash(connection: Connection, token_hash: str) -> Found | None:
    """Return the rater with that hash of a token."""
    return connection.execute(_raters().where(RaterEntry.token_hash == token_hash)).first()


def lock_rater(connection: Connection, rater_id: int) -> Found | None:
    """Return the rater, whom no other transaction can hold until this one ends."""
    return connection.execute(_raters().where(RaterEntry.id == rater_id).with_for_update()).first()


def raters(connection: Connection) -> Sequence[Any]:
    """Return all raters, by number."""
    return connection.execute(_raters().order_by(RaterEntry.number)).all()


def has_raters(connection: Connection, *, simulated: bool) -> bool:
    """Return whether there is any rater of that kind, and hold that until the transaction ends."""
    study_digest(connection)
    wanted = select(RaterEntry.id).where(RaterEntry.simulated == simulated).limit(1)
    return connection.scalar(wanted) is not None


def set_consent(connection: Connection, rater_id: int, at: datetime) -> None:
    """Keep when the rater consented."""
    connection.execute(update(RaterEntry).where(RaterEntry.id == rater_id).values(consented_at=at))


def rating_by_key(connection: Connection, rater_id: int, client_key: str) -> Found | None:
    """Return the rater's answer of that key."""
    wanted = select(*RatingEntry.__table__.c).where(
        RatingEntry.rater_id == rater_id, RatingEntry.client_key == client_key
    )
    return connection.execute(wanted).first()


def add_rating(connection: Connection, rater_id: int, answer: Answer, *, at: datetime) -> int:
    """Add an answer and return its id."""
    added = insert(RatingEntry).values(
        rater_id=rater_id,
        position=answer.position,
        stimulus_id=answer.stimulus_id,
        value=answer.value,
        comment=answer.comment,
        client_key=answer.client_key,
        shown_at=answer.shown_at,
        answered_at=answer.answered_at,
        received_at=at,
    )
    return connection.execute(added.returning(RatingEntry.id)).scalar_one()


def counts(connection: Connection) -> Sequence[Any]:
    """Return for each rater with answers the positions answered and the time of the last."""
    return connection.execute(
        select(
            RatingEntry.rater_id,
            func.count(RatingEntry.position.distinct()).label("answered"),
            func.max(RatingEntry.received_at).label("last_at"),
        ).group_by(RatingEntry.rater_id)
    ).all()


def ratings(connection: Connection, rater_id: int | None) -> Sequence[Any]:
    """Return all answers, or one rater's, as the fields of a RatingRow but the last."""
    wanted = select(
        RatingEntry.id,
        RatingEntry.rater_id,
        RaterEntry.number,
        RaterEntry.name,
        RaterEntry.simulated,
        RatingEntry.position,
        RatingEntry.stimulus_id,
        RatingEntry.value,
        RatingEntry.comment,
        RatingEntry.client_key,
        RatingEntry.shown_at,
        RatingEntry.answered_at,
        RatingEntry.received_at,
    ).join(RaterEntry, RaterEntry.id == RatingEntry.rater_id)
    if rater_id is not None:
        wanted = wanted.where(RatingEntry.rater_id == rater_id)
    return connection.execute(
        wanted.order_by(RaterEntry.number, RatingEntry.position, RatingEntry.id)
    ).all()


def _raters() -> Select[Any]:
    return select(*RaterEntry.__table__.c)
