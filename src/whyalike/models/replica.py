"""A model's own modules run again beside it, so that other threads see nothing of it.

Explaining sets hooks, wraps ``forward``, and wants evaluation mode and no gradients of weights. All
of this is state of modules, and padding and truncation are state of the tokenizer: another thread
that encodes with the same model would see it, and disturb it. A replica has modules of its own, and
shares the numbers.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from functools import partial
from threading import RLock
from types import CellType, FunctionType, MethodType
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from transformers import PreTrainedTokenizerBase

from whyalike.errors import ModelError, WhyalikeError


@contextmanager
def outside_inference() -> Iterator[None]:
    """Leave torch's inference mode for the block; whether gradients are wanted stays as it is.

    ``torch.inference_mode(False)`` alone would switch gradients on, inside of ``no_grad`` too.
    """
    if not torch.is_inference_mode_enabled():
        yield
        return
    with torch.inference_mode(False):
        yield


def has_modes() -> bool:
    """Return whether this thread runs torch in a mode that other threads are not in."""
    modes = torch._C._len_torch_function_stack() + torch._C._len_torch_dispatch_stack()
    return modes > 0 or torch.is_autocast_enabled("cpu")


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


NO_GRADIENT = (
    "{name} gives vectors that have no gradient: a step of it leaves torch, rounds its numbers, or "
    "cuts the graph. Choose a method that needs none, such as 'occlusion' or 'shapley'."
)


@contextmanager
def explained_failures(name: str) -> Iterator[None]:
    """Raise ModelError for what the code of the model ``name`` raises inside the block."""
    try:
        yield
    except WhyalikeError:
        raise
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise ModelError(
            f"There is too little memory to run {name}: give fewer or shorter texts at once "
            "(batch_size), or another device."
        ) from error
    except Exception as error:
        message = (str(error).strip().splitlines() or [""])[0]
        if "does not require grad" in message:
            raise ModelError(NO_GRADIENT.format(name=name)) from error
        if "modified by an inplace operation" in message:
            raise ModelError(
                f"The weights of {name} were changed while it was explained: explain it when "
                "nothing trains it, or explain a copy."
            ) from error
        said = f": {message}" if message else ""
        raise ModelError(
            f"{name} failed while it ran ({type(error).__name__}{said}). If it runs outside of "
            "whyalike, choose a method that only needs its vectors, such as 'occlusion'."
        ) from error


_OF_TORCH = frozenset(n for n, value in vars(nn.Module()).items() if isinstance(value, dict | set))
"""Tables that every module has: its parts, weights and hooks."""

_HOLD_TENSORS = ("_parameters", "_buffers")
_HOLD_OTHERS = ("_modules", "_forward_hooks", "_forward_pre_hooks")


class OwnTokenizer:
    """A copy of a user's tokenizer, and the lock under which it is used: a call sets its state."""

    def __init__(self, original: PreTrainedTokenizerBase) -> None:
        self.tokenizer = deepcopy(original)
        self.lock = RLock()
        # Special tokens are set in a table that stays, and added ones are in the tokenizer's core.
        self._before = dict(vars(original)), original.special_tokens_map, len(original)

    def is_current(self, original: PreTrainedTokenizerBase) -> bool:
        """Return whether the original is still set as it was when it was copied."""
        return (vars(original), original.special_tokens_map, len(original)) == self._before


_TOKENIZERS: WeakKeyDictionary[PreTrainedTokenizerBase, OwnTokenizer] = WeakKeyDictionary()
_TOKENIZERS_LOCK = RLock()


def own_tokenizer(original: PreTrainedTokenizerBase) -> OwnTokenizer:
    """Return the copy of a tokenizer: one for all that ask, until the original is set anew."""
    with _TOKENIZERS_LOCK:
        found = _TOKENIZERS.get(original)
        if found is None or not found.is_current(original):
            found = _TOKENIZERS[original] = OwnTokenizer(original)
        return found


def _forget_tokenizers() -> None:
    """Start anew in a forked process: what held a lock may not be there any more."""
    global _TOKENIZERS_LOCK  # noqa: PLW0603
    _TOKENIZERS_LOCK = RLock()
    _TOKENIZERS.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_tokenizers)


class Twins:
    """Twins of a user's modules and of what holds them: new objects; all else is shared."""

    def __init__(self) -> None:
        self._twins: dict[int, Any] = {}

    def _twin(self, value: Any) -> Any:
        """Return what takes the place of a value; the value itself where it holds no module."""
        attributes = getattr(value, "__dict__", None)
        twin = self._twins.get(id(value))
        if twin is not None:
            pass
        elif isinstance(value, nn.Module):
            twin = self._twin_of_module(value)
        elif isinstance(value, MethodType):
            twin = MethodType(value.__func__, self._twin(value.__self__))
        elif isinstance(value, partial):
            func, args, named = (self._twin(p) for p in (value.func, value.args, value.keywords))
            twin = partial(func, *args, **named)
        elif type(value) in (list, tuple, dict):
            twin = self._twin_of_container(value)
        elif type(attributes) is dict and any(map(self._is_twinned, attributes.values())):
            # Such as a formatter of inputs, which asks the tokenizer, or a model's card.
            twin = self._twins[id(value)] = object.__new__(type(value))
            twin.__dict__.update({key: self._twin(part) for key, part in attributes.items()})
        else:
            twin = value
        return twin

    def _is_twinned(self, attribute: object) -> bool:
        """Return whether an object with such an attribute gets a twin."""
        return isinstance(attribute, nn.Module)

    def _twin_of_container(self, value: Any) -> Any:
        """Return a list, tuple or dictionary with twins; the very same where it holds no module."""
        parts = list(value.values() if isinstance(value, dict) else value)
        twins = [self._twin(part) for part in parts]
        if all(new is old for new, old in zip(twins, parts, strict=True)):
            return value
        return (
            dict(zip(value, twins, strict=True)) if isinstance(value, dict) else type(value)(twins)
        )

    def _twin_of_module(self, module: nn.Module) -> nn.Module:
        own = object.__new__(type(module))
        self._twins[id(module)] = own
        for name, value in list(vars(module).items()):
            if name not in _OF_TORCH:
                own.__dict__[name] = self._twin(value)
                continue
            # A table of ours, so that what is put into it is not in theirs.
            table = own.__dict__[name] = value.copy()
            if name in ("_modules", *_HOLD_TENSORS):
                table.update({key: self._twin(part) for key, part in table.items()})
        return own


