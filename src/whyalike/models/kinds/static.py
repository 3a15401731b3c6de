"""Static embeddings (StaticEmbedding): a vector for each token, and the mean of them for a text."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer

from whyalike.arrays import Floats
from whyalike.errors import ModelError, OptionError, TextError
from whyalike.explanation import SimilarityFunction
from whyalike.interruption import checkpoint
from whyalike.models.installed import Normalize, StaticEmbedding
from whyalike.models.loading import folder_here, open_pipeline
from whyalike.models.opening import Opening, register_kind
from whyalike.models.prompts import choose_prompts
from whyalike.models.refusals import module_types
from whyalike.models.scorer import Capability, Decomposition, TextPair, score_by_vectors
from whyalike.models.tokens import TokenizedText, from_encodings
from whyalike.options import LongText
from whyalike.similarity import is_bilinear

TEXTS_AT_ONCE = 512
"""Texts that are tokenized between two checkpoints."""


@dataclass(frozen=True, slots=True)
class _Unknown:
    """The token of a tokenizer for what it has no token for, under transformers' names."""

    unk_token: str | None
    unk_token_id: int | None


class StaticScorer:
    """A SentenceTransformer of static embeddings: a text's vector is the mean of its tokens'.

    A cosine or a product of two means is a sum over pairs of tokens. Distances have scores alone.

    Parameters
    ----------
    pipeline : SentenceTransformer
        A StaticEmbedding, and perhaps Normalize after it. It is only read.
    name : str
        What explanations call it.
    """

    pooling: Literal["model"] = "model"
    mask_token: None = None

    def __init__(self, pipeline: SentenceTransformer, name: str) -> None:
        self.pipeline, self.name = pipeline, name
        self._unknown: tuple[Tokenizer, _Unknown] | None = None

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What it gives besides scores."""
        given: set[Capability] = {"tokens", "vectors"}
        if is_bilinear(self.similarity_function):
            given.add("decomposition")
        return frozenset(given)

    @property
    def similarity_function(self) -> SimilarityFunction:
        """How two vectors are compared."""
        return self.pipeline.similarity_fn_name

    @property
    def limit(self) -> int | None:
        """How many tokens the tokenizer leaves of a text; None where it cuts nothing."""
        cut = self._static.tokenizer.truncation
        return None if cut is None else int(cut["max_length"])

    @property
    def _static(self) -> StaticEmbedding:
        return cast("StaticEmbedding", next(iter(self.pipeline.children())))

    def tokenize(
        self, texts: Sequence[str], *, prompt: str = "", long_text: LongText = "truncate"
    ) -> list[TokenizedText]:
        """Return texts with their tokens; there are no special ones.

        Raises
        ------
        OptionError
            Windows, where the tokenizer cuts texts.
        """
        limit = self.limit
        if long_text == "windows" and limit is not None:
            raise OptionError(
                f"long_text is 'windows', and the tokenizer of {self.name} cuts texts itself: "
                "choose 'truncate' or 'error'."
            )
        tokenizer = self._static.tokenizer
        encodings = tokenizer.encode_batch([prompt + t for t in texts], add_special_tokens=False)
        unknown = self._unknown_of(tokenizer)
        found = []
        for text, encoding in zip(texts, encodings, strict=True):
            tokens = from_encodings(text, prompt, [encoding], unknown=unknown)
            if tokens.truncated and long_text == "error":
                tokens = replace(
                    tokens,
                    refusal=f"A text has more than the {limit} tokens that the model reads. "
                    "Shorten it, or choose long_text='truncate'.",
                )
            found.append(tokens)
        return found

    def _unknown_of(self, tokenizer: Tokenizer) -> _Unknown:
        if self._unknown is None or self._unknown[0] is not tokenizer:
            model: dict[str, Any] = json.loads(tokenizer.to_str())["model"]
            token, number = model.get("unk_token"), model.get("unk_id")
            if token is not None:
                number = tokenizer.token_to_id(token)
            elif number is not None:
                token = tokenizer.id_to_token(number)
            self._unknown = (tokenizer, _Unknown(token, number))
        return self._unknown[1]

    def find_prompts(
        self, prompts: tuple[str, str] | None, names: tuple[str, str] | None
    ) -> tuple[str, str]:
        """Return the literal prompts of the left and the right text; see ``choose_prompts``."""
        return choose_prompts(
            prompts,
            names,
            known={k: v for k, v in (self.pipeline.prompts or {}).items() if v is not None},
            default=self.pipeline.default_prompt_name,
            model=self.name,
        )

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
            A text beyond the tokenizer's limit that may not be cut.
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
        vectors = np.zeros((len(texts), self._table.shape[1]))
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
                if ids := text.rows[0].input_ids:
                    vectors[index] = self._parts(ids).sum(axis=0)
        if not np.isfinite(vectors).all():
            raise ModelError(
                f"The vectors of {self.name} hold NaN or infinity: its weights are damaged. Load "
                "it anew."
            )
        return vectors, cut

    @property
    def _table(self) -> torch.Tensor:
        """(V, H): the vectors of the tokens, of which the model keeps the first H features."""
        return self._static.embedding.weight.detach()[:, : self.pipeline.truncate_dim]

    def _parts(self, ids: Sequence[int]) -> Floats:
        """Return (S, H): what each of a text's S tokens adds to its vector."""
        weight = self._static.embedding.weight.detach()
        whole: Floats = weight[torch.tensor(ids, device=weight.device)].double().cpu().numpy()
        parts = whole / len(ids)
        if any(isinstance(module, Normalize) for module in self.pipeline.children()):
            parts /= max(float(np.linalg.norm(parts.sum(axis=0))), 1e-12)
        return parts[:, : self.pipeline.truncate_dim]

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

        A token's part of a text's vector is its own vector by the number of tokens, prompt
        included; a cosine divides by the lengths of both sums, which count as constant.
        """
        found = []
        for left, right in pairs:
            prompts = left.prompt, right.prompt
            score = float(self.score([(left.text, right.text)], prompts=prompts)[0])
            own, rest = zip(*(self._taken(text) for text in (left, right)), strict=True)
            factor = 1.0
            if self.similarity_function == "cosine":
                sums = [a.sum(axis=0) + b for a, b in zip(own, rest, strict=True)]
                lengths = float(np.linalg.norm(sums[0]) * np.linalg.norm(sums[1]))
                factor = 1.0 / lengths if lengths else 0.0
            one, other = (np.vstack(both) for both in zip(own, rest, strict=True))
            found.append(Decomposition.of_parts(score, one @ other.T * factor, (own[0], own[1])))
        return found

    def _taken(self, text: TokenizedText) -> tuple[Floats, Floats]:
        """Return (T, H) of the text's tokens, and (H,) of its prompt's."""
        width = self._table.shape[1]
        ids = text.rows[0].input_ids
        if not ids:
            return np.zeros((0, width)), np.zeros(width)
        parts = self._parts(ids)
        outside = np.ones(len(ids), dtype=bool)
        outside[text.rows[0].positions] = False
        return parts[text.rows[0].positions], parts[outside].sum(axis=0)


def takes_static(source: object) -> bool:
    """Return whether a model is a StaticEmbedding, and perhaps Normalize, and no more."""
    if isinstance(source, SentenceTransformer):
        names = [type(module).__name__ for module in source.children()]
    else:
        folder = folder_here(source)
        names = [] if folder is None else [n.rpartition(".")[2] for n in module_types(folder)]
    return names[:1] == ["StaticEmbedding"] and set(names[1:]) <= {"Normalize"}


@register_kind("static embeddings", takes=takes_static)
def open_static(source: object, opening: Opening) -> StaticScorer:
    """Return a scorer of static embeddings, an object or a folder or name of one."""
    pipeline, name = open_pipeline(
        source, SentenceTransformer, opening, name="model of static embeddings"
    )
    return StaticScorer(pipeline, name)
