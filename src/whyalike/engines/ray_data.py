"""Pieces of work run by actors of Ray Data, on this machine's cores or on a cluster.

The plan is Ray Data's: one read task, which runs where the files are, streams the pieces as blocks;
a pool of actors, each of which makes its function once, maps them; blocks come back in order. Ray
holds the stream back where results are not taken, restarts an actor whose process died, and gives
its block to a new one.
"""

import logging
import os
import pickle
import socket
from collections.abc import Callable, Iterable, Iterator
from importlib.util import find_spec
from typing import Any, TypeVar

from whyalike.errors import EngineError, MissingExtraError, OptionError, WhyalikeError

Piece = TypeVar("Piece")
Result = TypeVar("Result")

TRIES = 3
"""How often an actor is started again, and a piece given to a new one: Ray would for ever."""

PER_ACTOR = 2
"""Pieces that an actor has at a time: one that it works on, and the next."""

BYTES_IN_FLIGHT = 1 << 28
"""Of pieces and results that nobody has taken yet, about."""

SECONDS_TO_ANSWER = 20.0

COLUMN = "pickled"


class RayRunner:
    """Runs pieces by actors of Ray Data. See Runner.

    One CPU of the cluster is left to what reads pieces and writes results, and each other one has
    an actor. A cluster that this process has not joined yet is joined, and left at the end.

    Parameters
    ----------
    address : str, optional
        Of a cluster of which this machine is a node, ``"auto"`` or HOST:PORT; by default workers
        are started on this machine.
    gpus : float, default=0
        Of each actor; with them there are as many actors as the cluster has GPUs for.

    Raises
    ------
    OptionError
        An address of Ray's client, which is no node of the cluster.
    MissingExtraError
        Ray is not installed.
    """

    def __init__(self, address: str | None = None, *, gpus: float = 0) -> None:
        if address is not None and address.startswith("ray://"):
            raise OptionError(
                f"ray_address is {address!r}, of Ray's client: run this on a node of the cluster, "
                "with 'auto' or HOST:6379, because the files are read and written where it runs."
            )
        if find_spec("ray") is None:
            raise MissingExtraError("The engine 'ray'", "ray", "ray")
        self.address, self.gpus = address, gpus

    def __call__(
        self, pieces: Iterable[Piece], make: Callable[[], Callable[[Piece], Result]]
    ) -> Iterator[Result]:
        """See Runner.

        Raises
        ------
        EngineError
            The cluster can't be reached, or a piece ended its worker again and again.
        """
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        import ray

        joined = not ray.is_initialized()
        try:
            if joined:
                self._join()
            yield from self._map(pieces, make)
        except ray.exceptions.RayError as error:
            raise _failed(error) from error
        finally:
            if joined:
                ray.shutdown()

    def _join(self) -> None:
        import ray
        import ray.data

        # What goes wrong is an error here; the course of a plan is nobody's business.
        logging.getLogger("ray.data").setLevel(logging.ERROR)

        quiet: dict[str, Any] = {"logging_level": "ERROR", "log_to_driver": False}
        try:
            if self.address is None:
                # Without an address Ray would join whatever cluster it finds on this machine. It
                # asks for tokens then, and where that cluster has none, nobody reaches this
                # process any more: it counts as dead, and so do its workers before they start.
                ray.init("local", include_dashboard=False, **quiet)
            else:
                _knock(self.address)
                ray.init(address=self.address, **quiet)
        except Exception as error:
            # Ray has no type of its own for a cluster that is not there, or does not start.
            raise _failed(error) from error

    def _map(
        self, pieces: Iterable[Piece], make: Callable[[], Callable[[Piece], Result]]
    ) -> Iterator[Result]:
        import ray
        from ray.data import ActorPoolStrategy, DataContext, ExecutionResources, read_datasource

        context = DataContext.get_current().copy()
        context.enable_progress_bars = False
        context.execution_options.preserve_order = True
        # By default Ray gives up where one actor ends before it is ready, as one that was killed
        # while it opened its model.
        context.max_consecutive_actor_init_deaths = TRIES
        context.execution_options.resource_limits = ExecutionResources(
            object_store_memory=BYTES_IN_FLIGHT
        )
        # A piece is a block: of more, some actors would have none.
        context.target_max_block_size = context.target_min_block_size = 1
        here = {"ray.io/node-id": ray.get_runtime_context().get_node_id()}
        # In a list it is fetched by the actor, and this name keeps it for those that start again.
        made = ray.put(ray.cloudpickle.dumps(make))
        with DataContext.current(context):
            source = read_datasource(
                _source_of(pieces),
                override_num_blocks=1,
                num_cpus=0,
                label_selector=here,
            )
            mapped = source.map_batches(
                _actor_class(),
                fn_constructor_args=([made], _count_begun(here)),
                batch_size=1,
                batch_format="pyarrow",
                compute=ActorPoolStrategy(
                    size=self._count_actors(), max_tasks_in_flight_per_actor=PER_ACTOR
                ),
                num_cpus=1,
                num_gpus=self.gpus or None,
            )
            for batch in mapped.iter_batches(
                batch_size=1, batch_format="pyarrow", prefetch_batches=0
            ):
                result = pickle.loads(batch.column(COLUMN)[0].as_py())
                if isinstance(result, _Raised):
                    raise result.error
                yield result

    def _count_actors(self) -> int:
        import ray

        there = ray.cluster_resources()
        if self.gpus:
            return max(1, int(there.get("GPU", 0) / self.gpus))
        return max(1, int(there.get("CPU", 1)) - 1)


