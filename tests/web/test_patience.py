"""Connections whose other end sends or reads too slowly are closed; who waits for an answer is not."""

import asyncio
import contextlib
import logging
import socket
import threading

import pytest

pytest.importorskip("fastapi", reason="needs the extra 'serve'")

import uvicorn
from starlette.responses import StreamingResponse

from whyalike.web import create_app
from whyalike.web import server as patience
from whyalike.web.pages import SHARED, Assets, Pages
from whyalike.web.server import PatientProtocol

PATIENCE = 60
LONG, SHORT = 3600.0, 0.2
HEAD = b"POST /echo HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: text/plain\r\n"


class Listening:
    """An app behind the protocol, and connections to it."""

    def __init__(self):
        assets = Assets(SHARED)
        app = create_app(pages=Pages("Test", assets), assets=assets, max_bytes=10**8)
        self.may, self.asked = threading.Event(), threading.Event()

        async def echo(request):
            return StreamingResponse(iter([str(len(await request.body())).encode()]))

        async def wait(request):
            self.asked.set()
            await asyncio.to_thread(self.may.wait, PATIENCE)
            return StreamingResponse(iter([b"done"]))

        async def much(request):
            self.asked.set()

            async def chunks():
                for _ in range(2_000):
                    yield b"x" * 65_536

            return StreamingResponse(chunks())

        for path, handler, method in (
            ("/echo", echo, "POST"),
            ("/wait", wait, "GET"),
            ("/much", much, "GET"),
        ):
            app.add_route(path, handler, methods=[method])
        self.socket = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(
            app, log_level="warning", http=PatientProtocol, timeout_keep_alive=patience.IDLE_SECONDS
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.socket]})

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.may.set()
        self.server.should_exit = True
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()

    def connect(self):
        return socket.create_connection(self.socket.getsockname(), timeout=PATIENCE)


@pytest.fixture
def serve(monkeypatch):
    """Serve with these times; all others are long."""

    @contextlib.contextmanager
    def serve(**times):
        waits = {
            "HEAD_SECONDS": LONG,
            "BODY_SECONDS": LONG,
            "READING_SECONDS": LONG,
            "IDLE_SECONDS": 3600,
        }
        for name, seconds in {**waits, **times}.items():
            monkeypatch.setattr(patience, name, seconds)
        with Listening() as listening:
            yield listening

    return serve


def rest_of(connection):
    """Everything until the other end closes."""
    said = b""
    with contextlib.suppress(ConnectionError):
        while piece := connection.recv(1 << 20):
            said += piece
    return said


def answer_of(connection):
    """One whole answer, on a connection that stays open."""
    said = b""
    while not said.endswith(b"0\r\n\r\n"):
        piece = connection.recv(1 << 16)
        assert piece, "it was closed"
        said += piece
    return said


def drip(connection, pieces):
    """Send byte by byte until the other end has closed; return whether it has."""
    pause = threading.Event()
    for piece in pieces:
        try:
            connection.sendall(piece)
        except OSError:
            return True
        pause.wait(SHORT / 10)
    return False


@pytest.mark.parametrize("sent", [b"", b"POST /echo HT", HEAD + b"x-more: "])
def test_a_head_that_does_not_come_is_not_waited_for(serve, sent):
    with serve(HEAD_SECONDS=SHORT) as listening, listening.connect() as connection:
        connection.sendall(sent)
        assert rest_of(connection) == b""


def test_a_head_that_comes_byte_by_byte_is_not_waited_for(serve):
    with serve(HEAD_SECONDS=SHORT) as listening, listening.connect() as connection:
        connection.sendall(HEAD)
        assert drip(connection, [b"x"] * 100_000)


def test_a_body_that_does_not_come_is_not_waited_for_and_nothing_is_logged(serve, caplog):
    with serve(BODY_SECONDS=SHORT) as listening, listening.connect() as connection:
        connection.sendall(HEAD + b"content-length: 1000\r\n\r\n0123456789")
        assert rest_of(connection) == b""
    assert [one.message for one in caplog.records if one.levelno >= logging.WARNING] == []


