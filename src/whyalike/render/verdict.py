"""A sentence of verdict: what a score means and what carries it, and what deletions showed of it.

Made of templates. A sentence is a tuple of pieces, so that each renderer sets words off in its own
way; as plain text they stand between asterisks.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from whyalike.explanation import Deletion, ExplainedText, Explanation, WordPair
from whyalike.render.parts import (
    decimals_for,
    format_number,
    format_percentile,
    score_name,
    shorten,
)
from whyalike.render.score_parts import RANK_DECIMALS
from whyalike.texts import is_mark


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a sentence; ``is_words`` are words of the texts."""

    text: str
    is_words: bool = False


Sentence = tuple[Piece, ...]

STEPS = (
    (0.9, "Nearly the same to the model"),
    (0.7, "Very alike"),
    (0.4, "Fairly alike"),
    (0.15, "A little alike"),
    (-0.15, "The model sees almost nothing in common"),
    (-1.0, "The model sees the texts as opposed"),
)
"""From which cosine on what is said of it."""

FROM = 0.15
"""Below it there is nothing to be carried."""

MAINLY, PARTLY = 0.5, 0.1
"""Shares of a score that fall with the words."""

ALONE = 0.8
"""The share of all that falls with which the words of one pair stand for those of all."""

NAMED = 3

LEVEL = 0.01
"""A difference of two cosines that is as good as none."""


def say_verdict(explanation: Explanation) -> str:
    """Return the verdict as plain text, with words of the texts between asterisks."""
    return say(view_verdict(explanation))


def say(sentence: Sentence, *, quotes: tuple[str, str] = ("*", "*")) -> str:
    """Return a sentence as plain text, with words of the texts between asterisks or ``quotes``."""
    opening, closing = quotes[0], quotes[1]
    return "".join(
        f"{opening}{piece.text}{closing}" if piece.is_words else piece.text for piece in sentence
    )


def view_verdict(explanation: Explanation) -> Sentence:
    """Return what the score means, and what carries it where something can.

    An adjective is said of a cosine that is the model's own, whose zero means unrelated; with a
    background, it is the percentile instead. Words are said to carry a score where the model was
    asked (``checks``); otherwise they are those that the method names first. Nothing is said of an
    explanation without a method, as a blind study shows it.
    """
    if not explanation.method:
        return ()
    score = score_of(explanation, explanation.similarity)
    blank = [
        name
        for name, side in (("left", explanation.left), ("right", explanation.right))
        if not side.words
    ]
    if blank:
        who = "neither text has words" if len(blank) == 2 else f"the {blank[0]} text has no words"
        return (Piece(f"Nothing can be matched, as {who} (score {score})."),)
    if explanation.left.text == explanation.right.text:
        return (Piece(f"Both texts are the same (score {score})."),)
    head, has_more = standing(explanation, score)
    if not has_more:
        return (Piece(f"{head}."),)
    return (Piece(head), *_carried(explanation))


def view_checks(explanation: Explanation) -> tuple[Sentence, ...]:
    """Return what the model scored without words, a sentence for each deletion."""
    checks = explanation.checks
    if checks is None:
        return ()
    told = [_told(explanation, one) for one in checks.pairs]
    if checks.together is not None:
        told.append(_and_then(explanation, [Piece("without all of these")], checks.together))
    return tuple(told)


def has_zero(explanation: Explanation) -> bool:
    """Return whether it is a cosine that is the model's own, whose zero means unrelated."""
    return explanation.similarity_function == "cosine" and explanation.pooling == "model"


def standing(explanation: Explanation, score: str) -> tuple[str, bool]:
    """Return what the score means, and whether there is something to be carried."""
    function, found = explanation.similarity_function, explanation.background
    if found is not None:
        percent = format_percentile(found.percentile)
        if found.percentile >= 50:
            return f"More alike than {percent} of random pairs of your texts ({score})", True
        return (
            f"Less alike than most random pairs of your texts ({score}, more alike than {percent} "
            "of them)"
        ), False
    if has_zero(explanation):
        value = explanation.similarity
        said = next((words for least, words in STEPS if value >= least), STEPS[-1][1])
        return f"{said} ({score})", value >= FROM
    name = score_name(function)
    said = f"{name[0].upper()}{name[1:]} {score}"
    if explanation.parts and len(explanation.parts) > 1:
        most = max(explanation.parts, key=lambda part: part.contribution)
        said += f", of which {most.name} adds {score_of(explanation, most.contribution)}"
    return said, True


