"""Blind spots: edits that should move a model's score and don't, or that move it and shouldn't."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from math import isfinite
from typing import Literal, cast

import numpy as np
from scipy import stats

from whyalike.arrays import Floats
from whyalike.errors import OptionError
from whyalike.evaluation.metrics import Metric
from whyalike.explainer import Explainer
from whyalike.models.scorer import (
    JointReader,
    TextPair,
    is_blank,
    require_vectors,
    scores_of,
)
from whyalike.models.tokens import TokenizedText
from whyalike.options import check_whole, refuse_chunks
from whyalike.probing.edits import Edit, find_edits, get_rules, list_rules
from whyalike.probing.result import EditScore, ProbedText, ProbeResult, Rate, RuleRate
from whyalike.probing.rule_text import WordLists
from whyalike.similarity import similarity_matrix
from whyalike.statistics import Interval, mean_interval
from whyalike.texts import clean_text

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

    Raises
    ------
    OptionError
        There is nothing to have a share of, or ``count`` is outside it.
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


Tolerance = Literal["harmless"] | float

CHUNK = 256
"""Texts that are embedded, or pairs scored, between two reports of progress."""

ROUNDING = 1e-6
"""Drops that differ by less, as a part of the similarity, are equal: padding moves them so far."""


def find_blind_spots(
    explainer: Explainer,
    items: Sequence[str | tuple[str, str]],
    *,
    rules: Sequence[str] | None = None,
    per_rule: int = 1,
    tolerance: Tolerance = "harmless",
    method: str | None = None,
    explain: int = 5,
    words: WordLists | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> ProbeResult:
    """Edit texts so that their meaning changes, or does not, and see which the model sees.

    The drop of an edit is C(reference, text) - C(reference, edited text), in units of the
    similarity, where the reference is the text itself or, for a pair, its query. A change of
    meaning is a blind spot if its drop is no greater than the tolerance.

    Parameters
    ----------
    explainer : Explainer
        The model; its ``prompts`` are put before the query and the text. A text that is compared
        with itself gets that of a text on both sides.
    items : Sequence[str | tuple[str, str]]
        Texts, or pairs of a query and a text; the text is edited.
    rules : sequence of str, optional
        Names of rules, by default all. Where none of them is harmless and the tolerance needs some,
        the harmless ones are added.
    per_rule : int, default=1
        The most edits of a text by one rule, chosen by seed.
    tolerance : Tolerance, default='harmless'
        ``"harmless"``: the greatest drop by a harmless edit of the same text, and at least 0. A
        number, in units of the similarity, is the same for all texts.
    method : str, optional
        Explains the blind spots; one that promises "signed". By default the Explainer's own if it
        does, and otherwise the first of ``exact``, ``whyalike`` and ``occlusion`` that can be used.
    explain : int, default=5
        How many blind spots are explained: the worst of each rule, then the next.
    words : WordLists, optional
        Word lists of the rules, by default ``WordLists.english()``.
    seed : int, default=0
        Of every choice.
    progress : Callable[[int, int], None], optional
        Called with texts embedded, or pairs scored, so far and in all.

    Raises
    ------
    OptionError
        An unknown rule, a method without signs, a tolerance or a number that is none; or one text
        instead of several.
    TextError, ModelError
        As ``Explainer.explain``.
    """
    refuse_chunks(explainer.options, what="a search for blind spots")
    explaining = _with_signs(explainer, method)
    _check_tolerance(tolerance)
    if isinstance(items, str):
        raise OptionError("items is one text; give a list of texts, or of pairs of texts.")
    check_whole("explain", explain, least=0)
    check_whole("seed", seed, least=0)
    pairs = [_check_item(item, number) for number, item in enumerate(items)]
    wanted = _with_harmless(rules) if tolerance == "harmless" else rules
    edits = [
        find_edits(text, rules=wanted, per_rule=per_rule, words=words, seed=seed)
        for _, text in pairs
    ]
    read = _keep_read(explainer, pairs, edits)
    texts, scores = _score(explainer, pairs, read, tolerance, progress)
    scores = _explain_worst(explaining, texts, scores, count=explain)
    return ProbeResult(
        model=explainer.model.name,
        similarity_function=explainer.model.similarity_function,
        method=explaining.method.name,
        prompts=explainer.prompts,
        seed=seed,
        texts=tuple(texts),
        scores=tuple(scores),
        rates=rates_by_rule(scores, seed=seed),
        overall=overall_rate(scores, seed=seed),
        unread=sum(map(len, edits)) - sum(map(len, read)),
    )


def judge_edits(
    edits: Sequence[Edit],
    drops: Sequence[float],
    *,
    place: int,
    before: float,
    tolerance: Tolerance,
) -> list[EditScore]:
    """Return the scores of one text's edits, in their order.

    Parameters
    ----------
    edits : sequence of Edit
        E edits of the text.
    drops : sequence of float
        (E,), in units of the similarity.
    place : int
        Index of the text.
    before : float
        Similarity of the unedited text.
    tolerance : Tolerance
        As in ``find_blind_spots``.
    """
    harmless = [d for edit, d in zip(edits, drops, strict=True) if not edit.changes_meaning]
    if tolerance != "harmless":
        limit: float | None = float(tolerance)
    else:
        # A change of meaning that raises the similarity is not seen as one, whatever else does.
        limit = max(0.0, *harmless) if harmless else None
    same = ROUNDING * max(1.0, abs(before))
    scores = []
    for edit, drop in zip(edits, drops, strict=True):
        blind = closer = None
        if edit.changes_meaning:
            blind = None if limit is None else drop <= limit + same
            ahead = [(other > drop + same) + (abs(other - drop) <= same) / 2 for other in harmless]
            closer = sum(ahead) / len(ahead) if ahead else None
        scores.append(EditScore(place, edit, before - drop, drop, limit, blind, closer))
    return scores


def _score(
    explainer: Explainer,
    pairs: Sequence[tuple[str | None, str]],
    edits: Sequence[Sequence[Edit]],
    tolerance: Tolerance,
    progress: Callable[[int, int], None] | None,
) -> tuple[list[ProbedText], list[EditScore]]:
    """Compare each text and its edited ones with their reference."""
    questions = [
        _Question(query, text, [text, *(edit.edited for edit in of_text)])
        for (query, text), of_text in zip(pairs, edits, strict=True)
    ]
    by_vectors = "vectors" in explainer.model.capabilities
    answered = (_answer_by_vectors if by_vectors else _answer_by_pairs)(
        explainer, questions, progress
    )
    texts, scores = [], []
    for place, ((query, text), of_text, (values, is_empty)) in enumerate(
        zip(pairs, edits, answered, strict=True)
    ):
        before, *after = values
        texts.append(ProbedText(text, query, before))
        drops = [before - value for value in after]
        judged = judge_edits(of_text, drops, place=place, before=before, tolerance=tolerance)
        if is_empty:
            # Nothing is like an empty query: that no change moves it is no blind spot.
            judged = [replace(each, tolerance=None, blind=None, closer=None) for each in judged]
        scores += judged
    return texts, scores


@dataclass(frozen=True, slots=True)
class _Question:
    """Texts to be compared with a query or, where that is None, with ``text`` itself."""

    query: str | None
    text: str
    others: list[str]


_Answer = tuple[list[float], bool]
"""The similarity of each text, and whether the reference is empty to the model."""


def _answer_by_vectors(
    explainer: Explainer,
    questions: Sequence[_Question],
    progress: Callable[[int, int], None] | None,
) -> list[_Answer]:
    """Embed every text once."""
    plan = (
        (explainer.prompts[0], [one.query for one in questions if one.query is not None]),
        (
            explainer.prompts[1],
            [*(one.text for one in questions), *(t for one in questions for t in one.others[1:])],
        ),
    )
    left, right = _embed(explainer, plan, progress)
    found = []
    for one in questions:
        reference = right[one.text] if one.query is None else left[one.query]
        values = _compare(explainer, reference, [right[text] for text in one.others])
        found.append((values, not reference.any()))
    return found


def _answer_by_pairs(
    explainer: Explainer,
    questions: Sequence[_Question],
    progress: Callable[[int, int], None] | None,
) -> list[_Answer]:
    """Score every pair of a reference and a text once."""
    left, right = explainer.prompts
    asked: dict[tuple[str, str], dict[TextPair, float]] = {(left, right): {}, (right, right): {}}
    wanted = []
    for one in questions:
        prompts, reference = (
            ((right, right), one.text) if one.query is None else ((left, right), one.query)
        )
        pairs = [(reference, text) for text in one.others]
        asked[prompts].update(dict.fromkeys(pairs, 0.0))
        wanted.append((prompts, pairs))
    total, done = sum(map(len, asked.values())), 0
    for prompts, found in asked.items():
        every = list(found)
        for start in range(0, len(every), CHUNK):
            some = every[start : start + CHUNK]
            scores = scores_of(
                explainer.model, some, prompts=prompts, long_text=explainer.options.long_text
            )
            found.update(zip(some, scores, strict=True))
            done += len(some)
            if progress is not None:
                progress(done, total)
    return [
        ([asked[prompts][pair] for pair in pairs], is_blank(prompts[0] + pairs[0][0]))
        for prompts, pairs in wanted
    ]


def _embed(
    explainer: Explainer,
    plan: Sequence[tuple[str, Sequence[str]]],
    progress: Callable[[int, int], None] | None,
) -> list[dict[str, Floats]]:
    """Return, for each (prompt, texts), the vectors (H,) by text; each distinct text once."""
    model = require_vectors(explainer.model, what="To embed texts")
    distinct = {(prompt, text): None for prompt, texts in plan for text in texts}
    by_prompt = {prompt: [t for p, t in distinct if p == prompt] for prompt, _ in plan}
    # Texts of a length together, so that a chunk has little padding.
    jobs = [
        (prompt, texts[start : start + CHUNK])
        for prompt, unsorted in by_prompt.items()
        for texts in [sorted(unsorted, key=len)]
        for start in range(0, len(texts), CHUNK)
    ]
    found: dict[str, dict[str, Floats]] = {prompt: {} for prompt in by_prompt}
    done = 0
    for prompt, texts in jobs:
        vectors = model.embed(texts, prompt=prompt, long_text=explainer.options.long_text)
        found[prompt].update(zip(texts, vectors, strict=True))
        done += len(texts)
        if progress is not None:
            progress(done, len(distinct))
    return [found[prompt] for prompt, _ in plan]


def _keep_read(
    explainer: Explainer,
    pairs: Sequence[tuple[str | None, str]],
    edits: Sequence[Sequence[Edit]],
) -> list[list[Edit]]:
    """Return the edits without those beyond what the model reads: it can't see them at all."""
    if not pairs:
        return []
    if "joint sequence" in explainer.model.capabilities:
        tokenized = [_read_beside(explainer, query, text) for query, text in pairs]
    else:
        tokenized = explainer.model.tokenize(
            [text for _, text in pairs],
            prompt=explainer.prompts[1],
            long_text=explainer.options.long_text,
        )
    kept = []
    for tokens, of_text in zip(tokenized, edits, strict=True):
        end = int(tokens.offsets[:, 1].max(initial=0)) if tokens.truncated else len(tokens.text) + 1
        kept.append([edit for edit in of_text if edit.changes[0].start < end])
    return kept


