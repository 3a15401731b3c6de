"""What a probe found: edits with what the model made of them, rates by rule, blind spots."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from whyalike.explanation import ExplainedText, Explanation, Word
from whyalike.probing.edits import Edit
from whyalike.render.parts import describe_prompts
from whyalike.render.probe import BlindSpot, EditRow, Part, ProbePage, RateRow
from whyalike.showing import Shown
from whyalike.statistics import Interval


@dataclass(frozen=True, slots=True)
class ProbedText:
    """A text whose edits are compared with ``query`` or, where that is None, with itself.

    similarity: of the text, unedited, with what it is compared with.
    """

    text: str
    query: str | None
    similarity: float


@dataclass(frozen=True, slots=True)
class EditScore:
    """One edit as the model sees it.

    place: index of its text in ``ProbeResult.texts``. similarity: of the edited text. drop: how
    much lower that is than before, in units of the similarity. tolerance: a change of meaning with
    no greater drop is a blind spot; None where nothing harmless could be done to the text, or where
    it is compared with a text that has no vector, such as an empty query.
    blind: None for a harmless edit, and where there is no tolerance. closer: the share of the
    text's harmless edits that lower the similarity more than this one does, ties as halves; None
    for a harmless edit, and where there are none. explanation: why the model finds the edited text
    alike, for the worst blind spots.
    """

    place: int
    edit: Edit
    similarity: float
    drop: float
    tolerance: float | None
    blind: bool | None
    closer: float | None
    explanation: Explanation | None = None

    @property
    def changed_words(self) -> tuple[Word, ...]:
        """The words that the edit put in, or those that it took out, with what they add.

        Words taken out are known where the text was compared with itself.
        """
        if self.explanation is None:
            return ()
        new = [(c.new_start, c.new_end) for c in self.edit.changes]
        found = _overlapping(self.explanation.right, new)
        if found or self.explanation.left.text != self.edit.text:
            return found
        return _overlapping(self.explanation.left, [(c.start, c.end) for c in self.edit.changes])

    @property
    def hiding_words(self) -> tuple[Word, ...]:
        """The unchanged words of the edited text that carry the similarity, most first."""
        if self.explanation is None:
            return ()
        changed = set(self.changed_words)
        words = (word for word in self.explanation.right.words if word not in changed)
        carrying = [word for word in words if (word.contribution or 0.0) > 0]
        return tuple(sorted(carrying, key=lambda word: -(word.contribution or 0.0)))


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of a count, with the interval that Wilson (1927) gives it at 95 %."""

    count: int
    total: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """``count / total``."""
        return self.count / self.total

    def __str__(self) -> str:
        return f"{self.share:.2f} [{self.low:.2f}, {self.high:.2f}]"


@dataclass(frozen=True, slots=True)
class RuleRate:
    """What became of one rule's edits; of a harmless rule only the drop.

    blind: blind spots among the edits that could be judged; closer: the mean of their ``closer``.
    None where nothing could be judged.
    """

    rule: str
    changes_meaning: bool
    edits: int
    texts: int
    drop: Interval
    blind: Rate | None
    closer: Interval | None


@dataclass(frozen=True, kw_only=True, repr=False)
class ProbeResult(Shown):
    """What a probe found; see ``find_blind_spots``.

    scores: of every edit, by text, then in the order of the rules. overall: of all edits that
    change the meaning; None where there were none. unread: edits that were left out, because they
    lie beyond what the model reads of the text. prompts: put before a query and before a text; of a
    text that is compared with itself the second on both sides.
    """

    model: str
    similarity_function: str
    method: str
    seed: int
    texts: tuple[ProbedText, ...]
    scores: tuple[EditScore, ...]
    rates: tuple[RuleRate, ...]
    overall: RuleRate | None
    unread: int = 0
    prompts: tuple[str, str] = ("", "")

    _shown_as = "probe"

    @property
    def blind_spots(self) -> tuple[EditScore, ...]:
        """The blind spots, worst first: by how little they moved the similarity."""
        found = [score for score in self.scores if score.blind]
        return tuple(sorted(found, key=lambda score: score.drop))

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON: texts, edits, rates, and the explanations that were made."""
        return {
            "format": "whyalike/probe",
            "version": 1,
            "model": self.model,
            "similarity_function": self.similarity_function,
            "method": self.method,
            "prompts": list(self.prompts),
            "seed": self.seed,
            "unread": self.unread,
            "texts": [asdict(text) for text in self.texts],
            "scores": [_score_to_dict(score) for score in self.scores],
            "rates": [_rate_to_dict(rate) for rate in self.rates],
            "overall": None if self.overall is None else _rate_to_dict(self.overall),
        }

    def to_json(self, *, indent: int | None = None) -> str:
        """Return ``to_dict`` as JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False, indent=indent)

    def _to_show(self) -> ProbePage:
        return page_of(self)

    def __repr__(self) -> str:
        """Return one line: the whole would be every text."""
        blind = None if self.overall is None else self.overall.blind
        return f"ProbeResult(model={self.model!r}, texts={len(self.texts)}, blind={blind})"


