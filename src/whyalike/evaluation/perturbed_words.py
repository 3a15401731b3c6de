"""Which words of an explained text may be taken away, in which order, and what they are given."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whyalike.errors import OptionError
from whyalike.evaluation.perturbed import generator_for
from whyalike.explainer import Explainer
from whyalike.explanation import ExplainedText, Explanation, WordPair
from whyalike.texts import clean_text, is_mark

Floats = NDArray[np.float64]
TextPair = tuple[str, str]


@dataclass(frozen=True, eq=False)
class WordOrder:
    """The N words of a text that may be taken away, most salient first, of W words in all."""

    ranked: NDArray[np.intp]
    words: int

    @property
    def total(self) -> int:
        """N, how many words may be taken away."""
        return len(self.ranked)

    def without(self, counts: Sequence[int]) -> NDArray[np.bool_]:
        """(Q, W): what stays without the first k words, for each k of ``counts``."""
        kept = np.ones((len(counts), self.words), dtype=bool)
        for row, count in zip(kept, counts, strict=True):
            row[self.ranked[:count]] = False
        return kept

    def only(self, counts: Sequence[int]) -> NDArray[np.bool_]:
        """(Q, W): what stays where only the first k words do, and what may not be taken away."""
        kept = np.ones((len(counts), self.words), dtype=bool)
        for row, count in zip(kept, counts, strict=True):
            row[self.ranked[count:]] = False
        return kept

    def whole(self, count: int) -> NDArray[np.bool_]:
        """(Q, W): everything stays, ``count`` times."""
        return np.ones((count, self.words), dtype=bool)


def removable(text: ExplainedText, *, marks: bool) -> NDArray[np.intp]:
    """(N,): the indices of the words that may be taken away; marks only if ``marks``."""
    return np.array(
        [n for n, word in enumerate(text.words) if marks or not is_mark(word.text)], dtype=np.intp
    )


def order_words(text: ExplainedText, *, marks: bool, seed: int) -> WordOrder:
    """Order the words by saliency, signed as it is; words of equal saliency at random.

    Not by their place in the text: what stands first in a text often matters most, so that a method
    that says nothing would look as if it knew.
    """
    may = removable(text, marks=marks)
    saliency = np.array([text.words[n].saliency for n in may])
    chance = generator_for("words", seed, text.text).random(len(may))
    return WordOrder(may[np.lexsort((chance, -saliency))], len(text.words))


def order_matches(explanation: Explanation, *, marks: bool, seed: int) -> list[WordPair]:
    """Return the matches of two words that may be taken away, best first, ties at random."""
    left, right = (
        set(removable(side, marks=marks).tolist()) for side in (explanation.left, explanation.right)
    )
    may = [pair for pair in explanation.matches if pair.left in left and pair.right in right]
    chance = generator_for("pairs", seed, explanation.left.text, explanation.right.text)
    scores = np.array([pair.score for pair in may])
    order = np.lexsort((chance.random(len(may)), -scores))
    return [may[n] for n in order]


def says_nothing(explanation: Explanation, *, marks: bool) -> bool:
    """Return whether all words of a text, two or more, are equally salient: no order at all."""
    for side in (explanation.left, explanation.right):
        saliency = [side.words[n].saliency for n in removable(side, marks=marks)]
        if len(saliency) > 1 and max(saliency) == min(saliency):
            return True
    return False


def attributions(text: ExplainedText) -> Floats:
    """(W,): the contributions of the words where the method gives them, else their saliency."""
    return np.array(
        [w.saliency if w.contribution is None else w.contribution for w in text.words],
        dtype=np.float64,
    )


def explanations_of(
    explainer: Explainer, pairs: Sequence[TextPair], given: Sequence[Explanation] | None
) -> Iterator[Explanation]:
    """Explain the pairs, or check that the ``given`` explanations are of them.

    Raises:
        OptionError: explanations of other texts, of another model's score, or of several methods.
        TextError, ModelError: as ``Explainer.explain_many``.
    """
    if given is None:
        return explainer.explain_many(pairs)
    if len(given) != len(pairs):
        raise OptionError(
            f"There are {len(given)} explanations of {len(pairs)} pairs: give one each."
        )
    model = explainer.model
    own = model.name, model.pooling, model.similarity_function
    for number, (explanation, texts) in enumerate(zip(given, pairs, strict=True)):
        cleaned = [
            clean_text(t, side=s).text for t, s in zip(texts, ("left", "right"), strict=True)
        ]
        if cleaned != [explanation.left.text, explanation.right.text]:
            raise OptionError(f"Explanation {number} is of other texts than pair {number}.")
        score = explanation.model, explanation.pooling, explanation.similarity_function
        if score != own:
            raise OptionError(
                f"Explanation {number} is of the score {score} and the Explainer's is {own}: "
                "measure it with the model that it explains."
            )
        if explanation.prompts not in (None, explainer.prompts):
            raise OptionError(
                f"Explanation {number} is of texts with the prompts {explanation.prompts} and the "
                f"Explainer's are {explainer.prompts}: measure it with those that it was made with."
            )
        if explanation.method != given[0].method:
            raise OptionError(
                f"The explanations are by {given[0].method!r} and {explanation.method!r}: measure "
                "one method at a time."
            )
    return iter(given)


def method_of(explainer: Explainer, given: Sequence[Explanation] | None) -> str:
    """Return the name of the method that is measured."""
    return given[0].method if given else explainer.method.name
