"""A model seen as linear in its tokens: attention and norms held fixed while differentiating."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

_SOFTMAX = {torch.softmax, Tensor.softmax, functional.softmax, torch.special.softmax}
_ROOTS = {torch.rsqrt, Tensor.rsqrt, torch.sqrt, Tensor.sqrt}
_LAYER_NORMS = {functional.layer_norm, torch.layer_norm}
_RMS_NORMS = {functional.rms_norm, torch.rms_norm}


class ConstantStatistics(TorchFunctionMode):
    """Within this mode, derivatives take attention probabilities and norms' scales as constant.

    Vasileiou & Eberle 2024, section 3, after Ali et al. 2022 (AH and LN rules): the probabilities
    of attention, and the standard deviation by which a LayerNorm or RMSNorm divides; its centring
    is linear and stays. All values are as without the mode. It works by what torch is asked to
    compute and not by module names, so that it holds for any architecture; RMSNorms that are
    written out divide by a root, and the hidden states take none elsewhere.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Compute what was asked for, with constants cut off from the derivative."""
        del types
        kwargs = kwargs or {}
        if func in _SOFTMAX or func in _ROOTS:
            return func(*args, **kwargs).detach()
        if func is functional.scaled_dot_product_attention:
            return _attend(*args, **kwargs)
        if func in _LAYER_NORMS:
            return _layer_norm(*args, **kwargs)
        if func in _RMS_NORMS:
            return _rms_norm(*args, **kwargs)
        return func(*args, **kwargs)


def _attend(query: Tensor, key: Tensor, value: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    return functional.scaled_dot_product_attention(
        query.detach(), key.detach(), value, *args, **kwargs
    )


def _layer_norm(
    x: Tensor,
    normalized_shape: tuple[int, ...],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    *_: Any,
) -> Tensor:
    features = tuple(range(-len(normalized_shape), 0))
    centred = x - x.mean(features, keepdim=True)
    scaled = centred / (centred.square().mean(features, keepdim=True) + eps).sqrt().detach()
    scaled = scaled if weight is None else scaled * weight
    return scaled if bias is None else scaled + bias


def _rms_norm(
    x: Tensor,
    normalized_shape: tuple[int, ...],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    features = tuple(range(-len(normalized_shape), 0))
    eps = torch.finfo(x.dtype).eps if eps is None else eps
    scaled = x / (x.square().mean(features, keepdim=True) + eps).sqrt().detach()
    return scaled if weight is None else scaled * weight
