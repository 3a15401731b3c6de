"""What an explanation shows, whatever draws it: words with their strength, pairs, a matrix."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from whyalike.explanation import ExplainedText, Explanation, Word, WordPair
from whyalike.render.long_texts import STICKS, LongText, is_long, view_long
from whyalike.render.parts import (
    PAIR_LINES,
    Segment,
    background_facts,
    contribution_decimals,
    cut_into_segments,
    decimals_for,
    describe_gap,
    describe_method,
    describe_prompts,
    describe_score,
    describe_sum,
    format_number,
    format_signed,
    greatest_of,
    has_contributions,
    pair_weights,
    part_of,
    saliency_level,
    score_name,
    score_note,
    unmatched_words,
)
from whyalike.render.place import PlaceView, view_place
from whyalike.render.scales import Scale, scale_of
from whyalike.render.score_parts import PartTable, part_table
from whyalike.render.terms import TermsView, view_terms
from whyalike.render.units import UnitsView, view_units
from whyalike.render.verdict import Sentence, view_checks, view_verdict
from whyalike.stop_words import stop_words_of
from whyalike.texts import is_mark


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell: what it says, its number, its shade from 0 to 20. A blank one has no number."""

    said: str
    value: float | None
    level: int = 0
    selected: bool = False

    @property
    def negative(self) -> bool:
        """Whether the cell is hatched; a shade of nothing is not."""
        return self.level > 0 and (self.value or 0.0) < 0


@dataclass(frozen=True, slots=True)
class Grid:
    """Columns by their names, and rows with a name and a cell for each column."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]

    @property
    def has_negative(self) -> bool:
        """Whether any cell is hatched."""
        return any(cell.negative for _, cells in self.rows for cell in cells)


def make_cell(value: float | None, said: str, *, of: float = 1.0, selected: bool = False) -> Cell:
    """Return the cell of a value whose shade is its part of ``of``, by size."""
    if value is None:
        return Cell(said, None)
    return Cell(said, value, saliency_level(part_of(value, of)), selected)


WORDS_SHOWN = 60
"""Of each side. More would be a carpet, and a page of megabytes."""

LEAST, MOST_POWER = 20, 9


@dataclass(frozen=True, slots=True)
class MatrixView:
    """The grid; rows are left words, columns right words.

    ``scale`` is the magnitude of a full shade as it is said, ``unit`` what the numbers in the cells
    count, ``shown`` which words are shown where they are not all. ``decimals`` are those of a
    value that is written out. ``summed`` says that the values add up to the similarity.
    """

    grid: Grid
    size: str
    scale: str
    unit: str
    shown: str
    decimals: int
    summed: bool

    @property
    def caption(self) -> str:
        """What the grid shows, in sentences."""
        what = "adds to the similarity" if self.summed else "contributes, on the method's own scale"
        caption = f"What each pair of a left word (row) and a right word (column) {what}."
        return f"{caption} {self.shown}".rstrip()

    @property
    def unit_note(self) -> str:
        """What the numbers count, for a renderer that writes them into the cells."""
        return "" if self.unit == "1" else f"Numbers are in units of {self.unit}."


def view_matrix(explanation: Explanation, *, scale: Scale | None = None) -> MatrixView | None:
    """Return the matrix of an explanation as it is drawn; None where there is none, or no pair.

    A full shade is the greatest magnitude, or what ``scale`` says where cells are in its units.

    Of a side with more than WORDS_SHOWN words, those of selected pairs are shown, and those whose
    pairs have the greatest sum of magnitudes.
    """
    matrix = explanation.pair_contributions
    if not matrix or not matrix[0]:
        return None
    left, right = explanation.left, explanation.right
    selected = {(pair.left, pair.right) for pair in explanation.pairs}
    rows = choose_words([sum(map(abs, row)) for row in matrix], {i for i, _ in selected})
    by_column = [sum(map(abs, column)) for column in zip(*matrix, strict=True)]
    columns = choose_words(by_column, {j for _, j in selected})
    greatest = greatest_of(matrix[i][j] for i in rows for j in columns)
    power = unit_power(greatest)
    unit = 10**power
    summed = explanation.remainder is not None
    full = scale.full if scale is not None and scale.full and summed else greatest
    grid = Grid(
        tuple(right.words[j].text for j in columns),
        tuple(
            (
                left.words[i].text,
                tuple(
                    make_cell(
                        matrix[i][j],
                        format_number(matrix[i][j] * unit, 0),
                        of=full,
                        selected=(i, j) in selected,
                    )
                    for j in columns
                ),
            )
            for i in rows
        ),
    )
    return MatrixView(
        grid=grid,
        size=f"{len(left.words):,} × {len(right.words):,}",
        scale=format_number(full, max(power, 3)),
        unit=f"{10**-power:.{power}f}",
        shown=_rows_and_columns(rows, left, columns, right),
        decimals=max(power + 1, 3),
        summed=summed,
    )


def choose_words(
    sizes: Sequence[float], wanted: set[int], *, limit: int = WORDS_SHOWN
) -> list[int]:
    """Return the indices of at most ``limit`` words, in order: the wanted, then the greatest."""
    best = sorted(range(len(sizes)), key=lambda n: (n not in wanted, -sizes[n]))
    return sorted(best[:limit])


def unit_power(greatest: float) -> int:
    """Return the power of ten by which values are multiplied to be whole numbers worth reading.

    The greatest becomes 20 or more; 0 if it is, and otherwise at least 2: hundredths.
    """
    if greatest >= LEAST or not greatest:
        return 0
    if greatest <= LEAST * 10.0**-MOST_POWER:
        return MOST_POWER
    return max(2, math.ceil(math.log10(LEAST / greatest)))


def _rows_and_columns(
    rows: list[int], left: ExplainedText, columns: list[int], right: ExplainedText
) -> str:
    cut = [
        f"{len(shown):,} of {len(side.words):,} {name} words"
        for name, shown, side in (("left", rows, left), ("right", columns, right))
        if len(shown) < len(side.words)
    ]
    return f"{' and '.join(cut)} shown: those that contribute most." if cut else ""


WORDS_LISTED = 12


@dataclass(frozen=True, slots=True)
class WordList:
    """Words of one side, each with its value as it is said (or ""), and how many more there are."""

    side: str
    words: tuple[tuple[str, str], ...]
    more: int


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason with the words that it is about; a side without any has no list."""

    title: str
    lists: tuple[WordList, ...]


