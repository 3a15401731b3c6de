"""Long work takes turns, short work goes between two slices, and who has left costs nothing more.

Nothing here is told by the clock: a pass of the model ends when the test lets it, and what counts is
the order in which passes ran.
"""

import random
import threading
from collections import deque
from functools import partial

import pytest

from whyalike.errors import BusyError
from whyalike.interruption import checkpoint
from whyalike.web.api.schedule import Asker, QueueLimits, finish_time
from whyalike.web.api.work_queue import WorkQueue

PATIENCE = 60
LONG = 1e6
AT_ONCE = {"gather_seconds": 0.0, "gather_share": 0.0, "slice_seconds": 0.0}


class Model:
    """Work whose passes are let go on one by one; ``log`` says which ran, in their order."""

    def __init__(self, **limits):
        self.queue = WorkQueue(limits=QueueLimits(**{**AT_ONCE, "patience_seconds": 1e9, **limits}))
        self.log, self.changed, self.allowed = [], threading.Condition(), 0

    def run(self, name, passes):
        for number in range(passes):
            checkpoint()
            with self.changed:
                self.log.append(f"{name}{number}" if passes > 1 else name)
                self.changed.notify_all()
                assert self.changed.wait_for(partial(self._may_end, len(self.log)), PATIENCE)
        return name

    def _may_end(self, number):
        return self.allowed >= number

    def long(self, name, passes, **asked):
        """Ask for work of so many passes, which is known to be long."""
        return self.queue.submit(
            lambda works: [self.run(name, passes) for _ in works], name, **{"cost": LONG, **asked}
        )

    def short(self, name, **asked):
        return self.queue.submit(lambda works: [self.run(name, 1) for _ in works], name, **asked)

    def began(self, *names):
        """Wait until so many passes have begun, and say which."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.log) >= len(names), PATIENCE), self.log
        assert self.log == list(names)

    def let(self, count=1):
        """Let so many passes more end."""
        with self.changed:
            self.allowed += count
            self.changed.notify_all()

    def end(self):
        self.let(10**6)
        assert self.queue.close(PATIENCE)


@pytest.fixture
def make():
    made = []

    def make(**limits):
        made.append(Model(**limits))
        return made[-1]

    yield make
    for model in made:
        model.end()


def test_a_short_request_waits_for_one_slice_of_a_long_one(make):
    model = make()
    long = model.long("A", 3)
    model.began("A0")
    short = model.short("s")
    model.let()
    model.began("A0", "s")
    model.let()
    assert short.result(PATIENCE) == "s"
    model.began("A0", "s", "A1")
    assert not long.done()
    model.let(2)
    assert long.result(PATIENCE) == "A"


def test_short_requests_that_come_and_come_do_not_stop_a_long_one(make):
    model = make()
    model.long("A", 3)
    model.began("A0")
    model.short("s")
    model.short("t")
    model.let()
    model.began("A0", "s")
    model.short("u")  # Came after the slice: it waits for one, and the long one gets its turn.
    model.let()
    model.began("A0", "s", "t")
    model.let()
    model.began("A0", "s", "t", "A1")
    model.let()
    model.began("A0", "s", "t", "A1", "u")
    model.let()
    model.began("A0", "s", "t", "A1", "u", "A2")


def test_two_long_requests_alternate_and_a_short_one_goes_between(make):
    model = make()
    model.long("A", 3)
    model.began("A0")
    model.long("B", 3)
    order = ["A0", "B0", "A1", "B1", "s", "A2", "B2"]
    for count in range(1, len(order)):
        if order[count] == "s":
            model.short("s")
        model.let()
        model.began(*order[: count + 1])


def test_of_more_long_requests_the_last_begins_when_one_is_done(make):
    model = make(long_at_once=2)
    model.long("A", 2)
    model.began("A0")
    model.long("B", 3)
    third = model.long("C", 2)
    assert model.queue.state.waiting == 2
    order = ["A0", "B0", "A1", "B1", "C0", "B2", "C1"]
    for count in range(1, len(order) + 1):
        model.began(*order[:count])
        model.let()
    assert third.result(PATIENCE) == "C"


def test_who_left_costs_no_further_pass(make):
    model = make()
    runs = model.long("A", 100)
    model.began("A0")
    sleeps = model.long("B", 100)
    waits = model.long("C", 100)
    model.let()
    model.began("A0", "B0")
    for future, began in ((runs, True), (sleeps, True), (waits, False)):
        assert future.cancel() is not began
    last = model.short("s")
    model.let(2)
    assert last.result(PATIENCE) == "s"
    assert model.log == ["A0", "B0", "s"]
    assert model.queue.close(PATIENCE)


def test_a_batch_goes_on_while_anyone_waits_for_it(make):
    model = make()
    hold = model.short("hold")
    model.began("hold")

    def together(works):
        model.run("batch", 3)
        return [work.upper() for work in works]

    futures = [model.queue.submit(together, name) for name in "abc"]
    model.let()
    model.began("hold", "batch0")
    futures[0].cancel()
    futures[2].cancel()
    model.let()
    model.began("hold", "batch0", "batch1")
    model.let(2)
    assert futures[1].result(PATIENCE) == "B"
    again = [model.queue.submit(together, name) for name in "ab"]
    model.began("hold", "batch0", "batch1", "batch2", "batch0")
    for future in again:
        future.cancel()
    after = model.short("s")
    model.let(2)
    assert after.result(PATIENCE) == "s"
    assert model.log[-2:] == ["batch0", "s"]
    assert hold.result(0) == "hold"


def test_a_request_of_many_short_pieces_is_a_long_one(make):
    model = make(short_cost=3.0)
    model.short("hold")
    model.began("hold")
    many = Asker()
    pieces = [model.short(f"m{n}", asker=many) for n in range(7)]
    single = model.short("s", asker=Asker())
    model.let(20)
    # The first three are short, and the others long: the single one waits for one of them.
    model.began("hold", "m0", "m3", "m1", "m2", "s", "m4", "m5", "m6")
    assert [piece.result(PATIENCE) for piece in pieces] == [f"m{n}" for n in range(7)]
    assert single.result(0) == "s"


def test_pieces_of_a_long_request_go_together_as_far_as_a_slice_goes(make):
    model = make(short_cost=3.0)
    done = []

    def together(works):
        done.append(list(works))
        return works

    model.long("A", 1)
    model.began("A")
    asker = Asker(cost=100.0)
    pieces = [model.queue.submit(together, n, asker=asker) for n in range(8)]
    model.let()
    assert [piece.result(PATIENCE) for piece in pieces] == list(range(8))
    assert done == [[0, 1, 2], [3, 4, 5], [6, 7]]


def test_what_was_taken_for_short_and_takes_long_takes_turns(make):
    model = make(patience_seconds=0.0)
    first = model.queue.submit(lambda works: [model.run("A", 3)], 0, cost=1.0)
    model.began("A0")
    model.short("s")
    model.let()
    model.began("A0", "s")
    model.let()
    model.began("A0", "s", "A1")
    second = model.queue.submit(lambda works: [model.run("B", 2)], 0, cost=1.0)
    model.let()
    model.began("A0", "s", "A1", "B0")
    model.let()
    model.began("A0", "s", "A1", "B0", "A2")
    model.let(2)
    assert (first.result(PATIENCE), second.result(PATIENCE)) == ("A", "B")


def test_an_error_of_a_long_request_gives_its_turn_away(make):
    model = make()

    def fail(works):
        model.run("A", 2)
        raise RuntimeError("out of memory")

    broken = model.queue.submit(fail, 0, cost=LONG)
    model.began("A0")
    other = model.long("B", 2)
    model.let(4)
    assert isinstance(broken.exception(PATIENCE), RuntimeError)
    assert other.result(PATIENCE) == "B"


def test_closing_ends_what_takes_too_long_and_says_so_at_once(make):
    model = make()
    runs, sleeps = model.long("A", 50), None
    model.began("A0")
    sleeps = model.long("B", 50)
    model.let()
    model.began("A0", "B0")
    waits = model.short("s")
    # A pass runs that does not end: nobody who asked waits for it.
    assert model.queue.close(0.01) is False
    for future in (runs, sleeps, waits):
        refused = future.exception(PATIENCE)
        assert isinstance(refused, BusyError)
        assert refused.reason == "stopping"
    with pytest.raises(BusyError, match="being stopped"):
        model.short("late")
    model.let()
    assert model.queue.close(PATIENCE) is True
    assert model.log == ["A0", "B0"], "no pass more"


def test_closing_finishes_long_work_that_is_done_in_time(make):
    model = make()
    both = [model.long("A", 2), model.long("B", 2)]
    model.began("A0")
    model.let(10)
    assert model.queue.close(PATIENCE) is True
    assert [future.result(0) for future in both] == ["A", "B"]


def test_the_state_says_what_waits_what_runs_and_what_moves(make):
    now = [100.0]
    model = make()
    model.queue._clock = lambda: now[0]
    model.queue._moved = 100.0
    state = model.queue.state
    assert (state.waiting, state.running, state.still_seconds) == (0, 0, 0.0)
    model.long("A", 3)
    model.began("A0")
    slices = model.queue.state.slices
    now[0] += 5
    model.short("s")
    now[0] += 2
    state = model.queue.state
    assert (state.waiting, state.waiting_seconds) == (1, 2.0)
    assert (state.running, state.running_seconds) == (1, 7.0)
    assert (state.slices, state.still_seconds) == (slices, 7.0)
    model.let()
    model.began("A0", "s")
    state = model.queue.state
    assert (state.waiting, state.running) == (0, 2)
    assert state.still_seconds == 0.0
    assert state.slices > slices


def test_passes_that_are_shorter_than_a_slice_are_done_in_one():
    now = [0.0]
    queue = WorkQueue(
        limits=QueueLimits(gather_seconds=0.0, slice_seconds=1.0), clock=lambda: now[0]
    )
    ran, held = [], threading.Event()

    def do(works):
        if works == ["hold"]:
            assert held.wait(PATIENCE)
            return works
        for _ in range(6):
            checkpoint()
            ran.append(works[0])
            now[0] += 0.4
        return works

    queue.submit(do, "hold")
    for name in "ab":
        last = queue.submit(lambda works: do(works), name, cost=LONG)
    held.set()
    assert last.result(PATIENCE) == "b"
    assert queue.close(PATIENCE)
    assert "".join(ran) == "aaabbbaaabbb"


def test_one_computes_at_a_time_and_each_gets_its_own_result():
    queue = WorkQueue(limits=QueueLimits(**AT_ONCE, waiting=10_000, short_cost=10.0))
    computing, most, wrong = [0], [0], []

    def work(name, passes):
        for _ in range(passes):
            checkpoint()
            computing[0] += 1
            most[0] = max(most[0], computing[0])
            sum(range(200))
            computing[0] -= 1
        return name

    kinds = [lambda works: [work(*one) for one in works] for _ in range(3)]

    def ask(client):
        choose = random.Random(client)
        for number in range(30):
            long, name = choose.random() < 0.3, (client, number)
            future = queue.submit(
                choose.choice(kinds), (name, 6 if long else 1), cost=20.0 if long else 1.0
            )
            if choose.random() < 0.2:
                future.cancel()
            elif future.result(PATIENCE) != name:
                wrong.append(name)

    clients = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert queue.close(PATIENCE)
    assert wrong == []
    assert most == [1]
    assert not queue._threads


class Simulated:
    """A queue on which time passes only while something computes."""

    def __init__(self, **limits):
        self.now, self.held = 0.0, threading.Event()
        self.kinds, self.done = {}, {}
        self.queue = WorkQueue(
            limits=QueueLimits(**AT_ONCE, patience_seconds=1e9, **limits),
            clock=lambda: self.now,
        )
        self.hold = self.queue.call(lambda: self.held.wait(PATIENCE))

    def submit(self, kind, seconds, passes=1, **asked):
        def do(works):
            for work in works:
                for _ in range(passes):
                    checkpoint()
                    self.now += work / passes
            self.done[kind] = self.now
            return works

        do = self.kinds.setdefault(kind, do)
        return self.queue.submit(do, seconds, seconds=seconds, **asked)


@pytest.mark.parametrize("seed", range(6))
def test_a_full_queue_says_within_a_factor_of_two_when_it_is_empty(seed):
    choose = random.Random(seed)
    simulated = Simulated(waiting=40)
    for number in range(choose.choice([0, 1, 2, 4])):
        simulated.submit(f"long {number}", choose.uniform(5, 100), passes=50, cost=LONG)
    error, shorts = None, []
    while error is None:
        try:
            shorts.append(simulated.submit(choose.choice("abc"), choose.uniform(0.1, 9.0)))
        except BusyError as refused:
            error = refused
    simulated.held.set()
    for short in shorts:
        short.result(PATIENCE)
    assert simulated.queue.close(PATIENCE)
    shorts_done = max(simulated.done[kind] for kind in "abc" if kind in simulated.done)
    assert shorts_done / 2 <= error.seconds <= 2 * shorts_done + 1
    assert f"Ask again in {error.seconds} s" in str(error)
    assert error.reason == "queue_full"


@pytest.mark.parametrize("seed", range(6))
def test_long_work_is_done_within_a_factor_of_two_of_what_was_said(seed):
    choose = random.Random(seed)
    simulated = Simulated()
    for number in range(choose.randrange(9)):
        simulated.submit(f"long {number}", choose.uniform(5, 50), passes=40, cost=LONG)
    for _ in range(choose.randrange(20)):
        simulated.submit("short", choose.uniform(0.1, 1.0))
    own = choose.uniform(5, 50)
    said = simulated.queue.seconds_until_done(own, long=True)
    mine = simulated.submit("mine", own, passes=40, cost=LONG)
    simulated.held.set()
    mine.result(PATIENCE)
    assert simulated.queue.close(PATIENCE)
    assert simulated.done["mine"] / 2 <= said <= 2 * simulated.done["mine"]


def by_small_steps(line, backlog, seconds, at_once, step=0.001):
    """The same, slowly: each that takes turns computes for a moment, again and again."""
    running, waiting = deque([one, False] for one in line), deque([one, False] for one in backlog)
    waiting.append([seconds, True])
    elapsed = 0.0
    while True:
        while waiting and len(running) < at_once:
            running.append(waiting.popleft())
        one = running.popleft()
        elapsed += min(step, one[0])
        one[0] -= step
        if one[0] > 0:
            running.append(one)
        elif one[1]:
            return elapsed


@pytest.mark.parametrize("seed", range(10))
def test_the_end_of_work_that_takes_turns_is_that_of_small_steps(seed):
    choose = random.Random(seed)
    line = [choose.uniform(0, 2) for _ in range(choose.randrange(4))]
    backlog = [choose.uniform(0, 2) for _ in range(choose.randrange(4) if len(line) == 3 else 0)]
    seconds = choose.uniform(0, 2)
    found = finish_time(line, backlog, seconds, at_once=3)
    assert found == pytest.approx(by_small_steps(line, backlog, seconds, 3), abs=0.05)
