"""The graph of a batch's pass: gradients at what it caught, and the presence of each token."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad, scaled_dot_product_attention, softmax
from torch.overrides import TorchFunctionMode

from whyalike.errors import ModelError
from whyalike.models.pipeline import Forward, GroupPass, Place, at_least_single
from whyalike.models.replica import explained_failures
from whyalike.models.tokens import Row, TokenizedText

SOFTMAXES = (softmax, torch.softmax, Tensor.softmax)


class Presence(TorchFunctionMode):
    """Give each token a weight in the attention of the upper layers, 1 to start with.

    A token of weight w counts as w copies of itself: log w is added to the logits of all that look
    at it. Attention is known by the function that computes it, and not by a module's name, which
    each architecture chooses for itself; one call is one layer.

    log_weights: (B, 1, 1, T), all zero, to differentiate by. calls: how often attention was
    computed; in a model that can be seen, once in each layer.

    Parameters
    ----------
    mask : Tensor
        (B, T), the attention mask of the rows that go through the model.
    first : int
        The first layer whose attention has the weights, counted from 0.
    dtype : dtype, default=torch.float32
        The model's; the weights have it, or single precision where that is finer.
    """

    def __init__(self, mask: Tensor, *, first: int, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        rows, length = mask.shape
        self.log_weights = torch.zeros(
            rows,
            1,
            1,
            length,
            device=mask.device,
            dtype=torch.promote_types(dtype, torch.float32),
            requires_grad=True,
        )
        self.first = first
        self.calls = 0

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Run a function of torch; attention from the layer ``first`` on with the weights."""
        kwargs = kwargs or {}
        if func is scaled_dot_product_attention:
            return self._attend(*args, **kwargs)
        if func in SOFTMAXES:
            return self._softmax(func, *args, **kwargs)
        return func(*args, **kwargs)

    def _sees(self, looking: Tensor, looked_at: int) -> bool:
        """Count a layer's attention: queries (B, heads, T, D) or logits (B, heads, T, T)."""
        rows, _, _, length = self.log_weights.shape
        if looking.dim() != 4 or looking.shape[0] != rows or looked_at != length:
            return False
        self.calls += 1
        return self.calls > self.first

    def _softmax(
        self, func: Callable[..., Tensor], input: Tensor, *placed: Any, **named: Any
    ) -> Tensor:
        dim = placed[0] if placed else named.get("dim")
        if dim in (-1, 3) and self._sees(input, input.shape[-1]):
            input = input + self.log_weights.to(input.dtype)
        return func(input, *placed, **named)

    def _attend(
        self, query: Tensor, key: Tensor, value: Tensor, *placed: Any, **named: Any
    ) -> Tensor:
        """Compute attention, with the weights as one feature more of queries and keys.

        In a mask that needs a gradient they would cost the memory of all logits.
        """
        if not self._sees(query, key.shape[-2]):
            return scaled_dot_product_attention(query, key, value, *placed, **named)
        named.update(zip(("attn_mask", "dropout_p", "is_causal"), placed, strict=False))
        scale = named.pop("scale", None) or query.shape[-1] ** -0.5
        weights = self.log_weights.to(key.dtype).mT.expand(-1, key.shape[1], -1, -1)
        query = torch.cat([query, torch.full_like(query[..., :1], 1 / scale)], dim=-1)
        key = torch.cat([key, weights], dim=-1)
        # Kernels that keep no logits want values as wide as keys.
        found = scaled_dot_product_attention(query, key, pad(value, (0, 1)), scale=scale, **named)
        return found[..., :-1]


def presence_slopes(last: Tensor, at_last: Tensor, *, at_weights: Tensor, own: Tensor) -> Tensor:
    """Return (B, T): how the score changes with the weight of each token.

    In a mean over tokens a weight counts as in attention: the derivative by it is the token's
    difference from the mean, along the gradient at the token. The mean is over the row's own, and
    any pooling is taken for such a mean: exact for a mean of own tokens and for the first token's
    vector, and near it where special tokens are in the mean.

    Parameters
    ----------
    last : Tensor
        (B, T, H), the last hidden states.
    at_last : Tensor
        (B, T, H), the gradient there.
    at_weights : Tensor
        (B, 1, 1, T), the gradient by the weights in attention.
    own : Tensor
        (B, T), True on tokens of the text itself.
    """
    content = content_slopes(last.detach(), at_last, own=own)
    return content + at_weights.double().flatten(1)


