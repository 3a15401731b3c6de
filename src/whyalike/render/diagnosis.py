"""A diagnosis of a search made visible: as HTML, as Markdown, and for a terminal."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from whyalike.render.html import PAGE_STYLES, excerpt, own_id, render_page, render_part
from whyalike.render.markdown import escape
from whyalike.render.parts import format_number, format_signed, plain_text
from whyalike.render.terminal import visible
from whyalike.reports.diagnosis import (
    ADVICE,
    MEANING,
    SUGGESTED,
    AddingWord,
    Cause,
    CauseTest,
    Diagnosis,
    Miss,
    PlacedItem,
    Remedy,
)
from whyalike.trace import ordinal

STYLES = ("similar.css", "diagnosis.css")

WORDS_SHOWN, MISSES_SHOWN, SKIPPED_SHOWN = 12, 200, 20
"""Of telling words, of misses on a page, of skipped queries."""

AROUND = 240
"""Characters that are shown before and behind what counts in a text."""

QUOTED, NAMED = 160, 5
"""Characters of a sentence, and words or ids, that a sentence of ours names."""

DECIMALS = 3

Runs = tuple[tuple[str, str], ...]
"""Runs of a text with what each is: plain (empty), ``mark`` (what counts), ``unread``, ``cut``."""


@dataclass(frozen=True, slots=True)
class CauseRow:
    """A cause with its count, what it means, what to do, and what the best remedy of it turns."""

    cause: Cause
    count: int
    share: float
    meaning: str
    advice: str
    tried: str


@dataclass(frozen=True, slots=True)
class RemedyRow:
    """A remedy that was tried on all queries: what it turned and lost, and the measures with it."""

    name: str
    suggested: str
    turned: int
    lost: int
    measures: tuple[tuple[str, str], ...]
    note: str


@dataclass(frozen=True, slots=True)
class TestRow:
    """A test of a miss: what it is of, what came of it, and what was measured."""

    cause: Cause
    verdict: str
    said: str


@dataclass(frozen=True, slots=True)
class ItemView:
    """An item of a miss ready to print."""

    item: PlacedItem
    name: str
    place: str
    runs: Runs
    words: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class MissView:
    """A miss ready to print."""

    id: str
    miss: Miss
    said: str
    right: ItemView
    rival: ItemView
    tests: tuple[TestRow, ...]
    words: tuple[tuple[str, str, str, str], ...]
    turning: str


def render_diagnosis(diagnosis: Diagnosis, *, title: str = "whyalike: what a search misses") -> str:
    """Return one HTML page that loads nothing."""
    styles = (*PAGE_STYLES, *STYLES)
    return render_page("diagnosis.html.j2", styles, title=title, **view_diagnosis(diagnosis))


def render_diagnosis_fragment(diagnosis: Diagnosis) -> str:
    """Return the same to be put into another page, such as a notebook."""
    id = own_id("d", (diagnosis.model, diagnosis.k, [miss.id for miss in diagnosis.misses]))
    return render_part("diagnosis.html.j2", STYLES, **view_diagnosis(diagnosis, id=f"{id}-"))


def view_diagnosis(diagnosis: Diagnosis, *, id: str = "") -> dict[str, object]:
    """Return what ``diagnosis.html.j2`` prints; ids begin with ``id``, if any."""
    shown = diagnosis.misses[:MISSES_SHOWN]
    links = {miss.id: f"{id}miss-{number}" for number, miss in enumerate(shown, start=1)}
    words = diagnosis.words
    return {
        "id": id,
        "diagnosis": diagnosis,
        "summary": summarise(diagnosis),
        "facts": facts_of(diagnosis),
        "causes": cause_rows(diagnosis),
        "remedies": remedy_rows(diagnosis),
        "words": words[:WORDS_SHOWN],
        "more_words": max(0, len(words) - WORDS_SHOWN),
        "first": [(links.get(miss.id, ""), miss, say_miss(miss)) for miss in diagnosis.first],
        "misses": [_view(diagnosis, miss, links[miss.id]) for miss in shown],
        "more": len(diagnosis.misses) - len(shown),
        "skipped": diagnosis.skipped[:SKIPPED_SHOWN],
        "more_skipped": max(0, len(diagnosis.skipped) - SKIPPED_SHOWN),
    }


def summarise(diagnosis: Diagnosis) -> str:
    """Return what was found in a sentence or two."""
    count, of = len(diagnosis.misses), diagnosis.queries
    among = "first" if diagnosis.k == 1 else f"among the first {diagnosis.k:,}"
    if not count:
        return f"All {of:,} queries find a right item {among}."
    said = (
        f"{count:,} of {of:,} queries {'misses' if count == 1 else 'miss'}: no right item {among}."
    )
    if diagnosis.remedies:
        turned = diagnosis.suggested_turn
        said += f" What their causes suggest finds {turned:,} of them."
    return said


def facts_of(diagnosis: Diagnosis) -> list[tuple[str, str]]:
    """Return what was searched, by what, and how well."""
    facts = [("Model", diagnosis.model), ("Items", f"{diagnosis.items:,}")]
    if diagnosis.limit:
        facts.append(("Reads", f"{diagnosis.limit:,} tokens"))
    if diagnosis.source == "run":
        facts.append(("Ranks", "from a run"))
    facts += [(name, format_number(value, DECIMALS)) for name, value in diagnosis.measures.items()]
    return facts


def cause_rows(diagnosis: Diagnosis) -> list[CauseRow]:
    """Return a row for each cause that there is, the commonest first."""
    most = max(diagnosis.counts.values(), default=1)
    return [
        CauseRow(
            cause, count, count / most, MEANING[cause], ADVICE[cause], _tried(diagnosis, cause)
        )
        for cause, count in diagnosis.counts.items()
    ]


def _tried(diagnosis: Diagnosis, cause: Cause) -> str:
    fitting = diagnosis.remedies_of(cause)
    if not fitting:
        return ""
    best = fitting[0]
    turned = diagnosis.turned_by(best).get(cause, 0)
    return f"{best.name}: {turned:,} of {diagnosis.counts[cause]:,} found"


def remedy_rows(diagnosis: Diagnosis) -> list[RemedyRow]:
    """Return a row for each remedy that was tried, the one that gains most first."""
    order = sorted(diagnosis.remedies, key=lambda each: len(each.lost) - len(each.turned))
    return [_remedy_row(diagnosis, each) for each in order]


def _remedy_row(diagnosis: Diagnosis, remedy: Remedy) -> RemedyRow:
    suggested = [cause for cause, kinds in SUGGESTED.items() if remedy.kind in kinds]
    measures = tuple(
        (
            format_number(remedy.measures[name], DECIMALS),
            format_signed(remedy.measures[name] - value, DECIMALS),
        )
        for name, value in diagnosis.measures.items()
        if name in remedy.measures
    )
    return RemedyRow(
        remedy.name,
        ", ".join(cause for cause in suggested if cause in diagnosis.counts),
        len(remedy.turned),
        len(remedy.lost),
        measures,
        remedy.note,
    )


def say_miss(miss: Miss) -> str:
    """Return why one query misses, with what was measured, in a sentence or two."""
    evidence = miss.evidence
    if evidence is not None:
        return _say_test(miss, evidence)
    place = miss.item.rank
    near = [test for test in miss.tests if test.rank and (place is None or test.rank < place)]
    if not near:
        return "No test of a cause holds, and none brings it nearer."
    nearest = min(near, key=lambda test: test.rank or 0)
    return f"No test of a cause holds. What brings it nearest: {_say_test(miss, nearest)}"


def _say_test(miss: Miss, test: CauseTest) -> str:  # noqa: PLR0911
    """Return what a test measured."""
    if test.holds is None or (test.rank is None and test.score is None and test.span is None):
        return _sentence(test.note)
    score = format_number(miss.item.score, DECIMALS)
    place = "" if test.rank is None else ordinal(test.rank)
    if test.cause == "duplicate":
        if not test.items:
            return "No item before it is a copy."
        copies = _counted(test.items, "copy", "copies")
        return f"{copies} before it ({_listed(test.items)}); shown once, it is {place}."
    if test.cause == "near tie":
        return (
            f"It lacks {format_number(miss.gap, 4)}; a question mark, a full stop or capitals move "
            f"it by up to {format_number(miss.noise, 4)}."
        )
    if test.cause == "vocabulary":
        words = _listed(test.words)
        return f"Nothing in it matches {words} of the query; without that, it is {place}."
    if test.cause == "rival word":
        return f"With {_listed(test.words)} deleted from what stands before it, it is {place}."
    quoted = _quoted(miss, test)
    if test.cause == "unread":
        share = miss.item.read_until / max(1, len(miss.item.text))
        said = f"The model reads {share:.0%} of it; beyond that stands {quoted}"
        if test.score is None:
            return f"{said}, the answer." if test.holds else f"The answer, {quoted}, is read."
        return f"{said}, which alone scores {format_number(test.score, DECIMALS)} and is {place}."
    if test.cause == "diluted" and test.score is not None:
        return (
            f"The whole text scores {score}; its sentence {quoted} alone scores "
            f"{format_number(test.score, DECIMALS)} and is {place}."
        )
    return _sentence(test.note)


def _sentence(note: str) -> str:
    return f"{note[:1].upper()}{note[1:]}." if note else "Nothing was measured."


def _quoted(miss: Miss, test: CauseTest) -> str:
    start, end = test.span or (0, 0)
    return f"“{excerpt(miss.item.text[start:end], most=QUOTED)}”"


def _counted(items: Sequence[str], one: str, several: str) -> str:
    return f"{len(items):,} {one if len(items) == 1 else several}"


def _listed(names: Sequence[str]) -> str:
    said = ", ".join(f"“{name}”" for name in names[:NAMED])
    return f"{said} and {len(names) - NAMED:,} more" if len(names) > NAMED else said


def _view(diagnosis: Diagnosis, miss: Miss, id: str) -> MissView:
    evidence = miss.evidence
    span = None if evidence is None else evidence.span
    turning = [each.name for each in diagnosis.turning(miss)]
    return MissView(
        id=id,
        miss=miss,
        said=say_miss(miss),
        right=_item(miss.item, span),
        rival=_item(miss.rival, None),
        tests=tuple(
            TestRow(test.cause, verdict_of(test), _say_test(miss, test)) for test in miss.tests
        ),
        words=tuple(
            (
                word.text,
                format_signed(word.right, DECIMALS),
                format_signed(word.rival, DECIMALS),
                f"{word.rank:,}",
            )
            for word in miss.words
        ),
        turning=", ".join(turning),
    )


def verdict_of(test: CauseTest) -> str:
    """Return what came of a test, in a word or two."""
    if test.holds is None:
        return "not tested"
    return "holds" if test.holds else "does not hold"


def _item(item: PlacedItem, span: tuple[int, int] | None) -> ItemView:
    rank = "not in the run" if item.rank is None else f"{item.rank:,}"
    return ItemView(
        item,
        item.title or excerpt(item.text),
        rank,
        runs_of(item, span),
        tuple((word.text, format_signed(word.adds, DECIMALS)) for word in _once(item.words)),
    )


def _once(words: Sequence[AddingWord]) -> list[AddingWord]:
    found: dict[str, AddingWord] = {}
    for word in words:
        found.setdefault(word.text.casefold(), word)
    return list(found.values())


def runs_of(item: PlacedItem, span: tuple[int, int] | None) -> Runs:
    """Return an item's text around what counts in it, in runs.

    Parameters
    ----------
    item : PlacedItem
        The item.
    span : tuple of int, optional
        What counts; without it the beginning is shown.
    """
    text, until = item.text, item.read_until
    start, end = span or (0, 0)
    first, last = max(0, start - AROUND), min(len(text), end + (AROUND if span else 2 * AROUND))
    cuts = sorted({first, last, *(at for at in (start, end, until) if first < at < last)})
    runs = [("… ", "cut")] if first else []
    for a, b in pairwise(cuts):
        kind = "mark" if span and start <= a and b <= end else "unread" if a >= until else ""
        runs.append((text[a:b], kind))
    if last < len(text):
        runs.append((" …", "cut"))
    return tuple(runs)


def render_diagnosis_markdown(diagnosis: Diagnosis) -> str:
    """Return GitHub-flavoured Markdown, ending in a newline; texts can't command it."""
    esc = escape
    facts = " · ".join(f"{esc(name)} {esc(value)}" for name, value in facts_of(diagnosis))
    parts = [f"**{esc(summarise(diagnosis))}**", facts]
    if causes := cause_rows(diagnosis):
        rows = [
            (row.cause, f"{row.count:,}", row.meaning, row.advice, row.tried or "–")
            for row in causes
        ]
        parts.append(_md_table(("Cause", "Misses", "Which is", "What to do", "Tried"), rows))
    if remedies := remedy_rows(diagnosis):
        names = tuple(diagnosis.measures)
        body = [
            (
                row.name,
                f"{row.turned:,}",
                f"{row.lost:,}",
                *(f"{now} ({change})" for now, change in row.measures),
            )
            for row in remedies
        ]
        head = ("Remedy", "Misses found", "Hits lost", *(names if remedies[0].measures else ()))
        parts.append(_md_table(head, body))
    if words := diagnosis.words[:WORDS_SHOWN]:
        parts.append(
            _md_table(
                ("Word", "Named as the cause", "Its deletion finds", "Queries"),
                [
                    (word.text, f"{word.misses:,}", f"{word.turns:,}", f"{len(word.queries):,}")
                    for word in words
                ],
            )
        )
    if diagnosis.misses:
        lines = ["**Every miss**, those to look at first before the others", ""]
        first = diagnosis.first
        rest = [miss for miss in diagnosis.misses if miss not in first]
        for miss in (*first, *rest):
            place = "not in the run" if miss.item.rank is None else ordinal(miss.item.rank)
            lines.append(
                f"- {esc(miss.query)} → {esc(miss.item.title or miss.item.id)} is {esc(place)}: "
                f"**{miss.cause}**. {esc(say_miss(miss))}"
            )
        parts.append("\n".join(lines))
    notes = [f"- {esc(note)}" for note in diagnosis.notes]
    notes += [f"- Left out: {esc(_say_skipped(one))}" for one in diagnosis.skipped[:SKIPPED_SHOWN]]
    if notes:
        parts.append("\n".join(notes))
    return "\n\n".join(parts) + "\n"


