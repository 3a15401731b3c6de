"""GELU computed by torch's own kernel, which keeps nothing of the shapes that it has seen."""

from collections.abc import Callable
from typing import Any

from torch.nn.functional import gelu
from torch.overrides import TorchFunctionMode


class OwnKernel(TorchFunctionMode):
    """Keep oneDNN from computing GELU in this thread, where it compiles a kernel for each shape.

    It keeps the last 1,024 of them, each in the midst of the memory of the pass in which it was
    made. Passes have a shape of their own nearly always, so that memory grows to three times of
    what they need: no hole between these is large enough for the next. Torch asks oneDNN for
    contiguous tensors alone, and its own kernel takes a turned one in the order of its memory.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Run a function of torch; GELU of states on a processor turned."""
        kwargs = kwargs or {}
        if func is gelu and args and "out" not in kwargs:
            states = args[0]
            if states.device.type == "cpu" and states.dim() > 1 and not states.is_nested:
                return func(states.mT, *args[1:], **kwargs).mT
        return func(*args, **kwargs)