LEAST_PULL = 0.05
"""Of what the strongest word that pulls apart takes: a word that takes less is not listed."""

PULLING_APART = "Words that pull apart, each deleted alone, by estimate"
"""Their numbers are ``Word.alone``, and not the contributions that other lists have."""

PLAIN = 0.2
"""A shade below it is hardly seen."""


def why_not_more_alike(explanation: Explanation) -> tuple[Reason, ...]:
    """Return the reasons that there are, with the first dozen words of each side.

    Marks are not listed, nor stop words that match nothing where other words do, nor words that
    take next to nothing. Nor are, among those that pull apart, words that the explanation shows to
    add: those of a pair that adds or whose own contribution is above zero, and those that are
    shaded. In short texts what a word adds to the whole differs from what deleting it alone takes.
    Of equal texts there is nothing to say.
    """
    if explanation.left.text == explanation.right.text:
        return ()
    nothing, apart = [], []
    decimals = contribution_decimals(explanation)
    sides: tuple[Literal["left", "right"], ...] = ("left", "right")
    texts = explanation.left, explanation.right
    stops = stop_words_of(*([word.text for word in side.words] for side in texts))
    shade = scale_of(explanation).shade
    least = LEAST_PULL * max(
        (-(word.alone or 0.0) for side in texts for word in side.words), default=0.0
    )
    for which, side, empty in zip(sides, texts, stops, strict=True):
        alone = unmatched_words(explanation, which)
        telling = [n for n in alone if n not in empty] or alone
        nothing.append([(side.words[n].text, "") for n in telling])
        paired = {getattr(pair, which) for pair in explanation.pairs if pair.score > 0}
        paired |= {
            n
            for n in (getattr(pair, which) for pair in explanation.pairs)
            if (side.words[n].contribution or 0.0) > 0
        }
        lowering = [
            side.words[n]
            for n in side.pulling_apart
            if n not in paired and shade(side.words[n]) < PLAIN
        ]
        values = [(word.text, word.alone or 0.0) for word in lowering if not is_mark(word.text)]
        apart.append(
            [
                (text, format_signed(value, decimals))
                for text, value in values
                if -value >= least and format_number(value, decimals).strip("0.")
            ]
        )
    reasons = (
        Reason("Words that match nothing", _lists(nothing)),
        Reason(PULLING_APART, _lists(apart)),
    )
    return tuple(reason for reason in reasons if reason.lists)


