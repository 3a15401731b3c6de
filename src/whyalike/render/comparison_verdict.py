"""A sentence on a comparison: which text is scored higher, by how much, and what carries that."""

from dataclasses import dataclass

from whyalike.comparison import Comparison, ComparisonRow
from whyalike.render.parts import decimals_for, format_number, shorten
from whyalike.render.score_parts import RANK_DECIMALS
from whyalike.render.verdict import (
    LEVEL,
    MAINLY,
    PARTLY,
    Piece,
    Sentence,
    has_zero,
    join_named,
    say,
)

NAMED = 2
"""Words that are named where nothing was checked."""


@dataclass(frozen=True, slots=True)
class TextName:
    """What one of the two texts is called: by its score, or by its place where scores are equal.

    title: above the text. name: in tables. text: within a sentence.
    """

    title: str
    name: str
    text: str


HIGHER = TextName("text scored higher", "higher text", "the text scored higher")
LOWER = TextName("text scored lower", "lower text", "the text scored lower")
FIRST = TextName("first text, scored the same", "first text", "the first text")
SECOND = TextName("second text, scored the same", "second text", "the second text")


Names = tuple[str, str]
"""What the two texts are called within a sentence, such as "text A" and "text B"."""


def standings_of(margin: float, names: Names | None = None) -> tuple[TextName, TextName]:
    """Return what to call the text that was expected to win, and the other."""
    if names is not None:
        said = (
            ("scored higher", "scored lower") if margin > 0 else ("scored lower", "scored higher")
        )
        said = said if margin else ("scored the same",) * 2
        first, second = (
            TextName(f"{name}, {standing}", capital(name), name)
            for name, standing in zip(names, said, strict=True)
        )
        return first, second
    if margin == 0:
        return FIRST, SECOND
    return (HIGHER, LOWER) if margin > 0 else (LOWER, HIGHER)


def say_comparison(comparison: Comparison) -> str:
    """Return the verdict as plain text, with words of the texts between asterisks."""
    return say(view_comparison_verdict(comparison))


def capital(said: str) -> str:
    """Return the same with a capital at its beginning, whatever follows."""
    return said[0].upper() + said[1:]


def view_comparison_verdict(comparison: Comparison, *, names: Names | None = None) -> Sentence:
    """Return which text is scored higher, and what carries that; ``names`` are those of the texts.

    Words are said to carry it where the model was asked (``checks``); otherwise they are those that
    the method names first.
    """
    better, worse = comparison.better, comparison.worse
    if not better.method:
        return ()
    first, second = (_number(comparison, one.similarity) for one in (better, worse))
    against = f"{first} against {second}"
    if not better.left.words:
        return (Piece(f"Nothing can be matched, as the query has no words ({against})."),)
    if better.right.text == worse.right.text:
        return (Piece(f"Both texts are the same (score {first})."),)
    if comparison.margin == 0:
        return (Piece(f"The model scores both texts the same ({first})."),)
    if has_zero(better) and abs(comparison.margin) < LEVEL:
        return (Piece(f"Nearly level: {against}."),)
    by = _number(comparison, abs(comparison.margin))
    head = f"Scored higher by {by} ({against})"
    if names is not None:
        higher, lower = names if comparison.margin > 0 else names[::-1]
        head = f"{capital(higher)} is scored above {lower}, by {by} ({against})"
    elif comparison.margin < 0:
        head = f"The model does not agree: it scores the second text higher by {by} ({against})"
    return (Piece(head), *_carried(comparison, names))


def _carried(comparison: Comparison, names: Names | None) -> Sentence:
    rows = comparison.carrying
    if not rows:
        return (Piece("; no word was found that carries this."),)
    if comparison.checks is None:
        named = _named(comparison, rows[:NAMED], names)
        return (Piece(f"; {comparison.better.method} names "), *named, Piece(" first."))
    named = _named(comparison, rows, names)
    after = _margin_without(comparison, rows)
    if after is None:
        return (Piece(", through "), *named, Piece("."))
    towards = 1 if comparison.margin > 0 else -1
    share = 1 - after / comparison.margin
    left = _number(comparison, abs(after))
    if share < PARTLY:
        still = "still " if share >= 0 else ""
        return (
            Piece(", not through a few words alone: without "),
            *named,
            Piece(f" the lead is {still}{left}."),
        )
    how = "mainly" if share >= MAINLY else "in part"
    these = "these" if len(rows) > 1 else "it"
    if after * towards < 0:
        other = "the other text" if towards > 0 else "the first text"
        if names is not None:
            other = names[1 if towards > 0 else 0]
        rest = f": without {these} {other} leads by {left}."
    else:
        rest = f": without {these} the lead is {left}."
    return (Piece(f", {how} through "), *named, Piece(rest))


def _named(
    comparison: Comparison, rows: tuple[ComparisonRow, ...], names: Names | None
) -> list[Piece]:
    """Return the words of rows as a sentence lists them, and where they stand."""
    words = join_named([(Piece(shorten(row.text), is_words=True),) for row in rows])
    if rows[0].query:
        return [Piece("the query’s "), *words]
    standings = standings_of(comparison.margin, names)
    placed = [
        (Piece(shorten(row.text), is_words=True), Piece(f" {_where(row, standings)}"))
        for row in rows
    ]
    if len({place.text for _, place in placed}) == 1:
        return [*words, placed[0][1]]
    return join_named(placed)


def _where(row: ComparisonRow, standings: tuple[TextName, TextName]) -> str:
    if row.better and row.worse:
        return "of both texts"
    return f"of {standings[0 if row.better else 1].text}"


def _margin_without(comparison: Comparison, rows: tuple[ComparisonRow, ...]) -> float | None:
    """Return the margin without the words of all these rows; None where that was not scored."""
    checks = comparison.checks
    if len(rows) > 1:
        return None if checks is None or checks.together is None else checks.together.margin
    return comparison.margin - rows[0].effect


def comparison_decimals(comparison: Comparison) -> int:
    """Return the decimals with which scores of a comparison are written."""
    by_rank = any(part.rank is not None for part in comparison.better.parts or ())
    return RANK_DECIMALS if by_rank else decimals_for([comparison.margin])


def _number(comparison: Comparison, value: float) -> str:
    return format_number(value, comparison_decimals(comparison))