def content_slopes(states: Tensor, slopes: Tensor, *, own: Tensor) -> Tensor:
    """Return (B, T): (h - mean h) * dC/dh, summed over features, the mean over a row's own tokens.

    Half precision is widened first; sums over features are as exact as the states.

    Parameters
    ----------
    states : Tensor
        (B, T, H), hidden states.
    slopes : Tensor
        (B, T, H), the gradient there.
    own : Tensor
        (B, T), True on tokens of the text itself.
    """
    states, slopes = at_least_single(states), at_least_single(slopes)
    weights = own.to(states)
    weights = weights / weights.sum(1, keepdim=True).clamp(min=1)
    mean = torch.bmm(weights[:, None], states)
    return ((states - mean) * slopes).sum(-1).double()


Rows = Sequence[tuple[int, Row]]
"""Rows that go forward together, each with the index of its text."""


@dataclass(frozen=True, eq=False)
class Places:
    """Texts of which equal ones go through the model once, U of them.

    unique: the first of each. places: for each of these, where it stands among the texts.
    """

    unique: tuple[TokenizedText, ...]
    places: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, texts: Sequence[TokenizedText], *, least: int = 0) -> "Places":
        """Return the places of texts.

        Equal ones go through the model once where the repeats of the first have ``least`` tokens
        together, or more.
        """
        found: dict[object, list[int]] = {}
        for place, text in enumerate(texts):
            rows = tuple(row.input_ids for row in text.rows)
            key = text.route, text.prompt, text.text, rows
            found.setdefault(key, []).append(place)
        places: list[tuple[int, ...]] = []
        for equal in found.values():
            worth = (len(equal) - 1) * texts[equal[0]].length >= least
            places += [tuple(equal)] if worth else [(place,) for place in equal]
        places.sort()  # In the order of the texts, so that without any repeats nothing is moved.
        return cls(tuple(texts[each[0]] for each in places), tuple(places))

    @property
    def shared(self) -> bool:
        """Whether any text stands at several places."""
        return any(len(each) > 1 for each in self.places)

    def copies(self, batch: Rows) -> list[int]:
        """Return (B,): at how many places each row of a batch stands."""
        return [len(self.places[text]) for text, _ in batch]

    def order(self, batches: Sequence[Rows], texts: Sequence[TokenizedText]) -> list[int]:
        """Return, of the rows of all ``texts``, those that batches stand for, a row's together."""
        starts = np.cumsum([0, *(len(text.rows) for text in texts)])
        windows = {id(row): n for text in self.unique for n, row in enumerate(text.rows)}
        return [
            int(starts[place]) + windows[id(row)]
            for batch in batches
            for text, row in batch
            for place in self.places[text]
        ]

    def repeat(self, forward: Forward) -> Forward:
        """Return a group of the rows of ``unique`` with a row for each text that is one of them.

        Its graph is left behind.
        """
        if not self.shared:
            return forward
        rows = [row for row, place in enumerate(forward.places) for _ in self.places[place.text]]
        places = tuple(
            replace(place, text=text)
            for place in forward.places
            for text in self.places[place.text]
        )
        if len(rows) == len(forward.places):
            return replace(forward, places=places)
        index = torch.tensor(rows, device=forward.latent.device)
        presence = forward.presence
        return replace(
            forward,
            places=places,
            point=forward.point.detach()[index],
            activation=forward.activation[index],
            latent=forward.latent.detach()[index],
            presence=presence and (presence[0].detach()[index], presence[1].detach()[index]),
        )