def _lists(sides: list[list[tuple[str, str]]]) -> tuple[WordList, ...]:
    return tuple(
        WordList(name, tuple(words[:WORDS_LISTED]), max(0, len(words) - WORDS_LISTED))
        for name, words in zip(("Left", "Right"), sides, strict=True)
        if words
    )


Which = Literal["left", "right"]

POOLING_IN_WORDS = {
    "model": "the model's own",
    "paper": "mean of word tokens without special tokens, as in the paper",
}

NO_WORDS = "This text has no words; there is nothing to explain."
PARTNERS_NAMED = 3


@dataclass(frozen=True, slots=True)
class Run:
    """A segment as the browser shows it, in the classes ``tone``.

    ``said`` are its numbers. ``partners`` are the ranks of its pairs with the words on the other
    side, best first; they end after a few, and ``more`` counts the rest.
    """

    text: str
    word: int | None = None
    said: str = ""
    tone: str = ""
    partners: tuple[tuple[int, str], ...] = ()
    more: int = 0


@dataclass(frozen=True, slots=True)
class SideView:
    """One text: its runs, and what there is to say about words that are missing or unread.

    ``which`` side it is in the markup, or there ``name`` where that is not enough; ``title`` is
    what a reader reads. ``before`` is what stands before the chunk that is read. ``long`` has the
    sentences of a long text; ``sticks`` says that the other one is long, and this one stays in
    view.
    """

    which: Which
    title: str
    count: str
    runs: tuple[Run, ...]
    unread: str
    unread_note: str
    note: str
    before: str = ""
    long: LongText | None = None
    sticks: bool = False
    name: str = ""


@dataclass(frozen=True, slots=True)
class RowView:
    """One row of a table. ``bar`` is the score in percent of a full bar; see ``Scale``.

    ``left`` and ``right`` are the values of the words: what they contribute where the method says
    so, and otherwise their saliency; each with what is written of it.
    """

    rank: int
    pair: WordPair
    left_word: str
    right_word: str
    left: tuple[float, str]
    right: tuple[float, str]
    weight: int
    bar: float
    selected_as: int | None


@dataclass(frozen=True, slots=True)
class ExplanationView:
    """Everything ``explanation.html.j2`` shows. ``id`` is the root of every id in the markup.

    ``value`` names what the tables say of each word.
    """

    id: str
    verdict: Sentence
    place: PlaceView | None
    similarity: float
    kind: str
    score_note: str
    score_in_words: str
    facts: tuple[tuple[str, str], ...]
    parts: PartTable | None
    warnings: tuple[str, ...]
    sides: tuple[SideView, SideView]
    sum_note: str
    gap: str
    pairs: tuple[RowView, ...]
    matches: tuple[RowView, ...]
    value: str
    score_decimals: int
    score_is: str
    matrix: MatrixView | None
    terms: TermsView | None
    checks: tuple[Sentence, ...]
    units: UnitsView | None
    why_not: tuple[Reason, ...]
    has_contributions: bool
    has_negative: bool
    has_unmatched: bool
    scale: Scale


