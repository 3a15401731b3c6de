"""Connections to SQLite and PostgreSQL, set up so that what is committed is on disk."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from whyalike.errors import MissingExtraError, OptionError, StorageError, WhyalikeError

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.pool import ConnectionPoolEntry

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
        """Have a transaction that sees one state of the database. Raises StorageError."""
        with (
            self._told("read", "Try again, or check --database."),
            self.engine.connect() as connection,
            connection.begin(),
        ):
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Have a transaction whose end returns only when it is durable. Raises StorageError."""
        if self._turn is not None:
            self._turn.acquire()
        try:
            lost = "What was not acknowledged is not stored; try again."
            with self._told("written", lost), self.engine.connect() as connection:
                connection.execution_options(whyalike_writes=True)
                with connection.begin():
                    yield connection
        finally:
            if self._turn is not None:
                self._turn.release()

    @contextmanager
    def _told(self, what: str, advice: str) -> Iterator[None]:
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

    Raises:
        OptionError: a URL of something else than SQLite or PostgreSQL.
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
