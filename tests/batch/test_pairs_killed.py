"""A run over a file of pairs that is killed goes on: no row is lost, none is there twice."""

import os
import signal

import pytest
from fake_pairs import draw_pairs, open_fake, overlap, read_rows, write_pairs

from forking import Forked
from raising import raises
from whyalike.batch import output
from whyalike.batch.run import explain_file
from whyalike.catalogue.files import only_writer
from whyalike.errors import FunctionError, OptionError, OutputError

COUNT = 40


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    """Chunks have 16 pairs (4 batches of 4), and each is a part."""
    monkeypatch.setattr(output, "PART_ROWS", 16)


@pytest.fixture
def pairs(tmp_path):
    drawn = draw_pairs(COUNT)
    drawn[20] = ("", "no left text")
    return write_pairs(tmp_path / "pairs.csv", drawn)


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_killed_in_the_middle_it_goes_on_to_the_same_file(pairs, tmp_path, ending):
    whole, out = tmp_path / f"whole.{ending}", tmp_path / f"out.{ending}"
    explain_file(pairs, whole, model=open_fake())

    def tell(done, total):
        print(done, flush=True)
        if done >= 32:
            signal.pause()

    process = Forked(lambda: explain_file(pairs, out, model=open_fake(), progress=tell))
    for line in process.stdout:
        if int(line) >= 32:
            process.kill()
            break
    process.communicate(600)
    assert process.returncode == -signal.SIGKILL
    assert not out.exists()
    told = []
    report = explain_file(
        pairs, out, model=open_fake(), progress=lambda done, total: told.append((done, total))
    )
    # Chunks of 16 were done up to 32, and each of them was a part by then.
    assert told[0] == (32, COUNT)
    assert told[-1] == (COUNT, COUNT)
    assert (report.rows, report.explained, report.bad, report.resumed) == (COUNT, 39, 1, 32)
    assert report.bad_rows == ("line 22: no text in 'left'",)
    assert [row["row"] for row in read_rows(out)] == list(range(1, COUNT + 1))
    assert out.read_bytes() == whole.read_bytes()


