"""The queue: what many ask for is gathered, and nobody gets another's result or error."""

import threading
import time
from dataclasses import dataclass

import pytest

from whyalike.errors import BusyError
from whyalike.web.api.kept import OVERHEAD, KeptResults
from whyalike.web.api.schedule import LONGEST_GATHERING, Piece, QueueLimits, Schedule
from whyalike.web.api.work_queue import WorkQueue

PATIENCE = 30


@dataclass(frozen=True)
class Kind:
    worker: object
    name: str

    def __call__(self, works):
        return self.worker.run(self.name, works)


class Worker:
    """Does what a queue gives it, when it is let: so that tests know what waits."""

    def __init__(self, **limits):
        self.batches = []
        self.may = threading.Event()
        self.began = threading.Event()
        self.queue = WorkQueue(limits=QueueLimits(**limits))

    def submit(self, kind, work, **said):
        return self.queue.submit(Kind(self, kind), work, **said)

    def run(self, kind, works):
        self.batches.append((kind, list(works)))
        self.thread = threading.get_ident()
        self.began.set()
        assert self.may.wait(PATIENCE)
        return [ValueError(work) if work == "bad" else f"{kind}:{work}" for work in works]

    def hold(self):
        """Let it take one piece and stay with it."""
        future = self.submit("held", "first")
        assert self.began.wait(PATIENCE)
        return future


@pytest.fixture
def make():
    made = []

    def make(**limits):
        made.append(Worker(**{"gather_seconds": 0.0, **limits}))
        return made[-1]

    yield make
    for worker in made:
        worker.may.set()
        worker.queue.close()


def test_what_waits_goes_together_by_kind_and_in_order(make):
    worker = make(batch_pieces=3)
    held = worker.hold()
    kinds = "abaabaa"
    futures = [worker.submit(kind, n) for n, kind in enumerate(kinds)]
    worker.may.set()
    assert held.result(PATIENCE) == "held:first"
    assert [f.result(PATIENCE) for f in futures] == [f"{k}:{n}" for n, k in enumerate(kinds)]
    assert worker.batches[1:] == [("a", [0, 2, 3]), ("b", [1, 4]), ("a", [5, 6])]


def test_a_batch_is_not_larger_than_allowed_but_for_one_piece_alone(make):
    worker = make(batch_cost=10)
    worker.hold()
    futures = [worker.submit("a", size, cost=size) for size in (4, 5, 2, 50, 9, 1)]
    worker.may.set()
    for future in futures:
        future.result(PATIENCE)
    assert [works for _, works in worker.batches[1:]] == [[4, 5], [2], [50], [9, 1]]


def test_the_first_of_a_batch_waits_for_others_for_a_while(make):
    worker = make(gather_seconds=PATIENCE, batch_pieces=2)
    worker.may.set()
    first = worker.submit("a", 1)
    second = worker.submit("a", 2)  # Makes the batch full: nobody waits any longer.
    assert (first.result(PATIENCE / 2), second.result(PATIENCE / 2)) == ("a:1", "a:2")
    assert worker.batches == [("a", [1, 2])]


def test_those_who_were_answered_are_waited_for_when_one_of_them_asks_again(make, monkeypatch):
    monkeypatch.setattr("whyalike.web.api.schedule.LONGEST_GATHERING", PATIENCE)
    worker = make(gather_share=0.0)
    held = worker.hold()
    both = [worker.submit("a", n) for n in range(2)]
    worker.may.set()
    for future in (held, *both):
        future.result(PATIENCE)
    worker.queue._schedule.limits = QueueLimits(
        gather_seconds=0.0, gather_share=1e9, lull_seconds=PATIENCE
    )
    again = [worker.submit("a", 2)]
    time.sleep(0.05)  # The queue would have taken it alone by now.
    again.append(worker.submit("a", 3))
    assert [future.result(PATIENCE / 2) for future in again] == ["a:2", "a:3"]
    assert worker.batches[-1] == ("a", [2, 3])


def test_nobody_is_waited_for_once_they_stay_away(make):
    worker = make(gather_share=1e9, lull_seconds=0.01)
    worker.may.set()
    for future in [worker.submit("a", n) for n in range(4)]:
        future.result(PATIENCE)
    assert worker.submit("a", 4).result(PATIENCE) == "a:4"


