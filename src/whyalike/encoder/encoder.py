"""The model as explanations need it: tokens with offsets, then one forward and one backward."""

from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from whyalike.encoder.batching import group_rows
from whyalike.encoder.capture import capture, frozen
from whyalike.encoder.graph import Rows, as_leaves, slopes_in_parts, text_vectors
from whyalike.encoder.loading import LoadedModel
from whyalike.encoder.pair_scores import score_pairs
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
from whyalike.encoder.sites import find_sites
from whyalike.encoder.text_model import choose_prompts
from whyalike.encoder.tokenization import TokenizedText, tokenize
from whyalike.errors import ModelError, OptionError, TextError
from whyalike.types import BTIOptions, SimilarityFunction
from whyalike.types.options import LongText, check_choice

FALLBACK_LIMIT = 8192
"""Tokens read of a text where neither the tokenizer nor a position table states a limit."""

GRAPH_TOKENS = 8192
"""Tokens whose graph is kept at once; a larger batch goes forward twice, in parts."""

EMBEDDED_AT_ONCE = 512
"""Texts that ``embed`` tokenizes at once, so that their tokens take bounded memory."""

EMBEDDED_TOKENS = 2048
"""Tokens of one pass of ``embed`` on a processor: what a layer holds of more leaves its caches."""