def _overlapping(side: ExplainedText, spans: Sequence[tuple[int, int]]) -> tuple[Word, ...]:
    return tuple(
        word
        for word in side.words
        if any(word.start < end and start < word.end for start, end in spans)
    )


def _score_to_dict(score: EditScore) -> dict[str, Any]:
    explanation = score.explanation
    return {
        "place": score.place,
        **score.edit.to_dict(),
        "similarity": score.similarity,
        "drop": score.drop,
        "tolerance": score.tolerance,
        "blind": score.blind,
        "closer": score.closer,
        "changed_words": [asdict(word) for word in score.changed_words],
        "hiding_words": [asdict(word) for word in score.hiding_words],
        "explanation": None if explanation is None else explanation.to_dict(),
    }


def _rate_to_dict(rate: RuleRate) -> dict[str, Any]:
    blind = None if rate.blind is None else {**asdict(rate.blind), "share": rate.blind.share}
    return {**asdict(rate), "blind": blind}


def page_of(result: ProbeResult) -> ProbePage:
    """Return what a probe found as the plain data that a renderer takes."""
    notes = [unread_note(result)] if result.unread else []
    everything = [] if result.overall is None else [result.overall]
    rates = [*result.rates, *(everything if len(result.rates) > 1 else [])]
    ordered = sorted(result.scores, key=lambda score: (not score.blind, score.drop))
    return ProbePage(
        facts=(
            ("Model", result.model),
            ("Similarity", result.similarity_function),
            ("Texts", f"{len(result.texts):,}"),
            ("Edits", f"{len(result.scores):,}"),
            ("Explained by", result.method),
            *([("Prompts", prompts)] if (prompts := _say_prompts(result)) else []),
        ),
        summary=summarise(result),
        rates=tuple(_rate_row(rate) for rate in rates),
        spots=tuple(_spot(result, score) for score in result.blind_spots if score.explanation),
        edits=tuple(
            EditRow(
                text=score.place + 1,
                rule=score.edit.rule,
                change=score.edit.summary,
                similarity=score.similarity,
                drop=score.drop,
                verdict=verdict(score),
            )
            for score in ordered
        ),
        notes=tuple(notes),
    )


def _say_prompts(result: ProbeResult) -> str:
    query, text = result.prompts
    with_query = any(probed.query is not None for probed in result.texts)
    return describe_prompts((query if with_query else text, text), sides=("a query", "a text"))


def summarise(result: ProbeResult) -> str:
    """Return what was found in a sentence or two."""
    overall = result.overall
    if overall is None:
        return "No rule could change the meaning of these texts: nothing was probed."
    if overall.blind is None:
        return (
            f"{overall.edits:,} changes of meaning could not be judged: nothing harmless could be "
            "done to these texts to compare them with."
        )
    rate = overall.blind
    return (
        f"{rate.count:,} of {rate.total:,} changes of meaning are blind spots: {rate.share:.0%} "
        f"(95 % interval {rate.low:.0%} to {rate.high:.0%})."
    )


def unread_note(result: ProbeResult) -> str:
    """Return what is said of edits beyond the model's limit."""
    what = "1 edit was" if result.unread == 1 else f"{result.unread:,} edits were"
    return f"{what} left out, beyond what the model reads of the text: it can't see them at all."


def verdict(score: EditScore) -> str:
    """Return what became of an edit, in a word or two."""
    if not score.edit.changes_meaning:
        return "harmless"
    if score.blind is None:
        return "not judged"
    return "blind spot" if score.blind else "seen"


def parts_of(edit: Edit) -> tuple[Part, ...]:
    """Return the text with what was taken out and what was put in, in order."""
    parts: list[Part] = []
    place = 0
    for change in edit.changes:
        parts += [
            ("same", edit.text[place : change.start]),
            ("old", change.old),
            ("new", change.new),
        ]
        place = change.end
    parts.append(("same", edit.text[place:]))
    return tuple(part for part in parts if part[1])


def _spot(result: ProbeResult, score: EditScore) -> BlindSpot:
    assert score.explanation is not None
    assert score.tolerance is not None
    return BlindSpot(
        rule=score.edit.rule,
        query=result.texts[score.place].query,
        parts=parts_of(score.edit),
        similarity=score.similarity,
        drop=score.drop,
        tolerance=score.tolerance,
        changed=score.changed_words,
        hiding=score.hiding_words,
        explanation=score.explanation,
    )


def _rate_row(rate: RuleRate) -> RateRow:
    blind = rate.blind
    return RateRow(
        rule="all changes of meaning" if rate.rule == "all" else rate.rule,
        harmless=not rate.changes_meaning,
        edits=rate.edits,
        drop=(rate.drop.mean, rate.drop.low, rate.drop.high),
        blind=None if blind is None else (blind.share, blind.low, blind.high),
        blind_count="" if blind is None else f"{blind.count} of {blind.total}",
        closer=None if rate.closer is None else rate.closer.mean,
    )
