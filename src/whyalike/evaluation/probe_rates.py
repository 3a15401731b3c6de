"""From scored edits to rates by rule, with intervals."""

from collections.abc import Sequence

from scipy import stats

from whyalike.errors import OptionError
from whyalike.evaluation.metric import Metric
from whyalike.evaluation.probe_result import EditScore, Rate, RuleRate
from whyalike.statistics import Interval, mean_interval

ALL = "all"

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            "blind_rate",
            "share of changes of meaning that move the similarity no more than a harmless edit of "
            "the same text does at most",
            "whyalike; interval of Wilson 1927",
            higher_is_better=False,
        ),
        Metric(
            "closer_than_harmless",
            "how often a change of meaning moves the similarity less than a harmless edit of the "
            "same text, ties as halves; 0.5 is no difference",
            "whyalike; the area under the ROC curve of each edit, averaged",
            higher_is_better=False,
        ),
    )
}


def rates_by_rule(scores: Sequence[EditScore], *, seed: int = 0) -> tuple[RuleRate, ...]:
    """Return the rates of each rule that made an edit, in the order of their first edits."""
    rules = dict.fromkeys(
        score.edit.rule for score in sorted(scores, key=lambda s: not s.edit.changes_meaning)
    )
    return tuple(
        _rate(rule, [score for score in scores if score.edit.rule == rule], seed=seed)
        for rule in rules
    )


def overall_rate(scores: Sequence[EditScore], *, seed: int = 0) -> RuleRate | None:
    """Return the rates of all edits that change the meaning; None where there are none."""
    found = [score for score in scores if score.edit.changes_meaning]
    return _rate(ALL, found, seed=seed) if found else None


def wilson_rate(count: int, total: int) -> Rate:
    """Return a share with its 95 % interval (Wilson 1927; SciPy's ``proportion_ci``).

    Edits of one text are not independent: with several by one rule in a text it is too narrow.

    Raises:
        OptionError: there is nothing to have a share of, or ``count`` is outside it.
    """
    if not 0 <= count <= total or total == 0:
        raise OptionError(f"There is no share of {count} in {total}; give 0 <= count <= total.")
    found = stats.binomtest(count, total).proportion_ci(method="wilson")
    return Rate(count, total, float(found.low), float(found.high))


def _rate(rule: str, scores: Sequence[EditScore], *, seed: int) -> RuleRate:
    judged = [score.blind for score in scores if score.blind is not None]
    closer = [score.closer for score in scores if score.closer is not None]
    return RuleRate(
        rule=rule,
        changes_meaning=scores[0].edit.changes_meaning,
        edits=len(scores),
        texts=len({score.place for score in scores}),
        drop=_mean([score.drop for score in scores], seed=seed),
        blind=wilson_rate(sum(judged), len(judged)) if judged else None,
        closer=_mean(closer, seed=seed) if closer else None,
    )


def _mean(values: Sequence[float], *, seed: int) -> Interval:
    return mean_interval(values, seed=seed)
