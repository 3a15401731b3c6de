"""A text's vector as a sum of contribution vectors, one per token."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from threading import RLock
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from whyalike.arrays import Floats
from whyalike.errors import ModelError
from whyalike.interruption import checkpoint
from whyalike.models.embedded import EmbeddedText
from whyalike.models.tokens import Row, TokenizedText

TOKENS_AT_ONCE = 8192
"""Tokens in the directions that are followed together; it bounds memory."""

_FORWARD_MODE = RLock()
"""torch has one level of forward-mode derivatives for the whole process: a thread that leaves it
takes away the tangents of another."""


def _free_forward_mode() -> None:
    """Start anew in a forked process: what held the lock is not there any more."""
    global _FORWARD_MODE  # noqa: PLW0603
    _FORWARD_MODE = RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_free_forward_mode)


@contextmanager
def forward_mode() -> Iterator[None]:
    """Let no other thread differentiate in forward mode; to be entered before a model is held."""
    with _FORWARD_MODE:
        yield


@dataclass(frozen=True, eq=False)
class ContributionVectors:
    """A text's vector, taken apart.

    tokens: (T, H), what each token of the text adds to its vector. total: (H,), the sum over all
    tokens, special ones and prompt included. whole: (H,), what that sum stands for. vector: (H,),
    as scored.
    """

    tokens: Floats
    total: Floats
    whole: Floats
    vector: Floats


@dataclass(frozen=True, eq=False)
class RowVectors:
    """The same for one row: vectors is (T, H), over all tokens of the row; whole is (H,)."""

    text: EmbeddedText
    vectors: Tensor
    whole: Tensor


def directions_passes(length: int, *, part: float = 1.0) -> float:
    """Return what the derivatives along each token of a row of so many cost, in forward passes.

    Those that are followed together share one pass; each goes through that ``part`` of the layers.
    """
    return length * part + ceil(length / _at_once(length))


def _at_once(length: int) -> int:
    return max(1, TOKENS_AT_ONCE // max(1, length))


Decompose = Callable[[TokenizedText, Row], RowVectors]


def contribution_vectors(text: TokenizedText, decompose: Decompose) -> ContributionVectors:
    """Take a text apart, row by row; its windows count by the tokens that they own.

    A token that two windows see contributes through both.
    """
    count = len(text.offsets)
    if not text.length:
        return ContributionVectors(np.zeros((count, 1)), *(np.zeros(1) for _ in range(3)))
    owned = np.array([max(float(row.owned.sum()), 1e-9) for row in text.rows])
    parts = []
    for row, weight in zip(text.rows, owned / owned.sum(), strict=True):
        part = decompose(text, row)
        vectors = _array(part.vectors) * weight
        tokens = np.zeros((count, vectors.shape[1]))
        tokens[row.tokens] = vectors[part.text.positions.numpy()]
        whole, vector = _array(part.whole) * weight, _array(part.text.vector[0]) * weight
        parts.append((tokens, vectors.sum(0), whole, vector))
    return ContributionVectors(*(np.sum(column, axis=0) for column in zip(*parts, strict=True)))


def linear_end(text: EmbeddedText, point: Tensor) -> Tensor:
    """Return a text's vectors (N, H), as scored; a Normalize at the end counts as constant.

    That is, as the factor that it is for the text itself, whatever the ``point``, (N, T, D).
    """
    tiny = torch.finfo(text.raw.dtype).tiny
    factor = text.vector.norm() / text.raw.norm().clamp(min=tiny)
    scored: Tensor = text.ends(point)[1] * factor
    return scored


def token_derivatives(
    function: Callable[[Tensor], Tensor], point: Tensor, change: Tensor
) -> Tensor:
    """Return (T, H): for each token the derivative of ``function`` along that token's change.

    The same as the Jacobian's block of a token times the token's change, without the Jacobian:
    one forward-mode derivative per token, which shares the values at ``point`` with the others.

    Parameters
    ----------
    function : Callable[[Tensor], Tensor]
        (1, T, D) to (1, H).
    point : Tensor
        (1, T, D), where to differentiate.
    change : Tensor
        (1, T, D).

    Raises
    ------
    ModelError
        Torch has no forward-mode derivative of something in the model.
    """
    length = point.shape[1]
    one_token = torch.eye(length, dtype=change.dtype, device=change.device)[:, :, None]
    return _derivatives(function, point, change, one_token)


def whole_derivative(function: Callable[[Tensor], Tensor], point: Tensor, change: Tensor) -> Tensor:
    """Return (1, H): the sum of ``token_derivatives`` over tokens, at the cost of one of them."""
    all_tokens = torch.ones(1, point.shape[1], 1, dtype=change.dtype, device=change.device)
    return _derivatives(function, point, change, all_tokens)


def _derivatives(
    function: Callable[[Tensor], Tensor], point: Tensor, change: Tensor, masks: Tensor
) -> Tensor:
    """Return (N, H): derivatives along the change masked by each of ``masks``, (N, T, 1)."""

    def along(mask: Tensor) -> Tensor:
        derivative: Tensor = torch.func.jvp(function, (point,), (change * mask,))[1][0]
        return derivative

    found = []
    for some in torch.split(masks, _at_once(point.shape[1])):
        checkpoint()
        try:
            with _FORWARD_MODE, torch.no_grad(), PlainAttention():
                found.append(torch.func.vmap(along)(some))
        except (ModelError, RuntimeError) as error:
            # A model's own failure is raised as ModelError, caused by what torch says.
            said = error.__cause__ if isinstance(error, ModelError) else error
            if not isinstance(said, RuntimeError):
                raise
            raise ModelError(
                "This model can't be differentiated token by token (forward mode, in which torch "
                f"says: {said}). Load it with attn_implementation='eager', or choose another "
                "method."
            ) from said
    return torch.cat(found)


class PlainAttention(TorchFunctionMode):
    """Compute attention by its formula: the fast kernels have no forward-mode derivative.

    It acts in this thread alone; torch's own switch of kernels is one for the whole process.
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


def _array(tensor: Tensor) -> Floats:
    values: Floats = tensor.detach().double().cpu().numpy()
    return values
