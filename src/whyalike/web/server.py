"""How long a connection may take to send a request, to read the answer, and to do nothing."""

import asyncio
import ipaddress
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from whyalike.errors import OptionError, OutputError
from whyalike.web.middleware import check_origin

if TYPE_CHECKING:
    from starlette.types import ASGIApp


HEAD_SECONDS = 10.0
"""From a connection, or the answer before, to the end of a request's head."""

BODY_SECONDS, BYTES_A_SECOND = 20.0, 8_192
"""For a body: so long, and longer by its bytes at this pace."""

READING_SECONDS = 30.0
"""For the client to take what waits to be sent; it begins anew when it took most of that."""

IDLE_SECONDS = 15
"""Between an answer and the first byte of the next request."""


class PatientProtocol(H11Protocol):
    """HTTP/1.1 that closes a connection whose other end sends, or reads, too slowly.

    uvicorn itself waits for ever for a head, a body and a reader.
    """

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        self._sending: asyncio.TimerHandle | None = None
        self._reading: asyncio.TimerHandle | None = None
        self._awaited: object = None
        self._began, self._bytes = 0.0, 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait_for("head", HEAD_SECONDS)

    def data_received(self, data: bytes) -> None:
        """Take what came, and wait for the rest of what is not whole."""
        self._bytes += len(data)
        super().data_received(data)
        self._wait_for_the_rest()

    def on_response_complete(self) -> None:
        """Let uvicorn wait for the next request, until its first byte."""
        super().on_response_complete()
        # A part of it may have come already.
        self._bytes = len(self.conn.trailing_data[0])
        self._wait_for_the_rest()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._wait_for(None)
        self._stop_reading_timer()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Begin to wait for the client to read."""
        super().pause_writing()
        if self._reading is None:
            self._reading = self.loop.call_later(READING_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Take note that the client has read."""
        super().resume_writing()
        self._stop_reading_timer()

    def _stop_reading_timer(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def _wait_for_the_rest(self) -> None:
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            # Also what still comes of a body that was answered unread.
            self._wait_for((cycle, "head") if self._bytes else None, HEAD_SECONDS)
        elif cycle.more_body:
            self._wait_for((cycle, "body"), BODY_SECONDS + self._bytes / BYTES_A_SECOND)
        else:
            self._wait_for(None)

    def _wait_for(self, awaited: object, seconds: float = 0.0) -> None:
        """Close the connection so many seconds from when this was awaited first."""
        if awaited != self._awaited:
            self._awaited, self._began = awaited, self.loop.time()
        if self._sending is not None:
            self._sending.cancel()
            self._sending = None
        if awaited is not None and not self.transport.is_closing():
            self._sending = self.loop.call_at(self._began + seconds, self.transport.close)


LOG = logging.getLogger("whyalike.web")

SECONDS_TO_FINISH = 10.0
"""For what was accepted, once the server is asked to stop."""

SECONDS_TO_ANSWER, SECONDS_TO_LEAVE = 1.0, 5.0
"""After that: for the answers that it was ended, and for all that is left of the process."""

SECONDS_TO_SWITCH = 0.0003
WAITING = 2048


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens, and under which URL others reach it.

    ``public_url`` is empty for this machine alone; otherwise it is the origin that others see,
    and a proxy with HTTPS is expected before us.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    public_url: str = ""

    def __post_init__(self) -> None:
        """Check the address. Raises OptionError if it opens more than was allowed."""
        if not 0 <= self.port <= 65535:
            raise OptionError(f"The port is {self.port}; give 0 (any free one) to 65535.")
        if self.public_url:
            check_origin(self.public_url, named="The public URL")
        elif not is_local(self.host):
            raise OptionError(
                f"The host is {self.host!r}, which others can reach; say under which URL they do "
                "with --public-url https://…, or leave the host at 127.0.0.1."
            )

    @property
    def is_closed(self) -> bool:
        """Whether this machine alone reaches it."""
        return not self.public_url and is_local(self.host)

    @property
    def public_host(self) -> str:
        """The name in the public URL; empty without one."""
        return urlsplit(self.public_url).hostname or ""

    @property
    def secure(self) -> bool:
        """Whether browsers reach us by HTTPS, so that cookies may be bound to it."""
        return self.public_url.startswith("https://")

    def url(self, port: int) -> str:
        """Return the origin for links, given the port that was bound; it ends without a slash."""
        if self.public_url:
            return self.public_url.rstrip("/")
        name = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{name}:{port}"


def is_local(host: str) -> bool:
    """Return whether only this machine can reach what listens on ``host``."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Endable(Protocol):
    """What works behind an app, such as a Service."""

    def refuse(self) -> None:
        """Take nothing new."""

    def end(self) -> None:
        """End what was taken: who waits for it is answered at once."""


def serve(
    app: "ASGIApp",
    address: Address,
    *,
    ready: Callable[[str], None],
    work: Endable | None = None,
    grace: float = SECONDS_TO_FINISH,
    leaves: bool = False,
) -> None:
    """Serve until SIGINT or SIGTERM, then answer what was accepted and return.

    Parameters
    ----------
    app : ASGIApp
        What answers.
    address : Address
        Where to listen.
    ready : Callable[[str], None]
        Called with the URL once connections are accepted by the system.
    work : Endable, optional
        What works behind it. It is asked to refuse when the server is asked to stop, and to end
        when what was accepted is not done in time.
    grace : float, default=SECONDS_TO_FINISH
        Seconds for what was accepted, once the server is asked to stop.
    leaves : bool, default=False
        Whether the process is left some seconds after that, where this has not returned by then: a
        thread that does not end would keep it for ever.

    Raises
    ------
    OutputError
        The address can't be listened on.
    """
    listening = _listen(address)
    config = uvicorn.Config(
        app,
        log_level="warning",
        # The log would keep invitation links, which are secrets.
        access_log=False,
        server_header=False,
        proxy_headers=bool(address.public_url),
        # Beyond what _Server itself waits for.
        timeout_graceful_shutdown=round(grace + SECONDS_TO_LEAVE),
        timeout_keep_alive=IDLE_SECONDS,
        http=PatientProtocol,
        ws="none",
    )
    with closing(listening), _stopping_by_signal(), often_switching_threads():
        ready(address.url(listening.getsockname()[1]))
        server = _Server(config, work, grace, leaves=leaves)
        try:
            server.run(sockets=[listening])
        finally:
            if server.leaving is not None:
                server.leaving.cancel()


class _Server(uvicorn.Server):
    """Ends in the time that it is given, whatever runs."""

    def __init__(
        self, config: uvicorn.Config, work: Endable | None, grace: float, *, leaves: bool
    ) -> None:
        super().__init__(config)
        self._work, self._grace, self._leaves = work, grace, leaves
        self.leaving: threading.Timer | None = None

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take nothing new, finish what was accepted; end it when that takes too long."""
        if self._leaves:
            self.leaving = leave_within(self._grace + SECONDS_TO_ANSWER + SECONDS_TO_LEAVE)
        if self._work is not None:
            self._work.refuse()
        ending = asyncio.ensure_future(self._end())
        logger, quiet = logging.getLogger("uvicorn.error"), _Cancelled()
        logger.addFilter(quiet)
        try:
            await super().shutdown(sockets)
        finally:
            ending.cancel()
            if not quiet.was_needed:
                logger.removeFilter(quiet)

    async def _end(self) -> None:
        await asyncio.sleep(self._grace)
        if self._work is not None:
            self._work.end()
        await asyncio.sleep(SECONDS_TO_ANSWER)
        if left := list(self.server_state.connections):
            LOG.warning(
                "%d connections were closed unanswered: what was asked for was not done in %g s.",
                len(left),
                self._grace,
            )
        for connection in left:
            connection.transport.close()


class _Cancelled(logging.Filter):
    """Leaves out that requests were cancelled at the end: no error, and said in one line."""

    was_needed = False

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to log it."""
        said = record.exc_info[1] if record.exc_info else None
        is_end = isinstance(said, asyncio.CancelledError)
        self.was_needed |= is_end
        return not is_end


def leave_within(seconds: float) -> threading.Timer:
    """Leave this process after so many seconds, whatever still runs in it; or cancel that."""
    timer = threading.Timer(seconds, leave)
    timer.daemon = True
    timer.start()
    return timer


def leave() -> None:
    """Leave this process now, though something still runs in it that can't be ended."""
    LOG.warning("Something still runs that can't be ended: it is left.")
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    os._exit(1)


@contextmanager
def often_switching_threads() -> Iterator[None]:
    """Let no thread keep the others waiting for Python's 5 ms while it works on a request.

    The thread that asks models needs the interpreter for a moment between two operations of the
    model; it waited for it ten times longer than the operations took.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(SECONDS_TO_SWITCH)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


@contextmanager
def _stopping_by_signal() -> Iterator[None]:
    """Make SIGTERM end the block as Ctrl-C does; both are how a server ends, and no error."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # uvicorn shuts down on the signal, and then raises it again for whoever was there before.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with suppress(KeyboardInterrupt):
            yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _listen(address: Address) -> socket.socket:
    """Return a socket that listens, so that the port is known before anything is printed."""
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM
        )[0]
        listening = socket.socket(family, kind, protocol)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(where)
            listening.listen(WAITING)
        except OSError:
            listening.close()
            raise
    except OSError as error:
        raise OutputError(
            f"Can't listen on {address.host}, port {address.port}: {error.strerror}. "
            "Choose another with --port; 0 takes any free one."
        ) from error
    return listening
