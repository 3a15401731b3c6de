"""All that a study found: scores, differences, agreement, judges, and what it would take."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from whyalike.errors import OptionError
from whyalike.options import check_whole
from whyalike.study.agreement import Alpha, krippendorff_alpha
from whyalike.study.bootstrap import resample_means
from whyalike.study.exclusion import ExclusionRules, JudgeRecord, review_judges
from whyalike.study.intraclass import Intraclass, intraclass
from whyalike.study.model import Study
from whyalike.study.mos import MethodScore, score_methods
from whyalike.study.paired import MethodDifference, compare_methods, differences, judge_means
from whyalike.study.panel import Panel, panel_of
from whyalike.study.power import PowerPlan, plan_power, pool_components
from whyalike.study.ratings import RatingTable

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
    """What some of the judges say of the methods; None where it can't be told, see the notes."""

    judges: int
    ratings: int
    scores: tuple[MethodScore, ...]
    alpha: Alpha | None
    icc: Intraclass | None
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False, repr=False)
class StudyReport:
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

    def to_html(self) -> str:
        """Return one self-contained HTML page."""
        from whyalike.render.study import render_study
        from whyalike.study.report_page import page_of

        return render_study(page_of(self))

    def __str__(self) -> str:
        """Return the report as plain text, 80 columns wide."""
        from whyalike.render.study_text import render_study_text
        from whyalike.study.report_page import page_of

        return render_study_text(page_of(self))

    def __repr__(self) -> str:
        """Return one line: the whole would be every judge."""
        return (
            f"StudyReport(methods={list(self.methods)}, judges={self.kept.judges}, "
            f"ratings={self.kept.ratings}, simulated={self.simulated}, best={list(self.best)})"
        )

    def _repr_html_(self) -> str:
        from whyalike.render.study import render_study_fragment
        from whyalike.study.report_page import page_of

        return render_study_fragment(page_of(self))


def make_report(
    table: RatingTable,
    *,
    methods: Sequence[str] | None = None,
    study: StudyFacts | None = None,
    settings: ReportSettings | None = None,
) -> StudyReport:
    """Return what the ratings say.

    Args:
        table: of a study.
        methods: in the order to report them in; those without a rating are named in the notes.
        study: what to say of the study itself.
        settings: which rules, tests and plans.

    Raises:
        OptionError: there are no ratings of items, or every judge was set aside.
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
