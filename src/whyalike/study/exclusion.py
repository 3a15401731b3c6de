"""Raters left out, by rules stated before, and what the report says of them."""

from dataclasses import dataclass, replace

import numpy as np

from whyalike.errors import OptionError
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
