"""Where raters and ratings are kept. Ratings are only added, and acknowledged when durable."""

import hmac
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Self

from whyalike.errors import MissingExtraError, OptionError
from whyalike.study.engine import (
    Answer,
    Invitation,
    Progress,
    Rater,
    RatingRow,
    Receipt,
    checked,
    storable,
)
from whyalike.study.model import Study

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

__all__ = ["Invitation", "Progress", "Rater", "RatingRow", "Receipt", "Storage", "open_storage"]

NAME_LENGTH = 200

Check = Callable[[Mapping[int, RatingRow]], None]
"""Called with a rater's answers that hold, by position; raises where another may not be added."""


class Storage:
    """The ratings of one study, in SQLite or PostgreSQL. Threads and processes may share it.

    Use ``open``, or ``open_storage`` where the study is at hand.
    """

    def __init__(self, where: str | Path, *, existing: bool = False) -> None:
        try:
            from whyalike.study.engine import Database
        except ModuleNotFoundError as error:
            raise MissingExtraError("A study's database", "sqlalchemy", "study") from error
        from whyalike.study import database as statements
        from whyalike.study import folder as opening

        self._do = statements
        self._database = Database(where)
        try:
            (opening.find if existing else opening.make)(self._database)
        except BaseException:
            self.close()
            raise

    @classmethod
    def open(cls, where: str | Path, *, existing: bool = False) -> Self:
        """Open the database of a study's folder, or at a URL of sqlite or postgresql.

        Parameters
        ----------
        where : str | Path
            The folder or the URL.
        existing : bool, default=False
            Make none where there is none yet, for those who only read.

        Raises
        ------
        OptionError
            A URL of something else, or none is there that should exist.
        FormatError
            A database of another version.
        StorageError
            It can't be opened.
        MissingExtraError
            SQLAlchemy or the driver is not installed.
        """
        return cls(where, existing=existing)

    @property
    def place(self) -> str:
        """Where the database is, as a URL without its password."""
        return self._database.place

    def close(self) -> None:
        """Give all connections back; what is used later opens new ones."""
        self._database.engine.dispose()

    def bind(self, study: Study) -> None:
        """Make this the database of ``study``.

        Raises
        ------
        OptionError
            It has raters of another study.
        """
        with self._database.writing() as connection:
            if not self._is_of(study, connection):
                self._do.set_study_digest(connection, study.digest)

    def check(self, study: Study) -> None:
        """Raise OptionError if there are raters of another study than this; write nothing."""
        with self._database.reading() as connection:
            self._is_of(study, connection)

    def _is_of(self, study: Study, connection: "Connection") -> bool:
        """Return whether the database is of this study, or else, without a rater, of none."""
        known = self._do.study_digest(connection)
        if known and known != study.digest and self._do.raters(connection):
            raise OptionError(
                "The database has raters of another study, or study.json was changed since "
                "they were invited: give another --database, or put study.json back."
            )
        return known == study.digest

    def add_rater(self, name: str = "", *, simulated: bool = False) -> Invitation:
        """Add a rater and return the invitation.

        Raises
        ------
        OptionError
            A name that is no text; or a simulated rater among real ones, or a real one among
            simulated: ratings can't be removed again.
        """
        if not isinstance(name, str) or len(name) > NAME_LENGTH:
            raise OptionError(f"A rater's name is a text of at most {NAME_LENGTH} characters.")
        token = secrets.token_urlsafe(32)
        with self._database.writing() as connection:
            if self._do.has_raters(connection, simulated=not simulated):
                raise OptionError(
                    "Real raters were invited to this study, and simulated ratings would stand "
                    "beside theirs: simulate with another --database, such as sqlite:///trial.db."
                    if simulated
                    else "This study has simulated ratings, and real ones would stand beside them: "
                    "invite raters with another --database, or to a study made anew."
                )
            id, number = self._do.add_rater(
                connection,
                name=storable(name),
                simulated=simulated,
                token_hash=_hash(token),
                at=_now(),
            )
        return Invitation(id, number, token)

    def rater_by_token(self, token: str) -> Rater | None:
        """Return whose invitation that is, or None. It takes no longer the nearer a guess is."""
        wanted = _hash(token)
        with self._database.reading() as connection:
            found = self._do.rater_by_hash(connection, wanted)
        if found is None or not hmac.compare_digest(found.token_hash, wanted):
            return None
        return _rater(found)

    def add_admin(self) -> str:
        """Return a new token for the report page; only its hash is kept."""
        token = secrets.token_urlsafe(32)
        with self._database.writing() as connection:
            self._do.add_admin(connection, token_hash=_hash(token), at=_now())
        return token

    def is_admin(self, token: str) -> bool:
        """Return whether that is a token for the report page."""
        wanted = _hash(token)
        with self._database.reading() as connection:
            found = self._do.admin_by_hash(connection, wanted)
        return found is not None and hmac.compare_digest(found, wanted)

    def consent(self, rater_id: int) -> datetime:
        """Keep that the rater consents, and return when it was first said.

        Raises
        ------
        OptionError
            There is no such rater.
        """
        with self._database.writing() as connection:
            rater = self._lock(connection, rater_id)
            if rater.consented_at is not None:
                return rater.consented_at  # type: ignore[no-any-return]
            now = _now()
            self._do.set_consent(connection, rater_id, now)
            return now

    def record(
        self,
        rater_id: int,
        position: int,
        stimulus_id: str,
        value: int,
        *,
        client_key: str,
        comment: str = "",
        shown_at: datetime | None = None,
        answered_at: datetime | None = None,
        check: Check | None = None,
    ) -> Receipt:
        """Keep an answer, and return once it is durable; see ``Answer`` for the arguments.

        An answer to a position that has one is kept beside it, and holds from then on. The same
        answer under the same key again is given its first receipt, though another may hold by now.

        ``check`` is called before an answer is added, while no other can be; what it raises comes
        through, and nothing is added.

        Raises
        ------
        OptionError
            An answer that is not allowed, an unknown rater, or a key that was used for another
            answer.
        StorageError
            It could not be stored.
        """
        answer = Answer(
            position=position,
            stimulus_id=stimulus_id,
            value=value,
            client_key=client_key,
            comment=comment,
            shown_at=shown_at,
            answered_at=answered_at,
        )
        return self.record_many(rater_id, [answer], check=check)[0]

    def record_many(
        self, rater_id: int, answers: Iterable[Answer], *, check: Check | None = None
    ) -> list[Receipt]:
        """Keep answers of one rater in their order, all or none; otherwise as ``record``."""
        good = [checked(answer) for answer in answers]
        with self._database.writing() as connection:
            self._lock(connection, rater_id)
            return [self._keep(connection, rater_id, answer, check) for answer in good]

    def _keep(
        self, connection: "Connection", rater_id: int, answer: Answer, check: Check | None
    ) -> Receipt:
        known = self._do.rating_by_key(connection, rater_id, answer.client_key)
        if known is None:
            if check is not None:
                check(self._held(connection, rater_id))
            now = _now()
            id = self._do.add_rating(connection, rater_id, answer, at=now)
            return Receipt(id, answer.position, answer.value, now, replayed=False)
        same = ("position", "stimulus_id", "value", "comment")
        if any(getattr(known, name) != getattr(answer, name) for name in same):
            raise OptionError(
                f"The key {answer.client_key!r} was used for another answer: give each its own."
            )
        return Receipt(known.id, known.position, known.value, known.received_at, replayed=True)

    def _lock(self, connection: "Connection", rater_id: int) -> "Row[tuple[object, ...]]":
        """Hold the rater, so that the order of ids is the order of a rater's answers."""
        rater = self._do.lock_rater(connection, rater_id)
        if rater is None:
            raise OptionError(f"There is no rater {rater_id}: add one first.")
        return rater

    def raters(self) -> list[Rater]:
        """Return all raters, by number."""
        with self._database.reading() as connection:
            return [_rater(row) for row in self._do.raters(connection)]

    def answers(self, rater_id: int) -> dict[int, RatingRow]:
        """Return the rater's answers that hold, by position."""
        with self._database.reading() as connection:
            return self._held(connection, rater_id)

    def _held(self, connection: "Connection", rater_id: int) -> dict[int, RatingRow]:
        return {row.position: row for row in self._rows(connection, rater_id) if row.current}

    def progress(self) -> list[Progress]:
        """Return how far each rater has come, by number."""
        with self._database.reading() as connection:
            counts = {row.rater_id: row for row in self._do.counts(connection)}
            raters = [_rater(row) for row in self._do.raters(connection)]
        return [
            Progress(rater, counts[rater.id].answered, counts[rater.id].last_at)
            if rater.id in counts
            else Progress(rater, 0, None)
            for rater in raters
        ]

    def all_ratings(self, *, history: bool = False) -> list[RatingRow]:
        """Return the ratings that hold, or with ``history`` all; by rater, position and time."""
        with self._database.reading() as connection:
            rows = self._rows(connection, None)
        return [row for row in rows if history or row.current]

    def _rows(self, connection: "Connection", rater_id: int | None) -> list[RatingRow]:
        """Return all rows, or one rater's, each with whether it holds."""
        rows = [RatingRow(*row) for row in self._do.ratings(connection, rater_id)]
        last = {(row.rater_id, row.position): row.id for row in rows}
        return [replace(row, current=row.id == last[row.rater_id, row.position]) for row in rows]


def open_storage(study: Study, *, database: str | None = None, existing: bool = False) -> Storage:
    """Open the database of a study: in its folder, or at the URL ``database``.

    ``existing`` is for those who only read: no database is made, and none becomes this study's.

    Raises
    ------
    OptionError
        It has raters of another study; or as ``Storage.open``.
    FormatError, StorageError, MissingExtraError
        As ``Storage.open``.
    """
    storage = Storage.open(study.folder if database is None else database, existing=existing)
    try:
        if existing:
            storage.check(study)
        else:
            storage.bind(study)
    except BaseException:
        storage.close()
        raise
    return storage


def _rater(row: "Row[tuple[object, ...]]") -> Rater:
    return Rater(row.id, row.number, row.name, row.simulated, row.consented_at)


def _hash(token: str) -> str:
    return sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _now() -> datetime:
    return datetime.now(UTC)
