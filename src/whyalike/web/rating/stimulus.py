"""What a rater sees of an explanation: texts, highlighted words and pairs, and nothing else.

Names, warnings, gaps, signs and figures differ by method, and would give it away. The stimuli were
stripped of them when they were frozen; what is not drawn here can't come back.
"""

from dataclasses import dataclass, replace

from whyalike.explanation import ExplainedText, Explanation
from whyalike.render.palette import pair_weights
from whyalike.render.view import SideView, view_sides


@dataclass(frozen=True, slots=True)
class ShownPair:
    """A pair of words: its place in the order, where the words are, what they are."""

    rank: int
    left: int
    right: int
    left_word: str
    right_word: str
    weight: int


@dataclass(frozen=True, slots=True)
class StimulusView:
    """Everything that ``stimulus.html.j2`` draws."""

    sides: tuple[SideView, SideView]
    pairs: tuple[ShownPair, ...]


def view_stimulus(explanation: Explanation) -> StimulusView:
    """Return what is drawn of an explanation."""
    blind = replace(
        explanation, left=_without_signs(explanation.left), right=_without_signs(explanation.right)
    )
    first, second = view_sides(blind)
    sides = (_only_text(first, "First text"), _only_text(second, "Second text"))
    pairs = blind.pairs
    return StimulusView(
        sides=sides,
        pairs=tuple(
            ShownPair(
                rank=rank,
                left=pair.left,
                right=pair.right,
                left_word=blind.left.words[pair.left].text,
                right_word=blind.right.words[pair.right].text,
                weight=weight,
            )
            for rank, (pair, weight) in enumerate(
                zip(pairs, pair_weights(pairs), strict=True), start=1
            )
        ),
    )


def _without_signs(side: ExplainedText) -> ExplainedText:
    """Return the side as if every method gave what BTI gives: saliency from 0 to 1."""
    words = tuple(
        replace(word, saliency=max(0.0, word.saliency), contribution=None) for word in side.words
    )
    return replace(side, words=words, unread_words=0, unmatched=())


def _only_text(side: SideView, title: str) -> SideView:
    """Return the side without figures, counts and notes: methods read and mark unequally many."""
    runs = tuple(replace(run, said="") for run in side.runs)
    return replace(side, title=title, count="", note="", runs=runs)
