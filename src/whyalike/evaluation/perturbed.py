"""The similarity of a pair as a function of which of its words are there."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from whyalike.errors import OptionError
from whyalike.explainer import Explainer
from whyalike.explanation import ExplainedText, Explanation
from whyalike.models.scores import SIMILARITIES
from whyalike.options import LongText, check_choice, check_whole
from whyalike.texts import checked_texts, keep_words, word_forms

Floats = NDArray[np.float64]
Kind = Literal["drop", "mask", "catalogue"]


@dataclass(frozen=True, eq=False)
class Replacement:
    """What stands in the place of a word that is taken away.

    kind: ``"drop"``, nothing; ``"mask"``, the model's mask token; ``"catalogue"``, a random word
        of ``catalogue``, drawn as often as it stands there, so that the text stays near the data.
        Masks in both texts are alike to the model, and raise the similarity for themselves: look
        at one side at a time.
    catalogue: texts of the user's own, for ``"catalogue"``.
    draws: how many times words are drawn for a ``"catalogue"``; similarities are averaged.
    seed: of the draws. A word's replacement hangs on its text, its place and the seed alone, so
        that two methods that take away the same words are compared on the same texts.

    Raises:
        OptionError: a kind that does not exist, one without what it needs, or fewer than 1 draw.
        TextError: a catalogue that holds something else than texts.
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
        texts = checked_texts(self.catalogue)
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

    Args:
        explainer: whose model, prompts and similarity it is.
        explanations: P explained pairs; their words are read here.
        subsets: one per pair.
        replacement: what stands for a word that is taken away.

    Raises:
        OptionError: words are to be masked, and the model has no mask token.
        ModelError: vectors that are no finite numbers.
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
    vectors = _embed(explainer, texts)
    score = SIMILARITIES[explainer.model.similarity_function]
    found = []
    for of_pair in texts:
        left, right = (
            torch.from_numpy(np.array([vectors[prompt, t] for of_draw in of_side for t in of_draw]))
            for of_side, prompt in zip(of_pair, explainer.prompts, strict=True)
        )
        found.append(score(left, right).numpy().reshape(len(draws), -1).mean(axis=0))
    return found


def generator_for(*parts: object) -> np.random.Generator:
    """Return random numbers that hang on ``parts`` alone, in any process and any batch."""
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
    text = side.text[: side.read_until]
    spans = [(word.start, word.end) for word in side.words]
    if others is None:
        return keep_words(text, spans, kept.tolist())
    pieces, end = [], 0
    for (start, stop), stays, other in zip(spans, kept, others, strict=True):
        pieces += [text[end:start], text[start:stop] if stays else other]
        end = stop
    return "".join([*pieces, text[end:]])


def _embed(
    explainer: Explainer, texts: Sequence[Sequence[Sequence[Sequence[str]]]]
) -> dict[tuple[str, str], Floats]:
    """Return the vector (H,) of each (prompt, text), of texts by pair, side, draw and subset."""
    # A variant is never longer than its text, which was let pass.
    policy: LongText = "windows" if explainer.options.long_text == "windows" else "truncate"
    wanted: dict[str, dict[str, None]] = {}
    for of_pair in texts:
        for of_side, prompt in zip(of_pair, explainer.prompts, strict=True):
            wanted.setdefault(prompt, {}).update(
                dict.fromkeys(text for of_draw in of_side for text in of_draw)
            )
    found: dict[tuple[str, str], Floats] = {}
    for prompt, unique in wanted.items():
        vectors = explainer.model.embed(list(unique), prompt=prompt, long_text=policy)
        found.update({(prompt, text): row for text, row in zip(unique, vectors, strict=True)})
    # A text in which the model reads nothing has a zero of whatever width.
    width = max((len(vector) for vector in found.values()), default=1)
    return {key: np.resize(vector, width) for key, vector in found.items()}
