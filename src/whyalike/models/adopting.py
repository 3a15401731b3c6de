"""A model on its way to another process, and what transformers notes of one where it is made.

transformers keeps by class which outputs a model can record, in a table that a model's ``__init__``
fills; one that is unpickled had its ``__init__`` elsewhere, and would give no hidden states. The
hooks that collect them are set at the first call that wants some, and can't be pickled.
"""

from typing import Any, ClassVar, Self
from weakref import WeakSet

from torch import nn
from transformers import PreTrainedModel, modeling_utils

from whyalike.models.replica import Twins

_SET = "_output_capturing_hooks_installed"
_HOOK = "output_capturing_hook"


_LEAVING: WeakSet[nn.Module] = WeakSet()
"""Modules that are on their way: a scorer within a scorer packs what its holder has packed."""


class _Leaving(Twins):
    """Modules of our own with the user's tensors, and without the hooks that can't be pickled."""

    def of(self, state: dict[str, Any]) -> dict[str, Any]:
        return {name: self._twin(value) for name, value in state.items()}

    def _twin_of_module(self, module: nn.Module) -> nn.Module:
        # A copy of a scorer keeps them and may have been used since, which sets hooks again.
        if module in _LEAVING and not any(map(_is_hooked, module.modules())):
            return module
        own = super()._twin_of_module(module)
        own.__dict__.pop(_SET, None)
        for number in _hooks_of(own):
            del own._forward_hooks[number]
        _LEAVING.add(own)
        return own


def _is_hooked(module: nn.Module) -> bool:
    return _SET in vars(module) or bool(_hooks_of(module))


def _hooks_of(module: nn.Module) -> list[int]:
    """Return the numbers of the hooks that transformers has set."""
    hooks = list(module._forward_hooks.items())
    return [number for number, hook in hooks if getattr(hook, "__name__", "") == _HOOK]


def leave(state: dict[str, Any]) -> dict[str, Any]:
    """Return attributes of a scorer as they can be pickled; the user's model stays as it is.

    Other threads may use it meanwhile: what is pickled are modules of our own over its tensors,
    without the hooks of transformers, which sets them again when they are due.
    """
    return _Leaving().of(state)


class Copied:
    """Base of scorers that hold a user's model: what is of this process and its threads stays here.

    A copy by ``copy.copy`` shares the user's model, of which it makes a replica of its own, and one
    by ``pickle`` or ``copy.deepcopy`` has a model with weights of its own. A subclass names in
    ``_stays`` the attributes that ``_start`` makes.
    """

    _stays: ClassVar[tuple[str, ...]] = ()

    def _start(self) -> None:
        """Hold nothing yet that belongs to this process and its threads."""

    def __copy__(self) -> Self:
        """Return a copy that runs the same model."""
        same = object.__new__(type(self))
        same.__dict__.update(self._kept())
        same._start()
        return same

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy, also in another process, is made of."""
        return leave(self._kept())

    def _kept(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in self._stays}


def adopt(model: nn.Module) -> None:
    """Note of each transformer in a model what its ``__init__`` would have noted."""
    table: Any = getattr(modeling_utils, "_CAN_RECORD_REGISTRY", None)
    for module in model.modules():
        if isinstance(module, PreTrainedModel) and table is not None:
            # Keyed by the name of the class, which the table of transformers 5 works out itself.
            key = str(type(module)) if type(table) is dict else module
            table[key] = getattr(module, "_can_record_outputs", None)
