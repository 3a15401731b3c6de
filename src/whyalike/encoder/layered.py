"""One text's vector as a function of one of its hidden states."""

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from whyalike.encoder.capture import Captured, with_state
from whyalike.encoder.embedded import EmbeddedText
from whyalike.encoder.state_site import replacing, watching
from whyalike.encoder.tokenization import Row, TokenizedText
from whyalike.errors import ModelError, OptionError
from whyalike.types import BTIOptions
from whyalike.types.options import Baseline

if TYPE_CHECKING:
    from whyalike.encoder.encoder import Encoder

LAST = -1


class LayeredText(EmbeddedText):
    """A text whose hidden state at a layer can be replaced.

    state: (1, T, H), the hidden state of the text as the model reads it; the rest as in
    EmbeddedText, with E the token embedding alone.

    Args:
        encoder: the model.
        text: the text that the row is of.
        options: the method's.
        row: one of its rows.
        layer: which hidden state: 0 is the embeddings, -1 the last.

    Raises:
        OptionError: the model has no such layer, or does not make its state in a module.
    """

    def __init__(
        self, encoder: "Encoder", text: TokenizedText, *, options: BTIOptions, row: Row, layer: int
    ) -> None:
        self._asked = None if layer == LAST else layer
        super().__init__(encoder, text, options=replace(options, activation="token"), row=row)

    def _read(self) -> Captured:
        shape = tuple(self._features["input_ids"].shape)
        with (
            torch.no_grad(),
            self.encoder.held() as own,
            self._captured(state=self._asked) as captured,
            watching(own.sites.body, shape=shape) as watched,
        ):
            self._keep_ends(captured)
        state = self._kept(captured)
        # The last state is replaced in what the model returns, where every pooling reads it.
        self._site = None
        if state is not captured.last_hidden:
            self._site = watched.site_of(state)
            if self._site is None:
                raise OptionError(
                    f"{type(own.sites.body).__name__} does not make its hidden state {self._asked} "
                    "in a module of its own, so that it can't be replaced: choose another layer, "
                    "such as -1."
                )
        self._output = captured.output
        self.state = state.detach()
        return captured

    def ends(self, embeddings: Tensor) -> tuple[Tensor, Tensor]:
        """Return both vectors (1, H), as EmbeddedText does, for one hidden state (1, T, H).

        At the last layer only what follows the model runs.
        """
        state = embeddings.to(self.state.dtype)
        with ExitStack() as stack:
            output = None
            if self._site is None:
                output = with_state(self._output, state)
            captured = stack.enter_context(self._captured(leaf=self.embedding, output=output))
            if self._site is not None:
                stack.enter_context(replacing(self._site, state))
            return self.encoder.source.vectors(dict(self._features), self._content, captured)

    def reference(self, kind: Baseline) -> Tensor:
        """Return (1, T, H): the state of a text of the same length that says nothing.

        Its own tokens are replaced by the padding (or mask) token, or their embeddings by zeros;
        positions, special tokens and prompt stay.

        Raises:
            OptionError: the tokenizer has no such token.
        """
        baseline = self.baseline(kind)
        with torch.no_grad(), self._captured(state=self._asked, leaf=baseline) as captured:
            self.encoder.source.vectors(dict(self._features), self._content, captured)
        return self._kept(captured)

    def _kept(self, captured: Captured) -> Tensor:
        state = captured.last_hidden if self._asked is None else captured.state
        if state is None:
            raise ModelError(f"{self.encoder.name} returned no hidden states.")
        return state
