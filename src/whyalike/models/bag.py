"""Models whose vector of a text is a sum over its tokens: word vectors, and what is linear on them.

A cosine or a product of two such sums is a sum over pairs of tokens.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from torch import nn

from whyalike.arrays import Floats
from whyalike.errors import ModelError, TextError
from whyalike.explanation import SimilarityFunction
from whyalike.interruption import checkpoint
from whyalike.models.prompts import choose_from
from whyalike.models.scorer import Capability, Decomposition, TextPair, score_by_vectors
from whyalike.models.tokens import TokenizedText
from whyalike.options import LongText
from whyalike.similarity import is_bilinear

TEXTS_AT_ONCE = 512
"""Texts that are tokenized between two checkpoints."""

VECTOR = "sentence_embedding"
"""What modules call the vector of a text."""

BEHIND = frozenset({"Dense", "Dropout", "LayerNorm", "Normalize"})
"""Modules that may follow where a text's vector is made."""

Parts = tuple[Floats, Floats]
"""What each of T tokens adds to a vector of H features, (T, H), and all else that does, (H,)."""


class BagScorer(ABC):
    """A base for scorers of bags of tokens; ``tokenize``, ``limit`` and ``_front`` are the kind's.

    Where a step is not linear (a Dense with an activation, a LayerNorm), a text's vector is no sum
    over tokens: then there are vectors and scores alone, and no exact decomposition.

    Parameters
    ----------
    pipeline : SentenceTransformer
        It is only read.
    name : str
        What explanations call it.
    """

    pooling: Literal["model"] = "model"
    mask_token: str | None = None
    in_front: int = 1
    """How many modules make the vector that the others go on with."""
    of_terms: bool = False
    """Whether the features of that vector are terms, of which two texts may have none in common."""

    def __init__(self, pipeline: SentenceTransformer, name: str) -> None:
        self.pipeline, self.name = pipeline, name

    @property
    @abstractmethod
    def limit(self) -> int | None:
        """How many tokens the model reads of a text; None where it reads all."""

    @abstractmethod
    def tokenize(
        self, texts: Sequence[str], *, prompt: str = "", long_text: LongText = "truncate"
    ) -> list[TokenizedText]:
        """Return texts with their tokens."""

    @abstractmethod
    def _front(self, text: TokenizedText) -> Floats:
        """Return (S, H): what each of the S tokens of a text's row adds to its first vector."""

    @property
    @abstractmethod
    def _width(self) -> int:
        """How many features the first vector has."""

    @property
    def _behind(self) -> list[nn.Module]:
        modules = list(self.pipeline.children())[self.in_front :]
        return [module for module in modules if type(module).__name__ != "Dropout"]

    @property
    def is_linear(self) -> bool:
        """Whether a text's vector is a sum over its tokens, by a factor that counts as constant."""
        return all(_normalises(m) or _is_linear(m) for m in self._behind)

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What it gives besides scores."""
        given: set[Capability] = {"tokens", "vectors"}
        if self.is_linear and is_bilinear(self.similarity_function):
            given.add("decomposition")
        return frozenset(given)

    @property
    def similarity_function(self) -> SimilarityFunction:
        """How two vectors are compared."""
        return self.pipeline.similarity_fn_name

    def find_prompts(
        self, prompts: tuple[str, str] | None, names: tuple[str, str] | None
    ) -> tuple[str, str]:
        """Return the literal prompts of the left and the right text; see ``choose_prompts``."""
        return choose_from(self.pipeline, prompts, names, model=self.name)

    def about_blank(self, text: TokenizedText) -> str:
        """Return that a text without tokens has the zero vector."""
        return "" if text.length else ", and its vector is zero"

    def about_score(self, score: float) -> str:
        """Return nothing: the score is a similarity of vectors."""
        del score
        return ""

    def embed(
        self, texts: Sequence[str], *, prompt: str = "", long_text: LongText = "truncate"
    ) -> Floats:
        """Return the vectors (N, H) of N texts, as ``encode`` gives them.

        Raises
        ------
        TextError
            A text beyond the model's limit that may not be cut.
        ModelError
            Vectors with NaN or infinity.
        """
        return self.embed_and_tell(texts, prompt=prompt, long_text=long_text)[0]

    def embed_and_tell(
        self, texts: Sequence[str], *, prompt: str = "", long_text: LongText = "truncate"
    ) -> tuple[Floats, NDArray[np.bool_]]:
        """Return the vectors (N, H), and which of the texts (N,) were cut; else as ``embed``.

        Raises TextError on a text that may not be cut.
        """
        vectors: list[Floats] = []
        cut = np.zeros(len(texts), dtype=np.bool_)
        for start in range(0, len(texts), TEXTS_AT_ONCE):
            checkpoint()
            some = self.tokenize(
                texts[start : start + TEXTS_AT_ONCE], prompt=prompt, long_text=long_text
            )
            for index, text in enumerate(some, start=start):
                if text.refusal:
                    raise TextError(text.refusal)
                cut[index] = text.truncated
                vectors.append(self._vector(text))
        found = np.array(vectors) if vectors else np.zeros((0, self._width))
        if not np.isfinite(found).all():
            raise ModelError(
                f"The vectors of {self.name} hold NaN or infinity: its weights are damaged. Load "
                "it anew."
            )
        return found, cut

    def _vector(self, text: TokenizedText) -> Floats:
        """Return (H,), as ``encode`` gives it."""
        if self.is_linear:
            own, rest = self.taken(text)
            linear: Floats = own.sum(axis=0) + rest
            return linear
        own = self._front_or_nothing(text)
        first = next((p for p in self.pipeline.parameters()), torch.zeros(0))
        features: dict[str, Any] = {
            "sentence_embedding": torch.from_numpy(own.sum(axis=0))[None].to(first)
        }
        with torch.no_grad():
            for module in self._behind:
                features = module(features)
        vector: Floats = features["sentence_embedding"][0].double().cpu().numpy()
        return vector[: self.pipeline.truncate_dim]

    def _front_or_nothing(self, text: TokenizedText) -> Floats:
        return self._front(text) if text.rows[0].input_ids else np.zeros((0, self._width))

    def taken(self, text: TokenizedText) -> Parts:
        """Return what each token of a text adds to its vector, and what all else adds.

        That is the prompt, special tokens, and what a Dense adds to every text.
        """
        parts = self._front_or_nothing(text)
        outside = np.ones(len(parts), dtype=bool)
        outside[text.rows[0].positions] = False
        own, rest = parts[text.rows[0].positions], parts[outside].sum(axis=0)
        for module in self._behind:
            if _normalises(module):
                length = max(float(np.linalg.norm(own.sum(axis=0) + rest)), 1e-12)
                own, rest = own / length, rest / length
            else:
                own, rest = _through(module, own, rest)
        return own[:, : self.pipeline.truncate_dim], rest[: self.pipeline.truncate_dim]

    def score(
        self,
        pairs: Sequence[TextPair],
        *,
        prompts: tuple[str, str] = ("", ""),
        long_text: LongText = "truncate",
    ) -> Floats:
        """Return the similarities (N,) of the vectors of N pairs; raises as ``embed``."""
        return score_by_vectors(self, pairs, prompts=prompts, long_text=long_text)

    def decompose(
        self, pairs: Sequence[tuple[TokenizedText, TokenizedText]]
    ) -> list[Decomposition]:
        """Return the scores of N pairs as sums over all pairs of tokens.

        A token's part of a text's vector is linear in its own vector; a cosine divides by the
        lengths of both sums, which count as constant.
        """
        found = []
        for left, right in pairs:
            prompts = left.prompt, right.prompt
            score = float(self.score([(left.text, right.text)], prompts=prompts)[0])
            one, other = self.taken(left), self.taken(right)
            nothing = self.of_terms and not self._behind and not _shares(one, other)
            found.append(
                of_two_sums(
                    score,
                    one,
                    other,
                    function=self.similarity_function,
                    notes=("The two texts have no term in common.",) if nothing else (),
                )
            )
        return found


def of_two_sums(
    score: float,
    left: Parts,
    right: Parts,
    *,
    function: SimilarityFunction,
    notes: tuple[str, ...] = (),
) -> Decomposition:
    """Return a product or cosine of two sums as a sum over pairs of their parts."""
    factor = 1.0
    if function == "cosine":
        sums = [own.sum(axis=0) + rest for own, rest in (left, right)]
        lengths = float(np.linalg.norm(sums[0]) * np.linalg.norm(sums[1]))
        factor = 1.0 / lengths if lengths else 0.0
    one, other = (np.vstack(parts) for parts in (left, right))
    return Decomposition.of_parts(score, one @ other.T * factor, (left[0], right[0]), notes=notes)


def _shares(left: Parts, right: Parts) -> bool:
    one, other = (own.sum(axis=0) + rest for own, rest in (left, right))
    return bool(np.any(one * other))


def _is_linear(module: nn.Module) -> bool:
    """Return whether a module is a Dense without an activation, of the vector of a text."""
    if type(module).__name__ != "Dense" or not isinstance(module.activation_function, nn.Identity):
        return False
    names = ("module_input_name", "module_output_name")
    return all(getattr(module, name, VECTOR) == VECTOR for name in names)


def _normalises(module: nn.Module) -> bool:
    return type(module).__name__ == "Normalize"


def _through(module: nn.Module, own: Floats, rest: Floats) -> Parts:
    """Return the parts behind a Dense; its bias is no token's."""
    dense = cast("Any", module)
    weight: Floats = dense.linear.weight.detach().double().cpu().numpy()
    after = [own @ weight.T, weight @ rest]
    if dense.linear.bias is not None:
        after[1] = after[1] + dense.linear.bias.detach().double().cpu().numpy()
    if getattr(dense, "use_residual", False):
        if dense.in_features == dense.out_features:
            return after[0] + own, after[1] + rest
        beside: Floats = dense.residual.weight.detach().double().cpu().numpy()
        return after[0] + own @ beside.T, after[1] + beside @ rest
    return after[0], after[1]
