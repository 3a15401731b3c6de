"""What is usual among a user's own texts: whether a score is high there, and what all texts share.

A score is compared with those of random pairs of the texts, and of each text with its nearest
other. Where the score is a product of two vectors u and v, scaled each by itself (cosine, dot), the
mean of the scores of u with all texts of the background is one product, u · m, with m the mean of
their vectors. So it costs nothing to explain what a pair has beyond it. Of the left text's words,
by what they add to

    C(u, v) - mean_b C(u, b) = u · (v - m),

and of the right text's, by what they add to v · (u - m'). Both are the gradients of the score that
is centred on both sides, (u - m') · (v - m): what every text has lies along m, and has no part in
v - m. The mean of the two is the pair's contrast, C(u, v) - (mean_b C(u, b) + mean_b C(b, v)) / 2.
"""

from collections import Counter
from collections.abc import Iterable, Sized
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np

from whyalike.arrays import Floats
from whyalike.errors import OptionError
from whyalike.explanation import BackgroundScore
from whyalike.models.scorer import Embedder, Scorer, scores_of
from whyalike.options import LongText, check_whole, policy_for
from whyalike.similarity import comparable, is_bilinear, similarity_matrix
from whyalike.texts import checked_texts, word_forms

FEWEST = 30
"""Texts that a background needs: of fewer, a percentile is chance."""

MOST = 1000
"""Texts that are read of a background: their pairs are half a million."""

PAIRS_SCORED = 300
"""Random pairs that are scored where texts have no vectors, and each pair costs a pass."""

COMMON = 0.1
"""A word that so many of the texts have is boilerplate, and shown where there is nothing else."""

UNUSUAL = 1.0
"""A text is said to be unlike the background below this percentile of the background's own."""


@dataclass(frozen=True, eq=False)
class Measured:
    """What a scorer makes of a background's N texts.

    random: the scores of pairs of them, in order, lowest first. nearest: of each with its nearest
    other, likewise; None where texts have no vectors. means: the mean of the vectors of the texts
    as left texts (H,), and as right texts; None where the score is no product of vectors. usual:
    the mean scores with all others of each text as a left text (N,), and as a right one, in order.
    """

    texts: int
    random: Floats
    nearest: Floats | None
    means: tuple[Floats, Floats] | None
    usual: tuple[Floats, Floats]

    def place(self, score: float, expected: tuple[float, float] | None) -> BackgroundScore:
        """Return where a score stands; ``expected`` is of the two texts with the background."""
        return BackgroundScore(
            texts=self.texts,
            percentile=percentile(score, self.random),
            nearest_percentile=None if self.nearest is None else percentile(score, self.nearest),
            left_mean=None if expected is None else expected[0],
            right_mean=None if expected is None else expected[1],
        )

    def warnings(
        self, expected: tuple[float, float] | None, *, method: str, model: Scorer
    ) -> tuple[str, ...]:
        """Return what to say of words that do not explain the contrast, and of unusual texts."""
        if self.means is None or expected is None:
            why = f"the method {method} does not say what a word adds to a difference of scores"
            if self.means is None:
                why = f"the score of {model.name} is no product of two vectors"
            return (
                "The words explain the score itself, and not what it has beyond that of any two "
                f"texts of the background: {why}.",
            )
        return tuple(
            f"The {side} text is unlike those of the background: its mean score with them is "
            f"{mean:.3f}, and of 99 % of them it is above {np.percentile(usual, UNUSUAL):.3f}. "
            "What is usual among them may not be so for this text."
            for side, mean, usual in zip(("left", "right"), expected, self.usual, strict=True)
            if percentile(mean, usual) < UNUSUAL
        )


def percentile(value: float, sample: Floats) -> float:
    """Return which part of a sorted sample is below a value, in percent; equal ones count half."""
    below, up_to = (np.searchsorted(sample, value, side=side) for side in ("left", "right"))
    return float(50.0 * (below + up_to) / len(sample))