# Each part and its note are written, 3 of each, then the file, then the note beside it.
@pytest.mark.parametrize(
    ("ending", "writes"), [*(("jsonl", n) for n in range(9)), ("parquet", 3), ("parquet", 7)]
)
def test_killed_after_any_write_it_goes_on_to_the_same_file(
    pairs, tmp_path, monkeypatch, ending, writes
):
    whole, out = tmp_path / f"whole.{ending}", tmp_path / f"out.{ending}"
    explain_file(pairs, whole, model=open_fake())
    real, done = output.write_whole, []

    def write_and_die(path, write):
        if len(done) == writes:
            # Half of a file is on the disk, under another name.
            (path.parent / ".whyalike-half.tmp").write_bytes(b"half")
            os.kill(os.getpid(), signal.SIGKILL)
        done.append(path)
        real(path, write)

    monkeypatch.setattr(output, "write_whole", write_and_die)
    process = Forked(lambda: explain_file(pairs, out, model=open_fake()))
    process.communicate(600)
    assert process.returncode == (-signal.SIGKILL if writes < 8 else 0)
    monkeypatch.setattr(output, "write_whole", real)
    report = explain_file(pairs, out, model=open_fake())
    assert report.resumed == (COUNT if writes == 8 else min(writes // 2 * 16, COUNT))
    assert (report.rows, report.explained, report.bad) == (COUNT, 39, 1)
    assert out.read_bytes() == whole.read_bytes()
    left = {path.name for path in tmp_path.iterdir() if not path.name.startswith(("whole", "."))}
    assert left == {"pairs.csv", out.name, f"{out.name}.run.json"}


def test_what_is_cut_off_softly_keeps_all_that_was_explained(pairs, tmp_path, monkeypatch):
    monkeypatch.setattr(output, "PART_ROWS", 10_000)
    out, calls = tmp_path / "out.jsonl", []

    def tell(done, total):
        if done >= 32:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        explain_file(pairs, out, model=open_fake(), progress=tell)

    def counted(given):
        calls.extend(given)
        return overlap(given)

    report = explain_file(pairs, out, model=open_fake(counted))
    assert report.resumed == 32
    assert not {(left, right) for left, right in draw_pairs(COUNT)[:32]} & {*calls}
    assert [row["row"] for row in read_rows(out)] == list(range(1, COUNT + 1))


def test_a_service_that_fails_ends_the_run_and_what_is_done_is_kept(pairs, tmp_path):
    out = tmp_path / "out.jsonl"

    def failing(given):
        if any("n35" in left for left, _ in given):
            raise ConnectionError("the service is away")
        return overlap(given)

    with pytest.raises(FunctionError):
        explain_file(pairs, out, model=open_fake(failing))
    assert not out.exists()
    report = explain_file(pairs, out, model=open_fake())
    assert (report.resumed, report.explained) == (32, 39)


@pytest.mark.parametrize("finished", [True, False])
def test_another_run_into_the_same_file_is_refused_with_what_differs(pairs, tmp_path, finished):
    out = tmp_path / "out.jsonl"

    def stop(done, total):
        if done >= 32 and not finished:
            raise KeyboardInterrupt

    try:
        explain_file(pairs, out, model=open_fake(), progress=stop)
    except KeyboardInterrupt:
        assert not finished
    before = {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    other = write_pairs(tmp_path / "other.csv", draw_pairs(COUNT - 1))
    del before["pairs.csv"]
    with raises(OptionError, "input", "fields", "option top_k", "--force") as said:
        explain_file(other, out, model=open_fake(options=_options(top_k=3)), fields=["score"])
    assert "method" not in str(said.value).replace("'method'", "")
    with raises(OptionError, "method", "occlusion", "random"):
        explain_file(pairs, out, model=open_fake().with_method("random"))
    with raises(OptionError, "weights"):
        explain_file(pairs, out, model=open_fake(lambda given: [2 * x for x in overlap(given)]))
    assert before == {
        path.name: path.read_bytes()
        for path in tmp_path.rglob("*")
        if path.is_file() and path.name in before
    }
    report = explain_file(other, out, model=open_fake(), fields=["score"], force=True)
    assert (report.rows, report.resumed) == (COUNT - 1, 0)
    assert set(read_rows(out)[0]) == {"row", "id", "left", "right", "price", "score", "error"}


def test_what_is_done_is_not_done_again_unless_it_is_forced(pairs, tmp_path):
    out = tmp_path / "out.jsonl"
    explain_file(pairs, out, model=open_fake())
    before = out.stat().st_mtime_ns
    assert explain_file(pairs, out, model=open_fake()).resumed == COUNT
    assert out.stat().st_mtime_ns == before
    assert explain_file(pairs, out, model=open_fake(), force=True).resumed == 0
    assert out.stat().st_mtime_ns != before


def test_a_file_that_nobody_knows_is_not_replaced(pairs, tmp_path):
    out = tmp_path / "out.jsonl"
    out.write_text("mine")
    with raises(OptionError, "out.jsonl", "--force"):
        explain_file(pairs, out, model=open_fake())
    assert out.read_text() == "mine"
    explain_file(pairs, out, model=open_fake(), force=True)
    out.write_text("changed since")
    with raises(OptionError, "out.jsonl", "--force"):
        explain_file(pairs, out, model=open_fake())
    assert out.read_text() == "changed since"


def test_two_at_once_do_not_mix(pairs, tmp_path):
    out = tmp_path / "out.jsonl"
    with only_writer(output.parts_of(out)), raises(OutputError, "the output", "Another"):
        explain_file(pairs, out, model=open_fake())


def _options(**given):
    from whyalike import BTIOptions

    return BTIOptions(**given)
