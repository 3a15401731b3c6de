"""Long work that can be stopped, or can let other work go first, between two passes of a model."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_check: ContextVar[Callable[[], None] | None] = ContextVar("check", default=None)


def checkpoint() -> None:
    """Call the check of this thread, if it has one; called before each pass of a model.

    No lock is held and no hook is set when it is called, so that a check may wait for others, or
    raise what ends the work.
    """
    if (check := _check.get()) is not None:
        check()


@contextmanager
def checked_by(check: Callable[[], None]) -> Iterator[None]:
    """Call ``check`` at every checkpoint that this thread passes inside the block."""
    token = _check.set(check)
    try:
        yield
    finally:
        _check.reset(token)