def _read_beside(explainer: Explainer, query: str | None, text: str) -> TokenizedText:
    """Return a text as it is read in the sequence of its reference and it: the query, or itself."""
    left, right = explainer.prompts
    pair, prompts = (
        ((text, text), (right, right)) if query is None else ((query, text), (left, right))
    )
    found = cast("JointReader", explainer.model).tokenize_pairs(
        [pair], prompts=prompts, long_text=explainer.options.long_text
    )
    return found[0][1]


def _explain_worst(
    explainer: Explainer,
    texts: Sequence[ProbedText],
    scores: Sequence[EditScore],
    *,
    count: int,
) -> list[EditScore]:
    """Return the scores, the worst blind spots with an explanation: one of each rule at a time."""
    blind = [n for n, score in enumerate(scores) if score.blind]
    by_rule = sorted(blind, key=lambda n: (scores[n].edit.rule, scores[n].drop))
    turns = [
        (turn, scores[n].drop, n)
        for _, group in groupby(by_rule, key=lambda n: scores[n].edit.rule)
        for turn, n in enumerate(group)
    ]
    chosen = [n for _, _, n in sorted(turns)[:count]]
    explained: dict[int, EditScore] = {}
    for with_query, own in ((True, explainer), (False, explainer.between_documents())):
        some = [n for n in chosen if (texts[scores[n].place].query is not None) == with_query]
        pairs = [(_reference(texts[scores[n].place]), scores[n].edit.edited) for n in some]
        for n, explanation in zip(some, own.explain_many(pairs), strict=True):
            explained[n] = replace(scores[n], explanation=explanation)
    return [explained.get(n, score) for n, score in enumerate(scores)]


