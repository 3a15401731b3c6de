"""One text's vector as a function of its embedding, or of a hidden state."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from whyalike.errors import ModelError, OptionError
from whyalike.models.capture import Captured, capture, with_state
from whyalike.models.pipeline import activation_of, place_rows
from whyalike.models.replica import explained_failures
from whyalike.models.tokens import Row, TokenizedText
from whyalike.options import Baseline, GradientOptions, MethodOptions

if TYPE_CHECKING:
    from whyalike.models.encoder import Encoder


class EmbeddedText:
    """A text whose embedding E can be replaced, that of special tokens and prompt included.

    embedding: (1, T, D), E of the text as the model reads it (row 9). vector: (1, H), as scored.
    raw: (1, H), the same before a Normalize at the end. positions: (T,), where the tokens of the
    text itself stand.

    Parameters
    ----------
    encoder : Encoder
        The model.
    text : TokenizedText
        The text that the row is of.
    options : MethodOptions
        ``activation`` is read here.
    row : Row, optional
        One of its rows; without it, the text must have one only.

    Raises
    ------
    OptionError
        No row is given, and the text is read in windows, so that it has several.
    """

    def __init__(
        self,
        encoder: "Encoder",
        text: TokenizedText,
        *,
        options: MethodOptions,
        row: Row | None = None,
    ) -> None:
        if row is None and len(text.rows) != 1:
            raise OptionError(
                "A path over the embedding needs one input, and this text is read in "
                f"{len(text.rows)} windows: choose long_text='truncate', or another method."
            )
        encoder = encoder.reader_of(text)
        self.encoder, self.options = encoder, GradientOptions.of(options)
        row = row or text.rows[0]
        with encoder.held() as own:
            self._features = own.source.features([(text, row)])
        (place,), self._content = place_rows([(0, row)], self._features["attention_mask"])
        self.positions = torch.from_numpy(place.positions)
        self.ids = self._features["input_ids"][0]
        captured = self._read()
        self.embedding = activation_of(captured, self.options.activation)
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


@dataclass(frozen=True, eq=False)
class StateSite:
    """The call of a module that makes a hidden state: ALBERT calls one layer many times."""

    module: nn.Module
    call: int


@dataclass(eq=False)
class Watched:
    """What the modules of a model gave in one forward pass, in order."""

    calls: dict[nn.Module, int] = field(default_factory=dict)
    outputs: list[tuple[StateSite, Tensor]] = field(default_factory=list)

    def site_of(self, state: Tensor) -> StateSite | None:
        """Return the first call that gave this very tensor, or None."""
        return next((site for site, output in self.outputs if output is state), None)


@contextmanager
def watching(body: nn.Module, *, shape: tuple[int, ...]) -> Iterator[Watched]:
    """Watch what the modules inside ``body`` give, as far as it has B and T as in ``shape``.

    A state is known by being the same tensor, and not by a layer's name, which each architecture
    chooses for itself.
    """
    watched = Watched()

    def watch(module: nn.Module, _inputs: Any, output: Any) -> None:
        call = watched.calls[module] = watched.calls.get(module, -1) + 1
        first = output[0] if isinstance(output, tuple) and output else output
        if isinstance(first, Tensor) and first.shape[:2] == shape:
            watched.outputs.append((StateSite(module, call), first))

    with ExitStack() as hooks:
        for module in body.modules():
            if module is not body:
                hooks.callback(module.register_forward_hook(watch).remove)
        yield watched


@contextmanager
def replacing(site: StateSite, state: Tensor) -> Iterator[None]:
    """Put ``state`` in the place of what the site's module gives in the site's call."""
    calls = -1

    def replace(_module: nn.Module, _inputs: Any, output: Any) -> Any:
        nonlocal calls
        calls += 1
        return with_state(output, state) if calls == site.call else None

    hook = site.module.register_forward_hook(replace)
    try:
        yield
    finally:
        hook.remove()


LAST = -1


class LayeredText(EmbeddedText):
    """A text whose hidden state at a layer can be replaced.

    state: (1, T, H), the hidden state of the text as the model reads it; the rest as in
    EmbeddedText, with E the token embedding alone.

    Parameters
    ----------
    encoder : Encoder
        The model.
    text : TokenizedText
        The text that the row is of.
    options : MethodOptions
        The method's.
    row : Row
        One of its rows.
    layer : int
        Which hidden state: 0 is the embeddings, -1 the last.

    Raises
    ------
    OptionError
        The model has no such layer, or does not make its state in a module.
    """

    def __init__(
        self,
        encoder: "Encoder",
        text: TokenizedText,
        *,
        options: MethodOptions,
        row: Row,
        layer: int,
    ) -> None:
        self._asked = None if layer == LAST else layer
        own = replace(GradientOptions.of(options), activation="token")
        super().__init__(encoder, text, options=own, row=row)

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

        Raises
        ------
        OptionError
            The tokenizer has no such token.
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
