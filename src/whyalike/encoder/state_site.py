"""Where a model makes a hidden state, and how another is put in its place."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from whyalike.encoder.capture import with_state


@dataclass(frozen=True, eq=False)
class StateSite:
    """The call of a module that makes a hidden state: ALBERT calls one layer many times."""

    module: nn.Module
    call: int


@dataclass(eq=False)
class Watched:
    """What the modules of a model gave in one forward pass, in order."""

    calls: dict[nn.Module, int] = field(default_factory=dict)
    outputs: list[tuple[StateSite, Tensor]] = field(default_factory=list)

    def site_of(self, state: Tensor) -> StateSite | None:
        """Return the first call that gave this very tensor, or None."""
        return next((site for site, output in self.outputs if output is state), None)


@contextmanager
def watching(body: nn.Module, *, shape: tuple[int, ...]) -> Iterator[Watched]:
    """Watch what the modules inside ``body`` give, as far as it has B and T as in ``shape``.

    A state is known by being the same tensor, and not by a layer's name, which each architecture
    chooses for itself.
    """
    watched = Watched()

    def watch(module: nn.Module, _inputs: Any, output: Any) -> None:
        call = watched.calls[module] = watched.calls.get(module, -1) + 1
        first = output[0] if isinstance(output, tuple) and output else output
        if isinstance(first, Tensor) and first.shape[:2] == shape:
            watched.outputs.append((StateSite(module, call), first))

    with ExitStack() as hooks:
        for module in body.modules():
            if module is not body:
                hooks.callback(module.register_forward_hook(watch).remove)
        yield watched


@contextmanager
def replacing(site: StateSite, state: Tensor) -> Iterator[None]:
    """Put ``state`` in the place of what the site's module gives in the site's call."""
    calls = -1

    def replace(_module: nn.Module, _inputs: Any, output: Any) -> Any:
        nonlocal calls
        calls += 1
        return with_state(output, state) if calls == site.call else None

    hook = site.module.register_forward_hook(replace)
    try:
        yield
    finally:
        hook.remove()