class Background:
    """Texts of the user's own, such as a catalogue, against which scores are seen.

    Parameters
    ----------
    texts : iterable of str
        FEWEST or more different ones that are not blank; of more than MOST, so many are drawn.
    seed : int, default=0
        Of the draw.

    Raises
    ------
    OptionError
        Too few texts.
    TextError
        Something else than texts.
    """

    def __init__(self, texts: Iterable[str], *, seed: int = 0) -> None:
        check_whole("seed", seed, least=0)
        given = checked_texts(texts, name="background")
        unique = [text for text in dict.fromkeys(given) if text.strip()]
        if len(unique) < FEWEST:
            raise OptionError(
                f"The background has {len(unique)} different texts, of which a percentile would be "
                f"chance: give {FEWEST} or more, such as all texts of the catalogue."
            )
        order = np.random.default_rng(seed).permutation(len(unique))[:MOST]
        self.texts = tuple(unique[place] for place in sorted(order))
        self.seed = seed

    def __repr__(self) -> str:
        """Return one line."""
        return f"Background({len(self.texts):,} texts)"

    @cached_property
    def common(self) -> frozenset[str]:
        """The words, in lower case, that COMMON of the texts have: boilerplate of a catalogue."""
        counts = Counter(word for text in self.texts for word in set(word_forms(text)))
        least = COMMON * len(self.texts)
        return frozenset(word for word, count in counts.items() if count >= least)

    def measure(
        self, model: Scorer, *, prompts: tuple[str, str], long_text: LongText = "truncate"
    ) -> Measured:
        """Return what a scorer makes of the texts, as left texts and as right ones.

        Raises
        ------
        ModelError
            Vectors or scores that are no finite numbers.
        """
        # A text beyond the limit is no reason to explain nothing.
        policy = policy_for(long_text)
        if "vectors" in model.capabilities:
            return self._by_vectors(cast("Embedder", model), prompts, policy)
        return self._by_scores(model, prompts, policy)

    def _by_vectors(
        self, model: Embedder, prompts: tuple[str, str], long_text: LongText
    ) -> Measured:
        vectors = {
            prompt: model.embed(self.texts, prompt=prompt, long_text=long_text)
            for prompt in dict.fromkeys(prompts)
        }
        left, right = (vectors[prompt] for prompt in prompts)
        function = model.similarity_function
        scores = similarity_matrix(left, right, function=function)
        others = ~np.eye(len(self.texts), dtype=bool)
        # With one prompt the score of two texts is that of the two swapped: it counts once.
        pairs = np.triu(others) if prompts[0] == prompts[1] else others
        nearest = np.where(others, scores, -np.inf).max(axis=1)
        whole, count = np.where(others, scores, 0.0), len(self.texts) - 1
        usual = np.sort(whole.sum(axis=1)) / count, np.sort(whole.sum(axis=0)) / count
        means = None
        if is_bilinear(function):
            as_left, as_right = (comparable(side, function=function) for side in (left, right))
            means = as_left.mean(axis=0), as_right.mean(axis=0)
        return Measured(len(self.texts), np.sort(scores[pairs]), np.sort(nearest), means, usual)

    def _by_scores(self, model: Scorer, prompts: tuple[str, str], long_text: LongText) -> Measured:
        random = np.random.default_rng(self.seed)
        first = random.integers(len(self.texts), size=PAIRS_SCORED)
        second = (first + random.integers(1, len(self.texts), size=PAIRS_SCORED)) % len(self.texts)
        pairs = [(self.texts[i], self.texts[j]) for i, j in zip(first, second, strict=True)]
        scores = scores_of(model, pairs, prompts=prompts, long_text=long_text)
        return Measured(
            len(self.texts), np.sort(np.array(scores)), None, None, (np.zeros(0), np.zeros(0))
        )


def background_of(given: object) -> Background | None:
    """Return a background, made of texts or of an index's items where it is none yet.

    Raises
    ------
    OptionError, TextError
        Too few texts, or something else than texts.
    """
    if given is None or isinstance(given, Background):
        return given
    reader = getattr(given, "reader", None)
    if reader is None:
        return Background(cast("Iterable[str]", given))
    # An index: of a large one not all items are read.
    drawn = np.random.default_rng(0).permutation(len(cast("Sized", given)))[: 2 * MOST]
    return Background(getattr(reader.item(int(place)), reader.compared) for place in sorted(drawn))
