"""Real processes: pipes that close, devices without room, Ctrl-C, closed streams."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from raising import assert_says
from whyalike.cli.printing import guard_streams

NEEDS_FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
NO_ROOM = "standard output", "No space left on device"


def assert_one_sentence(said, *words):
    """One line of the command's own, with these key words, and nothing else."""
    assert said.startswith("whyalike: ")
    assert said.index("\n") == len(said) - 1
    assert_says(said, *words)


@NEEDS_FULL
@pytest.mark.parametrize("arguments", [["models"], ["--version"], ["--help"]])
def test_standard_output_without_room_is_one_sentence(process, arguments):
    with Path("/dev/full").open("w") as full:
        done = process(*arguments, stdout=full)
    assert done.returncode == 1
    assert_one_sentence(done.stderr, *NO_ROOM)


PRINT_BY_CONSOLE = """
from whyalike.cli.printing import guard_streams
from whyalike.cli.failures import one_sentence_errors
from whyalike.cli.printing import open_console, write_out

with one_sentence_errors(debug=False):
    write_out(lambda: open_console().print("words"))
"""


@NEEDS_FULL
def test_a_console_without_room_is_one_sentence(process):
    with Path("/dev/full").open("w") as full:
        done = process(args=[sys.executable, "-c", PRINT_BY_CONSOLE], stdout=full)
    assert done.returncode == 1
    assert_one_sentence(done.stderr, *NO_ROOM)


@pytest.fixture
def closed_pipe():
    """A pipe whose reader has gone, as ``head`` leaves it."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


def test_a_console_whose_reader_has_gone_is_no_error(process, closed_pipe):
    done = process(args=[sys.executable, "-c", PRINT_BY_CONSOLE], stdout=closed_pipe)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("arguments", [["models"], ["--version"]])
def test_a_reader_that_has_gone_is_no_error(process, closed_pipe, arguments):
    done = process(*arguments, stdout=closed_pipe)
    assert (done.returncode, done.stderr) == (0, "")


def test_ctrl_c_while_waiting_for_standard_input_is_130(environment, command, tmp_path):
    page = tmp_path / "out.html"
    # A shell starts its background jobs, and so these tests, deaf to Ctrl-C.
    hearing = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    with subprocess.Popen(
        [*command[:-1], f"{hearing}; {command[-1]}", "explain", "-", "right", "--html", str(page)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        text=True,
    ) as waiting:
        # It waits for more once it has taken in what is there.
        waiting.stdin.write("left")
        waiting.stdin.flush()
        _wait_until_read(waiting)
        waiting.send_signal(signal.SIGINT)
        assert waiting.wait() == 130
        assert waiting.stdout.read() == ""
        said = waiting.stderr.read()
        assert said.index("\n") == len(said) - 1, "one line"
        assert_says(said, "Interrupted")
    assert list(tmp_path.iterdir()) == []


def _wait_until_read(waiting):
    """Return once the process has emptied its standard input."""
    import fcntl
    import struct
    import termios
    import time

    while waiting.poll() is None:
        answer = fcntl.ioctl(waiting.stdin.fileno(), termios.FIONREAD, struct.pack("i", 0))
        if struct.unpack("i", answer)[0] == 0:
            return
        time.sleep(0.01)


def test_a_closed_standard_input_is_one_sentence(process, command):
    done = process(args=["sh", "-c", 'exec "$@" <&-', "sh", *command, "explain", "-", "right"])
    assert done.returncode == 2
    assert_one_sentence(done.stderr, "left text", "standard input", "closed")


def test_a_closed_standard_output_is_one_sentence(process, command):
    done = process(args=["sh", "-c", 'exec "$@" >&-', "sh", *command, "models"])
    assert done.returncode == 1
    assert_one_sentence(done.stderr, "Standard output", "closed")


def test_a_pipe_gets_plain_text_of_80_columns_in_any_encoding(process, environment, model):
    done = process(
        "explain", "--model", model, "knit gloves 日本", "glove – " * 30,
        env=environment | {"COLORTERM": "truecolor", "TERM": "xterm", "PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert done.returncode == 0
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    assert done.stdout.isascii()
    assert "knit" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_streams_are_guarded_where_an_error_stream_on_a_file_has_become_a_pipe(
    tmp_path, monkeypatch
):
    # As a notebook and some supervisors do: the descriptor is replaced under Python's stream.
    reading, writing = os.pipe()
    with (tmp_path / "log").open("w", encoding="ascii") as stream:
        stream.write("before\n")
        stream.flush()
        os.dup2(writing, stream.fileno())
        os.close(writing)
        monkeypatch.setattr(sys, "stderr", stream)
        monkeypatch.setattr(sys, "stdout", None)
        guard_streams()
        sys.stderr.write("gloves – “warm”\n")
        sys.stderr.flush()
        assert os.read(reading, 100) == b"gloves ? ?warm?\n"
    os.close(reading)
