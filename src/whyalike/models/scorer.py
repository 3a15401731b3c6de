"""A scorer gives pairs of texts a number; what else it gives are the capabilities it declares.

A method requires capabilities, and never asks of which class a scorer is.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, cast

import numpy as np

from whyalike.arrays import Floats
from whyalike.errors import ModelError, OptionError
from whyalike.explanation import ScoreKind, SimilarityFunction
from whyalike.models.chunks import chunk_spans
from whyalike.models.prompts import choose_prompts
from whyalike.models.tokens import TokenizedText
from whyalike.options import Chunks, LongText, policy_for
from whyalike.similarity import agreement, comparable, is_bilinear
from whyalike.texts import find_words

Capability = Literal[
    "vectors",
    "sparse vectors",
    "tokens",
    "joint sequence",
    "hidden states",
    "pooled tokens",
    "gradients",
    "decomposition",
    "parts",
    "ranks",
]
"""What a scorer may give besides the scores of pairs.

- vectors: each text has a vector of its own (``embed``), and the score compares two of them
- sparse vectors: the same, with a feature for each entry of a vocabulary, nearly all zero: they are
  searched; methods, which would hold many of them at once, go by scores instead
- tokens: ``tokenize`` gives the tokens that the model reads, and says where it stops reading
- joint sequence: both texts of a pair are read in one sequence, as ``tokenize_pairs`` gives it
- hidden states: the model's inside, token by token, as ``Encoder.run`` gives it
- pooled tokens: a text's vector is made of the last hidden states of all its tokens, as a mean
  is, and not of one token's
- gradients: the gradient of the score at the hidden states
- decomposition: ``decompose`` gives the score as an exact sum over pairs of tokens
- parts: the score is a weighted sum of other scorers' scores, as ``Fusion`` gives them
- ranks: the score is a sum by the ranks that other scorers give, as ``Fusion`` gives them
"""

IN_WORDS: Mapping[Capability, str] = {
    "vectors": "vectors of whole texts",
    "sparse vectors": "sparse vectors of whole texts",
    "tokens": "tokens",
    "joint sequence": "one sequence of both texts",
    "hidden states": "hidden states",
    "pooled tokens": "a pooling over all tokens",
    "gradients": "gradients",
    "decomposition": "an exact decomposition",
    "parts": "parts that sum to the score",
    "ranks": "ranks by several scorers",
}

TextPair = tuple[str, str]


class Scorer(Protocol):
    """Pairs of texts in, numbers out: higher means more alike. N pairs."""

    @property
    def name(self) -> str:
        """What the model is called in explanations."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What it gives besides scores."""

    @property
    def pooling(self) -> str:
        """Whose score is explained; ``"model"`` is the model's own."""

    @property
    def similarity_function(self) -> ScoreKind:
        """How two vectors are compared; ``"score"`` where there are none."""

    @property
    def limit(self) -> int | None:
        """How many tokens the model reads of a text; None where that is unknown."""

    @property
    def mask_token(self) -> str | None:
        """The text that stands for a hidden word; None where the model has none."""

    def score(
        self,
        pairs: Sequence[TextPair],
        *,
        prompts: tuple[str, str] = ("", ""),
        long_text: LongText = "truncate",
    ) -> Floats:
        """Return the scores (N,) of N pairs, with the prompts before the left and right texts."""

    def tokenize(
        self, texts: Sequence[str], *, prompt: str = "", long_text: LongText = "truncate"
    ) -> list[TokenizedText]:
        """Return texts with their tokens, or with their words where tokens can't be seen."""

    def find_prompts(
        self, prompts: tuple[str, str] | None, names: tuple[str, str] | None
    ) -> tuple[str, str]:
        """Return the literal prompts of the left and the right text."""

    def about_blank(self, text: TokenizedText) -> str:
        """Return what a warning says of the score of a text without words; usually nothing.

        It continues the sentence "The left text has no words, so that nothing can be matched".
        """

    def about_score(self, score: float) -> str:
        """Return what a reader must know of a score's scale, as a sentence; usually nothing."""


def sides_of(scorer: Scorer) -> tuple[Scorer, Scorer]:
    """Return what reads the left text and what reads the right one: mostly the scorer itself.

    A scorer whose sides are read in two ways has ``sides``, two scorers that tokenize.
    """
    sides: tuple[Scorer, Scorer] = getattr(scorer, "sides", None) or (scorer, scorer)
    return sides


class JointReader(Scorer, Protocol):
    """A scorer with the capability "joint sequence"."""

    def tokenize_pairs(
        self,
        pairs: Sequence[TextPair],
        *,
        prompts: tuple[str, str] = ("", ""),
        long_text: LongText = "truncate",
    ) -> list[tuple[TokenizedText, TokenizedText]]:
        """Return both texts of each pair with their tokens in the sequence of both."""