class Replica(Twins):
    """Modules of our own with the weights, buffers and hooks of the user's, in evaluation mode.

    Weights are the same memory, without gradient, so that training in place is seen. What is
    compiled runs as it was written: hooks and modes do not reach into compiled code.

    module: in the place of ``original``.

    Parameters
    ----------
    original : Module
        A pipeline or a transformer; it is only read.
    tokenizer : PreTrainedTokenizerBase
        The tokenizer that it may hold.
    own : PreTrainedTokenizerBase
        What takes the tokenizer's place.
    """

    def __init__(
        self,
        original: nn.Module,
        *,
        tokenizer: PreTrainedTokenizerBase,
        own: PreTrainedTokenizerBase,
    ) -> None:
        super().__init__()
        self._tokenizer, self._own = tokenizer, own
        self._twins[id(tokenizer)] = own
        self._seen: list[_Seen] = []
        self.module = self._twin_of_module(original)
        self._twins.clear()

    def is_current(self, own: PreTrainedTokenizerBase) -> bool:
        """Return whether the original is still built and set as it was, with its weights in place.

        ``own`` is what takes the tokenizer's place now.
        """
        return own is self._own and all(seen.is_current() for seen in self._seen)

    def _twin(self, value: Any) -> Any:
        if id(value) in self._twins or isinstance(value, nn.Module):
            return super()._twin(value)
        if isinstance(value, Tensor):
            return self._twin_of_tensor(value)
        if (plain := getattr(value, "_torchdynamo_orig_callable", None)) is not None:
            return self._twin(plain)
        if isinstance(value, FunctionType) and value.__closure__:
            return self._twin_of_function(value)
        return super()._twin(value)

    def _is_twinned(self, attribute: object) -> bool:
        return attribute is self._tokenizer

    def _twin_of_module(self, module: nn.Module) -> nn.Module:
        self._seen.append(_Seen(module))
        if (plain := module._modules.get("_orig_mod")) is not None:
            own = self._twin_of_module(plain)
            self._twins[id(module)] = own
            return own
        own = super()._twin_of_module(module)
        own.__dict__.update(_compiled_call_impl=None, training=False)
        return own

    def _twin_of_function(self, function: FunctionType) -> FunctionType:
        """Return the function with twins in its closure: a ``forward`` that wraps another one."""
        self._twins[id(function)] = function  # Where it refers to itself.
        held = [_content(cell) for cell in function.__closure__ or ()]
        twins = [self._twin(content) for content in held]
        if all(new is old for new, old in zip(twins, held, strict=True)):
            return function
        cells = tuple(map(CellType, twins))
        own = FunctionType(
            function.__code__, function.__globals__, function.__name__, function.__defaults__, cells
        )
        own.__kwdefaults__, own.__dict__ = function.__kwdefaults__, dict(vars(function))
        self._twins[id(function)] = own
        return own

    def _twin_of_tensor(self, tensor: Tensor) -> Tensor:
        """Return the same memory without gradient; a tensor that has none is only read."""
        if not tensor.requires_grad:
            return tensor
        twin: Tensor = tensor.detach()
        if isinstance(tensor, nn.Parameter):
            twin = nn.Parameter(twin, requires_grad=False)
        self._twins[id(tensor)] = twin
        return twin


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return None  # A name that its function has not set yet.


class _Seen:
    """A module as it was when it was replicated."""

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        self._kind = type(module)
        self._attributes = dict(vars(module))
        self._tables = [(table := vars(module)[name], dict(table)) for name in _HOLD_OTHERS]
        self._tensors = [
            (table, [(name, each, _place(each)) for name, each in table.items()])
            for table in (vars(module)[name] for name in _HOLD_TENSORS)
        ]

    def is_current(self) -> bool:
        """Return whether it has the same class, attributes, parts, hooks and tensors."""
        # Asked of each module before each pass: loops are written out, most are over nothing.
        try:
            if type(self._module) is not self._kind or vars(self._module) != self._attributes:
                return False
            for now, was in self._tables:
                if now != was:
                    return False
        except RuntimeError:
            # An attribute is another tensor than it was, and tensors are not equal or unequal.
            return False
        for table, tensors in self._tensors:
            if len(table) != len(tensors):
                return False
            for name, tensor, place in tensors:
                if table.get(name) is not tensor or _place(tensor) != place:
                    return False
        return True


def _place(tensor: Any) -> int:
    """Return where a tensor's numbers are: ``to`` and ``half`` move them, and keep the tensor."""
    return tensor.data_ptr() if type(tensor) in (Tensor, nn.Parameter) else 0
