"""What an explanation is made of, as plain data. Renderers take these types and nothing else."""

from dataclasses import dataclass, field
from typing import Literal

from whyalike.types.options import BTIOptions

SimilarityFunction = Literal["cosine", "dot", "euclidean", "manhattan"]


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a text: ``text`` is exactly ``source[start:end]``, ``saliency`` is unitless."""

    text: str
    start: int
    end: int
    saliency: float


@dataclass(frozen=True, slots=True)
class WordPair:
    """A match between two words, by their indices into ``left.words`` and ``right.words``.

    ``similarity`` is the cosine of the two word vectors; ``score`` is that cosine times both
    saliencies (Malkiel et al. 2022, Eq. 6).
    """

    left: int
    right: int
    similarity: float
    score: float


@dataclass(frozen=True, slots=True)
class ExplainedText:
    """One side of the pair: the text, the words that the model read, how many it did not read."""

    text: str
    words: tuple[Word, ...]
    unread_words: int = 0

    @property
    def read_until(self) -> int:
        """Offset at which the model stopped reading; the text's length if it read everything."""
        if not self.unread_words:
            return len(self.text)
        return self.words[-1].end if self.words else 0


@dataclass(frozen=True, kw_only=True)
class ExplanationData:
    """Why one model finds two texts alike.

    ``similarity`` is on the scale of ``similarity_function``; euclidean and manhattan are minus
    the distance, so that higher always means more alike. ``pooling`` says whose score it is:
    ``"model"`` is the score of the user's own pipeline, ``"paper"`` the cosine of mean vectors
    without special tokens. ``pairs`` is selected from ``matches``; both are sorted best first.
    ``completeness_gap`` is what a method's attributions miss of the difference that they should
    sum to, as a part of it, and None for a method that promises no sum.
    """

    similarity: float
    similarity_function: SimilarityFunction
    method: str
    model: str
    pooling: str
    left: ExplainedText
    right: ExplainedText
    pairs: tuple[WordPair, ...]
    matches: tuple[WordPair, ...]
    warnings: tuple[str, ...] = ()
    completeness_gap: float | None = None
    options: BTIOptions = field(default_factory=BTIOptions)