def piece(since, do=list):
    return Piece(
        do, None, cost=1.0, seconds=0.0, asker=None, since=since, slices=0, changed=lambda: None
    )


def ran(schedule, count, *, at, seconds):
    """Let a batch of so many run from ``at`` on, and return when it ended."""
    for _ in range(count):
        schedule.add(piece(at))
    batch = schedule.choose(at, hurried=True)
    assert len(batch.pieces) == count
    batch.active = seconds
    return batch, at + seconds


def test_those_who_came_while_a_batch_ran_wait_for_those_whom_it_answered():
    schedule = Schedule(QueueLimits())
    batch, end = ran(schedule, 2, at=0.0, seconds=1.0)
    for _ in range(2):
        schedule.add(piece(0.1))
    schedule.finish(batch, end)
    assert 0.0 < schedule.choose(end, hurried=False) <= QueueLimits().gather_share
    schedule.add(piece(end + 0.01))
    assert schedule.choose(end + 0.01, hurried=False) > 0.0
    schedule.add(piece(end + 0.02))
    assert len(schedule.choose(end + 0.02, hurried=False).pieces) == 4


def test_they_wait_no_longer_than_a_share_of_the_batch_for_who_stays_away():
    limits = QueueLimits()
    schedule = Schedule(limits)
    batch, end = ran(schedule, 2, at=0.0, seconds=1.0)
    schedule.add(piece(0.1))
    schedule.finish(batch, end)
    left = schedule.choose(end, hurried=False)
    assert left == pytest.approx(max(limits.lull_seconds, 0.2 * limits.gather_share))
    assert len(schedule.choose(end + left + 1e-9, hurried=False).pieces) == 1


def test_after_a_long_batch_nobody_waits_long_for_company():
    schedule = Schedule(QueueLimits())
    batch, end = ran(schedule, 2, at=0.0, seconds=10_000.0)
    schedule.finish(batch, end)
    schedule.add(piece(end))
    assert len(schedule.choose(end + LONGEST_GATHERING, hurried=False).pieces) == 1


def test_who_asks_for_something_else_waits_for_none_of_them():
    schedule = Schedule(QueueLimits())
    batch, end = ran(schedule, 5, at=0.0, seconds=1.0)
    schedule.add(piece(0.1, do=tuple))
    schedule.finish(batch, end)
    assert len(schedule.choose(end, hurried=False).pieces) == 1


def test_nobody_is_waited_for_by_who_asks_alone_or_where_nothing_went_on_for_a_while():
    schedule = Schedule(QueueLimits(gather_seconds=0.0))
    batch, end = ran(schedule, 1, at=0.0, seconds=1.0)
    schedule.finish(batch, end)
    schedule.add(piece(end + 0.001))
    alone = schedule.choose(end + 0.001, hurried=False)
    assert len(alone.pieces) == 1
    schedule.finish(alone, end)
    batch, end = ran(schedule, 5, at=3.0, seconds=1.0)
    schedule.finish(batch, end)
    schedule.add(piece(end + 1.0))
    assert len(schedule.choose(end + 1.0, hurried=False).pieces) == 1


def test_an_error_reaches_only_who_asked(make):
    worker = make()
    worker.hold()
    futures = [worker.submit("a", work) for work in ("one", "bad", "two")]
    worker.may.set()
    assert futures[0].result(PATIENCE) == "a:one"
    assert isinstance(futures[1].exception(PATIENCE), ValueError)
    assert futures[2].result(PATIENCE) == "a:two"


def test_a_batch_that_breaks_is_told_and_the_lane_goes_on():
    def broken(works):
        raise RuntimeError("out of memory")

    queue = WorkQueue(limits=QueueLimits(gather_seconds=0))
    assert isinstance(queue.submit(broken, 1).exception(PATIENCE), RuntimeError)
    assert isinstance(queue.call(lambda: broken([])).exception(PATIENCE), RuntimeError)
    assert queue.submit(list, 2).result(PATIENCE) == 2
    queue.close()