class Embedder(Scorer, Protocol):
    """A scorer with the capability "vectors"; H features of a vector."""

    @property
    def similarity_function(self) -> SimilarityFunction:
        """How two vectors are compared."""

    def embed(
        self, texts: Sequence[str], *, prompt: str = "", long_text: LongText = "truncate"
    ) -> Floats:
        """Return the vectors (N, H) of N texts, as they are scored."""


@dataclass(frozen=True, slots=True)
class TokenTerm:
    """A term of the vocabulary that both texts have, as ``explanation.Term`` has it of words.

    left, right: indices of the tokens that brought it; None where that is no token of the text, or
    no single one.
    """

    term: str
    left: int | None
    right: int | None
    product: float
    left_expands: bool
    right_expands: bool


@dataclass(frozen=True, eq=False)
class Decomposition:
    """A score as an exact sum over pairs of tokens: T of the left text, T' of the right one.

    score: as the model computes it. matrix: (T, T'), what each pair of tokens adds to it.
    left, right: (T,) and (T',), what each token adds with all that the other text has, special
    tokens and prompts included. total: what the matrix and everything outside of it sum to; it is
    the score, but for rounding. left_vectors, right_vectors: (T, H) and (T', H), by which pairs of
    tokens are compared. notes: what a reader must know of the sum. terms: what the score is a sum
    of, where that is terms of a vocabulary.
    """

    score: float
    matrix: Floats
    left: Floats
    right: Floats
    total: float
    left_vectors: Floats
    right_vectors: Floats
    notes: tuple[str, ...] = ()
    terms: tuple[TokenTerm, ...] | None = None

    @classmethod
    def of_parts(
        cls,
        score: float,
        parts: Floats,
        vectors: tuple[Floats, Floats],
        *,
        notes: tuple[str, ...] = (),
        terms: tuple[TokenTerm, ...] | None = None,
    ) -> "Decomposition":
        """Return the decomposition of a score.

        Parameters
        ----------
        score : float
            As the model computes it.
        parts : Floats
            (T + 1, T' + 1), what each pair adds; the last row and the last column are of all that
            is no token of its text.
        vectors : tuple of Floats
            (T, H) and (T', H).
        notes : tuple of str, default=()
            What a reader must know of the sum.
        terms : tuple of TokenTerm, optional
            Of a vocabulary, which sum to the score.
        """
        return cls(
            score=score,
            matrix=parts[:-1, :-1],
            left=parts[:-1].sum(axis=1),
            right=parts[:, :-1].sum(axis=0),
            total=float(parts.sum()),
            left_vectors=vectors[0],
            right_vectors=vectors[1],
            notes=notes,
            terms=terms,
        )


class Decomposer(Scorer, Protocol):
    """A scorer with the capability "decomposition"."""

    def decompose(
        self, pairs: Sequence[tuple[TokenizedText, TokenizedText]]
    ) -> list[Decomposition]:
        """Return the scores of N pairs of texts, as ``tokenize`` gave them, taken apart."""


def require(
    scorer: Scorer,
    needed: Sequence[Capability],
    *,
    what: str,
    instead: str | Callable[[], str] = "",
) -> None:
    """Raise OptionError where a scorer lacks a capability.

    Parameters
    ----------
    scorer
        What is to be explained or used.
    needed
        The capabilities that must be there.
    what : str
        What needs them, to begin a sentence with.
    instead : str or function
        A sentence about what works with this scorer, or what makes one.

    Raises
    ------
    OptionError
        One is missing. The message says what is needed, what the scorer gives, and ``instead``.
    """
    if set(needed) <= scorer.capabilities:
        return
    given = listed(scorer.capabilities) or "scores of whole pairs"
    advice = instead if isinstance(instead, str) else instead()
    raise OptionError(
        f"{what} needs {listed(needed)}, and {scorer.name} gives {given} only. {advice}".rstrip()
    )


def require_vectors(
    scorer: Scorer, *, what: str, sparse: bool = False, instead: str = ""
) -> Embedder:
    """Return the scorer as one that gives vectors.

    Parameters
    ----------
    scorer : Scorer
        What is to be used.
    what : str
        What needs them, to begin a sentence with.
    sparse : bool, default=False
        Whether sparse vectors, of tens of thousands of features, do as well.
    instead : str, default=''
        A sentence about what else can be done.

    Raises
    ------
    OptionError
        As ``require``.
    """
    if not (sparse and "sparse vectors" in scorer.capabilities):
        require(scorer, ("vectors",), what=what, instead=instead)
    return cast("Embedder", scorer)


