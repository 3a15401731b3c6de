"""Sparse encoders (SPLADE): a weight for each entry of the vocabulary, and their product."""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from sentence_transformers import SparseEncoder

from whyalike.arrays import Floats
from whyalike.errors import ModelError, TextError
from whyalike.explanation import SimilarityFunction
from whyalike.models.installed import (
    MaskedWordTransformer,
    SpladePooling,
    select_max_active_dims,
)
from whyalike.models.loading import folder_here, is_of_kind, open_pipeline
from whyalike.models.opening import Opening, register_kind
from whyalike.models.refusals import SPARSE, module_types, stated_family
from whyalike.models.scorer import Capability, Decomposition, TextPair, TokenTerm
from whyalike.models.token_pipeline import Read, TokenPipeline
from whyalike.models.tokens import TokenizedText
from whyalike.options import LongText
from whyalike.similarity import is_bilinear

MOST_OF_TERM = 16
"""Pairs of tokens that are named of a term; under sum pooling, there can be thousands."""


Matrix = Any
"""A sparse matrix of SciPy."""


class SparseScorer(TokenPipeline[SparseEncoder]):
    """A SparseEncoder, whose vector of a text has a weight for each entry of the vocabulary.

    With SpladePooling each weight is one token's (max pooling) or the sum of all tokens' (sum), so
    that a product of two such vectors is a sum over pairs of tokens. Other sparse encoders, and
    distances, have scores alone.
    """

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What it gives besides scores; an exact decomposition with SpladePooling."""
        given: set[Capability] = {"tokens", "sparse vectors"}
        if self.decomposes and is_bilinear(self.similarity_function):
            given.add("decomposition")
        return frozenset(given)

    @property
    def similarity_function(self) -> SimilarityFunction:
        """How two vectors are compared."""
        return self.pipeline.similarity_fn_name

    @property
    def decomposes(self) -> bool:
        """Whether each weight of a text's vector goes back to tokens."""
        modules = list(self.pipeline.children())
        kinds = (MaskedWordTransformer, SpladePooling)
        return len(modules) == len(kinds) and all(map(isinstance, modules, kinds))

    def score(
        self,
        pairs: Sequence[TextPair],
        *,
        prompts: tuple[str, str] = ("", ""),
        long_text: LongText = "truncate",
    ) -> Floats:
        """Return the similarities (N,) of N pairs, as the model's ``similarity`` gives them.

        Raises
        ------
        TextError
            A text beyond the model's limit that may not be cut.
        ModelError
            The model fails.
        """
        tokenized = self.tokenize_pairs(pairs, prompts, long_text)
        found = self.vectors([text for pair in tokenized for text in pair])
        return np.array([self.compare(*both) for both in zip(found[::2], found[1::2], strict=True)])

    def embed(
        self, texts: Sequence[str], *, prompt: str = "", long_text: LongText = "truncate"
    ) -> Floats:
        """Return the vectors (N, V) of N texts, as ``encode`` gives them.

        Raises
        ------
        TextError
            A text beyond the model's limit that may not be cut.
        ModelError
            The model fails.
        """
        return self.embed_and_tell(texts, prompt=prompt, long_text=long_text)[0]

    def embed_and_tell(
        self, texts: Sequence[str], *, prompt: str = "", long_text: LongText = "truncate"
    ) -> tuple[Floats, NDArray[np.bool_]]:
        """Return the vectors (N, V), and which of the texts (N,) were cut; else as ``embed``."""
        tokenized = self.tokenize(texts, prompt=prompt, long_text=long_text)
        if refused := next((text for text in tokenized if text.refusal), None):
            raise TextError(refused.refusal)
        found = {_key(one.text): self._vector(one) for one in self.read(tokenized)}
        nothing = np.zeros(max(map(len, found.values()), default=1))
        vectors = [found.get(_key(text), nothing) for text in tokenized]
        cut = np.array([text.truncated for text in tokenized], dtype=np.bool_)
        return np.array(vectors).reshape(len(vectors), len(nothing)), cut

    def vectors(self, texts: Sequence[TokenizedText]) -> list[Matrix]:
        """Return the vector (1, V) of each text, zero of one without tokens.

        Raises ModelError where the model fails.
        """
        found = {
            _key(one.text): sparse.csr_array(self._vector(one)[None]) for one in self.read(texts)
        }
        return [found.get(_key(text), sparse.csr_array((1, 1))) for text in texts]

    def compare(self, left: Matrix, right: Matrix) -> float:
        """Compare two vectors, (1, V) each; one without tokens is zero, of whatever width."""
        width = max(left.shape[1], right.shape[1])
        left, right = (sparse.csr_array(_widened(one, width)) for one in (left, right))
        function = self.similarity_function
        if not is_bilinear(function):
            difference = (left - right).data
            order = 2 if function == "euclidean" else 1
            return 0.0 - float(np.linalg.norm(difference, ord=order)) if len(difference) else 0.0
        product = float(left.multiply(right).sum()) * self._factor(left.data, right.data)
        return min(1.0, product) if function == "cosine" else product

    def _factor(self, left: Floats, right: Floats) -> float:
        """Return what the product of two vectors, given by their weights, is multiplied by."""
        if self.similarity_function == "dot":
            return 1.0
        lengths = float(np.linalg.norm(left) * np.linalg.norm(right))
        return 1.0 / lengths if lengths else 0.0

    def decompose(
        self, pairs: Sequence[tuple[TokenizedText, TokenizedText]]
    ) -> list[Decomposition]:
        """Return the scores of N pairs as sums over the products of shared terms.

        Each term's weight goes back to the token that has it: under max pooling the first of those
        with the largest weight. Vectors of tokens are the weights that they brought.

        Raises
        ------
        ModelError
            The model fails.
        """
        found = self.taken([text for pair in pairs for text in pair])
        both = zip(pairs, found[::2], found[1::2], strict=True)
        return [self.apart(pair, one, other) for pair, one, other in both]

    def taken(self, texts: Sequence[TokenizedText]) -> list[tuple[Matrix, Matrix]]:
        """Return of each text its vector (1, V), and the parts of it (T + 1, V) by its tokens.

        The last part is that of all else. Raises ModelError where the model fails.
        """
        found = {
            _key(text): (sparse.csr_array((1, 1)), sparse.csr_array((len(text.offsets) + 1, 1)))
            for text in texts
        }
        for one in self.read(texts):
            vector = self._vector(one)
            found[_key(one.text)] = sparse.csr_array(vector[None]), self._by_token(one, vector)
        return [found[_key(text)] for text in texts]

    def _vector(self, one: Read) -> Floats:
        """Return the vector (V,) of a text, as ``encode`` gives it."""
        vector = one.output["sentence_embedding"].float()
        if (most := self.pipeline.max_active_dims) is not None:
            vector = select_max_active_dims(vector[None], max_active_dims=most)[0]
        weights: Floats = vector.double().cpu().numpy()
        if not np.isfinite(weights).all():
            raise ModelError(
                f"The vectors of {self.name} hold NaN or infinity: its weights are damaged, or its "
                "precision is too low. Load it in float32, or load it anew."
            )
        return weights

    def _by_token(self, one: Read, vector: Floats) -> Matrix:
        """Return (T + 1, V): each token's part of the vector, and that of all else in the row."""
        pooling = cast("SpladePooling", list(self.pipeline.children())[1])
        terms = np.flatnonzero(vector)
        logits = one.output["token_embeddings"][:, torch.from_numpy(terms)].float()
        # Padding is masked as the pooling masks it: its logits are 0.
        logits = logits * one.output["attention_mask"][:, None]
        weights: Floats = torch.log1p(logits.relu()).double().cpu().numpy()
        if pooling.activation_function == "log1p_relu":
            weights = np.log1p(weights)
        if pooling.pooling_strategy == "max":
            parts = np.zeros_like(weights)
            columns = np.arange(len(terms))
            parts[weights.argmax(axis=0), columns] = vector[terms]
        else:
            parts = weights
        own = parts[one.positions]
        rest = parts.sum(axis=0) - own.sum(axis=0)
        # What rounding leaves of a difference would be a term.
        rest[np.abs(rest) < 1e-12 * vector[terms]] = 0.0
        table = np.concatenate([own, rest[None]])
        rows, columns = np.nonzero(table)
        return sparse.csr_array(
            (table[rows, columns], (rows, terms[columns])), shape=(len(table), len(vector))
        )

    def apart(
        self,
        pair: tuple[TokenizedText, TokenizedText],
        one: tuple[Matrix, Matrix],
        other: tuple[Matrix, Matrix],
    ) -> Decomposition:
        """Take a pair apart; of each text the vector (1, V), and the parts of it (T + 1, V)."""
        left, right = one[1], other[1]
        width = max(left.shape[1], right.shape[1])
        left, right = (sparse.csr_array(_widened(parts, width)) for parts in (left, right))
        sums = [np.asarray(parts.sum(axis=0)).ravel() for parts in (left, right)]
        factor = self._factor(one[0].data, other[0].data)
        used = np.flatnonzero((sums[0] != 0) | (sums[1] != 0))
        vectors = tuple(parts[:-1][:, used].toarray() for parts in (left, right))
        shared = np.flatnonzero((sums[0] != 0) & (sums[1] != 0))
        return Decomposition.of_parts(
            self.compare(one[0], other[0]),
            (left @ right.T).toarray() * factor,
            (vectors[0], vectors[1]),
            notes=() if len(shared) else ("The two texts have no term in common.",),
            terms=self._terms(
                pair, left[:, shared].toarray(), right[:, shared].toarray(), shared, factor
            ),
        )

    def _terms(
        self,
        pair: tuple[TokenizedText, TokenizedText],
        left: Floats,
        right: Floats,
        shared: Any,
        factor: float,
    ) -> tuple[TokenTerm, ...]:
        """Return the S shared terms by the tokens of ``left`` (T + 1, S) and ``right``."""
        found: list[TokenTerm] = []
        for column, term in enumerate(shared.tolist()):
            name = self._written(term)
            own = [_ids_of(text) == term for text in pair]
            sides = [parts[:, column].nonzero()[0] for parts in (left, right)]
            products = np.outer(left[sides[0], column], right[sides[1], column]).ravel() * factor
            order = np.argsort(-np.abs(products), kind="stable")
            for place in order[:MOST_OF_TERM].tolist():
                rows = [int(sides[0][place // len(sides[1])]), int(sides[1][place % len(sides[1])])]
                tokens = [
                    None if row == len(parts) - 1 else row
                    for row, parts in zip(rows, (left, right), strict=True)
                ]
                expands = [
                    token is None or not bool(is_it[token])
                    for token, is_it in zip(tokens, own, strict=True)
                ]
                found.append(
                    TokenTerm(
                        name, tokens[0], tokens[1], float(products[place]), expands[0], expands[1]
                    )
                )
            if len(order) > MOST_OF_TERM:
                others = float(products[order[MOST_OF_TERM:]].sum())
                found.append(TokenTerm(name, None, None, others, True, True))
        return tuple(found)

    def _written(self, term: int) -> str:
        """Return a term as the tokenizer writes it; one that can't be seen by its token's name."""
        said: str = self.pipeline.tokenizer.decode([term]).strip()
        return said or str(self.pipeline.tokenizer.convert_ids_to_tokens(term))


def _ids_of(text: TokenizedText) -> NDArray[np.int64]:
    """Return the ids (T,) of the text's tokens."""
    row = text.rows[0]
    ids = np.full(len(text.offsets), -1, dtype=np.int64)
    ids[row.tokens] = np.array(row.input_ids, dtype=np.int64)[row.positions]
    return ids


def _widened(one: Matrix, width: int) -> Matrix:
    if one.shape[1] != width:
        one = one.copy()
        one.resize((one.shape[0], width))
    return one


def _key(text: TokenizedText) -> tuple[str, str]:
    return text.prompt, text.text


def is_static_sparse(source: object) -> bool:
    """Return whether a model is a SparseStaticEmbedding alone, as an object or on the disk."""
    if isinstance(source, SparseEncoder):
        names = [type(module).__name__ for module in source.children()]
    else:
        folder = folder_here(source)
        if folder is None or stated_family(folder) != SparseEncoder.__name__:
            return False
        names = [name.rpartition(".")[2] for name in module_types(folder)]
    return names == ["SparseStaticEmbedding"]


def _takes(source: object) -> bool:
    return is_of_kind(source, SparseEncoder, SPARSE) and not is_static_sparse(source)


@register_kind("sparse encoder", takes=_takes)
def open_sparse(source: object, opening: Opening) -> SparseScorer:
    """Return a scorer of a SparseEncoder, an object or a folder or name of one."""
    pipeline, name = open_pipeline(source, SparseEncoder, opening)
    return SparseScorer(pipeline, name)
