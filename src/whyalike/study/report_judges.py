"""What a report says of the judges: agreement, how they worked, and how many it takes."""

import numpy as np

from whyalike.render.study import StudyRow, StudyTable
from whyalike.render.wording import format_number
from whyalike.study.exclusion import ExclusionRules, JudgeRecord, percent
from whyalike.study.power import MOST_SAMPLES, PowerPlan
from whyalike.study.report import Figures, StudyReport
from whyalike.study.report_cells import NOTHING, between, number


def agreement_table(report: StudyReport) -> StudyTable:
    """Return α and ICC, with those of all judges where some were set aside."""
    rows = [*_agreement_rows(report.kept, "")]
    if any(record.excluded for record in report.judges):
        rows += _agreement_rows(report.everyone, ", all judges")
    return StudyTable(
        name="Agreement",
        caption=(
            "1 is perfect; α is 0 by chance. ICC: absolute agreement, judges and stimuli drawn at "
            "random."
        ),
        headings=("Measure", "Value", "Interval", "Of"),
        rows=tuple(rows),
        last_is_text=True,
    )


def _agreement_rows(figures: Figures, whose: str) -> list[StudyRow]:
    rows = []
    if figures.alpha is not None:
        alpha = figures.alpha
        value = format_number(alpha.value, 2)
        limits = f"{format_number(alpha.low, 2)} to {format_number(alpha.high, 2)}"
        of = f"{alpha.ratings:,} ratings of {alpha.units:,} stimuli"
        rows.append(StudyRow((f"Krippendorff's α, {alpha.level}{whose}", value, limits, of)))
    if figures.icc is not None:
        icc = figures.icc
        of = f"{icc.units:,} stimuli" + (f", {icc.left_out:,} left out" if icc.left_out else "")
        for name, found in (("2,1", icc.single), (f"2,{icc.judges}", icc.average)):
            cells = (f"ICC({name}){whose}", format_number(found.mean, 2), between(found), of)
            rows.append(StudyRow(cells))
    return rows or [StudyRow((f"none{whose}", NOTHING, NOTHING, "see the notes"))]


def judges_table(report: StudyReport) -> StudyTable:
    """Return how each judge worked, those that were set aside first."""
    records = sorted(report.judges, key=lambda record: not record.excluded)
    rows = [StudyRow(_judge_cells(record), strong=record.excluded) for record in records]
    return StudyTable(
        name="Judges",
        caption=(
            "Checks: failed of those answered. Repeats: mean difference on items shown twice. "
            f"Seconds: median for an item. Set aside: {_rules(report.settings.rules)}."
        ),
        headings=("Judge", "Items", "Mean", "SD", "Checks", "Repeats", "Seconds", "Set aside"),
        rows=tuple(rows),
        last_is_text=True,
    )


def _judge_cells(record: JudgeRecord) -> tuple[str, ...]:
    return (
        _name(record),
        f"{record.items:,}",
        number(record.mean),
        number(record.sd),
        f"{record.checks_failed}/{record.checks}" if record.checks else NOTHING,
        number(record.repeat_difference),
        NOTHING if record.seconds is None else f"{record.seconds:.1f}",
        "; ".join(record.reasons) or NOTHING,
    )


def _name(record: JudgeRecord) -> str:
    mark = " (simulated)" if record.simulated and "simulated" not in record.name else ""
    return f"{record.judge} {record.name}".strip() + mark


def _rules(rules: ExclusionRules) -> str:
    said = []
    if rules.failed_checks is not None:
        said.append(f"more than {percent(rules.failed_checks)} of checks failed")
    if rules.same_answer is not None:
        said.append(f"{percent(rules.same_answer)} of the items rated the same")
    if rules.seconds is not None:
        said.append(f"below {rules.seconds:g} s")
    if rules.repeat_difference is not None:
        said.append(f"repeats more than {rules.repeat_difference:g} apart")
    return ", or ".join(said) or "nobody; all rules are off"


def means_table(report: StudyReport) -> StudyTable:
    """Return the judges' means by method."""
    rows = [
        StudyRow((str(judge), *(number(float(m) if np.isfinite(m) else None) for m in means)))
        for judge, means in zip(report.kept_judges, report.judge_means, strict=True)
    ]
    return StudyTable(
        name="Judges' means",
        caption="The mean rating of each judge for each method.",
        headings=("Judge", *report.methods),
        rows=tuple(rows),
    )


def power_table(plan: PowerPlan) -> StudyTable:
    """Return how many samples each number of judges needs."""
    never = f"over {MOST_SAMPLES:,}"
    rows = [
        StudyRow(
            (
                f"{need.judges}",
                never if need.same_judges is None else f"{need.same_judges:,}",
                never if need.other_judges is None else f"{need.other_judges:,}",
                format_number(need.power, 2),
            )
        )
        for need in plan.needs
    ]
    parts = plan.components
    return StudyTable(
        name="How many judges and samples",
        caption=(
            f"Samples with which a difference of {plan.difference:g} is found "
            f"{percent(plan.wanted)} of the time at {percent(plan.significance)}, one comparison; "
            "to say so of these judges, or of others too; and how often with the "
            f"{plan.samples:,} samples there are. From the variances of differences found here: "
            f"judges {parts.judges:.3f}, samples {parts.samples:.3f}, rest {parts.rest:.3f}."
        ),
        headings=("Judges", "These judges", "Others too", f"Found with {plan.samples:,}"),
        rows=tuple(rows),
        texts=0,
    )
