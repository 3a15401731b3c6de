"""The model as explanations need it: tokens with offsets, then one forward and one backward."""

from collections.abc import Hashable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from whyalike.encoder.batching import group_rows
from whyalike.encoder.capture import capture
from whyalike.encoder.graph import (
    Rows,
    as_leaves,
    finished,
    slopes_at_once,
    slopes_in_parts,
    text_vectors,
)
from whyalike.encoder.pair_scores import score_pairs
from whyalike.encoder.passes import (
    Forward,
    Pass,
    Point,
    TokenPair,
    activation_of,
    place_rows,
)
from whyalike.encoder.presence import Presence
from whyalike.encoder.token_reader import TokenReader
from whyalike.encoder.tokenization import TokenizedText
from whyalike.errors import ModelError, TextError
from whyalike.types import BTIOptions
from whyalike.types.options import LongText

GRAPH_TOKENS = 8192
"""Tokens whose graph is kept at once; a larger batch goes forward twice, in parts."""

EMBEDDED_AT_ONCE = 512
"""Texts that ``embed`` tokenizes at once, so that their tokens take bounded memory."""

EMBEDDED_TOKENS = 2048
"""Tokens of one pass of ``embed`` on a processor: what a layer holds of more leaves its caches."""

PADDING_SENSITIVE = frozenset({"convbert", "fnet", "funnel", "mobilebert", "nystromformer"})
"""Architectures that let padding change a text's vectors: they get none."""


class Encoder(TokenReader):
    """A loaded model whose scores can be computed, and differentiated at what it makes of tokens.

    Arguments and errors are those of TokenReader.
    """

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
            raise ModelError(self.not_finite)
        return vectors

    def run(
        self,
        pairs: Sequence[TokenPair],
        *,
        options: BTIOptions,
        point: Point = "embedding",
        gradient: bool = True,
        presence_from: int | None = None,
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
            presence_from: where given, the first layer from which on, and in the pooling, the
                score is differentiated by each token's weight too.

        Raises:
            ModelError: vectors with NaN or infinity.
        """
        texts = [text for pair in pairs for text in (pair.left, pair.right)]
        rows = [(index, row) for index, text in enumerate(texts) for row in text.rows]
        groups = self._group(rows, texts)
        order = [row for group in groups for row in group]
        batches = [[rows[row] for row in group] for group in groups]
        forward = partial(
            self._forward, texts=texts, options=options, point=point, presence_from=presence_from
        )
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
                raise ModelError(self.not_finite)
            slopes: Sequence[tuple[Tensor, ...]] = [()] * len(forwards)
            if whole and forwards:
                slopes = slopes_at_once(scores.objective, forwards)
            elif gradient and forwards:
                slopes = slopes_in_parts(scores.objective, ends, batches, forward)
        return Pass(
            similarity=scores.similarity,
            identical=scores.identical,
            scale=scores.scale,
            groups=tuple(
                finished(forward, found) for forward, found in zip(forwards, slopes, strict=True)
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
        presence_from: int | None = None,
    ) -> Forward:
        features = self.source.features([(texts[index], row) for index, row in rows])
        places, content = place_rows(rows, features["attention_mask"])
        seen = None
        with ExitStack() as stack:
            captured = stack.enter_context(
                capture(
                    self.sites,
                    activation=options.activation,
                    latent_layer=options.latent_layer,
                    state=point if isinstance(point, int) else None,
                )
            )
            if presence_from is not None:
                seen = Presence(
                    features["attention_mask"], first=presence_from, dtype=self.sites.body.dtype
                )
                stack.enter_context(seen)
            scored, raw = self.source.vectors(features, content, captured)
        activation = activation_of(captured, options.activation)
        if captured.leaf is None or captured.last_hidden is None or captured.latent is None:
            raise ModelError(f"{self.name} returned no hidden states.")
        where = captured.leaf
        if point != "embedding":
            where = captured.last_hidden if captured.state is None else captured.state
            activation = where.detach()
        found = Forward(places, where, activation, captured.latent, scored, raw)
        if seen is None:
            return found
        presence = (seen.log_weights, captured.last_hidden)
        return replace(found, presence=presence, attended=seen.calls == self.depth)
