"""Pieces of work mapped in order by a function that is made once where it runs.

A runner knows nothing of texts and models. Pieces and results are plain enough to be pickled, so
that another process can have them; an error that a piece raises on purpose ends the whole.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Literal, Protocol, TypeVar, get_args

from whyalike.errors import OptionError

Piece = TypeVar("Piece")
Result = TypeVar("Result")

Runners = Literal["local", "ray"]
"""This process, or the workers of Ray (extra ``ray``)."""


class Runner(Protocol):
    """What runs pieces of work."""

    def __call__(
        self, pieces: Iterable[Piece], make: Callable[[], Callable[[Piece], Result]]
    ) -> Iterator[Result]:
        """Yield the result of each piece, in their order.

        Parameters
        ----------
        pieces : iterable of Piece
            Is read while results are taken, and no further ahead than there is work for. With
            workers it must be picklable, and is read in another process of this machine.
        make : Callable
            Returns the function; is called once in each process that runs it.
        """


def run_here(
    pieces: Iterable[Piece], make: Callable[[], Callable[[Piece], Result]]
) -> Iterator[Result]:
    """Run pieces one after the other in this process; see Runner."""
    yield from map(make(), pieces)


def choose_runner(engine: Runners, address: str | None = None) -> Runner:
    """Return the runner of that name; what is wrong is said before anything else is loaded.

    Parameters
    ----------
    engine : Runners
        Its name.
    address : str, optional
        Of a cluster of Ray's, of which this machine is a node; by default its workers are on this
        machine.

    Raises
    ------
    OptionError
        No such engine, an address without Ray, or one of Ray's client.
    MissingExtraError
        Ray is not installed.
    """
    if engine not in get_args(Runners):
        raise OptionError(f"engine is {engine!r}; give one of {', '.join(get_args(Runners))}.")
    if engine == "local":
        if address is not None:
            raise OptionError(
                f"ray_address is {address!r}, and the engine 'local': give engine='ray' "
                "(--engine ray) with it."
            )
        return run_here
    from whyalike.engines.ray_data import RayRunner

    return RayRunner(address)