def _carried(explanation: Explanation) -> Sentence:
    """Return the end of the sentence: what carries the score."""
    if not explanation.pairs:
        return (Piece("; no pair of words was selected."),)
    checked = _checked(explanation)
    if checked is None:
        named = _named(explanation, explanation.pairs[:2], more=0)
        return (Piece(f"; {explanation.method} names "), *named, Piece(" first."))
    pairs, similarity, fall = checked
    named = _named(explanation, pairs[:NAMED], more=len(pairs) - NAMED)
    after = score_of(explanation, similarity)
    share = fall / abs(explanation.similarity) if explanation.similarity else 0.0
    if fall <= 0 or (has_zero(explanation) and share < PARTLY):
        return (
            Piece(", not through a few words alone: without "),
            *named,
            Piece(f" the score is {'still ' if fall >= 0 else ''}{after}."),
        )
    how = "through"
    if has_zero(explanation):
        how = "mainly through" if share >= MAINLY else "in part through"
    these = "these" if len(pairs) > 1 else "this pair"
    return (Piece(f", {how} "), *named, Piece(f": without {these} the score is {after}."))


def _checked(explanation: Explanation) -> tuple[list[WordPair], float, float] | None:
    """Return the pairs to be named, the score without their words, and how much it fell.

    They are one where its words take nearly all with them that those of all do.
    """
    checks = explanation.checks
    if checks is None:
        return None
    alone = [
        (WordPair(one.left[0], one.right[0], 0.0, 0.0), one.similarity, one.fall)
        for one in checks.pairs
        if one.similarity is not None and one.fall is not None and one.left and one.right
    ]
    if not alone:
        return None
    pair, similarity, fall = max(alone, key=lambda one: one[2])
    whole = checks.together
    if whole is None or whole.similarity is None or whole.fall is None:
        return [pair], similarity, fall
    if fall > 0 and fall >= ALONE * abs(whole.fall):
        return [pair], similarity, fall
    return [one[0] for one in alone], whole.similarity, whole.fall


def _named(explanation: Explanation, pairs: Sequence[WordPair], *, more: int) -> list[Piece]:
    """Return pairs of words as a sentence lists them, equal ones once."""
    left, right = explanation.left.words, explanation.right.words
    said = [
        f"{shorten(left[pair.left].text)} – {shorten(right[pair.right].text)}" for pair in pairs
    ]
    pieces = [Piece(words, is_words=True) for words in dict.fromkeys(said)]
    if more > 0:
        pieces.append(Piece(f"{more:,} more pair{'s' if more > 1 else ''}"))
    return join_named([(piece,) for piece in pieces])


def join_named(named: Sequence[Iterable[Piece]]) -> list[Piece]:
    """Return what is named as a sentence lists it: with commas, and "and" before the last."""
    listed: list[Piece] = []
    for place, pieces in enumerate(named):
        if place:
            listed.append(Piece(" and " if place == len(named) - 1 else ", "))
        listed.extend(pieces)
    return listed


def _told(explanation: Explanation, one: Deletion) -> Sentence:
    """Return what was deleted, a word of each text, and what the score is then."""
    left, right = _words(explanation.left, one.left), _words(explanation.right, one.right)
    if left.casefold() == right.casefold():
        said = [Piece("without "), Piece(left, is_words=True), Piece(" in both texts")]
    else:
        said = [
            Piece("without "),
            Piece(left, is_words=True),
            Piece(" in the left and "),
            Piece(right, is_words=True),
            Piece(" in the right text"),
        ]
    staying = [
        name
        for name, side, gone in (
            ("left", explanation.left, one.left),
            ("right", explanation.right, one.right),
        )
        if _has_copy(side, gone)
    ]
    if staying:
        where = "in both" if len(staying) == 2 else f"in the {staying[0]} text"
        said.append(Piece(f" (a copy stays {where})"))
    return _and_then(explanation, said, one)


def _and_then(explanation: Explanation, said: Sequence[Piece], one: Deletion) -> Sentence:
    if one.similarity is None:
        sides = (explanation.left, one.left), (explanation.right, one.right)
        rests = [[w.text for n, w in enumerate(s.words) if n not in gone] for s, gone in sides]
        symbols = any(rest and all(map(is_mark, rest)) for rest in rests)
        left = "nothing but marks or symbols" if symbols else "no word"
        return (*said, Piece(f": not scored, as {left} of a text would be left"))
    before = score_of(explanation, explanation.similarity)
    return (*said, Piece(f": {before} → {score_of(explanation, one.similarity)}"))


def _words(side: ExplainedText, indices: Sequence[int]) -> str:
    return " ".join(shorten(side.words[n].text) for n in indices)


def _has_copy(side: ExplainedText, gone: Sequence[int]) -> bool:
    forms = {side.words[n].text.casefold() for n in gone}
    return any(word.text.casefold() in forms for n, word in enumerate(side.words) if n not in gone)


def score_of(explanation: Explanation, value: float) -> str:
    """Return a score of the explanation, with as many decimals as all of them have."""
    by_rank = any(part.rank is not None for part in explanation.parts or ())
    decimals = RANK_DECIMALS if by_rank else decimals_for([explanation.similarity])
    return format_number(value, decimals)
