"""A probe's result as the plain data that ``render`` draws."""

from whyalike.evaluation.edits import Edit
from whyalike.evaluation.probe_result import EditScore, ProbeResult, RuleRate
from whyalike.render.probe import BlindSpot, EditRow, Part, ProbePage, RateRow
from whyalike.render.wording import describe_prompts


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