def _reference(probed: ProbedText) -> str:
    return probed.text if probed.query is None else probed.query


def signed_method(explainer: Explainer) -> str:
    """Return the Explainer's own method if it gives signed contributions, or one that does."""
    return explainer.signed_method


def similarities(explainer: Explainer, reference: str, texts: Sequence[str]) -> list[float]:
    """Return C(reference, text) for each text, as the Explainer's model scores them.

    Raises TextError, ModelError as ``Explainer.explain``.
    """
    refuse_chunks(explainer.options, what="a search for blind spots")
    clean = clean_text(reference, side="left").text
    others = [clean_text(text, side="right").text for text in texts]
    if "vectors" not in explainer.model.capabilities:
        return scores_of(
            explainer.model,
            [(clean, text) for text in others],
            prompts=explainer.prompts,
            long_text=explainer.options.long_text,
        )
    left, right = _embed(
        explainer, ((explainer.prompts[0], [clean]), (explainer.prompts[1], others)), None
    )
    return _compare(explainer, left[clean], [right[text] for text in others])


def _compare(explainer: Explainer, reference: Floats, others: Sequence[Floats]) -> list[float]:
    function = require_vectors(explainer.model, what="To compare vectors").similarity_function
    found = similarity_matrix(reference[None], np.array(others), function=function)[0]
    return [float(value) for value in found]


