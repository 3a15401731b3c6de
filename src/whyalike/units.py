"""Sentences and phrases of a pair, each with what the model's own score says of it: measured.

What words add does not sum to what their sentence adds: without it, the rest is read anew. So the
model is asked, with each unit deleted and, of sentences, with each alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import get_args

from whyalike.deletions import text_with
from whyalike.explanation import ExplainedText, Explanation, Unit, Units
from whyalike.models.scorer import KnownScores, Scorer, TextPair
from whyalike.options import Chunks, LongText, UnitKind, check_choice
from whyalike.sentences import split_sentences
from whyalike.texts import is_mark, word_forms

MOST_WORDS = 5
"""Of a phrase."""

TOGETHER = 1 / 3
"""Words act together where their joint fall is off the sum of their own by this part of it."""

LEAST = 0.1
"""And by this part of the greatest fall of a word of the text: less is how scores waver."""

ROUNDING = 1e-9


def measure_units(
    model: Scorer,
    explanations: Sequence[Explanation],
    *,
    kind: UnitKind,
    prompts: tuple[str, str],
    long_text: LongText | Chunks,
) -> list[Explanation]:
    """Return explanations with their sentences or phrases, each side's measured.

    All variants of all explanations go to the model together, equal ones once: of sentences in one
    batch, of phrases in one for words, and one more for each round of joining.

    Parameters
    ----------
    model : Scorer
        Whose score it is.
    explanations : sequence of Explanation
        Of that score.
    kind : UnitKind
        ``"word"`` changes nothing.
    prompts : tuple[str, str]
        Put before the left texts and before the right ones.
    long_text : LongText or Chunks
        As the texts were read.

    Raises
    ------
    OptionError
        An unknown kind.
    ModelError
        NaN.
    FunctionError
        A function of the user's raised something.
    """
    check_unit(kind)
    if kind == "word":
        return list(explanations)
    known = KnownScores(model, prompts=prompts, long_text=long_text)
    if kind == "sentence":
        variants = [(_sentences(one, "left"), _sentences(one, "right")) for one in explanations]
        known.ask(pair for sides in variants for side in sides for pair in side.pairs)
        return [
            replace(one, units=Units("sentence", *(side.units(one, known) for side in sides)))
            for one, sides in zip(explanations, variants, strict=True)
        ]
    texts = [_Phrases.of(one, side) for one in explanations for side in ("left", "right")]
    known.ask(pair for text in texts for pair in text.wanted([[n] for n in text.words]))
    while True:
        joins = [text.neighbours() for text in texts]
        known.ask(
            pair
            for text, own in zip(texts, joins, strict=True)
            for pair in text.wanted([a + b for a, b in own])
        )
        joined = [text.join(own, known) for text, own in zip(texts, joins, strict=True)]
        if not any(joined):
            break
    return [
        replace(one, units=Units("phrase", left.units(known), right.units(known)))
        for one, left, right in zip(explanations, texts[::2], texts[1::2], strict=True)
    ]


def check_unit(kind: str) -> None:
    """Raise OptionError on an unknown kind of unit."""
    check_choice("unit", kind, get_args(UnitKind))


def _pair(explanation: Explanation, side: str, text: str) -> TextPair:
    """Return the pair with one side's text in place of what it was."""
    if side == "left":
        return text, explanation.right.text
    return explanation.left.text, text


@dataclass(frozen=True, eq=False)
class _Sentences:
    """The sentences of a side, with the pair without each, and with each alone.

    A pair is None where there is nothing to ask: no word would be left, or it is the whole text.
    """

    spans: tuple[tuple[int, int], ...]
    without: tuple[TextPair | None, ...]
    alone: tuple[TextPair | None, ...]

    @property
    def pairs(self) -> list[TextPair]:
        return [pair for pair in (*self.without, *self.alone) if pair is not None]

    def units(self, explanation: Explanation, scores: KnownScores) -> tuple[Unit, ...]:
        whole = explanation.similarity
        return tuple(
            Unit(
                *span,
                fall=None if without is None else whole - scores[without],
                alone=whole if alone is None else scores[alone],
            )
            for span, without, alone in zip(self.spans, self.without, self.alone, strict=True)
        )