def _say_skipped(one: object) -> str:
    id, query, reason = (getattr(one, name) for name in ("id", "query", "reason"))
    return f"{id}: {reason}" + (f" ({excerpt(query)})" if query.strip() else "")


def _md_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| {' | '.join(map(escape, row))} |" for row in rows]
    return "\n".join(lines)


def render_diagnosis_text(diagnosis: Diagnosis, *, width: int = 80) -> str:
    """Return a diagnosis as plain text without any colour, ``width`` columns wide."""
    return plain_text(terminal_diagnosis_view(diagnosis), width=width)


def terminal_diagnosis_view(diagnosis: Diagnosis) -> RenderableType:
    """Return what a Rich console prints of a diagnosis."""
    facts = " · ".join(f"{name} {visible(value)}" for name, value in facts_of(diagnosis))
    parts: list[RenderableType] = [
        Text(summarise(diagnosis), style="bold"),
        Text(facts, style="dim"),
    ]
    if causes := cause_rows(diagnosis):
        table = _table("cause", "misses", "what it is, and what was tried")
        for row in causes:
            meant = Text(row.meaning)
            meant.append(f"\n{row.tried or row.advice}", style="dim")
            table.add_row(row.cause, f"{row.count:,}", meant)
        parts += [Text(), table]
    if remedies := remedy_rows(diagnosis):
        recall = next(iter(diagnosis.measures), "")
        table = _table("tried on all queries", "found", "lost", *([recall] if recall else []))
        for one in remedies:
            cells = [f"{one.measures[0][0]} {one.measures[0][1]}"] if one.measures else []
            table.add_row(visible(one.name), f"{one.turned:,}", f"{one.lost:,}", *cells)
        parts += [Text(), table]
    if words := diagnosis.words[:WORDS_SHOWN]:
        said = ", ".join(f"{visible(word.text)} ({len(word.queries):,})" for word in words)
        parts += [Text(), Text(f"Words behind misses: {said}")]
    if diagnosis.first:
        parts += [Text(), Text("Look at these first", style="bold underline")]
    for miss in diagnosis.first:
        parts += _draw_miss(diagnosis, miss)
    left = len(diagnosis.misses) - len(diagnosis.first)
    if left > 0:
        parts.append(Text(f"and {left:,} more (--html and --json have all)", style="dim"))
    parts.extend(Text(f"! {visible(note)}") for note in diagnosis.notes)
    parts.extend(
        Text(f"! left out: {visible(_say_skipped(one))}")
        for one in diagnosis.skipped[:SKIPPED_SHOWN]
    )
    if len(diagnosis.skipped) > SKIPPED_SHOWN:
        parts.append(Text(f"! and {len(diagnosis.skipped) - SKIPPED_SHOWN:,} more left out"))
    return Group(*parts)


def _draw_miss(diagnosis: Diagnosis, miss: Miss) -> list[RenderableType]:
    heading = Text(visible(" ".join(miss.query.split())), style="bold")
    place = "not in the run" if miss.item.rank is None else ordinal(miss.item.rank)
    name = visible(excerpt(miss.item.title or miss.item.text))
    line = Text(f"{miss.cause}: ").append(f"{name} is {place}", style="dim")
    lines: list[RenderableType] = [line, Text(visible(say_miss(miss)))]
    if turning := diagnosis.turning(miss):
        found = ", ".join(visible(each.name) for each in turning)
        lines.append(Text(f"found with: {found}", style="dim"))
    return [Text(), heading, *(Padding(each, (0, 0, 0, 2), expand=False) for each in lines)]


def _table(*names: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), pad_edge=False, show_edge=False)
    for name in names:
        is_text = name not in ("misses", "found", "lost") and "@" not in name
        table.add_column(name, justify="left" if is_text else "right", overflow="fold")
    return table
