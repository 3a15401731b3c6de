"""Files are named for what they hold, and written whole or not at all."""

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from raising import raises
from tiny_models import tiny
from whyalike import Explainer
from whyalike.errors import OptionError, OutputError, WhyalikeError
from whyalike.files import PAGE, SVG, check_ending, write_whole

OLD, NEW = b"the old content", b"the new content"

NEEDS_FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")


def write_new(stream):
    stream.write(NEW)


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def target(tmp_path):
    return tmp_path / "page.html"


@pytest.fixture
def umask():
    """Set the umask for a test; the one before is put back."""
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


def test_a_new_file_holds_what_was_written(target):
    write_whole(target, write_new)
    assert target.read_bytes() == NEW
    assert list(target.parent.iterdir()) == [target]


def test_a_path_may_be_a_string(target):
    write_whole(str(target), write_new)
    assert target.read_bytes() == NEW


def test_a_file_is_named_for_what_it_holds():
    for path in ("why.svg", Path("a.png") / "why.SVG", "why", ".svg", "/dev/stdout"):
        assert check_ending(path, SVG) in ("", ".svg")
    assert check_ending("why.htm", PAGE) == ".htm"
    for path, required in (("why.jpg", False), ("why.svg.gz", False), ("why", True)):
        with raises(OptionError, "why", ".svg"):
            check_ending(path, SVG, required=required)


def test_a_picture_is_not_written_under_another_name(tmp_path):
    explainer = Explainer(tiny("bert").parts, method="gradient_x_activation")
    explanation = explainer.explain("warm gloves", "knit wool")
    comparison = explainer.compare("gloves", "warm gloves", "wool")
    for shown in (explanation, comparison):
        for write, wrong in ((shown.to_png, "x.jpg"), (shown.to_svg, "x.png")):
            with raises(OptionError, "ending"):
                write(tmp_path / wrong)
    assert list(tmp_path.iterdir()) == []
    explanation.to_png(tmp_path / "bare", dpi=30)
    assert (tmp_path / "bare").read_bytes().startswith(b"\x89PNG")


def test_a_relative_path_is_taken_from_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_whole("page.html", write_new)
    assert (tmp_path / "page.html").read_bytes() == NEW


def test_an_existing_file_is_replaced_by_another(target):
    target.write_bytes(OLD)
    before = target.stat().st_ino
    with target.open("rb") as reader:
        write_whole(target, write_new)
        assert reader.read() == OLD
    assert target.read_bytes() == NEW
    assert target.stat().st_ino != before


def test_the_target_keeps_its_old_content_while_the_new_is_written(target):
    target.write_bytes(OLD)

    def write_and_look(stream):
        stream.write(NEW)
        stream.flush()
        assert target.read_bytes() == OLD

    write_whole(target, write_and_look)
    assert target.read_bytes() == NEW


@pytest.mark.parametrize("interruption", [ValueError, KeyboardInterrupt, SystemExit, MemoryError])
@pytest.mark.parametrize("existed", [True, False])
def test_an_interruption_leaves_what_was_there_and_nothing_else(target, interruption, existed):
    if existed:
        target.write_bytes(OLD)

    def fail(stream):
        stream.write(NEW)
        stream.flush()
        raise interruption

    with pytest.raises(interruption):
        write_whole(target, fail)
    assert [path.read_bytes() for path in target.parent.iterdir()] == ([OLD] if existed else [])


def test_an_error_of_the_system_becomes_ours_with_the_reason(target):
    def fail(stream):
        stream.write(NEW)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with raises(OutputError, "No space left on device") as caught:
        write_whole(target, fail)
    assert str(target) in str(caught.value)
    assert isinstance(caught.value, WhyalikeError)
    assert isinstance(caught.value, OSError)
    assert caught.value.__cause__.errno == errno.ENOSPC
    assert list(target.parent.iterdir()) == []


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o000])
def test_a_new_file_has_the_permissions_that_open_gives(target, umask, mask):
    umask(mask)
    plain = target.with_name("plain")
    plain.touch()
    write_whole(target, write_new)
    assert mode_of(target) == mode_of(plain)


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755])
def test_an_existing_file_keeps_its_permissions(target, umask, mode):
    umask(0o022)
    target.write_bytes(OLD)
    target.chmod(mode)
    write_whole(target, write_new)
    assert target.read_bytes() == NEW
    assert mode_of(target) == mode


