"""Figures of a report as they are written in its tables."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from whyalike.errors import OptionError
from whyalike.options import check_whole
from whyalike.render.parts import format_number
from whyalike.render.study import StudyRow, StudyTable
from whyalike.showing import Shown
from whyalike.statistics import Interval
from whyalike.study.agreement import Alpha, Intraclass, intraclass, krippendorff_alpha
from whyalike.study.exclusion import ExclusionRules, JudgeRecord, percent, review_judges
from whyalike.study.model import Study
from whyalike.study.power import MOST_SAMPLES, PowerPlan, plan_power, pool_components
from whyalike.study.ratings import Panel, RatingTable, panel_of
from whyalike.study.scores import (
    MethodDifference,
    MethodScore,
    compare_methods,
    differences,
    judge_means,
    resample_means,
    score_methods,
)

NOTHING = "–"


def plus_minus(score: MethodScore) -> str:
    """Return a score as Table 1 has it."""
    return f"{score.mos:.2f} ± {number(score.sd)}"


def number(value: float | None) -> str:
    """Return a number with two decimals, or a dash."""
    return NOTHING if value is None else format_number(value, 2)


def between(interval: Interval | None) -> str:
    """Return both ends of an interval, or a dash."""
    if interval is None:
        return NOTHING
    return f"{format_number(interval.low, 2)} to {format_number(interval.high, 2)}"


def p_value(value: float | None) -> str:
    """Return a p-value without the zero before the point, or a dash."""
    if value is None:
        return NOTHING
    return "<.001" if value < 0.001 else f"{value:.3f}".removeprefix("0")


FORMAT, VERSION = "whyalike/study-report", 1
SIMULATED = "SIMULATED RATINGS"


@dataclass(frozen=True, slots=True)
class ReportSettings:
    """What may be chosen for a report; to be chosen before the ratings are looked at.

    rules: which judges are set aside. reference: a method to test the others against, or None for
    each two. difference, power: what ``power`` plans for. resamples, seed: of the bootstraps.
    """

    rules: ExclusionRules = field(default_factory=ExclusionRules)
    reference: str | None = None
    difference: float = 0.3
    power: float = 0.8
    confidence: float = 0.95
    resamples: int = 2000
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what no report can be made with."""
        check_whole("resamples", self.resamples)
        check_whole("seed", self.seed, least=0)
        if not 0 < self.confidence < 1:
            raise OptionError(f"confidence is {self.confidence!r}; give one between 0 and 1.")


@dataclass(frozen=True, slots=True)
class StudyFacts:
    """What a report says of the study itself. ``digest`` is that of study.json."""

    model: str
    samples: int
    methods: tuple[str, ...]
    question: str
    scale: tuple[str, ...]
    seed: int
    digest: str

    @classmethod
    def of(cls, study: Study) -> Self:
        """Return what there is to say of a study."""
        return cls(**{name: getattr(study, name) for name in cls.__dataclass_fields__})


@dataclass(frozen=True, slots=True)
class Figures:
    """What some of the judges say of the methods; None where none can be estimated, see notes."""

    judges: int
    ratings: int
    scores: tuple[MethodScore, ...]
    alpha: Alpha | None
    icc: Intraclass | None
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False, repr=False)
class StudyReport(Shown):
    """A report, as plain data.

    study: what is known of it. simulated: how many judges are no humans.
    kept: without the judges that were set aside; everyone: with them.
    differences, judge_means, power: of the judges that were kept. judge_means: (R, M).
    """

    study: StudyFacts | None
    settings: ReportSettings
    simulated: int
    judges: tuple[JudgeRecord, ...]
    kept: Figures
    everyone: Figures
    differences: tuple[MethodDifference, ...]
    methods: tuple[str, ...]
    kept_judges: tuple[int, ...]
    judge_means: NDArray[np.float64]
    power: PowerPlan | None
    notes: tuple[str, ...]

    _shown_as = "study"

    @property
    def best(self) -> tuple[str, ...]:
        """The method with the highest score, and those that are not found different from it.

        By the test for other judges where there is one, corrected for all tests, at 5 %. With
        another method as the reference only the highest: most were not tested against it.
        """
        first = max(self.kept.scores, key=lambda score: score.mos).method
        alike = [first]
        if self.settings.reference not in (None, first):
            return (first,)
        for test in self.differences:
            p = test.p_holm if test.p_crossed_holm is None else test.p_crossed_holm
            if first in (test.first, test.second) and p >= 0.05:
                alike.append(test.second if test.first == first else test.first)
        return tuple(alike)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON has it, with NaN as null."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "simulated": SIMULATED if self.simulated else "",
            "simulated_judges": self.simulated,
            "study": None if self.study is None else asdict(self.study),
            "settings": asdict(self.settings),
            "table_1": asdict(self.kept),
            "with_excluded_judges": asdict(self.everyone),
            "best": list(self.best),
            "differences": [asdict(one) for one in self.differences],
            "judges": [asdict(one) for one in self.judges],
            "judge_means": {
                "methods": list(self.methods),
                "judges": {
                    str(judge): [None if np.isnan(mean) else float(mean) for mean in means]
                    for judge, means in zip(self.kept_judges, self.judge_means, strict=True)
                },
            },
            "power": None if self.power is None else asdict(self.power),
            "notes": list(self.notes),
        }

    def _to_show(self) -> object:
        from whyalike.study.report_page import page_of

        return page_of(self)

    def __repr__(self) -> str:
        """Return one line: the whole would be every judge."""
        return (
            f"StudyReport(methods={list(self.methods)}, judges={self.kept.judges}, "
            f"ratings={self.kept.ratings}, simulated={self.simulated}, best={list(self.best)})"
        )


