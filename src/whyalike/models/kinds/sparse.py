"""Sparse encoders (SPLADE): a weight for each entry of the vocabulary, and their product."""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from scipy import sparse
from sentence_transformers import SparseEncoder

from whyalike.arrays import Floats
from whyalike.errors import ModelError
from whyalike.explanation import SimilarityFunction
from whyalike.models.installed import (
    MaskedWordTransformer,
    SpladePooling,
    select_max_active_dims,
)
from whyalike.models.loading import is_of_kind, open_pipeline
from whyalike.models.opening import Opening, register_kind
from whyalike.models.refusals import SPARSE
from whyalike.models.scorer import Capability, Decomposition, TextPair
from whyalike.models.token_pipeline import Read, TokenPipeline
from whyalike.models.tokens import TokenizedText
from whyalike.options import LongText
from whyalike.similarity import is_bilinear

MOST_NAMED = 8
"""Terms that a note names."""


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
        given: set[Capability] = {"tokens"}
        if self._is_splade and is_bilinear(self.similarity_function):
            given.add("decomposition")
        return frozenset(given)

    @property
    def similarity_function(self) -> SimilarityFunction:
        """How two vectors are compared."""
        return self.pipeline.similarity_fn_name

    @property
    def _is_splade(self) -> bool:
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
        vectors = {
            _key(one.text): sparse.csr_array(self._vector(one)[None])
            for one in self.read([text for pair in tokenized for text in pair])
        }
        left, right = (
            [vectors.get(_key(pair[side]), sparse.csr_array((1, 1))) for pair in tokenized]
            for side in (0, 1)
        )
        return np.array([self._compare(*both) for both in zip(left, right, strict=True)])

    def _compare(self, left: Matrix, right: Matrix) -> float:
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
        found = {
            _key(text): (sparse.csr_array((1, 1)), sparse.csr_array((len(text.offsets) + 1, 1)))
            for pair in pairs
            for text in pair
        }
        for one in self.read([text for pair in pairs for text in pair]):
            vector = self._vector(one)
            found[_key(one.text)] = sparse.csr_array(vector[None]), self._by_token(one, vector)
        return [self._apart(pair, *(found[_key(text)] for text in pair)) for pair in pairs]

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

    def _apart(
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
            self._compare(one[0], other[0]),
            (left @ right.T).toarray() * factor,
            (vectors[0], vectors[1]),
            notes=self._notes(pair, left[:, shared].toarray(), right[:, shared].toarray(), shared)
            if len(shared)
            else ("The two texts have no term in common.",),
        )

    def _notes(
        self,
        pair: tuple[TokenizedText, TokenizedText],
        left: Floats,
        right: Floats,
        shared: Any,
    ) -> tuple[str, ...]:
        """Say which shared terms are not the tokens that brought them: expansion, both sides."""
        said = []
        products = left.sum(axis=0) * right.sum(axis=0)
        for column in np.argsort(-products, kind="stable").tolist():
            term = int(shared[column])
            sources = [
                _source(text, parts[:, column], term)
                for text, parts in zip(pair, (left, right), strict=True)
            ]
            if all(own for _, own in sources):
                continue
            decoded = self.pipeline.tokenizer.decode([term]).strip()
            one, other = (name for name, _ in sources)
            said.append(f"{decoded} ({one} and {other})")
        if not said:
            return ()
        more = f" and {len(said) - MOST_NAMED:,} more" if len(said) > MOST_NAMED else ""
        return (
            "Shared terms that are not the words themselves, with the words that they come from: "
            f"{', '.join(said[:MOST_NAMED])}{more}.",
        )


def _source(text: TokenizedText, parts: Floats, term: int) -> tuple[str, bool]:
    """Return the token that brings most of a term, and whether the term is that token itself."""
    token = int(parts.argmax())
    if token == len(parts) - 1:
        return "a special token or the prompt" if text.prompt else "a special token", False
    start, end = text.offsets[token]
    row = text.rows[0]
    place = row.positions[np.flatnonzero(row.tokens == token)[0]]
    return f"“{text.text[start:end].strip()}”", row.input_ids[place] == term


def _widened(one: Matrix, width: int) -> Matrix:
    if one.shape[1] != width:
        one = one.copy()
        one.resize((one.shape[0], width))
    return one


def _key(text: TokenizedText) -> tuple[str, str]:
    return text.prompt, text.text


@register_kind("sparse encoder", takes=lambda source: is_of_kind(source, SparseEncoder, SPARSE))
def open_sparse(source: object, opening: Opening) -> SparseScorer:
    """Return a scorer of a SparseEncoder, an object or a folder or name of one."""
    pipeline, name = open_pipeline(source, SparseEncoder, opening)
    return SparseScorer(pipeline, name)