def test_a_link_stays_and_what_it_points_to_is_replaced(tmp_path, target):
    (tmp_path / "elsewhere").mkdir()
    real = tmp_path / "elsewhere" / "real.html"
    real.write_bytes(OLD)
    target.symlink_to(real)
    write_whole(target, write_new)
    assert target.readlink() == real
    assert real.read_bytes() == NEW
    assert not real.is_symlink()


def test_a_link_to_what_is_not_there_yet_makes_it(tmp_path, target):
    real = tmp_path / "real.html"
    target.symlink_to(real)
    write_whole(target, write_new)
    assert target.is_symlink()
    assert real.read_bytes() == NEW


def test_a_missing_directory_is_an_output_error(tmp_path):
    with pytest.raises(OutputError, match="No such file or directory"):
        write_whole(tmp_path / "missing" / "page.html", write_new)
    assert list(tmp_path.iterdir()) == []


def test_a_directory_as_target_is_an_output_error_and_stays_as_it_was(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "inside").write_bytes(OLD)
    with pytest.raises(OutputError, match="Is a directory"):
        write_whole(folder, write_new)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["folder", "inside"]


def test_a_file_in_place_of_a_directory_is_an_output_error(target):
    target.write_bytes(OLD)
    with pytest.raises(OutputError, match="Not a directory"):
        write_whole(target / "page.html", write_new)
    assert target.read_bytes() == OLD


def test_a_name_that_is_too_long_is_an_output_error(tmp_path):
    with pytest.raises(OutputError, match="File name too long"):
        write_whole(tmp_path / ("x" * 300), write_new)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_directory_without_write_permission_is_an_output_error(tmp_path):
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o555)
    with pytest.raises(OutputError, match="Permission denied"):
        write_whole(folder / "page.html", write_new)


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_whole(pipe, write_new)
        assert os.read(reader, 100) == NEW
    finally:
        os.close(reader)
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]


@NEEDS_FULL
def test_a_device_without_room_is_an_output_error():
    with pytest.raises(OutputError, match="/dev/full: No space left on device"):
        write_whole("/dev/full", write_new)
    assert Path("/dev/full").is_char_device()


# The limit on a file's size stands in for a full disk: the kernel itself refuses to write more.
FULL_DISK = """
import resource, signal, sys
from whyalike.errors import OutputError
from whyalike.files import write_whole

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_whole(sys.argv[1], lambda stream: stream.write(bytes(int(sys.argv[2]))))
except OutputError as error:
    print(error)
"""


# 100,000 bytes fail inside write, 2,000 are buffered and fail when they are flushed.
@pytest.mark.parametrize("size", [100_000, 2_000])
@pytest.mark.parametrize("existed", [True, False])
def test_a_disk_that_fills_up_leaves_what_was_there_and_nothing_partial(target, size, existed):
    pytest.importorskip("resource")
    if existed:
        target.write_bytes(OLD)
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(target), str(size)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(f"Could not write {target}: File too large. Nothing was written")
    assert [path.read_bytes() for path in target.parent.iterdir()] == ([OLD] if existed else [])


def test_the_longest_name_that_a_file_can_have(tmp_path):
    target = tmp_path / ("x" * 255)
    write_whole(target, lambda stream: stream.write(b"new"))
    assert target.read_bytes() == b"new"


def test_a_loop_of_links_and_a_null_byte(tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for target in (tmp_path / "loop", f"{tmp_path}/a\0b"):
        with pytest.raises(OutputError, match="Could not write"):
            write_whole(target, lambda stream: stream.write(b"new"))