def _failed(error: Exception) -> EngineError:
    said = (str(error).strip().splitlines() or [type(error).__name__])[0][:300].rstrip(".")
    return EngineError(
        f"Ray could not do it: {said}. What is done is kept: see to the cluster and run it again."
    )


def _knock(address: str) -> None:
    """Raise ConnectionError where nobody listens: Ray itself would ask for minutes."""
    host, separator, port = address.rpartition(":")
    if separator and port.isdecimal():
        try:
            socket.create_connection((host, int(port)), timeout=SECONDS_TO_ANSWER).close()
        except OSError as error:
            raise ConnectionError(f"nobody listens at {address}") from error


class _Raised:
    """What a piece raised on purpose, on its way to who asked."""

    def __init__(self, error: WhyalikeError) -> None:
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:
            # An exception of other arguments than its message comes back as a message.
            error = EngineError(str(error))
        self.error = error


def _source_of(pieces: Iterable[Any]) -> Any:
    from ray.data import Datasource, ReadTask
    from ray.data.block import BlockMetadata

    class Pieces(Datasource):  # type: ignore[misc]
        """Pieces read by one task, one after the other."""

        def estimate_inmemory_data_size(self) -> int | None:
            return None

        def get_read_tasks(self, parallelism: int, *_: Any, **__: Any) -> list[Any]:
            del parallelism

            def read() -> Iterator[Any]:
                try:
                    for number, piece in enumerate(pieces):
                        yield _block((number, piece))
                except WhyalikeError as error:
                    yield _block((-1, _Raised(error)))

            return [ReadTask(read, BlockMetadata(None, None, None))]

    return Pieces()


def _count_begun(here: dict[str, str]) -> Any:
    """Return an actor of this node that counts what was begun: it outlives who ends over it."""
    import ray

    class Begun:
        def __init__(self) -> None:
            self._times: dict[object, int] = {}

        def count(self, what: object) -> int:
            self._times[what] = self._times.get(what, 0) + 1
            return self._times[what]

    options = {"num_cpus": 0, "label_selector": here, "max_restarts": -1, "max_task_retries": -1}
    return ray.remote(**options)(Begun).remote()


def _actor_class() -> type[Any]:
    class Worker:
        """Makes its function once, and runs it on each block."""

        def __init__(self, made: list[Any], begun: Any) -> None:
            import ray

            self._function: Any = None
            self._begun = begun
            try:
                self._count(ray.get_runtime_context().get_actor_id(), "was started")
                self._function = ray.cloudpickle.loads(ray.get(made[0]))()
            except WhyalikeError as error:
                self._failure = error

        def _count(self, what: object, said: str) -> None:
            """Raise EngineError where it was begun too often: each time the process ended."""
            import ray

            if ray.get(self._begun.count.remote(what)) > 1 + TRIES:
                raise EngineError(
                    f"A worker of Ray {said} {1 + TRIES} times, and its process ended each time, "
                    "as where memory runs out. What is done is kept: see to it and run it again."
                )

        def __call__(self, block: Any) -> Any:
            if self._function is None:
                return _block(_Raised(self._failure))
            number, piece = pickle.loads(block.column(COLUMN)[0].as_py())
            if isinstance(piece, _Raised):
                return _block(piece)
            try:
                self._count(number, f"was given piece {number + 1}")
                return _block(self._function(piece))
            except WhyalikeError as error:
                return _block(_Raised(error))

    return Worker


def _block(value: Any) -> Any:
    import pyarrow as pa

    return pa.table({COLUMN: pa.array([pickle.dumps(value)], pa.large_binary())})
