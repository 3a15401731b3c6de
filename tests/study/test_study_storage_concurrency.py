"""Many at once, the same at once, and a process that is killed: nothing lost, nothing doubled."""

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from threading import Barrier

import pytest

from whyalike.study.storage import Storage

WRITER = """
import sys
from whyalike.study.storage import Storage
storage = Storage.open(sys.argv[1])
rater, count = int(sys.argv[2]), int(sys.argv[3])
for n in range(count):
    receipt = storage.record(rater, n % 50, "abc", 1 + n % 5, client_key=f"{sys.argv[4]}-{n}")
    print(receipt.rating_id, f"{sys.argv[4]}-{n}", flush=True)
"""


def start(*arguments):
    command = [sys.executable, "-c", WRITER, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.fixture
def storage(database):
    storage = Storage.open(database)
    yield storage
    storage.close()


def test_threads_of_several_raters_lose_and_double_nothing(storage):
    raters = [storage.add_rater().rater_id for _ in range(4)]
    gate = Barrier(8)

    def rate(thread):
        gate.wait()
        return [
            storage.record(
                raters[thread % 4], n, "abc", 1 + (thread + n) % 5, client_key=f"{thread}-{n}"
            )
            for n in range(15)
        ]

    with ThreadPoolExecutor(8) as pool:
        receipts = [receipt for found in pool.map(rate, range(8)) for receipt in found]
    rows = {row.id: row for row in storage.all_ratings(history=True)}
    assert len(rows) == len({receipt.rating_id for receipt in receipts}) == 120
    assert all(rows[receipt.rating_id].value == receipt.value for receipt in receipts)
    assert {row.client_key for row in rows.values()} == {
        f"{thread}-{n}" for thread in range(8) for n in range(15)
    }
    # Two threads per rater: of both answers to a screen, one holds, and it is the later one.
    for _, same in groupby(rows.values(), key=lambda row: (row.rater_id, row.position)):
        first, second = sorted(same, key=lambda row: row.id)
        assert (first.current, second.current) == (False, True)
        assert first.received_at <= second.received_at


def test_one_answer_sent_eight_times_at_once_is_kept_once(storage):
    rater = storage.add_rater().rater_id
    gate = Barrier(8)

    def send(_):
        gate.wait()
        return storage.record(rater, 3, "abc", 4, client_key="double click")

    for _ in range(5):
        with ThreadPoolExecutor(8) as pool:
            receipts = list(pool.map(send, range(8)))
        assert len({(r.rating_id, r.received_at) for r in receipts}) == 1
    assert len(storage.all_ratings(history=True)) == 1


def test_raters_added_at_once_get_numbers_without_gaps(storage):
    with ThreadPoolExecutor(8) as pool:
        added = list(pool.map(lambda _: storage.add_rater(), range(24)))
    assert sorted(one.number for one in added) == list(range(24))


def test_consent_given_at_once_in_two_tabs_is_one_consent(storage):
    rater = storage.add_rater().rater_id
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: storage.consent(rater), range(8)))) == 1


def test_a_new_database_can_be_opened_by_several_at_once(database):
    with ThreadPoolExecutor(6) as pool:
        opened = list(pool.map(lambda _: Storage.open(database), range(6)))
    assert opened[0].add_rater().number == 0
    assert opened[5].add_rater().number == 1
    for storage in opened:
        storage.close()


def test_every_acknowledged_answer_survives_kill_9_and_other_processes_go_on(storage, database):
    first, second, third = (storage.add_rater().rater_id for _ in range(3))
    killed = [start(database, first, 100_000, "w1"), start(database, second, 100_000, "w2")]
    said = [[writer.stdout.readline() for _ in range(30)] for writer in killed]
    # This process writes beside them.
    own = [storage.record(third, n, "abc", 3, client_key=f"w3-{n}") for n in range(30)]
    for writer in killed:
        writer.send_signal(signal.SIGKILL)
    lines = [f"{receipt.rating_id} w3-{n}" for n, receipt in enumerate(own)]
    for writer, begin in zip(killed, said, strict=True):
        # A line that the kill cut in two was not acknowledged.
        rest = writer.stdout.read().rpartition("\n")[0]
        lines += [*map(str.strip, begin), *rest.splitlines()]
        writer.stdout.close()
        assert writer.wait(60) == -signal.SIGKILL
    storage.close()
    again = Storage.open(database)
    rows = again.all_ratings(history=True)
    kept = {f"{row.id} {row.client_key}" for row in rows}
    assert len(kept) == len(rows)
    assert set(lines) <= kept
    # Besides, at most the one that each was about to acknowledge.
    assert len(rows) <= len(lines) + len(killed)
    for rater in (first, second, third):
        numbers = sorted(int(r.client_key.split("-")[1]) for r in rows if r.rater_id == rater)
        assert numbers == list(range(len(numbers)))
        assert not again.record(rater, 0, "abc", 1, client_key="goes on").replayed
    again.close()
