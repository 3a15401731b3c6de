"""A model on its way to another process, and what transformers notes of one where it is made.

transformers keeps by class which outputs a model can record, in a table that a model's ``__init__``
fills; one that is unpickled had its ``__init__`` elsewhere, and would give no hidden states. The
hooks that collect them are set at the first call that wants some, and can't be pickled.
"""

from typing import Any

from torch import nn
from transformers import PreTrainedModel, modeling_utils

_SET = "_output_capturing_hooks_installed"
_HOOK = "output_capturing_hook"


def leave(model: nn.Module) -> None:
    """Take off the hooks that can't be pickled; transformers sets them again when they are due."""
    for module in model.modules():
        if module.__dict__.pop(_SET, False):
            for part in module.modules():
                for number, hook in list(part._forward_hooks.items()):
                    if getattr(hook, "__name__", "") == _HOOK:
                        del part._forward_hooks[number]


def adopt(model: nn.Module) -> None:
    """Note of each transformer in a model what its ``__init__`` would have noted."""
    table: Any = getattr(modeling_utils, "_CAN_RECORD_REGISTRY", None)
    for module in model.modules():
        if isinstance(module, PreTrainedModel) and table is not None:
            # Keyed by the name of the class, which the table of transformers 5 works out itself.
            key = str(type(module)) if type(table) is dict else module
            table[key] = getattr(module, "_can_record_outputs", None)