def _sentences(explanation: Explanation, side: str) -> _Sentences:
    read = explanation.left if side == "left" else explanation.right
    text = read.text[: read.read_until]
    # The marks behind the last word that was read are read too, as far as anybody can tell.
    spans = split_sentences(text)
    without: list[TextPair | None] = []
    for n, (start, _) in enumerate(spans):
        after = spans[n + 1][0] if n + 1 < len(spans) else None
        rest = text[:start] + text[after:] if after else text[: spans[n - 1][1] if n else 0]
        without.append(_pair(explanation, side, rest) if word_forms(rest) else None)
    alone = [
        None if len(spans) == 1 else _pair(explanation, side, text[start:end])
        for start, end in spans
    ]
    return _Sentences(tuple(spans), tuple(without), tuple(alone))


@dataclass(eq=False)
class _Phrases:
    """The words of a side while they are joined. groups: of neighbouring words, in order."""

    explanation: Explanation
    side: str
    read: ExplainedText
    words: tuple[int, ...]
    groups: list[list[int]]
    refused: set[tuple[int, ...]] = field(default_factory=set)

    @classmethod
    def of(cls, explanation: Explanation, side: str) -> "_Phrases":
        read = explanation.left if side == "left" else explanation.right
        words = tuple(n for n, word in enumerate(read.words) if not is_mark(word.text))
        return cls(explanation, side, read, words, [[n] for n in words])

    def variant(self, gone: Sequence[int]) -> TextPair | None:
        """Return the pair without these words; None where none would be left."""
        if len(gone) >= len(self.words):
            return None
        kept = [n not in gone for n in range(len(self.read.words))]
        return _pair(self.explanation, self.side, text_with(self.read, kept))

    def wanted(self, groups: Sequence[Sequence[int]]) -> list[TextPair]:
        return [pair for group in groups if (pair := self.variant(group)) is not None]

    def fall(self, group: Sequence[int], scores: KnownScores) -> float | None:
        pair = self.variant(group)
        return None if pair is None else self.explanation.similarity - scores[pair]

    def separate(self, group: Sequence[int], scores: KnownScores) -> float | None:
        falls = [fall for n in group if (fall := self.fall([n], scores)) is not None]
        return sum(falls) if len(falls) == len(group) else None

    def neighbours(self) -> list[tuple[list[int], list[int]]]:
        """Return two groups with no mark between them that may be joined, each two once."""
        return [
            (a, b)
            for a, b in zip(self.groups, self.groups[1:], strict=False)
            if len(a) + len(b) <= MOST_WORDS
            and b[-1] - a[0] == len(a) + len(b) - 1
            and tuple(a + b) not in self.refused
        ]

    def join(self, pairs: Sequence[tuple[list[int], list[int]]], scores: KnownScores) -> bool:
        """Join the groups that act together, the strongest first; return whether any did."""
        singles = [abs(self.fall([n], scores) or 0.0) for n in self.words]
        least = max(LEAST * max(singles, default=0.0), ROUNDING)
        strengths = []
        for one, other in pairs:
            group = one + other
            self.refused.add(tuple(group))
            joint = self.fall(group, scores)
            first, second = self.fall(one, scores), self.fall(other, scores)
            if joint is None or first is None or second is None:
                continue
            apart = first + second
            strength = abs(joint - apart)
            if strength >= max(least, TOGETHER * max(abs(joint), abs(apart))):
                strengths.append((strength, group))
        taken: set[int] = set()
        for _, group in sorted(strengths, key=lambda each: -each[0]):
            if taken.isdisjoint(group):
                taken.update(group)
                self.groups = [own for own in self.groups if own[0] not in group]
                self.groups.append(group)
        self.groups.sort()
        return bool(taken)

    def units(self, scores: KnownScores) -> tuple[Unit, ...]:
        words = self.read.words
        return tuple(
            Unit(
                words[group[0]].start,
                words[group[-1]].end,
                fall=self.fall(group, scores),
                separate=self.separate(group, scores),
            )
            for group in self.groups
        )