def test_a_call_goes_alone_in_its_turn_and_in_the_thread_of_the_batches(make):
    worker = make(gather_seconds=PATIENCE, batch_pieces=2)
    worker.may.set()
    first = worker.submit("a", 1)
    called = worker.queue.call(threading.get_ident)  # Nothing is gathered once it is its turn.
    second = worker.submit("a", 2)
    assert (first.result(PATIENCE), second.result(PATIENCE)) == ("a:1", "a:2")
    assert worker.batches == [("a", [1, 2])]
    assert called.result(PATIENCE) == worker.thread != threading.get_ident()
    assert called.result(0) == worker.queue.call(threading.get_ident).result(PATIENCE)


def test_a_full_queue_refuses_and_says_when_to_ask_again(make):
    worker = make(waiting=3)
    worker.hold()
    futures = [worker.submit("a", n) for n in range(3)]
    with pytest.raises(BusyError) as refused:
        worker.submit("a", 3)
    assert refused.value.seconds >= 1
    assert f"{refused.value.seconds} s" in str(refused.value)
    # Who went away makes room.
    assert futures[1].cancel()
    late = worker.submit("a", 4)
    worker.may.set()
    assert late.result(PATIENCE) == "a:4"
    assert worker.batches[1:] == [("a", [0, 2, 4])]


def test_what_was_cancelled_costs_nothing_and_does_not_hold_up_others(make):
    worker = make()
    worker.hold()
    gone = [worker.submit("a", n) for n in range(5)]
    kept = worker.submit("b", "kept")
    assert all(future.cancel() for future in gone)
    worker.may.set()
    assert kept.result(PATIENCE) == "b:kept"
    assert worker.batches[1:] == [("b", ["kept"])]


def test_closing_finishes_what_was_taken_and_takes_nothing_new(make):
    worker = make(batch_pieces=2, gather_seconds=PATIENCE)
    futures = [worker.submit("a", n) for n in range(5)]
    closing = threading.Thread(target=worker.queue.close)
    closing.start()
    end = time.monotonic() + PATIENCE
    while not worker.queue._closing and time.monotonic() < end:
        time.sleep(0.001)
    with pytest.raises(BusyError, match="being stopped"):
        worker.submit("a", 9)
    worker.may.set()
    closing.join(PATIENCE)
    assert not closing.is_alive()
    assert [future.result(0) for future in futures] == [f"a:{n}" for n in range(5)]


def test_many_threads_get_their_own_results():
    queue = WorkQueue(limits=QueueLimits(gather_seconds=0.001, waiting=10_000))
    kinds = [lambda works, kind=kind: [(kind, work) for work in works] for kind in range(3)]
    wrong = []

    def ask(client):
        for n in range(50):
            work = (client, n)
            if queue.submit(kinds[n % 3], work).result(PATIENCE) != (n % 3, work):
                wrong.append(work)

    threads = [threading.Thread(target=ask, args=(client,)) for client in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    queue.close()
    assert wrong == []


def test_kept_results_forget_the_longest_unused_as_a_list_does():
    import random

    choose = random.Random(5)
    most = 3 * (10 + OVERHEAD)
    kept, slow = KeptResults(most), []
    hits = misses = 0
    for _ in range(600):
        key, size = choose.randrange(6), choose.choice([1, 10, 40, 3000])
        found = next((content for name, content in slow if name == key), None)
        assert kept.get(key) == found
        if found is not None:
            hits += 1
            slow = [one for one in slow if one[0] != key] + [(key, found)]
        else:
            misses += 1
        if choose.random() < 0.7:
            content = bytes([key]) * size
            kept.put(key, content)
            slow = [one for one in slow if one[0] != key]
            if size + OVERHEAD <= most:
                slow.append((key, content))
            while sum(len(c) + OVERHEAD for _, c in slow) > most:
                slow.pop(0)
        assert kept.bytes == sum(len(c) + OVERHEAD for _, c in slow) <= most
        assert len(kept) == len(slow)
    assert (kept.hits, kept.misses) == (hits, misses)
    assert hits > 50


def test_nothing_is_kept_where_nothing_may_be():
    kept = KeptResults(0)
    kept.put("a", b"")
    assert kept.get("a") is None
    assert kept.bytes == len(kept) == 0