def text_vectors(
    groups: Sequence[Tensor],
    order: Sequence[int],
    rows: Rows,
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


def as_leaves(forward: Forward, copies: Sequence[int], *, gradient: bool) -> tuple[Tensor, Tensor]:
    """Return a group's vectors cut off from their graph, to differentiate by them.

    Each row's stand there so many times, (sum of ``copies``, H): a copy has a gradient of its own.
    """
    repeats = torch.tensor(copies, device=forward.scored.device)
    scored, raw = (
        end.detach().repeat_interleave(repeats, 0).requires_grad_(gradient) for end in forward.ends
    )
    return scored, raw


def slopes_at_once(
    objective: Tensor, forwards: Sequence[Forward], *, name: str
) -> list[tuple[Tensor, ...]]:
    """Return each group's gradients, at each of its targets and of its shape, by one backward."""
    targets = [target for forward in forwards for target in forward.targets]
    with explained_failures(name):
        found = iter(torch.autograd.grad(objective.sum(), targets, allow_unused=True))
    return [_used(forward, list(islice(found, len(forward.targets)))) for forward in forwards]


def _used(
    forward: Forward, slopes: Sequence[Tensor | None], *, copies: int = 1
) -> tuple[Tensor, ...]:
    """Return the slopes, zero where attention or pooling never used a token's weight."""
    if slopes[0] is None:
        raise ModelError(
            "The score does not depend on the hidden state that the model returns for this layer, "
            "so that it has no gradient there: choose another layer, or a method that reads the "
            "embeddings, such as 'bti'."
        )
    return tuple(
        torch.zeros_like(at).repeat_interleave(copies, 0) if slope is None else slope
        for at, slope in zip(forward.targets, slopes, strict=True)
    )


def slopes_at_ends(
    objective: Tensor, ends: Sequence[tuple[Tensor, Tensor]]
) -> list[tuple[Tensor, Tensor]]:
    """Return the gradients at each group's vectors, from where the group goes backward by itself.

    That is the first half of the chain rule by hand, and ``slopes_of_group`` the second.

    Parameters
    ----------
    objective : Tensor
        (P,), what is differentiated.
    ends : sequence of tuple of Tensor
        For each group its vectors, as ``as_leaves`` gives them.
    """
    found = torch.autograd.grad(
        objective.sum(), [tensor for end in ends for tensor in end], materialize_grads=True
    )
    return list(zip(found[::2], found[1::2], strict=True))


def slopes_of_group(
    forward: Forward, at_ends: tuple[Tensor, Tensor], *, most_tokens: int, name: str
) -> tuple[Tensor, ...]:
    """Return a group's gradients, from those at its vectors.

    Where its vectors stand several times there, once for each copy of them: slopes are
    (B copies, ...) then, those of a row together.

    Parameters
    ----------
    forward : Forward
        The group in its graph.
    at_ends : tuple of Tensor
        Of ``slopes_at_ends``, the group's.
    most_tokens : int
        Tokens of the copies that go backward together.
    name : str
        The model's.
    """
    copies = len(at_ends[0]) // len(forward.scored)
    found: Sequence[Tensor | None]
    with explained_failures(name):
        if copies == 1:
            found = torch.autograd.grad(forward.ends, forward.targets, at_ends, allow_unused=True)
        else:
            found = _slopes_of_copies(forward, at_ends, copies, most_tokens=most_tokens)
    return _used(forward, found, copies=copies)


def _slopes_of_copies(
    forward: Forward, at_ends: Sequence[Tensor], copies: int, *, most_tokens: int
) -> tuple[Tensor | None, ...]:
    """Return a group's gradients for each of its copies: rows do not touch each other."""
    by_copy = [at.view(-1, copies, *at.shape[1:]).transpose(0, 1) for at in at_ends]
    size = max(1, most_tokens // max(1, forward.latent.shape[0] * forward.latent.shape[1]))
    found = [
        _backward_at_once(forward, some)
        for some in zip(*(torch.split(at, size) for at in by_copy), strict=True)
    ]
    return tuple(
        None if column[0] is None else torch.cat(column).transpose(0, 1).flatten(0, 1)
        for column in zip(*found, strict=True)
    )


def _backward_at_once(forward: Forward, at_ends: Sequence[Tensor]) -> tuple[Tensor | None, ...]:
    """Return gradients (C, B, ...) for each of C gradients at the ends, (C, B, H) each."""
    backward = partial(
        torch.autograd.grad, forward.ends, forward.targets, allow_unused=True, retain_graph=True
    )
    try:
        found: tuple[Tensor | None, ...] = backward(at_ends, is_grads_batched=True)
    except RuntimeError:
        # Something in this model has no backward that can be batched: copy by copy it has one.
        each = [backward(list(one)) for one in zip(*at_ends, strict=True)]
        return tuple(
            None if column[0] is None else torch.stack(column) for column in zip(*each, strict=True)
        )
    return found


def finished(forward: Forward, slopes: Sequence[Tensor]) -> GroupPass:
    """Return what a group's passes found, without its graph; ``slopes`` are at its targets."""
    found = GroupPass(
        forward.places,
        forward.activation,
        slopes[0] if slopes else None,
        forward.latent.detach(),
        attended=forward.attended,
    )
    if forward.presence is None or not slopes:
        return found
    last = forward.presence[1]
    own = own_tokens(forward.places, last)
    at_weights = slopes[1] if forward.attended else torch.zeros_like(slopes[1])
    presence = presence_slopes(last, slopes[2], at_weights=at_weights, own=own)
    return replace(found, presence=presence)


def own_tokens(places: Sequence[Place], states: Tensor) -> Tensor:
    """Return (B, T), True where the token of a row of ``states`` (B, T, H) is one of the text."""
    own = np.zeros(states.shape[:2], dtype=np.bool_)
    for index, place in enumerate(places):
        own[index, place.positions] = True
    return torch.from_numpy(own).to(states.device)
