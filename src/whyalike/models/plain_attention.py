"""Attention by its formula, for derivatives that the fast kernels do not have."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode


class PlainAttention(TorchFunctionMode):
    """Compute attention by its formula: the fast kernels have no forward-mode derivative.

    Nor can their backward pass be batched. It acts in this thread alone; torch's own switch of
    kernels is one for the whole process.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Compute what was asked for; attention by torch's reference implementation."""
        del types
        if func is functional.scaled_dot_product_attention:
            return _attend_plainly(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


def _attend_plainly(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    *placed: Any,
    **named: Any,
) -> Tensor:
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        # The reference implementation adds its mask.
        attn_mask = torch.zeros_like(attn_mask, dtype=query.dtype).masked_fill(
            ~attn_mask, float("-inf")
        )
    found: Tensor = torch.ops.aten._scaled_dot_product_attention_math(
        query, key, value, attn_mask, *placed, **named
    )[0]
    return found
