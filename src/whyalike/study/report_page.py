"""A study's report as the plain tables that ``render`` draws."""

import numpy as np

from whyalike.render.parts import format_signed
from whyalike.render.study import Range, Shares, StudyPage, StudyRow, StudyTable
from whyalike.study.exclusion import percent
from whyalike.study.report import (
    SIMULATED,
    StudyFacts,
    StudyReport,
    agreement_table,
    between,
    judges_table,
    means_table,
    number,
    p_value,
    plus_minus,
    power_table,
)
from whyalike.study.scores import MethodDifference, MethodScore


def page_of(report: StudyReport) -> StudyPage:
    """Return the page of a report, Table 1 first."""
    kept = report.kept
    facts = (
        ("Judges", _count_judges(report)),
        ("Ratings", f"{kept.ratings:,}"),
        *_facts(report.study),
    )
    tables = [_ratings(report), agreement_table(report)]
    if report.differences:
        tables.insert(1, _differences(report))
    tables += [judges_table(report), means_table(report)]
    if report.power is not None:
        tables.append(power_table(report.power))
    if any(record.excluded for record in report.judges):
        tables.append(_with_everyone(report))
    return StudyPage(
        title="whyalike: study",
        banner=_banner(report),
        facts=facts,
        notes=(*kept.notes, *report.notes),
        table_1=_table_1(report),
        tables=tuple(tables),
    )


def _facts(study: StudyFacts | None) -> tuple[tuple[str, str], ...]:
    if study is None:
        return ()
    return (
        ("Model", study.model),
        ("Samples", f"{study.samples:,}"),
        ("Methods", f"{len(study.methods)}"),
        ("Question", study.question),
        ("Scale", f"1 {study.scale[0]} … {len(study.scale)} {study.scale[-1]}"),
        ("Seed", str(study.seed)),
        ("Study", study.digest[:12]),
    )


def _banner(report: StudyReport) -> str:
    if not report.simulated:
        return ""
    everyone = len(report.judges)
    which = "all judges" if report.simulated == everyone else f"{report.simulated} of {everyone}"
    return f"{SIMULATED}: {which} are programs, and these figures say nothing of any method"


def _count_judges(report: StudyReport) -> str:
    aside = sum(record.excluded for record in report.judges)
    return f"{report.kept.judges}" + (f", {aside} more set aside" if aside else "")


def _table_1(report: StudyReport) -> StudyTable:
    kept, sure = report.kept, percent(report.settings.confidence)
    means = {
        name: tuple(float(m) for m in report.judge_means[:, place] if np.isfinite(m))
        for place, name in enumerate(report.methods)
    }
    rows = [
        StudyRow(
            (
                score.method,
                plus_minus(score),
                between(score.crossed),
                between(score.resampled),
                between(score.votes),
            ),
            strong=score.method in report.best,
            plot=_plot(score, means[score.method]),
        )
        for score in kept.scores
    ]
    caption = (
        f"How well explanations explain: mean opinion score, 1 to 5, over {kept.judges} judges and "
        f"{max(score.samples for score in kept.scores):,} samples, ± the standard deviation of the "
        f"judges' means; {sure} interval for other judges and other samples (t). "
        f"Bold: {_bold(report)}."
    )
    return StudyTable(
        name="Table 1",
        caption=caption,
        headings=("Method", "MOS ± SD", "Interval", "Bootstrap", "P.808"),
        more=(
            "Bootstrap: over judges and samples at once. P.808: as if each rating had a judge of "
            "its own, and so too narrow. Methods share judges and samples: compare them by their "
            "differences, not by whether intervals overlap."
        ),
        rows=tuple(rows),
        plot_heading="1 to 5, a dot for each judge",
        marks=(1.0, 2.0, 3.0, 4.0, 5.0),
    )


def _bold(report: StudyReport) -> str:
    if report.settings.reference not in (None, report.best[0]):
        return "the highest mean; whether others differ from it was not tested"
    return "the best, and what is not found different from it (Holm, 5 %)"


def _plot(score: MethodScore, dots: tuple[float, ...]) -> Range:
    shown = score.resampled if score.crossed is None else score.crossed
    return Range(score.mos, shown.low, shown.high, dots)


def _ratings(report: StudyReport) -> StudyTable:
    rows = [
        StudyRow(
            (
                score.method,
                *(f"{count:,}" for count in score.counts),
                number(score.sd_ratings),
                number(score.sd_samples),
            ),
            plot=Shares(score.counts),
        )
        for score in report.kept.scores
    ]
    return StudyTable(
        name="Ratings",
        caption="How often each rating was given; SD of single ratings, and of the samples' means.",
        headings=("Method", "1", "2", "3", "4", "5", "SD ratings", "SD samples"),
        rows=tuple(rows),
        plot_heading="Shares of 1 to 5",
    )


def _differences(report: StudyReport) -> StudyTable:
    # What is said of the best comes first.
    best = report.best[0]
    tests = sorted(report.differences, key=lambda one: best not in (one.first, one.second))
    ranges = [one.crossed or one.resampled for one in tests]
    ends = [abs(end) for one in ranges if one is not None for end in (one.low, one.high)]
    widest = max(ends, default=1.0) or 1.0
    rows = [
        StudyRow(
            (
                f"{one.first} − {one.second}",
                format_signed(one.difference, 2),
                between(shown),
                p_value(one.p_holm),
                p_value(one.p_crossed_holm),
            ),
            strong=_is_found(one),
            plot=None if shown is None else Range(shown.mean, shown.low, shown.high),
        )
        for one, shown in zip(tests, ranges, strict=True)
    ]
    return StudyTable(
        name="Differences",
        caption=(
            "On the same samples. p, corrected for all tests (Holm): for these judges (Wilcoxon's "
            "signed-rank test of the samples' means), and for other judges too (quasi-F). "
            "Interval: for other judges; the bootstrap's where no judge rated samples by both "
            "methods. Bold: found for other judges, or, if not estimable, for these, at 5 %."
        ),
        headings=("Methods", "Difference", "Interval", "p these", "p others"),
        rows=tuple(rows),
        plot_heading=f"−{widest:.1f} to {widest:.1f}",
        scale=(-widest, widest),
        marks=(0.0,),
    )


def _is_found(one: MethodDifference) -> bool:
    p = one.p_holm if one.p_crossed_holm is None else one.p_crossed_holm
    return p < 0.05


def _with_everyone(report: StudyReport) -> StudyTable:
    kept = {score.method: score.mos for score in report.kept.scores}
    rows = [
        StudyRow(
            (
                score.method,
                plus_minus(score),
                between(score.crossed),
                format_signed(score.mos - kept[score.method], 2) if score.method in kept else "–",
            )
        )
        for score in report.everyone.scores
    ]
    return StudyTable(
        name="With the judges that were set aside",
        caption=(
            f"The same over all {report.everyone.judges} judges; change: against Table 1. A result "
            "that depends on who was set aside is none."
        ),
        headings=("Method", "MOS ± SD", "Interval", "Change"),
        rows=tuple(rows),
    )