def _with_signs(explainer: Explainer, method: str | None) -> Explainer:
    """Return the Explainer with a method that says what a word adds. Raises OptionError if none."""
    chosen = explainer.with_method(method or signed_method(explainer))
    if "signed" not in chosen.method.promises:
        raise OptionError(
            f"{method!r} does not say what a word adds to the score, which a probe shows: choose a "
            "method that promises 'signed'; `whyalike methods` lists them."
        )
    return chosen


def _with_harmless(rules: Sequence[str] | None) -> Sequence[str] | None:
    if rules is None or any(not rule.changes_meaning for rule in get_rules(rules)):
        return rules
    return [*rules, *(rule.name for rule in list_rules() if not rule.changes_meaning)]


def _check_tolerance(tolerance: object) -> None:
    number = isinstance(tolerance, int | float) and not isinstance(tolerance, bool)
    if tolerance != "harmless" and not (number and isfinite(float(str(tolerance)))):
        raise OptionError(
            f"tolerance is {tolerance!r}; give 'harmless', or a number in units of the similarity."
        )


def _check_item(item: object, number: int) -> tuple[str | None, str]:
    """Return (query or None, text), cleaned. Raises OptionError or TextError on anything else."""
    if isinstance(item, str):
        return None, clean_text(item, side="probed").text
    if not isinstance(item, Sequence) or len(item) != 2:
        raise OptionError(
            f"Item {number} is of type {type(item).__name__}; give a text, or a pair of a query "
            "and a text."
        )
    query, text = item
    return clean_text(query, side="query").text, clean_text(text, side="probed").text