PADDING_SENSITIVE = frozenset({"convbert", "fnet", "funnel", "mobilebert", "nystromformer"})
"""Architectures that let padding change a text's vectors: they get none."""


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
        check_choice("pooling", pooling, get_args(Pooling))
        if pooling == "auto":
            pooling = "paper" if loaded.pipeline is None else "model"
        self.name = loaded.name
        self.pooling: Pooling = pooling
        self.pipeline = loaded.pipeline
        self.sites = find_sites(loaded.transformer)
        self.tokenizer = loaded.tokenizer
        self.similarity_function: SimilarityFunction = "cosine"
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

    @property
    def depth(self) -> int:
        """How many layers the transformer has."""
        return int(self.sites.body.config.num_hidden_layers)

    @property
    def limit(self) -> int:
        """How many tokens the model reads of a text, special tokens included."""
        stated = None if self.pipeline is None else self.pipeline.max_seq_length
        limits = [
            stated,
            self.tokenizer.model_max_length if stated is None else None,
            self.sites.position_limit,
            getattr(self.sites.body.config, "max_position_embeddings", None),
        ]
        # Tokenizers without a limit state a number like 10**30, and XLNet's positions are -1.
        return min([limit for limit in limits if limit and 0 < limit < 10**9] or [FALLBACK_LIMIT])

    @property
    def mask_token(self) -> str | None:
        """The text of the tokenizer's mask token, if it has one."""
        token: str | None = self.tokenizer.mask_token
        return token

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Have the model alone, frozen, whatever mode torch is in; see encoder.capture."""
        with frozen(self.source.module, body=self.sites.body):
            yield

    def tokenize(
        self, texts: Sequence[str], *, prompt: str = "", long_text: LongText = "truncate"
    ) -> list[TokenizedText]:
        """Tokenize texts as the model reads them; see whyalike.encoder.tokenization.

        Raises ModelError on a token that the model's table has no row for.
        """
        tokenized = tokenize(
            texts,
            tokenizer=self.tokenizer,
            limit=self.limit,
            prompt=prompt,
            long_text=long_text,
        )
        size = self.sites.table_size
        largest = max(
            (max(row.input_ids, default=0) for text in tokenized for row in text.rows), default=0
        )
        if largest >= size:
            raise ModelError(
                f"The tokenizer gives the token {largest}, and the embedding of {self.name} ends "
                f"at {size - 1}: they don't belong together. Give the model its own tokenizer."
            )
        return tokenized

    def find_prompts(
        self, prompts: tuple[str, str] | None, names: tuple[str, str] | None
    ) -> tuple[str, str]:
        """Return the literal prompts of the left and the right text.

        Raises:
            OptionError: both ways of naming them are used, or the model knows no such name.
        """
        return choose_prompts(
            prompts,
            names,
            known=getattr(self.pipeline, "prompts", None) or {},
            default=getattr(self.pipeline, "default_prompt_name", None),
            model=self.name,
        )

    def embed(
        self, texts: Sequence[str], *, prompt: str = "", long_text: LongText = "truncate"
    ) -> NDArray[np.float64]:
        """Return the vectors (N, H) of N texts as they are scored, each with ``prompt`` before it.

        No graph is kept, and texts go through the model with others of about their length.

        Raises:
            TextError: a text beyond the model's limit that may not be cut.
            ModelError: vectors with NaN or infinity.
        """
        return self.embed_and_tell(texts, prompt=prompt, long_text=long_text)[0]

    def embed_and_tell(
        self, texts: Sequence[str], *, prompt: str = "", long_text: LongText = "truncate"
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Return the vectors (N, H), and which of the texts (N,) were cut; else as ``embed``."""
        order = sorted(range(len(texts)), key=lambda index: -len(texts[index]))
        found: dict[int, NDArray[np.float64]] = {}
        cut = np.zeros(len(texts), dtype=np.bool_)
        for start in range(0, len(order), EMBEDDED_AT_ONCE):
            part = order[start : start + EMBEDDED_AT_ONCE]
            tokenized = self.tokenize(
                [texts[index] for index in part], prompt=prompt, long_text=long_text
            )
            if refused := next((text for text in tokenized if text.refusal), None):
                raise TextError(refused.refusal)
            cut[part] = [text.truncated for text in tokenized]
            found.update(zip(part, self._embed(tokenized), strict=True))
        # A text without any token has a zero of unknown width, where no other tells it.
        width = max((len(vector) for vector in found.values()), default=1)
        vectors = np.zeros((len(texts), width))
        for index, vector in found.items():
            vectors[index, : len(vector)] = vector
        return vectors, cut

    def _embed(self, texts: Sequence[TokenizedText]) -> NDArray[np.float64]:
        rows = [(index, row) for index, text in enumerate(texts) for row in text.rows]
        on_processor = self.sites.body.device.type == "cpu"
        most = EMBEDDED_TOKENS if on_processor else GRAPH_TOKENS
        groups = self._group(rows, texts, most_tokens=most)
        with self.frozen(), torch.no_grad():
            parts = [
                self._forward(
                    [rows[row] for row in group],
                    texts=texts,
                    options=BTIOptions(),
                    point="last_layer",
                ).scored
                for group in groups
            ]
            order = [row for group in groups for row in group]
            vectors = text_vectors(parts, order, rows, texts).double().cpu().numpy()
        if not np.isfinite(vectors).all():
            raise ModelError(self._not_finite)
        return vectors

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
            point: the embedding, the last layer's hidden states, or a hidden state by its index.
            gradient: whether to go backward at all.

        Raises:
            ModelError: vectors with NaN or infinity.
        """
        texts = [text for pair in pairs for text in (pair.left, pair.right)]
        rows = [(index, row) for index, text in enumerate(texts) for row in text.rows]
        groups = self._group(rows, texts)
        order = [row for group in groups for row in group]
        batches = [[rows[row] for row in group] for group in groups]
        forward = partial(self._forward, texts=texts, options=options, point=point)
        whole = gradient and sum(len(row.input_ids) for _, row in rows) <= GRAPH_TOKENS
        with self.frozen():
            with torch.set_grad_enabled(whole):
                forwards = [forward(batch) for batch in batches]
            with torch.set_grad_enabled(gradient):
                ends = [f.ends if whole else as_leaves(f, gradient=gradient) for f in forwards]
                scored = text_vectors([end[0] for end in ends], order, rows, texts)
                raw = text_vectors([end[1] for end in ends], order, rows, texts)
                scores = score_pairs(
                    scored, raw, pairs, function=self.similarity_function, options=options
                )
            if not np.isfinite(scores.similarity).all():
                raise ModelError(self._not_finite)
            slopes: Sequence[Tensor | None] = [None] * len(forwards)
            if whole and forwards:
                slopes = torch.autograd.grad(scores.objective.sum(), [f.point for f in forwards])
            elif gradient and forwards:
                slopes = slopes_in_parts(scores.objective, ends, batches, forward)
        return Pass(
            similarity=scores.similarity,
            identical=scores.identical,
            scale=scores.scale,
            groups=tuple(
                GroupPass(f.places, f.activation, slope, f.latent.detach())
                for f, slope in zip(forwards, slopes, strict=True)
            ),
        )

    def _group(
        self, rows: Rows, texts: Sequence[TokenizedText], *, most_tokens: int | None = None
    ) -> list[list[int]]:
        """Return the rows, by their indices, that go through the model together."""
        exact = self.sites.body.config.model_type in PADDING_SENSITIVE
        lengths = [len(row.input_ids) for _, row in rows]
        keys: list[Hashable] = [
            (texts[index].prompt, len(texts[index].rows) > 1, length if exact else None)
            for (index, _), length in zip(rows, lengths, strict=True)
        ]
        return group_rows(lengths, keys, most_tokens=most_tokens or GRAPH_TOKENS)

    def _forward(
        self,
        rows: Rows,
        *,
        texts: Sequence[TokenizedText],
        options: BTIOptions,
        point: Point,
    ) -> Forward:
        features = self.source.features([(texts[index], row) for index, row in rows])
        places, content = place_rows(rows, features["attention_mask"])
        with capture(
            self.sites,
            activation=options.activation,
            latent_layer=options.latent_layer,
            state=point if isinstance(point, int) else None,
        ) as captured:
            scored, raw = self.source.vectors(features, content, captured)
        activation = activation_of(captured, options.activation)
        if captured.leaf is None or captured.last_hidden is None or captured.latent is None:
            raise ModelError(f"{self.name} returned no hidden states.")
        if point == "embedding":
            return Forward(places, captured.leaf, activation, captured.latent, scored, raw)
        hidden = captured.last_hidden if captured.state is None else captured.state
        return Forward(places, hidden, hidden.detach(), captured.latent, scored, raw)

    @property
    def _not_finite(self) -> str:
        return (
            f"The vectors of {self.name} hold NaN or infinity: its weights are damaged, or "
            "its precision is too low. Load it in float32, or load it anew."
        )
