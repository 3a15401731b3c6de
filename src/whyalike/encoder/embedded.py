"""One text's vector as a function of its embedding: what path methods integrate over."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from whyalike.encoder.capture import Captured, capture
from whyalike.encoder.failing import explained_failures
from whyalike.encoder.passes import activation_of, place_rows
from whyalike.encoder.tokenization import Row, TokenizedText
from whyalike.errors import ModelError, OptionError
from whyalike.types import BTIOptions
from whyalike.types.options import Baseline

if TYPE_CHECKING:
    from whyalike.encoder.encoder import Encoder


class EmbeddedText:
    """A text whose embedding E can be replaced, that of special tokens and prompt included.

    embedding: (1, T, D), E of the text as the model reads it (row 9). vector: (1, H), as scored.
    raw: (1, H), the same before a Normalize at the end. positions: (T,), where the tokens of the
    text itself stand.

    Args:
        encoder: the model.
        text: the text that the row is of.
        options: ``activation`` is read here.
        row: one of its rows; without it, the text must have one only.

    Raises:
        OptionError: no row is given, and the text is read in windows, so that it has several.
    """

    def __init__(
        self,
        encoder: "Encoder",
        text: TokenizedText,
        *,
        options: BTIOptions,
        row: Row | None = None,
    ) -> None:
        if row is None and len(text.rows) != 1:
            raise OptionError(
                "A path over the embedding needs one input, and this text is read in "
                f"{len(text.rows)} windows: choose long_text='truncate', or another method."
            )
        self.encoder, self.options, row = encoder, options, row or text.rows[0]
        with encoder.held() as own:
            self._features = own.source.features([(text, row)])
        (place,), self._content = place_rows([(0, row)], self._features["attention_mask"])
        self.positions = torch.from_numpy(place.positions)
        self.ids = self._features["input_ids"][0]
        captured = self._read()
        self.embedding = activation_of(captured, options.activation)
        if captured.leaf is None:
            raise ModelError("The model's forward pass never used its input embeddings.")
        self._added = self.embedding - captured.leaf.detach()

    def _read(self) -> Captured:
        """Run the text as it is, and keep its vectors."""
        with torch.no_grad(), self._captured() as captured:
            self._keep_ends(captured)
        return captured

    @contextmanager
    def _captured(
        self, features: dict[str, Any] | None = None, **wanted: Any
    ) -> Iterator[Captured]:
        """Capture one pass, as ``capture`` does; the model is held as long."""
        ids = (features or self._features)["input_ids"]
        with (
            self.encoder.held() as own,
            explained_failures(self.encoder.name),
            capture(own.sites, activation=self.options.activation, ids=ids, **wanted) as captured,
        ):
            yield captured

    def _keep_ends(self, captured: Captured) -> None:
        # A pipeline writes what it finds into the features that it is given.
        features = dict(self._features)
        self.vector, self.raw = self.encoder.source.vectors(features, self._content, captured)

    def vectors(self, embeddings: Tensor) -> Tensor:
        """Return (N, H) vectors, as scored, of N variants of the text, given their E (N, T, D)."""
        return self.ends(embeddings)[0]

    def ends(self, embeddings: Tensor) -> tuple[Tensor, Tensor]:
        """Return the vectors (N, H) as scored, and the same before a Normalize at the end."""
        count = len(embeddings)
        features: dict[str, Any] = {
            key: value.expand(count, *value.shape[1:]) if isinstance(value, Tensor) else value
            for key, value in self._features.items()
        }
        leaf = (embeddings - self._added).to(self._added.dtype)
        with self._captured(features, leaf=leaf) as captured:
            content = self._content.expand(count, -1)
            return self.encoder.source.vectors(features, content, captured)

    def baseline(self, kind: Baseline) -> Tensor:
        """Return (1, T, D): zeros, or E with each token of the text replaced by a special one.

        Raises OptionError where there is no such token, or E is taken behind the LayerNorm.
        """
        if kind == "zero":
            return torch.zeros_like(self.embedding)
        tokenizer = self.encoder.tokenizer
        token = tokenizer.pad_token_id if kind == "pad" else tokenizer.mask_token_id
        if token is None or self.options.activation == "after_norm":
            raise OptionError(
                f"The baseline {kind!r} needs a {kind} token and an embedding before its "
                f"LayerNorm, and {self.encoder.name} lacks one of them: choose 'zero'."
            )
        table = self.encoder.sites.tokens[0]
        baseline = self.embedding.clone()
        own = self.positions.to(baseline.device)
        ids = self.ids[own]
        with torch.no_grad():
            baseline[0, own] += table(torch.full_like(ids, token)) - table(ids)
        return baseline