def embed_once(
    model: Embedder, texts: Iterable[tuple[str, str]], *, long_text: LongText
) -> dict[tuple[str, str], Floats]:
    """Return the vector (H,) of each (prompt, text), equal ones embedded once, all together."""
    wanted: dict[str, dict[str, None]] = {}
    for prompt, text in texts:
        wanted.setdefault(prompt, {})[text] = None
    found: dict[tuple[str, str], Floats] = {}
    for prompt, unique in wanted.items():
        vectors = model.embed(list(unique), prompt=prompt, long_text=long_text)
        found.update({(prompt, text): row for text, row in zip(unique, vectors, strict=True)})
    # A text in which the model reads nothing has a zero of whatever width.
    width = max((len(vector) for vector in found.values()), default=1)
    return {key: np.resize(vector, width) for key, vector in found.items()}


def require_decomposition(scorer: Scorer, *, what: str) -> Decomposer:
    """Return the scorer as one that takes its scores apart. Raises OptionError as ``require``."""
    require(scorer, ("decomposition",), what=what)
    return cast("Decomposer", scorer)


def score_by_vectors(
    model: Embedder,
    pairs: Sequence[TextPair],
    *,
    prompts: tuple[str, str],
    long_text: LongText,
) -> Floats:
    """Return the similarities (N,) of N pairs of texts by their vectors, each text embedded once.

    A cosine is without what rounding puts beyond 1.
    """
    found = embed_once(
        model,
        [(prompt, text) for pair in pairs for prompt, text in zip(prompts, pair, strict=True)],
        long_text=long_text,
    )
    left, right = (
        np.array([found[prompt, pair[side]] for pair in pairs], dtype=np.float64).reshape(
            len(pairs), -1 if pairs else 1
        )
        for side, prompt in enumerate(prompts)
    )
    return compare_vectors(left, right, function=model.similarity_function)


def compare_vectors(left: Floats, right: Floats, *, function: SimilarityFunction) -> Floats:
    """Return the similarity (N,) of each row of two arrays (N, H) with the same row of the other.

    A cosine is without what rounding puts beyond 1.
    """
    if function == "hamming":
        return agreement((left * right).sum(axis=1), bits=left.shape[1])
    if not is_bilinear(function):
        order = 2 if function == "euclidean" else 1
        distances: Floats = 0.0 - np.linalg.norm(left - right, ord=order, axis=1)
        return distances
    products: Floats = (
        comparable(left, function=function) * comparable(right, function=function)
    ).sum(axis=1)
    return np.clip(products, -1.0, 1.0) if function == "cosine" else products


def scores_of(
    scorer: Scorer,
    pairs: Sequence[TextPair],
    *,
    prompts: tuple[str, str],
    long_text: LongText | Chunks = "truncate",
) -> list[float]:
    """Return a scorer's scores of N pairs, checked: a scorer may come from anywhere.

    Raises
    ------
    ModelError
        Anything but N finite numbers.
    OptionError
        Chunks that the scorer's texts can't be cut into.
    """
    if isinstance(long_text, Chunks):
        found = score_in_chunks(scorer, pairs, prompts=prompts, chunks=long_text)
        return [each.score for each in found]
    scores = np.asarray(scorer.score(pairs, prompts=prompts, long_text=long_text))
    if scores.shape != (len(pairs),) or scores.dtype.kind not in "fiub":
        raise ModelError(
            f"{scorer.name} scored {len(pairs)} pairs by an array of {scores.dtype} of shape "
            f"{scores.shape}; its score must return one real number per pair, ({len(pairs)},)."
        )
    if not np.isfinite(scores).all():
        raise ModelError(
            f"{scorer.name} gave NaN or infinity for a pair of texts; every score must be finite."
        )
    return [float(score) for score in scores]


class KnownScores:
    """Scores of pairs by one scorer that is asked for each pair once, as variants of texts repeat.

    Parameters
    ----------
    scorer : Scorer
        Whose scores they are.
    prompts : tuple[str, str]
        Put before the left texts and before the right ones.
    long_text : LongText or Chunks
        As the texts were read; what is beyond the limit is never refused (``policy_for``).
    known : mapping of TextPair to float, optional
        Scores that need not be asked for.
    """

    def __init__(
        self,
        scorer: Scorer,
        *,
        prompts: tuple[str, str],
        long_text: LongText | Chunks,
        known: Mapping[TextPair, float] | None = None,
    ) -> None:
        self._scorer, self._prompts, self._long_text = scorer, prompts, policy_for(long_text)
        self._known: dict[TextPair, float] = dict(known or {})

    def ask(self, pairs: Iterable[TextPair]) -> None:
        """Ask for all of the pairs that are not known yet, together. Raises as ``scores_of``."""
        new = [pair for pair in dict.fromkeys(pairs) if pair not in self._known]
        if new:
            scores = scores_of(self._scorer, new, prompts=self._prompts, long_text=self._long_text)
            self._known.update(zip(new, scores, strict=True))

    def __getitem__(self, pair: TextPair) -> float:
        """Return the score of a pair that was asked for."""
        return self._known[pair]