def view_explanation(
    explanation: Explanation, *, id: str, scale: str = "absolute"
) -> ExplanationView:
    """Return what the template shows of ``explanation``; ids in the markup start with ``id``.

    ``scale`` is that of ``scale_of``.
    """
    measure = scale_of(explanation, scale)
    function = explanation.similarity_function
    words = (*explanation.left.words, *explanation.right.words)
    whose = POOLING_IN_WORDS.get(explanation.pooling, f"{explanation.pooling} token")
    sides = view_sides(explanation, scale=measure)
    signed = has_contributions(explanation)
    matrix = view_matrix(explanation, scale=measure)
    scores = [pair.score for pair in explanation.matches]
    return ExplanationView(
        id=id,
        verdict=view_verdict(explanation),
        place=view_place(explanation),
        similarity=explanation.similarity,
        kind=score_name(function),
        score_note=score_note(function),
        score_in_words=describe_score(explanation.similarity, function),
        facts=(
            ("Model", explanation.model),
            ("Method", describe_method(explanation)),
            ("Score", whose),
            *([("Prompts", prompts)] if (prompts := describe_prompts(explanation.prompts)) else []),
            *background_facts(explanation),
        ),
        parts=part_table(explanation),
        warnings=explanation.warnings,
        sides=sides,
        sum_note=describe_sum(explanation),
        gap=describe_gap(explanation),
        pairs=view_rows(explanation, explanation.pairs, measure),
        matches=view_rows(explanation, explanation.matches, measure),
        value="adds" if signed else "saliency",
        score_decimals=decimals_for(scores),
        score_is="the score is what the pair adds" if matrix else "",
        matrix=matrix,
        terms=view_terms(explanation),
        checks=view_checks(explanation),
        units=_units_beside(view_units(explanation, scale=measure), sides),
        why_not=why_not_more_alike(explanation),
        has_contributions=signed,
        has_negative=any(saliency_level(measure.shade(w)) and measure.shade(w) < 0 for w in words),
        has_unmatched=any("wa-unmatched" in run.tone for side in sides for run in side.runs),
        scale=measure,
    )


def _units_beside(units: UnitsView | None, sides: Sequence[SideView]) -> UnitsView | None:
    """Return the units that are not shown in the text itself."""
    if units is None or units.title != "Sentences":
        return units
    long = {side.title for side in sides if side.long is not None and side.long.measured}
    rest = tuple(side for side in units.sides if side.title not in long)
    return replace(units, sides=rest) if rest else None


def view_sides(
    explanation: Explanation, *, scale: Scale | None = None
) -> tuple[SideView, SideView]:
    """Return both sides, each paired word with its partners on the other side.

    ``scale`` is the relative one where none is given.
    """
    left, right, pairs = explanation.left, explanation.right, explanation.pairs
    decimals = contribution_decimals(explanation)
    measure = scale or scale_of(explanation, "relative")
    first, second = (
        view_side(
            *(own, which),
            pairs=pairs,
            other=other,
            decimals=decimals,
            scale=measure,
            unmatched=unmatched_words(explanation, which),
        )
        for own, which, other in _both(left, right)
    )
    return _with_sentences(explanation, first, right), _with_sentences(explanation, second, left)


def _both(
    left: ExplainedText, right: ExplainedText
) -> tuple[tuple[ExplainedText, Which, ExplainedText], ...]:
    return (left, "left", right), (right, "right", left)


def _with_sentences(explanation: Explanation, view: SideView, other: ExplainedText) -> SideView:
    """Return a side by its sentences where it is long; a short one beside it stays in view."""
    words = getattr(explanation, view.which).words
    return replace(
        view,
        long=view_long(explanation, view.which, view),
        sticks=0 < len(words) <= STICKS and is_long(other),
    )


