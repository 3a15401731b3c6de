"""What each word adds to a score as a function of the other text's vector: that is one vector.

``whyalike`` adds up the gradient of the score along directions that depend on the text alone: its
words' activations, less their mean, and their weights in attention and in the pooling. The score is
a product of two vectors, scaled each by itself. So what a word adds is a product too, of the other
text's vector with what forward-mode derivatives give of this text: with S the text's vector, r the
same before a Normalize at its end, dS and dr their derivatives along the word, and β what counts of
a vector's length (``LENGTH_SHARE``),

    slope = dS / |S| - û (û · dS) / |S| + (1 - β) û (r · dr) / |r|²,        û = S / |S|

for a cosine, and dS + (1 - β) S (r · dr) / |r|² for a product with a Normalize at the end.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from whyalike.arrays import Floats
from whyalike.errors import ModelError, OptionError
from whyalike.interruption import checkpoint
from whyalike.methods.contribution_vectors import PlainAttention, forward_mode
from whyalike.methods.method import PreparedText
from whyalike.methods.whyalike import LAST_LAYERS_INPUT, LENGTH_SHARE, UNSEEN
from whyalike.models.capture import Captured, capture, with_state
from whyalike.models.embedded import StateSite, watching
from whyalike.models.encoder import Encoder, OwnModel
from whyalike.models.graph import Presence, Rows
from whyalike.models.pipeline import Place, at_least_single, place_rows
from whyalike.models.replica import explained_failures
from whyalike.models.scorer import Scorer, sides_of
from whyalike.stored_reasons import TextReasons
from whyalike.words import mean_vectors

ROW_TOKENS = 256
"""Tokens of the rows that are differentiated together."""

TOKENS_AT_ONCE = 8192
"""Tokens in the directions that are followed together; both bound memory, and more is no faster on
a processor."""

BLANK = 1e-12
"""The length of a vector that is taken for none."""


def refuse_stored(model: Scorer) -> Encoder:
    """Return a model whose words' derivatives can be stored.

    Raises OptionError where the model does not show its inside, or compares vectors by something
    else than a product.
    """
    needed = {"vectors", "tokens", "hidden states", "gradients"}
    if not needed <= model.capabilities or not isinstance(model, Encoder):
        raise OptionError(
            f"{model.name} does not show what an embedding is made of, which stored reasons need: "
            "make the index without them (leave out explainable, --explainable)."
        )
    if sides_of(model) != (model, model):
        raise OptionError(
            f"{model.name} reads queries and items in two ways, and reasons are stored for one: "
            "make the index without them (leave out explainable, --explainable)."
        )
    if model.similarity_function not in ("cosine", "dot"):
        raise OptionError(
            f"{model.name} compares vectors by {model.similarity_function}; reasons can be stored "
            "where the score is a product of two vectors (cosine, dot): make the index without "
            "them (leave out explainable, --explainable)."
        )
    return model


def text_reasons(
    model: Scorer, texts: Sequence[PreparedText], *, rows_at_once: int = ROW_TOKENS
) -> list[TextReasons]:
    """Return what is to be stored of each text, by which any pair of them is explained.

    It is what ``whyalike`` with its usual options would find, and costs a forward pass through the
    upper half of the layers for each word, and one more through all.

    Parameters
    ----------
    model : Scorer
        An encoder that compares vectors by their cosine or their product.
    texts : sequence of PreparedText
        The texts, as the model reads them.
    rows_at_once : int, default=ROW_TOKENS
        Tokens of the rows that go together; only speed and memory depend on it.

    Raises
    ------
    OptionError
        Another kind of model; see ``refuse_stored``.
    ModelError
        Torch has no forward-mode derivative of something in the model, or NaN.
    """
    encoder = refuse_stored(model)
    encoder.require_gradient()
    tokenized = [text.tokens for text in texts]
    rows = [(index, row) for index, text in enumerate(tokenized) for row in text.rows]
    parts: list[list[_RowPart]] = [[] for _ in texts]
    for group in encoder._group(rows, tokenized, most_tokens=rows_at_once):
        batch = [rows[row] for row in group]
        for (index, _), part in zip(batch, _derive(encoder, batch, texts), strict=True):
            parts[index].append(part)
    return [
        _joined(text, own, function=encoder.similarity_function)
        for text, own in zip(texts, parts, strict=True)
    ]


@dataclass(frozen=True, eq=False)
class _RowPart:
    """What one row of a text gives.

    scored, raw: (H,), its vector. words: (D,), those that it has tokens of. of_scored, of_raw:
    (D, H), the derivatives along each. latent: (T, H'), of the tokens that the row owns.
    """

    place: Place
    scored: Floats
    raw: Floats
    words: NDArray[np.intp]
    of_scored: Floats
    of_raw: Floats
    latent: Floats
    attended: bool


def _derive(encoder: Encoder, rows: Rows, texts: Sequence[PreparedText]) -> list[_RowPart]:
    checkpoint()
    with forward_mode(), encoder.held() as own, explained_failures(encoder.name):
        pass_ = _RowsPass(encoder, own, rows, texts)
        of_scored, of_raw = pass_.derivatives()
        return pass_.parts(of_scored, of_raw)


class _RowsPass:
    """Rows that went through the model once, to be differentiated along their words."""

    def __init__(
        self, encoder: Encoder, own: OwnModel, rows: Rows, texts: Sequence[PreparedText]
    ) -> None:
        self.own, self.depth = own, encoder.depth
        middle = (encoder.depth + 1) // 2
        self.first = min(middle, encoder.depth - 1)
        tokenized = [(texts[index].tokens, row) for index, row in rows]
        self.features = own.source.features(tokenized)
        self.places, self.content = place_rows(rows, self.features["attention_mask"])
        shape = tuple(self.features["input_ids"].shape)
        with (
            torch.no_grad(),
            self._captured(latent_layer=middle, state=LAST_LAYERS_INPUT) as captured,
            watching(own.sites.body, shape=shape) as watched,
            self._presence() as seen,
        ):
            self.scored, self.raw = self._vectors(captured)
        if captured.leaf is None or captured.last_hidden is None or captured.latent is None:
            raise ModelError(f"{encoder.name} returned no hidden states.")
        self.attended = seen.calls == self.depth
        self.leaf = captured.leaf.detach()
        self.latent, last, state = captured.latent, captured.last_hidden, captured.state
        site = None if state is None else watched.site_of(state)
        if state is None or site is None:
            raise OptionError(
                f"{type(own.sites.body).__name__} does not make the input of its last layer in a "
                "module of its own, so that it can't be differentiated word by word: make the "
                "index without stored reasons (leave out explainable, --explainable)."
            )
        self.site = site
        self.words, self.weights = self._word_weights(texts)
        self.of_state, self.of_last = (self._without_mean(each.detach()) for each in (state, last))

    def _without_mean(self, states: Tensor) -> Tensor:
        """Return states (B, T, H) less the mean of the text's own in each row."""
        own = torch.zeros(states.shape[:2], dtype=torch.bool)
        for index, place in enumerate(self.places):
            own[index, torch.from_numpy(place.positions)] = True
        counted = own[:, :, None].to(states.device).double()
        exact = states.double()
        mean = (exact * counted).sum(1, keepdim=True) / counted.sum(1, keepdim=True).clamp(min=1)
        return ((exact - mean) * counted).to(states.dtype)

    def _word_weights(
        self, texts: Sequence[PreparedText]
    ) -> tuple[list[NDArray[np.intp]], NDArray[np.float64]]:
        """Return the words of each row, and (D, B, T): how much of each token a word has.

        D is the most words of a row; one of fewer has zeros. A token of two words is half each's.
        """
        length = self.features["input_ids"].shape[1]
        found, matrices = [], []
        for place in self.places:
            alignment = texts[place.text].alignment
            shares = np.bincount(
                alignment.link_tokens, minlength=len(texts[place.text].tokens.offsets)
            )
            position = np.full(len(shares), -1)
            position[place.tokens] = place.positions
            here = position[alignment.link_tokens] >= 0
            words, tokens = alignment.link_words[here], alignment.link_tokens[here]
            own, places = np.unique(words, return_inverse=True)
            matrix = np.zeros((len(own), length))
            matrix[places, position[tokens]] = 1 / shares[tokens]
            found.append(own)
            matrices.append(matrix)
        weights = np.zeros((max(map(len, found), default=0), len(found), length))
        for index, matrix in enumerate(matrices):
            weights[: len(matrix), index] = matrix
        return found, weights

    @contextmanager
    def _captured(self, **wanted: Any) -> Iterator[Captured]:
        with capture(
            self.own.sites, activation="token", ids=self.features["input_ids"], **wanted
        ) as captured:
            yield captured

    def _presence(self, log_weights: Tensor | None = None) -> Presence:
        seen = Presence(
            self.features["attention_mask"], first=self.first, dtype=self.own.sites.body.dtype
        )
        if log_weights is not None:
            seen.log_weights = log_weights
        return seen

    def _vectors(self, captured: Captured) -> tuple[Tensor, Tensor]:
        # A pipeline writes what it finds into the features that it is given.
        return self.own.source.vectors(dict(self.features), self.content, captured)

    def _ends(
        self, at_state: Tensor, log_weights: Tensor, at_last: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the vectors as scored and as they were before a Normalize, (B, H) each.

        That is, with something added to the last layer's input and to its output, (B, T, H) each,
        and with the tokens' weights in attention, (B, 1, 1, T).
        """
        with (
            self._captured(leaf=self.leaf, added=at_last) as captured,
            _adding(self.site, at_state),
            PlainAttention(),
            self._presence(log_weights),
        ):
            return self._vectors(captured)

    def derivatives(self) -> tuple[Floats, Floats]:
        """Return the derivatives (D, B, H) of both vectors along each word."""
        state, last = self.of_state, self.of_last
        weights = torch.from_numpy(self.weights).to(state.device)
        zeros = (
            torch.zeros_like(state),
            self._presence().log_weights.detach(),
            torch.zeros_like(last),
        )
        attended = float(self.attended)

        def along(mask: Tensor) -> tuple[Tensor, Tensor]:
            """Half of what the content adds, and half of what the presence does."""
            half = mask / 2
            change = (
                state * half[:, :, None].to(state.dtype),
                attended * half[:, None, None, :].to(zeros[1].dtype),
                last * half[:, :, None].to(last.dtype),
            )
            found: tuple[Tensor, Tensor] = torch.func.jvp(self._ends, zeros, change)[1]
            return found

        size = max(1, TOKENS_AT_ONCE // max(1, state.shape[0] * state.shape[1]))
        found = []
        for some in torch.split(weights, size):
            checkpoint()
            with torch.no_grad():
                both = _follow(along, some)
            found.append([at_least_single(one).double().cpu().numpy() for one in both])
        rows, width = self.scored.shape
        nothing = np.zeros((0, rows, width))
        of_scored, of_raw = (
            np.concatenate([nothing, *(pair[side] for pair in found)]) for side in (0, 1)
        )
        return of_scored, of_raw

    def parts(self, of_scored: Floats, of_raw: Floats) -> list[_RowPart]:
        """Return what each row gives."""
        scored, raw, latent = (
            at_least_single(each).double().cpu().numpy()
            for each in (self.scored, self.raw, self.latent)
        )
        return [
            _RowPart(
                place,
                scored[index],
                raw[index],
                self.words[index],
                of_scored[: len(self.words[index]), index],
                of_raw[: len(self.words[index]), index],
                latent[index, place.positions[place.owned]],
                self.attended,
            )
            for index, place in enumerate(self.places)
        ]


def _follow(along: Any, masks: Tensor) -> tuple[Tensor, Tensor]:
    try:
        found: tuple[Tensor, Tensor] = torch.func.vmap(along)(masks)
    except (ModelError, RuntimeError) as error:
        # A model's own failure is raised as ModelError, caused by what torch says.
        said = error.__cause__ if isinstance(error, ModelError) else error
        if not isinstance(said, RuntimeError):
            raise
        raise ModelError(
            "This model can't be differentiated word by word (forward mode, in which torch says: "
            f"{said}). Load it with attn_implementation='eager', or make the index without stored "
            "reasons (leave out explainable, --explainable)."
        ) from said
    return found


@contextmanager
def _adding(site: StateSite, added: Tensor) -> Iterator[None]:
    """Add something to what the site's module gives in the site's call."""
    calls = -1

    def add(_module: Any, _inputs: Any, output: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls != site.call:
            return None
        first = output if isinstance(output, Tensor) else output[0]
        return with_state(output, first + added)

    hook = site.module.register_forward_hook(add)
    try:
        yield
    finally:
        hook.remove()


def _joined(text: PreparedText, rows: Sequence[_RowPart], *, function: str) -> TextReasons:
    """Return what the rows of a text give together: windows count by the tokens that they own."""
    count = len(text.alignment.spans)
    if not rows:
        return TextReasons(np.zeros((count, 1)), np.zeros((count, 1)), np.zeros(count, dtype=bool))
    owned = np.array([max(float(row.place.owned.sum()), 1e-9) for row in rows])
    width, latent_width = len(rows[0].scored), rows[0].latent.shape[1]
    scored, raw = np.zeros(width), np.zeros(width)
    of_scored, of_raw = np.zeros((count, width)), np.zeros((count, width))
    latent = np.zeros((len(text.tokens.offsets), latent_width))
    for row, weight in zip(rows, owned / owned.sum(), strict=True):
        scored += weight * row.scored
        raw += weight * row.raw
        of_scored[row.words] += weight * row.of_scored
        of_raw[row.words] += weight * row.of_raw
        latent[row.place.tokens[row.place.owned]] = row.latent
    slopes = _slopes(scored, raw, of_scored, of_raw, function=function)
    if not np.isfinite(slopes).all():
        raise ModelError(
            "The model's derivatives hold NaN or infinity, though its vectors do not: load it in "
            "float32, or with attn_implementation='eager'."
        )
    return TextReasons(
        slopes=slopes,
        vectors=mean_vectors(text.alignment, latent),
        matchable=text.alignment.has_token,
        notes=() if all(row.attended for row in rows) else (UNSEEN,),
    )


def _slopes(
    scored: Floats, raw: Floats, of_scored: Floats, of_raw: Floats, *, function: str
) -> Floats:
    """Return (W, H): what each word adds, by the partner's vector; see above."""
    length, raw_length = (max(float(np.linalg.norm(each)), BLANK) for each in (scored, raw))
    unit = scored / length
    if function == "dot" and np.array_equal(scored, raw):
        return of_scored
    by_length = (1 - LENGTH_SHARE) * (of_raw @ raw) / raw_length**2
    if function == "dot":
        of_product: Floats = of_scored + by_length[:, None] * scored
        return of_product
    turned = (of_scored - (of_scored @ unit)[:, None] * unit) / length
    of_cosine: Floats = turned + by_length[:, None] * unit
    return of_cosine
