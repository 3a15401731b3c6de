"""Ray's workers, on a cluster of two nodes of this machine: the same files, whatever ends a worker.

Skipped where Ray is not installed: it is 240 MB, and no part of the extra `dev`.
"""

import os
import signal
import subprocess
import sys
import warnings

import numpy as np
import pytest
from fake_pairs import draw_pairs, read_rows, write_pairs

from nearly import assert_nearly_equal
from raising import raises
from tiny_models import tiny
from whyalike import CatalogueIndex, Explainer, Item, PairScorer
from whyalike.batch import output
from whyalike.batch.run import explain_file
from whyalike.errors import EngineError, FunctionError

ray = pytest.importorskip("ray", reason="Ray is not installed (extra ray)")
cluster_utils = pytest.importorskip("ray.cluster_utils", reason="Ray's cluster is not installed")

from whyalike.engines import ray_data  # noqa: E402

# Workers do not have the tests' modules.
ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])

pytestmark = pytest.mark.filterwarnings("ignore")
COUNT, PIECE = 40, 16


@pytest.fixture(scope="module")
def cluster():
    """A head with the writer's CPU, and a node beside with two more: two workers."""
    for tries_left in (2, 1, 0):
        try:
            made = cluster_utils.Cluster(
                initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}
            )
            made.add_node(num_cpus=2)
            break
        except Exception:
            # Ray gives a node thirty seconds to start, which a busy machine does not have.
            if not tries_left:
                raise
    yield made.address
    made.shutdown()


@pytest.fixture
def pairs(tmp_path):
    """Forty pairs, which are three pieces; one of them is bad."""
    drawn = draw_pairs(COUNT)
    drawn[20] = ("", "no left text")
    return write_pairs(tmp_path / "pairs.parquet", drawn)


def scorer_that(does):
    """A scorer that costs nothing; ``does`` looks at each pair first."""

    def overlap(pairs):
        for pair in pairs:
            does(pair)
        return [float(len({*left.split()} & {*right.split()})) for left, right in pairs]

    scorer = PairScorer(overlap, name="overlap", retry=None, cache_size=1000)
    return Explainer(score=scorer, method="occlusion", batch_size=4)


def once(marker, word):
    """Kill the process that comes to a text with this word, the first time that it is met."""

    def kill(pair):
        if word in pair[0].split():
            try:
                os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                return
            os.kill(os.getpid(), signal.SIGKILL)

    return kill


def test_rows_are_those_of_one_process_in_their_order(cluster, tmp_path):
    drawn = draw_pairs(COUNT)
    drawn[20] = ("", "no left text")
    file = write_pairs(tmp_path / "pairs.csv", drawn)
    explainer = Explainer(tiny("bert").parts, batch_size=4)
    here, there = tmp_path / "here.parquet", tmp_path / "there.parquet"
    one = explain_file(file, here, model=explainer, fields=["all"])
    two = explain_file(
        file, there, model=explainer, fields=["all"], engine="ray", ray_address=cluster
    )
    assert (two.rows, two.explained, two.bad) == (one.rows, one.explained, one.bad) == (40, 39, 1)
    assert two.bad_rows == one.bad_rows
    rows = read_rows(there)
    assert [row["row"] for row in rows] == list(range(1, COUNT + 1))
    for row, wanted in zip(rows, read_rows(here), strict=True):
        assert row.pop("explanation") is None or wanted["explanation"] is not None
        wanted.pop("explanation")
        assert_nearly_equal(row, wanted)


def test_a_worker_that_is_killed_in_the_middle_costs_no_row(cluster, pairs, tmp_path):
    here, there, marker = tmp_path / "here.parquet", tmp_path / "there.parquet", tmp_path / "killed"
    explain_file(pairs, here, model=scorer_that(lambda _: None))
    explainer = scorer_that(once(str(marker), "n24"))
    report = explain_file(pairs, there, model=explainer, engine="ray", ray_address=cluster)
    assert marker.exists()
    assert (report.rows, report.explained, report.bad) == (COUNT, COUNT - 1, 1)
    assert there.read_bytes() == here.read_bytes()


def test_a_service_that_fails_ends_the_run_and_one_process_goes_on(
    cluster, pairs, tmp_path, monkeypatch
):
    monkeypatch.setattr(output, "PART_ROWS", PIECE)
    here, there = tmp_path / "here.jsonl", tmp_path / "there.jsonl"
    explain_file(pairs, here, model=scorer_that(lambda _: None))

    def fail(pair):
        if "n35" in pair[0].split():
            raise ConnectionError("the service is away")

    with raises(FunctionError, "the service is away"):
        explain_file(pairs, there, model=scorer_that(fail), engine="ray", ray_address=cluster)
    assert not there.exists()
    report = explain_file(pairs, there, model=scorer_that(lambda _: None))
    assert (report.resumed, report.explained) == (2 * PIECE, COUNT - 1)
    assert there.read_bytes() == here.read_bytes()


