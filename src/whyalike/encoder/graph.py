"""Between the rows' vectors and the pairs' scores: windows put together, large graphs cut apart."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice

import torch
from torch import Tensor

from whyalike.encoder.failing import explained_failures
from whyalike.encoder.passes import Forward, GroupPass
from whyalike.encoder.presence import presence_slopes
from whyalike.encoder.tokenization import Row, TokenizedText
from whyalike.errors import ModelError

Rows = Sequence[tuple[int, Row]]
"""Rows that go forward together, each with the index of its text."""


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


def as_leaves(forward: Forward, *, gradient: bool) -> tuple[Tensor, Tensor]:
    """Return a group's vectors cut off from their graph, to differentiate by them."""
    scored, raw = (end.detach().requires_grad_(gradient) for end in forward.ends)
    return scored, raw


def slopes_at_once(
    objective: Tensor, forwards: Sequence[Forward], *, name: str
) -> list[tuple[Tensor, ...]]:
    """Return each group's gradients, at each of its targets and of its shape, by one backward."""
    targets = [target for forward in forwards for target in forward.targets]
    with explained_failures(name):
        found = iter(torch.autograd.grad(objective.sum(), targets, allow_unused=True))
    return [_used(forward, list(islice(found, len(forward.targets)))) for forward in forwards]


def _used(forward: Forward, slopes: Sequence[Tensor | None]) -> tuple[Tensor, ...]:
    """Return the slopes, zero where attention or pooling never used a token's weight."""
    if slopes[0] is None:
        raise ModelError(
            "The score does not depend on the hidden state that the model returns for this layer, "
            "so that it has no gradient there: choose another layer, or a method that reads the "
            "embeddings, such as 'bti'."
        )
    pairs = zip(forward.targets, slopes, strict=True)
    return tuple(torch.zeros_like(at) if slope is None else slope for at, slope in pairs)


def slopes_in_parts(
    objective: Tensor,
    ends: Sequence[tuple[Tensor, Tensor]],
    batches: Sequence[Rows],
    forward: Callable[[Rows], Forward],
    *,
    name: str,
) -> list[tuple[Tensor, ...]]:
    """Return each group's gradients, holding one group's graph at a time.

    The chain rule by hand: first the gradient at the rows' vectors, then each group forward again
    and backward from there.
    """
    at_ends = torch.autograd.grad(
        objective.sum(), [tensor for end in ends for tensor in end], materialize_grads=True
    )
    slopes = []
    for index, batch in enumerate(batches):
        with torch.enable_grad():
            part = forward(batch)
        at_part = at_ends[2 * index : 2 * index + 2]
        with explained_failures(name):
            found = torch.autograd.grad(part.ends, part.targets, at_part, allow_unused=True)
        slopes.append(_used(part, found))
    return slopes


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
    own = torch.zeros(forward.point.shape[:2], dtype=torch.bool)
    for index, place in enumerate(forward.places):
        own[index, torch.from_numpy(place.positions)] = True
    last = forward.presence[1]
    at_weights = slopes[1] if forward.attended else torch.zeros_like(slopes[1])
    presence = presence_slopes(last, slopes[2], at_weights=at_weights, own=own.to(last.device))
    return replace(found, presence=presence)