def make_report(
    table: RatingTable,
    *,
    methods: Sequence[str] | None = None,
    study: StudyFacts | None = None,
    settings: ReportSettings | None = None,
) -> StudyReport:
    """Return what the ratings say.

    Parameters
    ----------
    table : RatingTable
        Of a study.
    methods : sequence of str, optional
        In the order to report them in; those without a rating are named in the notes.
    study : StudyFacts, optional
        What to say of the study itself.
    settings : ReportSettings, optional
        Which rules, tests and plans.

    Raises
    ------
    OptionError
        There are no ratings of items, or every judge was set aside.
    """
    chosen = ReportSettings() if settings is None else settings
    whole = panel_of(table, methods=methods)
    records = review_judges(table, rules=chosen.rules)
    aside = [record.judge for record in records if record.excluded]
    panel = whole.without(aside)
    if not np.isfinite(panel.values).any():
        reasons = "; ".join(f"judge {r.judge} {', '.join(r.reasons)}" for r in records if r.reasons)
        raise OptionError(
            f"Every judge with a rating was set aside ({reasons}). Turn rules off to see their "
            "ratings all the same: --no-exclusions."
        )
    rated, unrated = _split(panel)
    kept, draws = _figures(rated, chosen)
    everyone = kept if not aside else _figures(_split(whole)[0], chosen)[0]
    power, why = _plan(rated, chosen)
    notes = [*why]
    if unrated:
        notes.append(f"No ratings of {', '.join(unrated)}.")
    return StudyReport(
        study=study,
        settings=chosen,
        simulated=sum(record.simulated for record in records),
        judges=records,
        kept=kept,
        everyone=everyone,
        differences=compare_methods(
            rated, draws, reference=chosen.reference, confidence=chosen.confidence
        ),
        methods=rated.methods,
        kept_judges=rated.judges,
        judge_means=judge_means(rated),
        power=power,
        notes=tuple(notes),
    )


def _split(panel: Panel) -> tuple[Panel, list[str]]:
    """Return the panel of what was rated at all, and the names of methods that were not."""
    known = np.isfinite(panel.values).any(axis=(0, 1))
    judges = np.isfinite(panel.values).any(axis=(1, 2))
    samples = np.isfinite(panel.values).any(axis=(0, 2))
    rated = Panel(
        panel.values[judges][:, samples][:, :, known],
        tuple(np.array(panel.judges)[judges].tolist()),
        tuple(np.array(panel.samples)[samples].tolist()),
        tuple(np.array(panel.methods)[known].tolist()),
    )
    return rated, [name for name in panel.methods if name not in rated.methods]


def _figures(panel: Panel, settings: ReportSettings) -> tuple[Figures, NDArray[np.float64]]:
    """Return the figures with the draws of the methods' means, (B, M)."""
    draws = resample_means(panel.values, resamples=settings.resamples, seed=settings.seed)
    notes = []
    alpha, icc = None, None
    try:
        alpha = krippendorff_alpha(
            panel.by_stimulus,
            drawn_together=[sample for sample in panel.samples for _ in panel.methods],
            resamples=settings.resamples,
            seed=settings.seed,
            confidence=settings.confidence,
        )
    except OptionError as error:
        notes.append(f"No alpha: {error}")
    try:
        icc = intraclass(panel.by_stimulus, confidence=settings.confidence)
    except OptionError as error:
        notes.append(f"No ICC: {error}")
    scores = score_methods(panel, draws, confidence=settings.confidence)
    if any(score.crossed is None for score in scores):
        notes.append(
            "No interval for other judges where judges share no samples: see the bootstrap's."
        )
    ratings = int(np.isfinite(panel.values).sum())
    return Figures(len(panel.judges), ratings, scores, alpha, icc, tuple(notes)), draws


def _plan(panel: Panel, settings: ReportSettings) -> tuple[PowerPlan | None, list[str]]:
    try:
        components = pool_components(differences(panel))
    except OptionError as error:
        return None, [f"No plan: {error}"]
    plan = plan_power(
        components,
        samples=len(panel.samples),
        difference=settings.difference,
        power=settings.power,
        significance=1 - settings.confidence,
    )
    return plan, []


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
