"""Every choice of every method, in one place. The defaults are the preset ``bti``."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from whyalike.errors import OptionError


def check_choice(name: str, value: object, allowed: Sequence[str]) -> None:
    """Raise OptionError unless ``value`` is one of ``allowed``."""
    if value not in allowed:
        raise OptionError(f"{name} is {value!r}; allowed: {', '.join(map(repr, allowed))}.")


def check_whole(name: str, value: object, *, least: int = 1) -> None:
    """Raise OptionError unless ``value`` is a whole number from ``least`` on."""
    if type(value) is not int or value < least:
        raise OptionError(f"{name} is {value!r}; give a whole number from {least} on.")


Activation = Literal["token+position", "token", "token+position+segment", "after_norm"]


Rectifier = Literal["before_sum", "after_sum", "none"]


GradientNorm = Literal["relu", "l2"]


Baseline = Literal["zero", "pad", "mask"]


Objective = Literal["similarity", "dot"]


WordKind = Literal["text", "pretoken", "token"]


Perturbation = Literal["drop", "mask"]


Matching = Literal["nearest", "mutual", "soft"]


LongText = Literal["truncate", "error", "windows"]


@dataclass(frozen=True, kw_only=True)
class BTIOptions:
    """Options of the methods; the numbers are the rows of ``docs/reading-of-the-paper.md``.

    activation (9): which embedding E is differentiated and multiplied.
    rectifier (10): ReLU on each feature before the sum, on the sum, or nowhere (signed).
    gradient_norm (20): how ``bti_gradients`` reduces a gradient: sum of ReLU, or the L2 norm.
    ig_steps, ig_baseline (22): steps of ``integrated_gradients``, and where its path begins;
        ``integrated_jacobians`` takes so many at most, and begins at padding unless at masks.
    layer: hidden state at which ``whyalike``, ``gradient_x_activation`` and
        ``integrated_jacobians`` attribute: 0 is the embeddings, -1 the last; None is each
        method's own choice.
    perturbation: whether ``occlusion`` and ``shapley`` delete a word or put a mask token there.
    permutations: how many orders of the words ``shapley`` samples, each with its reverse.
    seed: of ``random`` and of the orders of ``shapley``.
    objective (16): differentiate the similarity, or the unnormalised product of both vectors.
    latent_layer (15): hidden state whose means are the word vectors; -1 is the last one, and for
        ``whyalike`` its own choice, the middle one (give the number of layers for the last).
    matching: each word with its nearest, from both sides; only words that are each other's
        nearest; or words that agree on each other, one with several perhaps. With the last two a
        word may match nothing. None is the method's own choice; methods with a matrix match by it.
    words (14): words found in the text, the tokenizer's own pre-tokens, or tokens.
    long_text (25): what to do with words beyond the model's limit.
    union (7): merge the two lists of matches by position before clustering.
    square_scores (5): cluster squared scores.
    top_k, top_k_inclusive (6): keep clusters with index < top_k, or <= top_k.
    quantile, bandwidth (8): of MeanShift; a bandwidth overrides the quantile.

    Raises OptionError on a value outside what is named here.
    """

    activation: Activation = "token+position"
    rectifier: Rectifier = "before_sum"
    gradient_norm: GradientNorm = "relu"
    ig_steps: int = 50
    ig_baseline: Baseline = "zero"
    layer: int | None = None
    perturbation: Perturbation = "drop"
    permutations: int = 8
    seed: int = 0
    objective: Objective = "similarity"
    latent_layer: int = -1
    matching: Matching | None = None
    words: WordKind = "text"
    long_text: LongText = "truncate"
    union: bool = True
    square_scores: bool = False
    top_k: int = 2
    top_k_inclusive: bool = False
    quantile: float = 0.3
    bandwidth: float | None = None

    def __post_init__(self) -> None:
        """Refuse what is not allowed, where it is said and not where it is used."""
        check_choice("activation", self.activation, get_args(Activation))
        check_choice("rectifier", self.rectifier, get_args(Rectifier))
        check_choice("gradient_norm", self.gradient_norm, get_args(GradientNorm))
        check_choice("ig_baseline", self.ig_baseline, get_args(Baseline))
        check_choice("objective", self.objective, get_args(Objective))
        if self.matching is not None:
            check_choice("matching", self.matching, get_args(Matching))
        check_choice("words", self.words, get_args(WordKind))
        check_choice("long_text", self.long_text, get_args(LongText))
        for name in ("union", "square_scores", "top_k_inclusive"):
            if not isinstance(getattr(self, name), bool):
                raise OptionError(f"{name} is {getattr(self, name)!r}; give True or False.")
        check_choice("perturbation", self.perturbation, get_args(Perturbation))
        for name in ("latent_layer", "seed", "layer"):
            value = getattr(self, name)
            if not _is_integer(value) and not (name == "layer" and value is None):
                raise OptionError(f"{name} is {value!r}; give a whole number.")
        for name in ("ig_steps", "permutations"):
            check_whole(name, getattr(self, name))
        if not _is_integer(self.top_k) or self.top_k < 1:
            raise OptionError(f"top_k is {self.top_k!r}; it counts clusters: give 1 or more.")
        if not _is_number(self.quantile) or not 0 < self.quantile <= 1:
            raise OptionError(f"quantile is {self.quantile!r}; give a number above 0 and up to 1.")
        if self.bandwidth is not None and (not _is_number(self.bandwidth) or self.bandwidth < 0):
            raise OptionError(f"bandwidth is {self.bandwidth!r}; give 0 or more, or None.")


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
