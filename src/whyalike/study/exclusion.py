"""Raters left out, by rules stated before, and what the report says of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row, Select, func, insert, inspect, select, update

from whyalike.errors import FormatError, OptionError
from whyalike.study.engine import Answer
from whyalike.study.export import (
    VERSION,
    AdminEntry,
    RaterEntry,
    RatingEntry,
    StudyEntry,
    create_tables,
)
from whyalike.study.ratings import RatingTable


@dataclass(frozen=True, slots=True)
class ExclusionRules:
    """When a judge is set aside. None turns a rule off.

    failed_checks: more than this share of the attention checks answered outside of what is right.
    same_answer: at least this share of the items got the same rating (of ``least_items`` or more).
    seconds: the median time on an item is shorter.
    repeat_difference: on items shown twice the ratings differ by more than this in the mean; judges
        who choose at random differ by 1.6.
    least_items, least_repeats, least_checks: with fewer of them the rule says nothing.
    """

    failed_checks: float | None = 0.25
    same_answer: float | None = 0.9
    seconds: float | None = 3.0
    repeat_difference: float | None = 1.2
    least_items: int = 20
    least_repeats: int = 4
    least_checks: int = 4

    def __post_init__(self) -> None:
        """Refuse what no judge could meet."""
        for name in ("failed_checks", "same_answer"):
            share = getattr(self, name)
            if share is not None and not 0 <= share <= 1:
                raise OptionError(f"{name} is {share!r}: give a share from 0 to 1, or None.")
        for name in ("seconds", "repeat_difference"):
            limit = getattr(self, name)
            if limit is not None and not limit >= 0:
                raise OptionError(f"{name} is {limit!r}: give 0 or more, or None.")


@dataclass(frozen=True, slots=True)
class JudgeRecord:
    """How one judge worked. None where there is nothing to tell it from.

    items: rated. mean, sd: of their ratings. same_answer: share of the most frequent rating.
    checks, checks_failed: answered, and answered outside of what is right.
    repeats: items answered twice. repeat_difference: mean |first − second|; repeats_equal: share.
    seconds: median time on an item.
    reasons: why the judge is set aside; empty for one who counts.
    """

    judge: int
    name: str
    simulated: bool
    items: int
    mean: float | None
    sd: float | None
    same_answer: float | None
    checks: int
    checks_failed: int
    repeats: int
    repeat_difference: float | None
    repeats_equal: float | None
    seconds: float | None
    reasons: tuple[str, ...]

    @property
    def excluded(self) -> bool:
        """Whether the judge is set aside."""
        return bool(self.reasons)


def review_judges(
    table: RatingTable, *, rules: ExclusionRules | None = None
) -> tuple[JudgeRecord, ...]:
    """Return a record of each judge, by number, with the reasons to set the judge aside."""
    chosen = ExclusionRules() if rules is None else rules
    latest = table.where(table.current)
    numbers = np.unique(table.rater).tolist()
    return tuple(
        _review(latest.where(latest.rater == number), number, chosen) for number in numbers
    )


def _review(rows: RatingTable, number: int, rules: ExclusionRules) -> JudgeRecord:
    items = rows.where(rows.kind == "item")
    checks = rows.where(rows.kind == "check")
    failed = int(((checks.value < checks.low) | (checks.value > checks.high)).sum())
    changes = _changes(rows)
    times = items.seconds[np.isfinite(items.seconds)]
    values = items.value.astype(np.float64)
    record = JudgeRecord(
        judge=number,
        name=str(rows.name[0]) if len(rows) else "",
        simulated=bool(rows.simulated.any()),
        items=len(items),
        mean=float(values.mean()) if len(items) else None,
        sd=float(values.std(ddof=1)) if len(items) > 1 else None,
        same_answer=float(np.bincount(items.value).max() / len(items)) if len(items) else None,
        checks=len(checks),
        checks_failed=failed,
        repeats=len(changes),
        repeat_difference=float(np.mean(changes)) if changes else None,
        repeats_equal=float(np.mean([change == 0 for change in changes])) if changes else None,
        seconds=float(np.median(times)) if len(times) else None,
        reasons=(),
    )
    return _with_reasons(record, rules)


def _changes(rows: RatingTable) -> list[int]:
    """Return |first − second| of each item that was answered twice."""
    at = dict(zip(rows.position.tolist(), rows.value.tolist(), strict=True))
    repeats = rows.where(rows.kind == "repeat")
    return [
        abs(value - at[first])
        for value, first in zip(repeats.value.tolist(), repeats.repeat_of.tolist(), strict=True)
        if first in at
    ]


def _with_reasons(record: JudgeRecord, rules: ExclusionRules) -> JudgeRecord:
    reasons = [
        reason
        for rule in (_failed_checks, _same_answer, _too_fast, _repeats_apart)
        if (reason := rule(record, rules))
    ]
    return replace(record, reasons=tuple(reasons))


def _failed_checks(record: JudgeRecord, rules: ExclusionRules) -> str:
    limit = rules.failed_checks
    if limit is None or record.checks < max(rules.least_checks, 1):
        return ""
    if record.checks_failed / record.checks <= limit:
        return ""
    failed = f"failed {record.checks_failed} of {record.checks} attention checks"
    return f"{failed} (more than {percent(limit)})"


def _same_answer(record: JudgeRecord, rules: ExclusionRules) -> str:
    share, limit = record.same_answer, rules.same_answer
    if limit is None or share is None or record.items < rules.least_items or share < limit:
        return ""
    return f"gave the same rating to {percent(share)} of the items (limit {percent(limit)})"


def _too_fast(record: JudgeRecord, rules: ExclusionRules) -> str:
    time, limit = record.seconds, rules.seconds
    if limit is None or time is None or record.items < rules.least_items or time >= limit:
        return ""
    return f"took {time:.1f} s for an item in the median (limit {limit:g} s)"


def _repeats_apart(record: JudgeRecord, rules: ExclusionRules) -> str:
    change, limit = record.repeat_difference, rules.repeat_difference
    if limit is None or change is None or record.repeats < rules.least_repeats or change <= limit:
        return ""
    apart = f"rated {record.repeats} repeated items {change:.1f} apart in the mean"
    return f"{apart} (limit {limit:g})"


def percent(share: float) -> str:
    """Return a share as it is written: 0.25 is "25 %"."""
    return f"{100 * share:.3g} %"


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