def test_an_index_is_that_of_one_process(cluster, tmp_path):
    # Two chunks; texts that come again in the second one, equal or but for case, have one vector.
    items = [Item(f"i{n}", "", f"warm wool gloves {n % 1900}") for n in range(2200)]
    items += [Item(f"j{n}", "", f"WARM wool  gloves {n}") for n in range(50)]
    explainer = Explainer(tiny("bert").parts)
    asked = []
    one = CatalogueIndex.build(items, tmp_path / "one", model=explainer)
    two = CatalogueIndex.build(
        items,
        tmp_path / "two",
        model=explainer,
        engine="ray",
        ray_address=cluster,
        progress=lambda done, total: asked.append((done, total)),
    )
    assert asked[-1] == (2250, 2250)
    assert {**one.info(), "folder": 0} == {**two.info(), "folder": 0}
    vectors = [index.reader.exact("cosine").blocks[0][:] for index in (one, two)]
    np.testing.assert_allclose(vectors[1], vectors[0], atol=1e-5)
    assert (vectors[1][1900:2200] == vectors[1][:300]).all()
    ids = two.reader.ids(np.arange(2250))
    assert ids == [item.id for item in items]
    for query in ("i3", "j7"):
        assert [hit.item.id for hit in two.similar(id=query)] == [
            hit.item.id for hit in one.similar(id=query)
        ]


def make_telling(folder, kills=""):
    """A function of pieces that says who ran it."""

    def make():
        def run(piece):
            if kills and piece == kills:
                os.kill(os.getpid(), signal.SIGKILL)
            return len(piece) if isinstance(piece, bytes) else piece, os.getpid()

        return run

    return make


class Counted:
    """Pieces of a megabyte; how many were read stands in a file."""

    def __init__(self, path, count):
        self.path, self.count = path, count

    def __iter__(self):
        for number in range(self.count):
            with self.path.open("a") as stream:
                stream.write(f"{number}\n")
            yield bytes(1 << 20)


def test_one_cpu_is_left_and_results_come_in_order(cluster, tmp_path):
    runner = ray_data.RayRunner(cluster)
    found = list(runner(list(range(60)), make_telling(tmp_path)))
    assert [piece for piece, _ in found] == list(range(60))
    workers = {pid for _, pid in found}
    assert len(workers) <= 2
    assert os.getpid() not in workers
    ray.init(address=cluster, log_to_driver=False)
    try:
        assert ray.cluster_resources()["CPU"] == 3
        assert runner._count_actors() == 2
    finally:
        ray.shutdown()


ALONE = """
import ray
from whyalike.engines.ray_data import RayRunner

print(*RayRunner()(["a"], lambda: lambda _: ray.get_runtime_context().gcs_address))
"""


def test_without_an_address_no_cluster_is_joined_that_others_started(cluster):
    # In a process of its own: what starts a cluster asks for tokens from then on.
    done = subprocess.run(
        [sys.executable, "-c", ALONE], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    # Ray's own choice, without an address, is the cluster that this machine has already.
    assert done.stdout.split()[-1] != cluster


def test_pieces_are_read_where_the_command_runs(cluster):
    class Where:
        def __iter__(self):
            yield ray.get_runtime_context().get_node_id()

    ray.init(address=cluster, log_to_driver=False)
    try:
        here = ray.get_runtime_context().get_node_id()
        assert len(ray.nodes()) == 2
        [said] = ray_data.RayRunner(cluster)(Where(), lambda: lambda piece: piece)
    finally:
        ray.shutdown()
    assert said == here


def test_nobody_is_warned_of_what_ray_will_take_away(cluster):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert list(ray_data.RayRunner(cluster)(["a"], lambda: lambda piece: piece)) == ["a"]
    ours = [one for one in said if one.filename == ray_data.__file__]
    assert [str(one.message) for one in ours] == []


def test_who_reads_waits_where_nobody_takes(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr(ray_data, "BYTES_IN_FLIGHT", 8 << 20)
    path, count = tmp_path / "read", 300
    ray.init(address=cluster, log_to_driver=False)
    try:
        results = ray_data.RayRunner(cluster)(Counted(path, count), make_telling(tmp_path))
        next(results)

        @ray.remote(num_cpus=0)
        def other():
            return os.getpid()

        # Long enough for a reader that nothing holds back to be at its end.
        for _ in range(200):
            ray.get(other.remote())
        assert len(path.read_text().splitlines()) < count / 2
        assert sum(1 for _ in results) == count - 1
        assert len(path.read_text().splitlines()) == count
    finally:
        ray.shutdown()


def test_a_piece_that_always_ends_its_worker_ends_the_run(cluster, tmp_path):
    runner = ray_data.RayRunner(cluster)
    with raises(EngineError, "run it again"):
        list(runner(["a", "b", "c"], make_telling(tmp_path, kills="b")))


def test_a_cluster_that_is_not_there_is_said():
    with raises(EngineError, "nobody listens at 127.0.0.1:1", "run it again"):
        list(ray_data.RayRunner("127.0.0.1:1")(["a"], make_telling(None)))
