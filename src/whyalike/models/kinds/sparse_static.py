"""Sparse encoders without a model (SparseStaticEmbedding): each token of a text has its weight."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import sparse
from sentence_transformers import SparseEncoder

from whyalike.arrays import Floats
from whyalike.models.kinds.sparse import Matrix, SparseScorer, is_static_sparse
from whyalike.models.loading import open_pipeline
from whyalike.models.opening import Opening, register_kind
from whyalike.models.token_pipeline import Read
from whyalike.models.tokens import TokenizedText, from_encodings
from whyalike.options import LongText


class StaticSparseScorer(SparseScorer):
    """A SparseStaticEmbedding: a text's vector has the weight of each token that it has, once."""

    @property
    def decomposes(self) -> bool:
        """Whether each weight goes back to a token: always."""
        return True

    def _tokenize(
        self,
        tokenizer: Any,
        texts: Sequence[str],
        prompt: str,
        limit: int,
        long_text: LongText,
    ) -> list[TokenizedText]:
        """Return some texts with their tokens; there are no special ones."""
        encoded = tokenizer(
            [prompt + text for text in texts],
            add_special_tokens=False,
            truncation=True,
            max_length=limit,
        )
        found: list[TokenizedText] = []
        for text, encoding in zip(texts, encoded.encodings or (), strict=True):
            one = from_encodings(text, prompt, [encoding], unknown=tokenizer)
            if one.truncated and long_text == "error":
                one = replace(
                    one,
                    refusal=f"A text has more than the {limit} tokens that the model reads. "
                    "Shorten it, or choose long_text='truncate'.",
                )
            found.append(one)
        return found

    def _by_token(self, one: Read, vector: Floats) -> Matrix:
        """Return (T + 1, V): a weight is that of the first token of its kind."""
        row, count = one.text.rows[0], len(one.text.offsets)
        owner = np.full(len(row.input_ids), count, dtype=np.intp)
        owner[row.positions] = row.tokens
        first: dict[int, int] = {}
        for place, term in enumerate(row.input_ids):
            first.setdefault(term, int(owner[place]))
        terms = np.flatnonzero(vector)
        tokens = [first[term] for term in terms.tolist()]
        return sparse.csr_array((vector[terms], (tokens, terms)), shape=(count + 1, len(vector)))


@register_kind("static sparse encoder", takes=is_static_sparse)
def open_static_sparse(source: object, opening: Opening) -> StaticSparseScorer:
    """Return a scorer of a SparseStaticEmbedding alone, an object or a folder or name of one."""
    return StaticSparseScorer(*open_pipeline(source, SparseEncoder, opening))
