"""A long text by its sentences: those that matter are read, the others are folded, and a map."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from whyalike.explanation import ExplainedText, Unit
from whyalike.render.parts import contribution_decimals, decimals_for, format_number, format_signed
from whyalike.render.units import least_shown
from whyalike.sentences import split_sentences
from whyalike.texts import is_mark

if TYPE_CHECKING:
    from whyalike.explanation import Explanation
    from whyalike.render.view import Run, SideView, Which

LONG = 120
"""Words that the model read, from which on a text is shown by its sentences."""

STICKS = 40
"""A text of at most so many words stays in view beside a long one."""

FOLDED = 25
"""Words that are folded at least: fewer are read sooner than the line that stands for them."""

CARRIES = 1 / 3
"""Of what the sentence adds whose words add most: without a pair, one with less is folded."""

MAP = 1000


@dataclass(frozen=True, slots=True)
class SentenceView:
    """A sentence as it is drawn: its runs, and its numbers as they are said.

    ``before`` and ``unread`` are what stands around it that was not read. ``top``, ``size`` are its
    place on the map, ``level`` the shade of its strongest word there.
    """

    number: int
    runs: "tuple[Run, ...]"
    values: tuple[str, ...]
    opens_paragraph: bool
    matters: bool
    top: int
    size: int
    level: int
    words: int
    before: str = ""
    unread: str = ""


@dataclass(frozen=True, slots=True)
class SentencePart:
    """Neighbouring sentences that are shown or, where ``folded`` says what they are, are not."""

    rows: tuple[SentenceView, ...]
    folded: str = ""


@dataclass(frozen=True, slots=True)
class LongText:
    """The sentences of a text.

    ``values`` names their numbers, ``meaning`` says what they are; ``measured`` whether sentences
    were deleted for them.
    """

    parts: tuple[SentencePart, ...]
    values: str
    meaning: str
    measured: bool

    @property
    def rows(self) -> tuple[SentenceView, ...]:
        """All sentences."""
        return tuple(row for part in self.parts for row in part.rows)

    @property
    def marks(self) -> tuple[int, ...]:
        """Where on the map words of selected pairs stand."""
        return tuple(
            row.top + round(row.size * at) for row in self.rows for at in _places_of_pairs(row.runs)
        )


def is_long(side: ExplainedText) -> bool:
    """Return whether a text is shown by its sentences."""
    return len(side.words) >= LONG


def view_long(explanation: "Explanation", which: "Which", view: "SideView") -> LongText | None:
    """Return the sentences of a side that is drawn as ``view``; None where it is not long.

    Numbers are what was measured of sentences or, where the words have contributions, their sums.
    """
    side: ExplainedText = getattr(explanation, which)
    if not is_long(side):
        return None
    spans = [
        (start, end)
        for start, end in split_sentences(side.text[: side.read_until])
        if end > side.read_from
    ]
    if len(spans) < 2:
        return None
    units = explanation.units
    measured = getattr(units, which) if units is not None and units.kind == "sentence" else ()
    deleted = _measured(spans, measured)
    effects, values, names, meaning = deleted or _summed(explanation, side, spans)
    runs = _cut(view.runs, side, spans)
    least = least_shown(effects) if deleted else _least_carrying(effects)
    whole = max(1, side.read_until - side.read_from)
    rows = []
    for n, (start, end) in enumerate(spans):
        own, (_, before) = runs[n], spans[n - 1] if n else (0, start)
        words = [run.text for run in own if run.word is not None and not is_mark(run.text)]
        paired = any(run.partners for run in own)
        effect = effects[n] if n < len(effects) else None
        place = max(0, start - side.read_from)
        rows.append(
            SentenceView(
                number=n + 1,
                runs=own,
                values=values[n] if n < len(values) else (),
                opens_paragraph=side.text[before:start].count("\n") > 1,
                matters=paired or (effect is not None and 0 < least <= abs(effect)),
                top=round(MAP * place / whole),
                size=max(1, round(MAP * (end - start) / whole)),
                level=max((_level(run) for run in own), default=0),
                words=len(words),
            )
        )
    rows[0] = replace(rows[0], before=view.before)
    rows[-1] = replace(rows[-1], unread=view.unread)
    return LongText(_folded(rows, least), names, meaning, measured=deleted is not None)


def _least_carrying(sums: Sequence[float | None]) -> float:
    """Return from which sum on a sentence is read: one digit, so that it can be said."""
    greatest = CARRIES * max((abs(value) for value in sums if value is not None), default=0.0)
    return float(f"{greatest:.0e}") if greatest else 0.0


_Numbers = tuple[list[float | None], list[tuple[str, ...]], str, str]


def _measured(spans: Sequence[tuple[int, int]], units: Sequence[Unit]) -> _Numbers | None:
    if not units or [(unit.start, unit.end) for unit in units] != list(spans):
        return None
    falls = [unit.fall for unit in units]
    decimals = max(3, decimals_for(fall for fall in falls if fall is not None))
    values: list[tuple[str, ...]] = [
        (
            "–" if unit.fall is None else format_signed(unit.fall, decimals),
            "–" if unit.alone is None else format_number(unit.alone, decimals),
        )
        for unit in units
    ]
    meaning = (
        "without: what the score loses once the sentence is deleted; alone: what it scores alone "
        "with the other text. Both are measured."
    )
    return falls, values, "without · alone", meaning


def _summed(
    explanation: "Explanation", side: ExplainedText, spans: Sequence[tuple[int, int]]
) -> _Numbers:
    sums: list[float | None] = [None] * len(spans)
    starts = [start for start, _ in spans]
    for word in side.words:
        n = max(0, bisect_right(starts, word.start) - 1)
        if word.contribution is not None:
            sums[n] = (sums[n] or 0.0) + word.contribution
    if all(value is None for value in sums):
        return [], [], "", ""
    decimals = contribution_decimals(explanation)
    values: list[tuple[str, ...]] = [
        ("–" if one is None else format_signed(one, decimals),) for one in sums
    ]
    return sums, values, "adds", "adds: what the words of the sentence add together."


def _cut(
    runs: "Sequence[Run]", side: ExplainedText, spans: Sequence[tuple[int, int]]
) -> "list[tuple[Run, ...]]":
    """Return the runs of each sentence, without white space at its ends."""
    starts = [start for start, _ in spans]
    found: list[list[Run]] = [[] for _ in spans]
    at = side.read_from
    for run in runs:
        found[max(0, bisect_right(starts, at) - 1)].append(run)
        at += len(run.text)
    return [tuple(_trimmed(own)) for own in found]


def _trimmed(runs: "list[Run]") -> "list[Run]":
    while runs and runs[-1].word is None and not runs[-1].text.strip():
        runs.pop()
    while runs and runs[0].word is None and not runs[0].text.strip():
        runs.pop(0)
    return runs


def _level(run: "Run") -> int:
    tone = run.tone.partition(" ")[0]
    return int(tone.removeprefix("wa-s")) if tone.startswith("wa-s") else 0


def _places_of_pairs(runs: "Sequence[Run]") -> list[float]:
    whole = sum(len(run.text) for run in runs) or 1
    places, at = [], 0
    for run in runs:
        if run.partners:
            places.append((at + len(run.text) / 2) / whole)
        at += len(run.text)
    return places


def _folded(rows: Sequence[SentenceView], least: float) -> tuple[SentencePart, ...]:
    """Return the sentences in parts; few words stay where they are."""
    parts: list[SentencePart] = []
    start = 0
    for place in range(1, len(rows) + 1):
        if place < len(rows) and rows[place].matters == rows[start].matters:
            continue
        some = tuple(rows[start:place])
        start = place
        if some[0].matters or sum(row.words for row in some) < FOLDED:
            parts.append(SentencePart(some))
        else:
            parts.append(SentencePart(some, _say_folded(some, least)))
    joined: list[SentencePart] = []
    for part in parts:
        if joined and not joined[-1].folded and not part.folded:
            joined[-1] = SentencePart(joined[-1].rows + part.rows)
        else:
            joined.append(part)
    return tuple(joined)


def _say_folded(rows: Sequence[SentenceView], least: float) -> str:
    count, words = len(rows), sum(row.words for row in rows)
    said = "1 sentence" if count == 1 else f"{count:,} sentences"
    adds = f" and {'adds' if count == 1 else 'add'} less than {least:g}"
    of = "has no pair" if count == 1 else "have no pair"
    return f"{said} of {words:,} words {of}{adds if least else ''}"