@dataclass(frozen=True, slots=True)
class ChunkedScore:
    """The score of a pair of texts by their chunks.

    score: the greatest, or the mean, of those of all pairs of a left and a right chunk. spans: the
    characters (start, end) of the left chunks, and of the right ones. scores: (L, R), of all pairs.
    best: which left chunk and which right one have the greatest, from 0; the first of equal ones.
    """

    score: float
    spans: tuple[list[tuple[int, int]], list[tuple[int, int]]]
    scores: Floats
    best: tuple[int, int]


def score_in_chunks(
    scorer: Scorer,
    pairs: Sequence[TextPair],
    *,
    prompts: tuple[str, str],
    chunks: Chunks,
) -> list[ChunkedScore]:
    """Return the scores of N pairs by their chunks, each chunk scored as a text of its own.

    Raises
    ------
    OptionError
        As ``chunk_spans``.
    ModelError
        As ``scores_of``.
    """
    readers = sides_of(scorer) if "joint sequence" not in scorer.capabilities else (scorer, scorer)
    left, right = (
        chunk_spans(readers[side], (pair[side] for pair in pairs), chunks, prompt=prompts[side])
        for side in (0, 1)
    )
    wanted: dict[TextPair, float] = {}
    for one, other in pairs:
        wanted.update(
            ((one[slice(*a)], other[slice(*b)]), 0.0) for a in left[one] for b in right[other]
        )
    wanted.update(zip(wanted, scores_of(scorer, list(wanted), prompts=prompts), strict=True))
    found = []
    for one, other in pairs:
        spans = left[one], right[other]
        scores = np.array(
            [[wanted[one[slice(*a)], other[slice(*b)]] for b in spans[1]] for a in spans[0]]
        )
        place = np.unravel_index(int(scores.argmax()), scores.shape)
        score = scores.max() if chunks.score == "max" else scores.mean()
        found.append(ChunkedScore(float(score), spans, scores, (int(place[0]), int(place[1]))))
    return found


def listed(capabilities: Collection[Capability]) -> str:
    """Return capabilities in words, as a sentence lists them."""
    said = [words for each, words in IN_WORDS.items() if each in capabilities]
    return " and ".join(filter(None, (", ".join(said[:-1]), *said[-1:])))


class OpaqueScorer:
    """A base for scorers whose inside can't be seen: words are their tokens, prompts are literal.

    It lacks ``name`` and ``score``.
    """

    capabilities: ClassVar[frozenset[Capability]] = frozenset()
    name: str
    pooling: Literal["model"] = "model"
    similarity_function: ScoreKind = "score"
    limit: None = None
    mask_token: None = None
    argument: ClassVar[str] = "this scorer"
    """What brought it, in errors, such as ``embed=``."""

    def tokenize(
        self, texts: Sequence[str], *, prompt: str = "", long_text: LongText = "truncate"
    ) -> list[TokenizedText]:
        """Return texts whose tokens are their words.

        Raises OptionError on a ``long_text`` that needs to know where the model stops reading.
        """
        if long_text != "truncate":
            raise OptionError(
                f"long_text is {long_text!r}, which needs the model's limit, and {self.argument} "
                "does not state it: leave long_text at 'truncate'. What the function does not "
                "read has no influence on what it returns, and so none in the explanation."
            )
        tokenized = []
        for text in texts:
            offsets = np.array(find_words(text), dtype=np.intp).reshape(-1, 2)
            tokenized.append(
                TokenizedText(
                    text=text,
                    prompt=prompt,
                    rows=(),
                    offsets=offsets,
                    pretokens=np.arange(len(offsets), dtype=np.intp),
                    truncated=False,
                )
            )
        return tokenized

    def find_prompts(
        self, prompts: tuple[str, str] | None, names: tuple[str, str] | None
    ) -> tuple[str, str]:
        """Return the literal prompts. Raises OptionError on names, for none is known."""
        return choose_prompts(prompts, names, known={}, default=None, model=self.name)

    def about_blank(self, text: TokenizedText) -> str:
        """Return nothing: what the scorer makes of a blank text is its own affair."""
        del text
        return ""

    def about_score(self, score: float) -> str:
        """Return nothing: its scale is the scorer's own affair."""
        del score
        return ""


def is_blank(text: str) -> bool:
    """Return whether there is nothing in a text to give to a function."""
    return not text.strip()
