"""What a rater is shown next, and what becomes of an answer."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from whyalike.errors import MissingExtraError, OptionError, StorageError, WhyalikeError
from whyalike.study.model import HIGHEST, LOWEST
from whyalike.texts import without_surrogates

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.pool import ConnectionPoolEntry


@dataclass(frozen=True, slots=True)
class Invitation:
    """A new rater and the token of the link. It is shown once: only its hash is kept."""

    rater_id: int
    number: int
    token: str


@dataclass(frozen=True, slots=True)
class Rater:
    """A rater. ``number``, from 0, chooses the order (``design.plan``)."""

    id: int
    number: int
    name: str
    simulated: bool
    consented_at: datetime | None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the database answers once a rating is durable; ``replayed`` if it was there before."""

    rating_id: int
    position: int
    value: int
    received_at: datetime
    replayed: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a rater has come: ``answered`` counts positions."""

    rater: Rater
    answered: int
    last_at: datetime | None


@dataclass(frozen=True, slots=True)
class RatingRow:
    """A stored rating. ``current`` is False where a later one is of the same position."""

    id: int
    rater_id: int
    rater_number: int
    rater_name: str
    simulated: bool
    position: int
    stimulus_id: str
    value: int
    comment: str
    client_key: str
    shown_at: datetime | None
    answered_at: datetime | None
    received_at: datetime
    current: bool = True

    @property
    def seconds(self) -> float | None:
        """From the showing to the answer, by the server's clock in the app; None where unknown."""
        if self.shown_at is None or self.answered_at is None:
            return None
        return (self.answered_at - self.shown_at).total_seconds()


COMMENT_LENGTH, KEY_LENGTH, LAST_POSITION = 2000, 100, 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer of a rater.

    position: on which screen, from 0.
    stimulus_id: what stood there.
    value: 1 to 5.
    client_key: a name that the client gives to the answer, another for each; an answer that is
        sent twice under one key is kept once.
    comment: the rater's own words; what is beyond 2,000 characters is refused.
    shown_at, answered_at: by the caller's clock (the server's, in the app), with a time zone; None
        where unknown.
    """

    position: int
    stimulus_id: str
    value: int
    client_key: str
    comment: str = ""
    shown_at: datetime | None = None
    answered_at: datetime | None = None


def checked(answer: Answer) -> Answer:
    """Return the answer as it can be stored: no database takes NUL or half a character.

    Raises
    ------
    OptionError
        A value, position, key or comment that is not allowed.
    """
    for name, value, low, high in (
        ("value", answer.value, LOWEST, HIGHEST),
        ("position", answer.position, 0, LAST_POSITION),
    ):
        if type(value) is not int or not low <= value <= high:
            raise OptionError(f"{name} is {value!r}; give a whole number from {low} to {high}.")
    for name, text, most in (
        ("client_key", answer.client_key, KEY_LENGTH),
        ("stimulus_id", answer.stimulus_id, KEY_LENGTH),
    ):
        if not isinstance(text, str) or not 0 < len(text) <= most or not text.isprintable():
            raise OptionError(f"{name} is {text!r:.60}; give 1 to {most} printable characters.")
    if not isinstance(answer.comment, str) or len(answer.comment) > COMMENT_LENGTH:
        raise OptionError(f"A comment is a text of at most {COMMENT_LENGTH:,} characters.")
    for name, moment in (("shown_at", answer.shown_at), ("answered_at", answer.answered_at)):
        if moment is not None and moment.tzinfo is None:
            raise OptionError(f"{name} has no time zone: give one, such as UTC.")
    return replace(answer, comment=storable(answer.comment))


def storable(text: str) -> str:
    """Return the text with U+FFFD for what a database refuses."""
    return without_surrogates(text.replace("\0", "\N{REPLACEMENT CHARACTER}"))


DATABASE = "study.db"
BUSY_SECONDS = 30


class Database:
    """An engine, and transactions on it that read, or that write one after another."""

    def __init__(self, where: str | Path) -> None:
        self.url = url_of(where)
        self.engine = _open(self.url)
        # SQLite lets writers try again and again until one is lucky; in one process they queue.
        self._turn = Lock() if self.is_sqlite else None

    @property
    def is_sqlite(self) -> bool:
        """Whether a file is the database."""
        return self.url.get_backend_name() == "sqlite"

    @property
    def place(self) -> str:
        """The URL, without its password."""
        return self.url.render_as_string()

    @property
    def file(self) -> Path | None:
        """The file of SQLite, or None for what is no file by its path."""
        path = self.url.database
        if not self.is_sqlite or not path or path == ":memory:" or "uri" in self.url.query:
            return None
        return Path(path)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a transaction that sees one state of the database. Raises StorageError."""
        with (
            self._said_with_advice("read", "Try again, or check --database."),
            self.engine.connect() as connection,
            connection.begin(),
        ):
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a transaction whose end returns only when it is durable. Raises StorageError."""
        if self._turn is not None:
            self._turn.acquire()
        try:
            lost = "What was not acknowledged is not stored; try again."
            with self._said_with_advice("written", lost), self.engine.connect() as connection:
                connection.execution_options(whyalike_writes=True)
                with connection.begin():
                    yield connection
        finally:
            if self._turn is not None:
                self._turn.release()

    @contextmanager
    def _said_with_advice(self, what: str, advice: str) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            reason = str(getattr(error, "orig", None) or error).strip().split("\n")[0]
            raise StorageError(
                f"The database {self.place} could not be {what}: {reason}. {advice}"
            ) from error
        except WhyalikeError:
            raise
        except (ValueError, TypeError, OverflowError) as error:
            # What stands in a column is none of its values: SQLite keeps whatever is written.
            raise StorageError(
                f"The database {self.place} is damaged ({error}): put back a copy of it."
            ) from error


def url_of(where: str | Path) -> URL:
    """Return the URL of a study's folder, or of what is a URL already.

    Raises
    ------
    OptionError
        A URL of something else than SQLite or PostgreSQL.
    """
    if isinstance(where, Path) or "://" not in where:
        return URL.create("sqlite", database=str(Path(where) / DATABASE))
    try:
        url = make_url(where)
        backend = url.get_backend_name()
    except ArgumentError as error:
        raise OptionError(f"The URL of the database can't be read: {error}.") from error
    if backend == "sqlite":
        return url.set(drivername="sqlite")
    if backend in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    raise OptionError(
        f"The database is of the kind {backend!r}; give a URL of sqlite or postgresql."
    )


def _open(url: URL) -> Engine:
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS}, pool_size=20)
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    try:
        engine = create_engine(url, pool_size=20, pool_pre_ping=True)
    except ModuleNotFoundError as error:
        raise MissingExtraError("PostgreSQL", "psycopg", "postgres") from error
    event.listen(engine, "connect", _set_up_postgresql)
    return engine


def _set_up_sqlite(connection: Any, _record: "ConnectionPoolEntry") -> None:
    # The driver would begin transactions by itself, and only when something is written.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later fails where another wrote in between.
    writes = connection.get_execution_options().get("whyalike_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _set_up_postgresql(connection: "DBAPIConnection", _record: "ConnectionPoolEntry") -> None:
    cursor = connection.cursor()
    # A server may be set up to acknowledge before the disk does.
    cursor.execute("SET synchronous_commit = on")
    cursor.close()
    connection.commit()
