"""How long a connection may take to send a request, to read the answer, and to do nothing."""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

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
