"""How a score changes as a token becomes less present, in attention and in pooling."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad, scaled_dot_product_attention, softmax
from torch.overrides import TorchFunctionMode

SOFTMAXES = (softmax, torch.softmax, Tensor.softmax)


class Presence(TorchFunctionMode):
    """Give each token a weight in the attention of the upper layers, 1 to start with.

    A token of weight w counts as w copies of itself: log w is added to the logits of all that look
    at it. Attention is known by the function that computes it, and not by a module's name, which
    each architecture chooses for itself; one call is one layer.

    log_weights: (B, 1, 1, T), all zero, to differentiate by. calls: how often attention was
    computed; in a model that can be seen, once in each layer.

    Args:
        mask: (B, T), the attention mask of the rows that go through the model.
        first: the first layer whose attention has the weights, counted from 0.
        dtype: the model's; the weights have it, or single precision where that is finer.
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
