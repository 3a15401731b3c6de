"""The model as explanations need it: tokens with offsets, then one forward and one backward."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from whyalike.encoder.batching import group_rows
from whyalike.encoder.capture import capture, frozen
from whyalike.encoder.loading import LoadedModel
from whyalike.encoder.passes import (
    Forward,
    GroupPass,
    Pass,
    Point,
    TokenPair,
    activation_of,
    place_rows,
)
from whyalike.encoder.pipeline import PipelineEncoder, PooledEncoder, VectorSource
from whyalike.encoder.pooling import Pooling
from whyalike.encoder.similarity import SIMILARITIES, at_its_maximum, dot
from whyalike.encoder.sites import EmbeddingSites, find_sites
from whyalike.encoder.tokenization import Row, TokenizedText, tokenize
from whyalike.errors import ModelError, OptionError
from whyalike.types import BTIOptions, SimilarityFunction
from whyalike.types.options import LongText

FALLBACK_LIMIT = 8192
"""Tokens read of a text where neither the tokenizer nor a position table states a limit."""


class Encoder:
    """A loaded model with the pooling whose score is to be explained.

    Args:
        loaded: the model's parts.
        pooling: ``"auto"`` is ``"model"`` for a SentenceTransformer and ``"paper"`` for a bare
            encoder. With anything but ``"model"`` the similarity is the cosine.

    Raises:
        OptionError: ``"model"`` for a bare encoder, which has no pooling of its own.
    """

    def __init__(self, loaded: LoadedModel, *, pooling: Pooling = "auto") -> None:
        if pooling == "auto":
            pooling = "paper" if loaded.pipeline is None else "model"
        self.name = loaded.name
        self.pooling: Pooling = pooling
        self.pipeline = loaded.pipeline
        self.sites = find_sites(loaded.transformer)
        self.tokenizer = loaded.tokenizer
        self.similarity_function: SimilarityFunction = "cosine"
        self.limit = _limit(loaded, self.sites)
        if pooling != "model":
            self.source: VectorSource = PooledEncoder(self.sites.body, self.tokenizer, pooling)
        elif loaded.pipeline is None:
            raise OptionError(
                "pooling='model' needs a SentenceTransformer; a bare encoder has no pooling of "
                "its own: choose 'paper', 'cls' or 'last'."
            )
        else:
            self.source = PipelineEncoder(loaded.pipeline, self.tokenizer)
            self.similarity_function = loaded.pipeline.similarity_fn_name

    def tokenize(
        self, texts: Sequence[str], *, prompt: str = "", long_text: LongText = "truncate"
    ) -> list[TokenizedText]:
        """Tokenize texts as the model reads them; see whyalike.encoder.tokenization."""
        return tokenize(
            texts,
            tokenizer=self.tokenizer,
            limit=self.limit,
            prompt=prompt,
            long_text=long_text,
        )

    def find_prompts(
        self, prompts: tuple[str, str] | None, names: tuple[str, str] | None
    ) -> tuple[str, str]:
        """Return the literal prompts of the left and the right text.

        Raises:
            OptionError: both ways of naming them are used, or the model knows no such name.
        """
        if prompts is not None and names is not None:
            raise OptionError("Give either prompts or prompt_names, not both.")
        if prompts is not None:
            return prompts
        known: dict[str, str] = getattr(self.pipeline, "prompts", {}) or {}
        if names is None:
            default = getattr(self.pipeline, "default_prompt_name", None)
            text = known.get(default, "") if default else ""
            return text, text
        for name in names:
            if name not in known:
                raise OptionError(
                    f"{self.name} has no prompt named {name!r}; it has: "
                    f"{', '.join(map(repr, known)) or 'none'}. Give literal ones with prompts=."
                )
        return known[names[0]], known[names[1]]

    def run(
        self,
        pairs: Sequence[TokenPair],
        *,
        options: BTIOptions,
        point: Point = "embedding",
        gradient: bool = True,
    ) -> Pass:
        """Score pairs, and differentiate the scores at ``point``, both sides in one backward.

        The gradient of a pair's score at one side, with the other held fixed, is the plain
        gradient (row 13), and pairs of a batch do not touch each other; so the gradient of the
        sum over the batch holds them all (Malkiel et al. 2022, Eq. 3).

        Args:
            pairs: P pairs of tokenized texts.
            options: ``activation``, ``objective`` and ``latent_layer`` are read here.
            point: the embedding, or the last layer's hidden states.
            gradient: whether to go backward at all.

        Raises:
            ModelError: vectors with NaN or infinity.
        """
        texts = [text for pair in pairs for text in (pair.left, pair.right)]
        rows = [(index, row) for index, text in enumerate(texts) for row in text.rows]
        lengths = [len(row.input_ids) for _, row in rows]
        groups = group_rows(lengths, [texts[index].prompt for index, _ in rows])
        order = [row for group in groups for row in group]
        with (
            frozen(self.source.module),
            torch.inference_mode(False),
            torch.set_grad_enabled(gradient),
        ):
            forwards = [
                self._forward([rows[row] for row in group], texts, options, point)
                for group in groups
            ]
            scored = _text_vectors([f.scored for f in forwards], order, rows, texts)
            raw = _text_vectors([f.raw for f in forwards], order, rows, texts)
            similarity, identical, objective = self._score(scored, raw, pairs, options)
            slopes: Sequence[Tensor | None] = [None] * len(forwards)
            if gradient and forwards:
                slopes = torch.autograd.grad(objective.sum(), [f.point for f in forwards])
        return Pass(
            similarity=similarity,
            identical=identical,
            groups=tuple(
                GroupPass(f.places, f.activation, slope, f.latent.detach())
                for f, slope in zip(forwards, slopes, strict=True)
            ),
        )

    def _forward(
        self,
        rows: Sequence[tuple[int, Row]],
        texts: Sequence[TokenizedText],
        options: BTIOptions,
        point: Point,
    ) -> Forward:
        features = self.source.features([(texts[index], row) for index, row in rows])
        places, content = place_rows(rows, features["attention_mask"])
        with capture(
            self.sites, activation=options.activation, latent_layer=options.latent_layer
        ) as captured:
            scored, raw = self.source.vectors(features, content, captured)
        activation = activation_of(captured, options.activation)
        if captured.leaf is None or captured.last_hidden is None or captured.latent is None:
            raise ModelError(f"{self.name} returned no hidden states.")
        if point == "embedding":
            return Forward(places, captured.leaf, activation, captured.latent, scored, raw)
        hidden = captured.last_hidden
        return Forward(places, hidden, hidden.detach(), captured.latent, scored, raw)

    def _score(
        self, scored: Tensor, raw: Tensor, pairs: Sequence[TokenPair], options: BTIOptions
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_], Tensor]:
        """Return similarity (P,), where it is at its maximum (P,), and what to differentiate."""
        left, right = scored[0::2], scored[1::2]
        value = SIMILARITIES[self.similarity_function](left, right)
        same = torch.tensor([pair.reads_the_same_twice for pair in pairs])
        identical = at_its_maximum(left, right, self.similarity_function)
        if self.similarity_function != "dot":
            identical = identical | same.to(identical.device)
        product = dot(raw[0::2], raw[1::2])
        flat = identical | (options.objective == "dot")
        # Rows of the other branch get a zero gradient from where, but a distance of zero has
        # none (NaN), so that it must not be in the graph at all.
        safe = SIMILARITIES[self.similarity_function](
            torch.where(flat[:, None], left.detach() + 1, left), right
        )
        similarity = value.detach().double().cpu().numpy()
        if not np.isfinite(similarity).all():
            raise ModelError(
                f"The vectors of {self.name} hold NaN or infinity: its weights are damaged, or "
                "its precision is too low. Load it in float32, or load it anew."
            )
        at_maximum = identical.cpu().numpy()
        if self.similarity_function == "cosine":
            similarity = np.where(at_maximum, 1.0, np.clip(similarity, -1.0, 1.0))
        return similarity, at_maximum, torch.where(flat, product, safe)


def _text_vectors(
    groups: Sequence[Tensor],
    order: Sequence[int],
    rows: Sequence[tuple[int, Row]],
    texts: Sequence[TokenizedText],
) -> Tensor:
    """Return (2 P, H): a text's vector is the mean of its windows', by the tokens they own.

    A text without any token (an empty one, where there are no special tokens) has the zero vector.
    """
    if not groups:
        return torch.zeros(len(texts), 1)
    found = torch.cat(list(groups))
    index = torch.tensor(order, device=found.device)
    vectors = found.new_zeros(len(rows), found.shape[1]).index_copy(0, index, found)
    if len(rows) == len(texts):
        return vectors
    owned = torch.tensor([float(max(row.owned.sum(), 1e-9)) for _, row in rows])
    index = torch.tensor([text for text, _ in rows])
    total = torch.zeros(len(texts)).index_add_(0, index, owned)
    weights = (owned / total[index]).to(vectors)
    summed = vectors.new_zeros(len(texts), vectors.shape[1])
    return summed.index_add(0, index.to(vectors.device), vectors * weights[:, None])


def _limit(loaded: LoadedModel, sites: EmbeddingSites) -> int:
    """Return how many tokens the model reads of a text, special tokens included."""
    stated = loaded.pipeline.max_seq_length if loaded.pipeline is not None else None
    limits = [
        stated,
        loaded.tokenizer.model_max_length if stated is None else None,
        sites.position_limit,
        getattr(sites.body.config, "max_position_embeddings", None),
    ]
    # Tokenizers without a limit state a number like 10**30.
    return min([limit for limit in limits if limit and limit < 10**9] or [FALLBACK_LIMIT])
