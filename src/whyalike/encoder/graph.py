"""Between the rows' vectors and the pairs' scores: windows put together, large graphs cut apart."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from whyalike.encoder.passes import Forward
from whyalike.encoder.tokenization import Row, TokenizedText

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


def slopes_in_parts(
    objective: Tensor,
    ends: Sequence[tuple[Tensor, Tensor]],
    batches: Sequence[Rows],
    forward: Callable[[Rows], Forward],
) -> list[Tensor]:
    """Return each group's gradient, holding one group's graph at a time.

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
        slopes.append(torch.autograd.grad(part.ends, part.point, at_part)[0])
    return slopes
