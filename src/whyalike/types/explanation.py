"""What an explanation is made of, as plain data. Renderers take these types and nothing else."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from whyalike.types.options import BTIOptions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SimilarityFunction = Literal["cosine", "dot", "euclidean", "manhattan"]


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a text: ``text`` is exactly ``source[start:end]``, ``saliency`` is unitless.

    ``contribution`` is what the word adds to the similarity, in its units; below zero it pulls the
    texts apart. None for a method that gives no such number.
    """

    text: str
    start: int
    end: int
    saliency: float
    contribution: float | None = None


@dataclass(frozen=True, slots=True)
class WordPair:
    """A match between two words, by their indices into ``left.words`` and ``right.words``.

    ``similarity`` is the cosine of the two word vectors; for soft matching, after the mean of both
    texts' words was taken off. ``score`` is that cosine times both
    saliencies (Malkiel et al. 2022, Eq. 6) or, for a method with a matrix, what the pair adds to
    the similarity of the texts.
    """

    left: int
    right: int
    similarity: float
    score: float


@dataclass(frozen=True, slots=True)
class ExplainedText:
    """One side of the pair: the text, the words that the model read, how many it did not read.

    ``unmatched`` are the indices of the words that match nothing in the other text, most salient
    first: their most similar word, if any, goes with another.
    """

    text: str
    words: tuple[Word, ...]
    unread_words: int = 0
    unmatched: tuple[int, ...] = ()

    @property
    def pulling_apart(self) -> tuple[int, ...]:
        """Indices of the words that lower the similarity, strongest first; needs contributions."""
        lowering = [n for n, word in enumerate(self.words) if (word.contribution or 0.0) < 0]
        return tuple(sorted(lowering, key=lambda n: self.words[n].contribution or 0.0))

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
    ``pair_contributions`` is the matrix of a method that has one: what each left word (row) adds
    to the similarity together with each right word (column). ``remainder`` is what that leaves of
    the similarity, carried by no pair of words (special tokens, the empty text).
    ``prompts`` stood before the left text and before the right one as the model read them, and are
    no part of either; None in documents of releases that did not record them.
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
    pair_contributions: tuple[tuple[float, ...], ...] | None = None
    remainder: float | None = None
    options: BTIOptions = field(default_factory=BTIOptions)
    prompts: tuple[str, str] | None = None

    @property
    def matrix(self) -> "NDArray[np.float64] | None":
        """The (W, W') matrix of ``pair_contributions``, made anew; None where there is none."""
        if self.pair_contributions is None:
            return None
        import numpy as np

        shape = len(self.left.words), len(self.right.words)
        return np.array(self.pair_contributions, dtype=np.float64).reshape(shape)