def test_a_body_that_comes_slower_than_the_pace_is_not_waited_for(serve, monkeypatch):
    monkeypatch.setattr(patience, "BYTES_A_SECOND", 10**9)
    with serve(BODY_SECONDS=SHORT) as listening, listening.connect() as connection:
        connection.sendall(HEAD + b"content-length: 1000000\r\n\r\n")
        assert drip(connection, [b"x"] * 100_000)


def test_a_long_body_that_comes_at_the_pace_is_waited_for(serve, monkeypatch):
    monkeypatch.setattr(patience, "BYTES_A_SECOND", 1)
    with serve(BODY_SECONDS=2 * SHORT) as listening, listening.connect() as connection:
        connection.sendall(HEAD + b"content-length: 2000\r\n\r\n" + b"x" * 1000)
        threading.Event().wait(4 * SHORT)
        connection.sendall(b"x" * 1000)
        assert b"2000" in answer_of(connection)


def test_who_leaves_in_the_middle_of_a_body_is_no_error(serve, caplog):
    with serve() as listening:
        with listening.connect() as connection:
            connection.sendall(HEAD + b"content-length: 1000\r\n\r\n0123456789")
        with listening.connect() as connection:
            connection.sendall(HEAD + b"connection: close\r\ncontent-length: 2\r\n\r\nab")
            assert rest_of(connection).startswith(b"HTTP/1.1 200")
    assert [one.message for one in caplog.records if one.levelno >= logging.WARNING] == []


def test_a_connection_is_kept_for_a_while_and_then_closed(serve):
    with serve(IDLE_SECONDS=0) as listening, listening.connect() as connection:
        connection.sendall(HEAD + b"content-length: 2\r\n\r\nab")
        assert rest_of(connection).startswith(b"HTTP/1.1 200")
    with serve() as listening, listening.connect() as connection:
        for _ in range(3):
            connection.sendall(HEAD + b"content-length: 2\r\n\r\nab")
            assert answer_of(connection).startswith(b"HTTP/1.1 200")


def test_the_next_head_is_waited_for_no_longer_than_the_first(serve):
    with serve(HEAD_SECONDS=SHORT) as listening, listening.connect() as connection:
        connection.sendall(HEAD + b"content-length: 2\r\n\r\nab")
        assert connection.recv(1 << 16).startswith(b"HTTP/1.1 200")
        connection.sendall(b"POST /ec")
        rest_of(connection)


def test_what_is_still_sent_of_a_body_that_was_refused_is_not_waited_for(serve):
    with serve(HEAD_SECONDS=SHORT) as listening, listening.connect() as connection:
        connection.sendall(
            b"POST /nothing HTTP/1.1\r\nhost: evil.example\r\ncontent-length: 1000000\r\n\r\n"
        )
        assert connection.recv(1 << 16).startswith(b"HTTP/1.1 400")
        assert drip(connection, [b"x"] * 100_000)


def test_who_does_not_read_is_left(serve):
    with serve(READING_SECONDS=SHORT) as listening, listening.connect() as connection:
        connection.sendall(b"GET /much HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
        assert listening.asked.wait(PATIENCE)
        while listening.server.server_state.connections:
            threading.Event().wait(0.01)
        assert len(rest_of(connection)) < 2_000 * 65_536


def test_who_waits_for_an_answer_is_not_left(serve):
    times = dict.fromkeys(("HEAD_SECONDS", "BODY_SECONDS", "READING_SECONDS"), SHORT)
    with serve(**times, IDLE_SECONDS=0) as listening, listening.connect() as connection:
        connection.sendall(b"GET /wait HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
        assert listening.asked.wait(PATIENCE)
        threading.Event().wait(3 * SHORT)
        listening.may.set()
        assert rest_of(connection).endswith(b"done\r\n0\r\n\r\n")
