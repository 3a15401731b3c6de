"""How a score changes as a token becomes less present, in attention and in pooling."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention, softmax
from torch.overrides import TorchFunctionMode

SOFTMAXES = (softmax, torch.softmax, Tensor.softmax)


class Presence(TorchFunctionMode):
    """Give each token a weight in the attention of the upper layers, 1 to start with.

    A token of weight w counts as w copies of itself: log w is added to the logits of all that look
    at it. Attention is known by the function that computes it, and not by a module's name, which
    each architecture chooses for itself; one call is one layer.

    log_weights: (B, 1, 1, T), all zero, to differentiate by. calls: how many layers were seen.

    Args:
        mask: (B, T), the attention mask of the rows that go through the model.
        first: the first layer whose attention has the weights, counted from 0.
    """

    def __init__(self, mask: Tensor, *, first: int) -> None:
        super().__init__()
        rows, length = mask.shape
        self.log_weights = torch.zeros(rows, 1, 1, length, device=mask.device).requires_grad_()
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
        if func is scaled_dot_product_attention and self._is_attention(args[0], args[1]):
            args, kwargs = self._masked(*args, **kwargs)
        elif func in SOFTMAXES and args and self._is_attention(args[0], None):
            args = (self._weighted(args[0]), *args[1:])
        return func(*args, **kwargs)

    def _is_attention(self, queries: Tensor, keys: Tensor | None) -> bool:
        """Whether these are queries and keys (B, heads, T, D), or logits (B, heads, T, T)."""
        rows, _, _, length = self.log_weights.shape
        looked_at = queries.shape[-1] if keys is None else keys.shape[-2]
        return queries.dim() == 4 and (queries.shape[0], looked_at) == (rows, length)

    def _weighted(self, logits: Tensor) -> Tensor:
        self.calls += 1
        if self.calls <= self.first:
            return logits
        return logits + self.log_weights.to(logits.dtype)

    def _masked(
        self, query: Tensor, key: Tensor, value: Tensor, *placed: Any, **named: Any
    ) -> tuple[tuple[Tensor, ...], dict[str, Any]]:
        """Return the arguments of scaled_dot_product_attention with the weights in the mask."""
        self.calls += 1
        named = {
            **named,
            **dict(zip(("attn_mask", "dropout_p", "is_causal"), placed, strict=False)),
        }
        if self.calls > self.first:
            mask = torch.zeros(query.shape[-2], key.shape[-2]).to(query)
            if named.get("is_causal"):
                later = torch.ones_like(mask, dtype=torch.bool).triu(1)
                mask = mask.masked_fill(later, -torch.inf)
            if (given := named.get("attn_mask")) is not None:
                boolean = given.dtype == torch.bool
                mask = mask.masked_fill(~given, -torch.inf) if boolean else mask + given
            mask = mask + self.log_weights.to(query.dtype)
            named = {**named, "attn_mask": mask, "is_causal": False}
        return (query, key, value), named


def presence_slopes(last: Tensor, at_last: Tensor, *, at_weights: Tensor, own: Tensor) -> Tensor:
    """Return (B, T): how the score changes with the weight of each token.

    In a mean over tokens a weight counts as in attention: the derivative by it is the token's
    difference from the mean, along the gradient at the token. The mean is over the row's own.

    Args:
        last: (B, T, H), the last hidden states.
        at_last: (B, T, H), the gradient there.
        at_weights: (B, 1, 1, T), the gradient by the weights in attention.
        own: (B, T), True on tokens of the text itself.
    """
    last, at_last = last.detach().double(), at_last.double()
    counted = own[:, :, None].to(last)
    mean = (last * counted).sum(1, keepdim=True) / counted.sum(1, keepdim=True).clamp(min=1)
    return ((last - mean) * at_last).sum(-1) + at_weights.double().flatten(1)