def view_side(
    side: ExplainedText,
    which: Literal["left", "right"],
    *,
    title: str = "",
    pairs: Sequence[WordPair] = (),
    other: ExplainedText | None = None,
    decimals: int = 3,
    scale: Scale | None = None,
    unmatched: Sequence[int] | None = None,
) -> SideView:
    """Return one text, alone or with the words of ``other`` that ``pairs`` link to it.

    ``decimals`` are those of contributions. Without ``scale`` shades are saliencies, and line
    weights parts of the best score; ``unmatched`` are words that match nothing.
    """
    shaded = {} if scale is None else {"shade": scale.shade}
    segments = cut_into_segments(side, pairs, which=which, unmatched=unmatched, **shaded)
    partners = []
    if other is not None:
        indices = [pair.right if which == "left" else pair.left for pair in pairs]
        partners = [other.words[index].text for index in indices]
    weights = pair_weights(pairs) if scale is None else scale.weights(pairs)
    read = [segment for segment in segments if segment.read]
    return SideView(
        which=which,
        title=title or f"{which.capitalize()} text",
        count=count_words(side),
        runs=tuple(view_run(segment, partners, weights, decimals=decimals) for segment in read),
        unread="".join(one.text for one in segments[1:] if not one.read),
        unread_note=count_unread(side),
        before=segments[0].text if segments and not segments[0].read else "",
        note="" if side.words or side.unread_words else NO_WORDS,
    )


def view_run(
    segment: Segment, partners: Sequence[str], weights: Sequence[int], *, decimals: int
) -> Run:
    """Return a segment with its classes; ``partners`` and ``weights`` are by rank, best first."""
    if segment.word is None:
        return Run(segment.text)
    classes = [f"wa-s{saliency_level(segment.shade)}"]
    if segment.shade < 0:
        classes.append("wa-negative")
    if segment.marks:
        classes.append(f"wa-w{weights[segment.marks[0] - 1]}")
        classes.append(f"wa-p{(segment.marks[0] - 1) % len(PAIR_LINES) + 1}")
    said = f"saliency {format_number(segment.saliency, 2)}"
    if segment.contribution is not None:
        said += f", adds {format_signed(segment.contribution, decimals)}"
    if segment.unmatched:
        classes.append("wa-unmatched")
        said += ", matches nothing"
    named = segment.marks[:PARTNERS_NAMED]
    return Run(
        text=segment.text,
        word=segment.word,
        said=said,
        tone=" ".join(classes),
        partners=tuple((rank, partners[rank - 1]) for rank in named),
        more=len(segment.marks) - len(named),
    )


def view_rows(
    explanation: Explanation, pairs: Sequence[WordPair], scale: Scale
) -> tuple[RowView, ...]:
    """Return the rows of a table of ``pairs``, in the order given."""
    selected = {(pair.left, pair.right): rank for rank, pair in enumerate(explanation.pairs, 1)}
    decimals = contribution_decimals(explanation)
    rows = []
    for rank, (pair, weight) in enumerate(zip(pairs, scale.weights(pairs), strict=True), start=1):
        left, right = explanation.left.words[pair.left], explanation.right.words[pair.right]
        rows.append(
            RowView(
                rank=rank,
                pair=pair,
                left_word=left.text,
                right_word=right.text,
                left=view_value(left, decimals),
                right=view_value(right, decimals),
                weight=weight,
                bar=round(100 * scale.bar(pair.score), 1),
                selected_as=selected.get((pair.left, pair.right)),
            )
        )
    return tuple(rows)


def view_value(word: Word, decimals: int) -> tuple[float, str]:
    """Return what a table says of a word, as a number and as it is written."""
    if word.contribution is None:
        return word.saliency, format_number(word.saliency, 2)
    return word.contribution, format_signed(word.contribution, decimals)


def count_words(side: ExplainedText) -> str:
    """Return how many words the model read, and how many it did not."""
    read = len(side.words)
    if side.unread_words:
        return f"{read:,} of {read + side.unread_words:,} words read"
    return "1 word" if read == 1 else f"{read:,} words"


def count_unread(side: ExplainedText) -> str:
    """Return the note that ends a text with unread words, or nothing."""
    unread = side.unread_words
    if side.chunk is not None:
        where = f"characters {side.chunk.start:,} to {side.chunk.end:,}"
        outside = f"{unread:,} {'word was' if unread == 1 else 'words were'} not read by this score"
        return f"{str(side.chunk).capitalize()}, {where}: {outside}"
    if not unread:
        return ""
    return f"… {unread:,} {'word was' if unread == 1 else 'words were'} not read by the model"
