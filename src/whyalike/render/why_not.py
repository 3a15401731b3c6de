"""Why two texts are not more alike: words that match nothing, and words that pull them apart."""

from dataclasses import dataclass

from whyalike.explanation import Explanation
from whyalike.render.wording import contribution_decimals, format_number, format_signed

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


def why_not_more_alike(explanation: Explanation) -> tuple[Reason, ...]:
    """Return the reasons that there are, with the first dozen words of each side.

    A word of a selected pair is not listed as matching nothing: its partner prefers another word,
    but the reader sees the pair. A contribution that would be written as zero is not listed.
    """
    nothing, apart = [], []
    decimals = contribution_decimals(explanation)
    for which in ("left", "right"):
        side = explanation.left if which == "left" else explanation.right
        paired = {pair.left if which == "left" else pair.right for pair in explanation.pairs}
        nothing.append([(side.words[n].text, "") for n in side.unmatched if n not in paired])
        lowering = [side.words[n] for n in side.pulling_apart]
        values = [(word.text, word.contribution or 0.0) for word in lowering]
        apart.append(
            [
                (text, format_signed(value, decimals))
                for text, value in values
                if format_number(value, decimals).strip("0.")
            ]
        )
    reasons = (
        Reason("Words that match nothing", _lists(nothing)),
        Reason("Words that pull apart", _lists(apart)),
    )
    return tuple(reason for reason in reasons if reason.lists)


def _lists(sides: list[list[tuple[str, str]]]) -> tuple[WordList, ...]:
    return tuple(
        WordList(name, tuple(words[:WORDS_LISTED]), max(0, len(words) - WORDS_LISTED))
        for name, words in zip(("Left", "Right"), sides, strict=True)
        if words
    )
