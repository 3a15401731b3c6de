"""What the HTML template draws: an explanation as text, classes and numbers, ready to print."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from whyalike.render.palette import pair_weights, saliency_level
from whyalike.render.segments import (
    Segment,
    cut_into_segments,
    describe_method,
    describe_score,
    score_note,
)
from whyalike.types import ExplainedText, ExplanationData, WordPair

POOLING_IN_WORDS = {
    "model": "score of the model's own pipeline",
    "paper": "mean of word tokens without special tokens, as in the paper",
}
NO_WORDS = "This text has no words; there is nothing to explain."
PARTNERS_NAMED = 3


@dataclass(frozen=True, slots=True)
class Run:
    """A segment as the browser shows it, in the classes ``tone``.

    ``partners`` are the ranks of its pairs with the words on the other side, best first; they end
    after a few, and ``more`` counts the rest.
    """

    text: str
    word: int | None = None
    saliency: float = 0.0
    tone: str = ""
    partners: tuple[tuple[int, str], ...] = ()
    more: int = 0


@dataclass(frozen=True, slots=True)
class SideView:
    """One text: its runs, and what there is to say about words that are missing or unread."""

    which: Literal["left", "right"]
    count: str
    runs: tuple[Run, ...]
    unread: str
    unread_note: str
    note: str


@dataclass(frozen=True, slots=True)
class RowView:
    """One row of a table. ``bar`` is the score in percent of the table's greatest."""

    rank: int
    pair: WordPair
    left_word: str
    right_word: str
    left_saliency: float
    right_saliency: float
    weight: int
    bar: float
    selected_as: int | None


@dataclass(frozen=True, slots=True)
class ExplanationView:
    """Everything ``explanation.html.j2`` shows. ``id`` is the root of every id in the markup."""

    id: str
    similarity: float
    kind: str
    score_note: str
    score_in_words: str
    facts: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]
    sides: tuple[SideView, SideView]
    pairs: tuple[RowView, ...]
    matches: tuple[RowView, ...]
    has_negative: bool


def view_explanation(explanation: ExplanationData, *, id: str) -> ExplanationView:
    """Return what the template shows of ``explanation``; ids in the markup start with ``id``."""
    function = explanation.similarity_function
    words = (*explanation.left.words, *explanation.right.words)
    pooling = POOLING_IN_WORDS.get(explanation.pooling, explanation.pooling)
    return ExplanationView(
        id=id,
        similarity=explanation.similarity,
        kind=f"{function} similarity",
        score_note=score_note(function),
        score_in_words=describe_score(explanation.similarity, function),
        facts=(
            ("Model", explanation.model),
            ("Method", describe_method(explanation)),
            ("Pooling", pooling),
        ),
        warnings=explanation.warnings,
        sides=(view_side(explanation, "left"), view_side(explanation, "right")),
        pairs=view_rows(explanation, explanation.pairs),
        matches=view_rows(explanation, explanation.matches),
        has_negative=any(word.saliency < 0 for word in words),
    )


def view_side(explanation: ExplanationData, which: Literal["left", "right"]) -> SideView:
    """Return one side, its paired words with their partners on the other side."""
    side, other = explanation.left, explanation.right
    if which == "right":
        side, other = other, side
    segments = cut_into_segments(side, explanation.pairs, which=which)
    partners = [
        other.words[pair.right if which == "left" else pair.left].text for pair in explanation.pairs
    ]
    weights = pair_weights(explanation.pairs)
    tail = "".join(segment.text for segment in segments if not segment.read)
    return SideView(
        which=which,
        count=count_words(side),
        runs=tuple(view_run(segment, partners, weights) for segment in segments if segment.read),
        unread=tail,
        unread_note=count_unread(side.unread_words),
        note="" if side.words or side.unread_words else NO_WORDS,
    )


def view_run(segment: Segment, partners: Sequence[str], weights: Sequence[int]) -> Run:
    """Return a segment with its classes; ``partners`` and ``weights`` are by rank, best first."""
    if segment.word is None:
        return Run(segment.text)
    classes = [f"wa-s{saliency_level(segment.saliency)}"]
    if segment.saliency < 0:
        classes.append("wa-negative")
    if segment.marks:
        classes.append(f"wa-w{weights[segment.marks[0] - 1]}")
    named = segment.marks[:PARTNERS_NAMED]
    return Run(
        text=segment.text,
        word=segment.word,
        saliency=segment.saliency,
        tone=" ".join(classes),
        partners=tuple((rank, partners[rank - 1]) for rank in named),
        more=len(segment.marks) - len(named),
    )


def view_rows(explanation: ExplanationData, pairs: Sequence[WordPair]) -> tuple[RowView, ...]:
    """Return the rows of a table of ``pairs``, in the order given."""
    greatest = max((abs(pair.score) for pair in pairs), default=0.0) or 1.0
    selected = {(pair.left, pair.right): rank for rank, pair in enumerate(explanation.pairs, 1)}
    rows = []
    for rank, (pair, weight) in enumerate(zip(pairs, pair_weights(pairs), strict=True), start=1):
        left, right = explanation.left.words[pair.left], explanation.right.words[pair.right]
        rows.append(
            RowView(
                rank=rank,
                pair=pair,
                left_word=left.text,
                right_word=right.text,
                left_saliency=left.saliency,
                right_saliency=right.saliency,
                weight=weight,
                bar=round(100 * abs(pair.score) / greatest, 1),
                selected_as=selected.get((pair.left, pair.right)),
            )
        )
    return tuple(rows)


def count_words(side: ExplainedText) -> str:
    """Return how many words the model read, and how many it did not."""
    read = len(side.words)
    if side.unread_words:
        return f"{read:,} of {read + side.unread_words:,} words read"
    return "1 word" if read == 1 else f"{read:,} words"


def count_unread(unread: int) -> str:
    """Return the note that ends a text with unread words, or nothing."""
    if not unread:
        return ""
    return f"… {unread:,} {'word was' if unread == 1 else 'words were'} not read by the model"
