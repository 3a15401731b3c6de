"""Texts without some of their words, and the similarities that they have then."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from whyalike.arrays import Floats
from whyalike.deletions import text_with
from whyalike.errors import OptionError
from whyalike.explainer import Explainer
from whyalike.explanation import ExplainedText, Explanation, WordPair
from whyalike.models.scorer import scores_of
from whyalike.options import check_choice, check_whole, policy_for
from whyalike.texts import checked_texts, clean_text, is_mark, word_forms

Kind = Literal["drop", "mask", "catalogue"]
TextPair = tuple[str, str]


@dataclass(frozen=True, eq=False)
class Replacement:
    """What stands in the place of a word that is taken away.

    kind: ``"drop"``, nothing; ``"mask"``, the model's mask token; ``"catalogue"``, a random word
        of ``catalogue``, drawn as often as it stands there, so that the text stays near the data.
        Masks in both texts are alike to the model, and raise the similarity for themselves: look
        at one side at a time.
    catalogue: texts of the user's own, for ``"catalogue"``.
    draws: how many times words are drawn for a ``"catalogue"``; similarities are averaged.
    seed: of the draws. A word's replacement depends on its text, its place and the seed alone, so
        that two methods that take away the same words are compared on the same texts.

    Raises
    ------
    OptionError
        A kind that does not exist, one without what it needs, or fewer than 1 draw.
    TextError
        A catalogue that holds something else than texts.
    """

    kind: Kind = "drop"
    catalogue: Sequence[str] = ()
    draws: int = 3
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what can't be done, before a model runs."""
        check_choice("kind", self.kind, get_args(Kind))
        if (self.kind == "catalogue") != bool(self.words):
            raise OptionError(
                f"kind is {self.kind!r} and the catalogue has {len(self.words)} words: give texts "
                "with words for 'catalogue', and none for another kind."
            )
        check_whole("draws", self.draws)

    @cached_property
    def words(self) -> tuple[str, ...]:
        """All words of the catalogue in lower case, each as often as it stands there; no marks."""
        texts = checked_texts(self.catalogue, name="catalogue")
        return tuple(word for text in texts for word in word_forms(text))

    def to_dict(self) -> dict[str, object]:
        """Return plain values; of a catalogue how many words it has."""
        if self.kind != "catalogue":
            return {"kind": self.kind}
        words = len(self.words)
        return {"kind": self.kind, "words": words, "draws": self.draws, "seed": self.seed}


@dataclass(frozen=True, eq=False)
class Subsets:
    """Q choices of the words that stay in a pair: left (Q, W) and right (Q, W'), both bool."""

    left: NDArray[np.bool_]
    right: NDArray[np.bool_]


def subset_similarities(
    explainer: Explainer,
    explanations: Sequence[Explanation],
    subsets: Sequence[Subsets],
    *,
    replacement: Replacement,
) -> list[Floats]:
    """Return the similarities (Q,) of each pair with only the words that its subsets keep.

    All texts of all pairs go to the model together, equal ones once. A pair with every word is the
    pair itself. Words that the model did not read are left out, so that none moves into its view.

    Parameters
    ----------
    explainer : Explainer
        Whose model, prompts and similarity it is.
    explanations : sequence of Explanation
        P explained pairs; their words are read here.
    subsets : sequence of Subsets
        One per pair.
    replacement : Replacement
        What stands for a word that is taken away.

    Raises
    ------
    OptionError
        Words are to be masked, and the model has no mask token.
    ModelError
        Vectors that are no finite numbers.
    """
    mask = explainer.model.mask_token
    if replacement.kind == "mask" and mask is None:
        raise OptionError(
            f"kind is 'mask', and {explainer.model.name} has no mask token that we know: choose "
            "'drop' or 'catalogue'."
        )
    draws = range(replacement.draws if replacement.kind == "catalogue" else 1)
    texts = [
        [
            [_variants(side, kept, _others(side, replacement, mask, draw)) for draw in draws]
            for side, kept in ((pair.left, own.left), (pair.right, own.right))
        ]
        for pair, own in zip(explanations, subsets, strict=True)
    ]
    wanted = [
        [pair for of_draw in zip(left, right, strict=True) for pair in zip(*of_draw, strict=True)]
        for left, right in texts
    ]
    if "joint sequence" in explainer.model.capabilities:
        wanted = [
            [_as_read(explanation, pair) for pair in of_pair]
            for explanation, of_pair in zip(explanations, wanted, strict=True)
        ]
    unique = list(dict.fromkeys(pair for of_pair in wanted for pair in of_pair))
    policy = policy_for(explainer.options.reading)
    scores = scores_of(explainer.model, unique, prompts=explainer.prompts, long_text=policy)
    found = dict(zip(unique, scores, strict=True))
    return [
        np.array([found[pair] for pair in of_pair]).reshape(len(draws), -1).mean(axis=0)
        for of_pair in wanted
    ]


def _as_read(explanation: Explanation, pair: TextPair) -> TextPair:
    """Return a pair of variants, a text that is whole cut where the other one made the model stop.

    Of a limit on both texts together, words that go would leave room for more of the other text.
    """
    sides = explanation.left, explanation.right
    if all(text == side.text for text, side in zip(pair, sides, strict=True)):
        return pair
    left, right = (
        text[side.read_from : side.read_until] if text == side.text else text
        for text, side in zip(pair, sides, strict=True)
    )
    return left, right


def generator_for(*parts: object) -> np.random.Generator:
    """Return random numbers that depend on ``parts`` alone, in any process and any batch."""
    # Python's own hash differs from process to process.
    digest = hashlib.sha256("\n".join(map(repr, parts)).encode("utf-8", "replace")).digest()
    return np.random.default_rng(int.from_bytes(digest))


def _others(
    side: ExplainedText, replacement: Replacement, mask: str | None, draw: int
) -> Sequence[str] | None:
    """Return what stands for each of W words once it is taken away; None for nothing."""
    if replacement.kind == "drop":
        return None
    if replacement.kind == "mask":
        return [mask or ""] * len(side.words)
    generator = generator_for(replacement.seed, draw, side.text)
    places = generator.integers(len(replacement.words), size=len(side.words))
    return [replacement.words[place] for place in places]


def _variants(
    side: ExplainedText, kept: NDArray[np.bool_], others: Sequence[str] | None
) -> list[str]:
    """Return the text with only the words of each row of ``kept`` (Q, W)."""
    known: dict[bytes, str] = {}
    found = []
    for row in kept:
        key = row.tobytes()
        if key not in known:
            known[key] = side.text if row.all() else _variant(side, row, others)
        found.append(known[key])
    return found


def _variant(side: ExplainedText, kept: NDArray[np.bool_], others: Sequence[str] | None) -> str:
    if others is None:
        return text_with(side, kept.tolist())
    text, pieces, end = side.text[: side.read_until], list[str](), side.read_from
    for word, stays, other in zip(side.words, kept, others, strict=True):
        pieces += [text[end : word.start], word.text if stays else other]
        end = word.end
    return "".join([*pieces, text[end:]])


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

    Raises
    ------
    OptionError
        Explanations of other texts, of another model's score, or of several methods.
    TextError, ModelError
        As ``Explainer.explain_many``.
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
