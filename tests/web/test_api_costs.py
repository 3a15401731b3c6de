"""What a request may cost, how long it may take, and what becomes of it when it is too much."""

import asyncio
import json
import threading

import httpx
import pytest

pytest.importorskip("fastapi", reason="needs the extra 'serve'")

from explorer_service import count_letters, counted, make_items, open_explainer
from fastapi.testclient import TestClient
from test_api_batch import PATIENCE, V1, open_async, run_raw, until

from raising import raises
from tiny_models import tiny
from whyalike import Explainer
from whyalike.catalogue import CatalogueIndex
from whyalike.errors import BusyError, TooCostlyError
from whyalike.web.api import estimates
from whyalike.web.api.allowance import Allowance
from whyalike.web.api.api_app import create_api_app
from whyalike.web.api.asking import ServiceLimits
from whyalike.web.api.background import BackgroundWork
from whyalike.web.api.estimates import Speed, Speeds
from whyalike.web.api.schedule import QueueLimits
from whyalike.web.api.service import Service
from whyalike.web.api.work_queue import WorkQueue
from whyalike.web.serving import create_explorer_app

HOME = "http://127.0.0.1:8000"
TEXT = " ".join(f"warm woollen gloves number {n}" for n in range(8))
OTHER = " ".join(f"mittens of thick wool, size {n}" for n in range(8))


def known_speed(service, *, tokens_a_second):
    """Say how fast the models are; nothing that is measured changes it."""

    class Known(Speeds):
        def learn(self, method, cost, seconds, *, least=None):
            pass

        def seconds(self, method, cost):
            return cost / tokens_a_second

        least = seconds

    for served in (*service.models.values(), *(one.model for one in service.indexes.values())):
        served.speeds = Known()
    return service


def make_service(
    *, seconds=600.0, cost_seconds=120.0, tokens_a_second=1_000.0, indexes=None, **queue
):
    limits = ServiceLimits(
        seconds=seconds,
        cost_seconds=cost_seconds,
        queue=QueueLimits(**{"gather_seconds": 0.0, **queue}),
    )
    service = Service({"letters": open_explainer()}, limits=limits, indexes=indexes)
    return known_speed(service, tokens_a_second=tokens_a_second)


def ask(service, name="explain", **asked):
    client = TestClient(create_api_app(service), base_url=HOME)
    return client.post(f"{V1}/{name}", json=asked)


def test_what_costs_too_much_is_refused_and_what_is_named_is_taken():
    service = make_service(cost_seconds=8.0)
    refused = ask(service, left=TEXT, right=OTHER, method="shapley")
    assert refused.status_code == 422
    said = refused.json()
    assert said["code"] == "too_costly"
    assert said["limit"] == 8.0 < said["value"]
    named = float(said["error"].split("about ")[1].split(" s")[0])
    assert named == pytest.approx(said["value"], rel=0.1)
    assert "a request may take 8.0 s" in said["error"]
    assert "occlusion (" in said["error"]
    assert "random" not in said["error"], "a control is no answer to the question"
    assert counted(service, "explanations_total") == 0, "nothing was computed"
    # Each way that is named is one.
    words = int(said["error"].split("texts of at most about ")[1].split(" words")[0])
    shorter = [" ".join(text.replace(",", "").split()[:words]) for text in (TEXT, OTHER)]
    assert ask(service, left=shorter[0], right=shorter[1], method="shapley").status_code == 200
    assert ask(service, left=TEXT, right=OTHER, method="occlusion").status_code == 200
    service.close()


def test_fewer_steps_are_named_where_they_fit():
    service = make_service(cost_seconds=6.0)
    texts = {"left": TEXT, "right": OTHER, "method": "shapley"}
    error = ask(service, **texts).json()["error"]
    steps = int(error.split("at most ")[1].split(" permutations")[0])
    assert 0 < steps < 8
    assert ask(service, **texts, options={"permutations": steps}).status_code == 200
    more = ask(service, **texts, options={"permutations": steps + 1})
    assert more.json()["code"] == "too_costly"
    service.close()


def test_the_parts_of_a_request_count_together(tmp_path):
    explainer = open_explainer()
    index = CatalogueIndex.build(
        make_items(), tmp_path / "shop", model=explainer, name="shop", fields=("description",)
    )
    alone = make_service().model()
    kind, _ = alone.kind(None, None)
    whole = alone.estimate(kind, alone.measure(kind, (TEXT, OTHER))).seconds
    alone.queue.close()
    service = make_service(cost_seconds=1.5 * whole, indexes={"shop": index})
    assert ask(service, left=TEXT, right=OTHER).status_code == 200
    both = ask(service, "compare", query=TEXT, better=OTHER + " a", worse=OTHER + " b")
    assert both.json().get("code") == "too_costly", both.text[:300]
    assert "for the rest" in both.json()["error"]
    # A search and its reasons: six pairs.
    one, six = (ask(service, "similar", text=TEXT, k=k) for k in (1, 6))
    assert one.status_code == 200
    assert six.json().get("code") == "too_costly", six.text[:300]
    count = int(six.json()["error"].split("at most about ")[-1].split(" pairs")[0])
    assert 1 <= count < 6
    assert ask(service, "similar", text=TEXT, k=count).status_code == 200
    assert ask(service, "similar", text=TEXT, k=6, explain=False).status_code == 200
    # The Explorer's page: three methods side by side.
    page = TestClient(create_explorer_app(service), base_url=HOME)
    asked = {"left": TEXT + " c", "right": OTHER, "method": "occlusion", "beside": "shapley"}
    shown = page.post("/", data=asked)
    assert "This would take" in shown.text
    service.close()


def test_the_lines_of_a_batch_count_together_and_a_line_that_is_none_costs_nothing():
    service = make_service(cost_seconds=4.0)
    client = TestClient(create_api_app(service), base_url=HOME)
    lines = [json.dumps({"left": f"warm gloves {n}", "right": "mittens"}) for n in range(30)]
    refused = client.post(f"{V1}/batch", content="\n".join(lines))
    assert refused.status_code == 422
    assert refused.json()["code"] == "too_costly"
    count = int(refused.json()["error"].split("at most about ")[1].split(" of such")[0])
    assert 1 < count < 30
    said = client.post(f"{V1}/batch", content="\n".join([*lines[:count], *["nonsense"] * 20]))
    assert said.status_code == 200
    found = [json.loads(line) for line in said.text.splitlines()]
    assert ["explanation" in one for one in found] == [True] * count + [False] * 20
    # What was kept costs nothing.
    again = client.post(f"{V1}/batch", content="\n".join([*lines[:count]] * 3))
    assert again.status_code == 200
    service.close()


def test_who_would_not_be_answered_in_time_is_refused_at_once():
    service = make_service(seconds=20.0, cost_seconds=15.0, waiting=1000)
    hold, began = threading.Event(), threading.Event()
    service.queue.call(lambda: began.set() or hold.wait(PATIENCE))
    assert began.wait(PATIENCE)

    async def ask_many():
        async with open_async(service) as client:
            asked = []
            while True:
                n = len(asked)
                asked.append(
                    asyncio.create_task(
                        client.post(f"{V1}/explain", json={"left": f"{TEXT} {n}", "right": OTHER})
                    )
                )
                await until(lambda: service.queue.waiting == len(asked) or asked[-1].done())
                if asked[-1].done():
                    break
            expected = service.queue.seconds_until_done()
            hold.set()
            return expected, await asyncio.gather(*asked)

    expected, answers = asyncio.run(ask_many())
    assert [answer.status_code for answer in answers] == [200] * (len(answers) - 1) + [503]
    said = answers[-1].json()
    assert said["code"] == "out_of_time"
    later = int(answers[-1].headers["retry-after"])
    own = expected / (len(answers) - 1)
    assert later / 2 <= expected + own - 20.0 + 1 <= 2 * later + 1, "then it would be done in time"
    service.close()


def test_what_takes_longer_than_it_may_is_ended(monkeypatch):
    """Whose fault it is says the status: a request that computed all the time is not asked again."""
    may, passes = threading.Event(), []

    def embed(texts):
        passes.append(len(texts))
        if any("long" in text for text in texts):
            assert may.wait(PATIENCE)
        return count_letters(texts)

    service = Service({"letters": Explainer(embed=embed)}, limits=ServiceLimits(seconds=0.2))
    busy = ask(service, left="a long text", right="b")
    assert busy.status_code == 503
    assert busy.json()["code"] == "out_of_time"
    assert int(busy.headers["retry-after"]) >= 1
    # As if its own slices had taken all the time.
    monkeypatch.setattr(
        Allowance, "active", property(lambda _: 1.0, lambda *_: None), raising=False
    )
    slow = ask(service, left="another long text", right="b")
    assert slow.status_code == 422
    assert slow.json()["code"] == "out_of_time"
    assert "retry-after" not in slow.headers
    may.set()
    service.close()


@pytest.mark.parametrize("name", ["explain", "batch", "page"])
def test_a_client_that_leaves_during_long_work_costs_no_pass_more(name):
    passes, may = [], threading.Semaphore(0)

    def embed(texts):
        if "number" in " ".join(texts):
            passes.append(len(texts))
            assert may.acquire(timeout=PATIENCE)
        return count_letters(texts)

    service = Service({"letters": Explainer(embed=embed)})
    asked = {"left": TEXT, "right": OTHER, "method": "shapley"}
    path, body = {
        "explain": (f"{V1}/explain", json.dumps(asked)),
        "batch": (f"{V1}/batch", json.dumps(asked)),
        "page": ("/", str(httpx.QueryParams(asked))),
    }[name]
    app = create_explorer_app(service)

    async def ask_and_leave():
        leave = asyncio.Event()
        task = asyncio.create_task(run_raw(app, path, body.encode(), leave=leave))
        await until(lambda: passes)
        leave.set()
        await asyncio.wait_for(task, PATIENCE)
        # The pass that runs ends; the next one does not begin, and others get their turn.
        may.release()
        return await service.explain("a warm hat", "a scarf")

    assert asyncio.run(ask_and_leave()).method == "occlusion"
    assert len(passes) == 1
    may.release(100)
    assert service.close(PATIENCE)
    assert len(passes) == 1


def test_a_short_request_is_answered_between_two_slices_of_a_long_one():
    ran, may = None, threading.Semaphore(0)

    def embed(texts):
        if ran is not None:
            ran.append("short" if "cap" in " ".join(texts) else "long")
            assert may.acquire(timeout=PATIENCE)
        return count_letters(texts)

    limits = ServiceLimits(queue=QueueLimits(gather_seconds=0.0, slice_seconds=0.0))
    service = Service({"letters": Explainer(embed=embed)}, limits=limits)
    ran = []

    async def ask_both():
        long = asyncio.create_task(service.explain(TEXT, OTHER, method="shapley"))
        await until(lambda: ran)
        short = asyncio.create_task(service.explain("a cap", "the caps"))
        await until(lambda: service.queue.waiting == 1)
        may.release(2)
        await short
        assert not long.done()
        may.release(1000)
        await long

    asyncio.run(ask_both())
    assert ran[:2] == ["long", "short"]
    assert set(ran[2:]) == {"long"}
    assert len(ran) > 4
    service.close()


def test_health_says_what_moves_and_that_nothing_does(monkeypatch):
    service = make_service()
    client = TestClient(create_explorer_app(service), base_url=HOME)
    quiet = client.get("/health")
    assert quiet.status_code == 200
    assert quiet.json() == client.get(f"{V1}/health").json()
    assert quiet.json()["waiting"] == quiet.json()["running"] == quiet.json()["still_seconds"] == 0
    hold, began = threading.Event(), threading.Event()
    service.queue.call(lambda: began.set() or hold.wait(PATIENCE))
    assert began.wait(PATIENCE)
    service.queue.call(lambda: None)
    now = service.queue._clock()
    monkeypatch.setattr(service.queue, "_clock", lambda: now + 59)
    busy = client.get("/health").json()
    assert (busy["status"], busy["waiting"], busy["running"]) == ("ok", 1, 1)
    assert 58 < busy["waiting_seconds"] <= busy["running_seconds"] < 61
    monkeypatch.setattr(service.queue, "_clock", lambda: now + 62)
    stalled = client.get("/health")
    assert stalled.status_code == 503
    assert stalled.json()["status"] == "stalled"
    monkeypatch.undo()
    hold.set()
    service.close()


def test_the_end_answers_who_still_waits_and_ends_what_runs():
    passes, may = [], threading.Semaphore(0)

    def embed(texts):
        if "number" in " ".join(texts):
            passes.append(len(texts))
            assert may.acquire(timeout=PATIENCE)
        return count_letters(texts)

    service = Service({"letters": Explainer(embed=embed)})

    async def ask_and_end():
        async with open_async(service) as client:
            long = {"left": TEXT, "right": OTHER, "method": "shapley"}
            asked = [
                asyncio.create_task(
                    client.post(f"{V1}/explain", json={**long, "left": f"{TEXT} {n}"})
                )
                for n in range(3)
            ]
            queue = service.queue
            await until(lambda: passes and queue.state.waiting + queue.state.running == 3)
            service.refuse()
            late = await client.post(f"{V1}/explain", json={"left": "late", "right": "b"})
            service.end()
            return [late, *await asyncio.gather(*asked)]

    answers = asyncio.run(ask_and_end())
    assert [answer.status_code for answer in answers] == [503] * 4
    assert {answer.json()["code"] for answer in answers} == {"stopping"}
    may.release(100)
    assert service.close(PATIENCE) is True
    assert len(passes) == 1


def test_a_filter_that_nobody_waits_for_is_ended_and_others_are_not_kept_waiting(
    tmp_path, monkeypatch
):
    from whyalike.interruption import checkpoint

    explainer = open_explainer()
    index = CatalogueIndex.build(
        make_items(), tmp_path / "shop", model=explainer, name="shop", fields=("description",)
    )
    service = Service({"letters": explainer}, indexes={"shop": index})
    began, ended = threading.Event(), threading.Event()
    filtered = index.reader.filtered

    def slow(where):
        if where is None:
            return filtered(where)
        began.set()
        try:
            for _ in range(10**9):
                checkpoint()
        finally:
            ended.set()
        return filtered(where)

    monkeypatch.setattr(index.reader, "filtered", slow)
    app = create_explorer_app(service)

    async def ask_and_leave():
        leave = asyncio.Event()
        body = json.dumps({"text": "warm", "where": "price > 1"}).encode()
        task = asyncio.create_task(run_raw(app, f"{V1}/similar", body, leave=leave))
        await until(began.is_set)
        # The queue is free.
        assert (await service.explain("a warm hat", "a scarf")).method == "occlusion"
        assert (await service.similar(text="warm gloves", k=2)).hits
        assert not ended.is_set()
        leave.set()
        await asyncio.wait_for(task, PATIENCE)
        await until(ended.is_set)

    asyncio.run(ask_and_leave())
    service.close()


def test_more_searches_than_threads_wait_and_too_many_are_refused():
    hold, began = threading.Event(), []

    async def run():
        background = BackgroundWork(threads=2, waiting=3)
        tasks = [
            asyncio.create_task(
                background.run(lambda n=n: (began.append(n), hold.wait(PATIENCE), n)[-1])
            )
            for n in range(3)
        ]
        await until(lambda: len(began) == 2)
        with pytest.raises(BusyError) as refused:
            await background.run(lambda: None)
        assert refused.value.seconds >= 1
        hold.set()
        assert await asyncio.gather(*tasks) == [0, 1, 2]
        assert await background.run(lambda: 7) == 7
        with pytest.raises(ValueError, match="this"):
            await background.run(lambda: (_ for _ in ()).throw(ValueError("this")))
        background.close()
        with pytest.raises(BusyError) as stopped:
            await background.run(lambda: None)
        assert stopped.value.reason == "stopping"

    asyncio.run(run())


def test_a_speed_follows_what_was_seen_lately():
    speed = Speed()
    assert speed.seconds(100) is None
    for _ in range(3):
        speed.learn(1_000, 1.0)
    assert speed.seconds(500) == pytest.approx(0.5)
    for _ in range(20):
        speed.learn(1_000, 10.0)
    assert speed.seconds(500) == pytest.approx(5.0, rel=0.05)
    speeds = Speeds()
    assert speeds.seconds("bti", 100) == 0.0
    speeds.learn("", 1_000, 1.0)
    assert speeds.seconds("bti", 100) == pytest.approx(0.1)
    speeds.learn("bti", 1_000, 2.0)
    assert speeds.seconds("bti", 100) == pytest.approx(0.2)
    assert speeds.seconds("shapley", 100) == pytest.approx(0.1 * 3_000 / 1_800, rel=0.1)


def test_the_first_estimate_on_a_busy_machine_is_that_of_a_free_one(monkeypatch):
    """By the clock all takes a hundred times as long; the thread has computed for the rest."""
    clock = {"wall": 0.0, "thread": 0.0}
    explainer = Explainer(tiny("bert").parts)
    asked = explainer.model.score

    def score(*args, **options):
        clock["wall"] += 12.0
        clock["thread"] += 0.12
        return asked(*args, **options)

    monkeypatch.setattr(explainer.model, "score", score)
    monkeypatch.setattr(estimates.time, "perf_counter", lambda: clock["wall"])
    monkeypatch.setattr(estimates.time, "thread_time", lambda: clock["thread"])
    speeds = Speeds()
    estimates.calibrate(explainer, speeds)
    told = speeds.estimate("bti", 1_000)
    assert told.seconds == told.least
    assert 0 < told.least < 1


def test_the_queue_says_how_long_a_thread_computed_and_a_function_is_known_by_the_clock():
    clock, busy = [0.0], [0.0]
    queue = WorkQueue(
        limits=QueueLimits(gather_seconds=0.0), clock=lambda: clock[0], busy=lambda: busy[0]
    )
    learnt = []

    class Work:
        def __call__(self, pieces):
            clock[0] += 30.0
            busy[0] += 2.0
            return pieces

        def took(self, cost, seconds, busy):
            learnt.append((cost, seconds, busy))

    queue.submit(Work(), "x", cost=7.0).result(PATIENCE)
    queue.close()
    assert learnt == [(7.0, 30.0, 2.0)]
    service = Service({"tiny": Explainer(tiny("bert").parts), "letters": open_explainer()})
    for name, least in (("tiny", 2.0), ("letters", 30.0)):
        served = service.model(name)
        served.speeds = Speeds()
        kind, _ = served.kind(None, None)
        kind.took(1_000, 30.0, 2.0)
        assert served.speeds.least(kind.method, 1_000) == pytest.approx(least), name
    service.close()


def test_nothing_is_learnt_from_work_that_failed_and_who_asked_is_answered():
    learnt = []

    class Work:
        def __call__(self, pieces):
            if pieces == ["fails"]:
                raise ValueError("it fails")
            return pieces

        def took(self, cost, seconds, busy):
            learnt.append(cost)

    queue = WorkQueue(limits=QueueLimits(gather_seconds=0.0))
    with pytest.raises(ValueError, match="it fails"):
        queue.submit(Work(), "fails", cost=3.0).result(PATIENCE)
    queue.submit(Work(), "x", cost=7.0).result(PATIENCE)
    queue.close()
    assert learnt == [7.0]


def test_answers_are_given_though_nothing_can_be_learnt_of_them(caplog):
    class Work:
        def __call__(self, pieces):
            return pieces

        def took(self, cost, seconds, busy):
            raise ValueError("the model is another one by now")

    queue = WorkQueue(limits=QueueLimits(gather_seconds=0.0))
    for text in ("x", "y"):
        assert queue.submit(Work(), text, cost=1.0).result(PATIENCE) == text
    assert queue.close(PATIENCE)
    assert caplog.text.count("could not be learnt") == 2


def test_what_slows_work_down_for_a_while_is_no_property_of_it():
    speeds = Speeds()
    assert speeds.least("bti", 100) == 0.0
    for seconds in (1.0, 1.0, 1.0, 20.0, 20.0, 20.0, 20.0, 20.0):
        speeds.learn("bti", 1_000, seconds)
    told = speeds.estimate("bti", 1_000)
    assert told.least == pytest.approx(1.0)
    assert told.seconds > 10
    assert (told + told).least == pytest.approx(2.0)
    # By one that was quicker than all others nothing is judged.
    speeds.learn("bti", 1_000, 0.001)
    assert speeds.least("bti", 1_000) == pytest.approx(1.0)
    # Of a method that was not asked for yet, as of the others.
    assert speeds.least("shapley", 100) == pytest.approx(0.1)
    for _ in range(32):
        speeds.learn("bti", 1_000, 20.0)
    assert speeds.least("bti", 1_000) == pytest.approx(20.0, rel=1e-3)
    # It is no more than what is expected.
    speeds.seconds = lambda method, cost: 3.0
    assert speeds.least("bti", 1_000) == 3.0


def test_other_programs_make_no_question_too_dear():
    """All that was done lately took twenty times its own time: the limit is of the model's work."""
    speeds = Speeds()
    speeds.learn("bti", 1_000, 20.0, least=1.0)

    async def take():
        allowance = Allowance(most=2.0, seconds=600.0)
        allowance.take(speeds.estimate("bti", 1_500), "no more than {}".format)
        assert (allowance.work, allowance.seconds) == pytest.approx((1.5, 30.0))
        with raises(TooCostlyError, "about 3.0 s", "1.5 s of it for the rest", "no more than 0.5"):
            allowance.take(speeds.estimate("bti", 1_500), "no more than {}".format)

    asyncio.run(take())


def test_the_speed_of_a_model_is_known_from_the_start_and_of_a_function_from_the_first_answer():
    service = Service({"tiny": Explainer(tiny("bert").parts), "letters": open_explainer()})
    tiny_model, letters = service.model("tiny"), service.model("letters")
    assert tiny_model.speeds.seconds("bti", 1_000) > 0
    assert letters.speeds.seconds("occlusion", 1_000) == 0
    asyncio.run(service.explain("a warm hat", "a scarf", model="letters"))
    service.queue.call(lambda: None).result(PATIENCE)
    assert letters.speeds.seconds("occlusion", 1_000) > 0
    service.close()


@pytest.mark.parametrize("method", ["bti", "occlusion", "shapley"])
def test_sizes_are_counted_where_that_may_matter_and_guessed_elsewhere(method):
    service = Service({"tiny": Explainer(tiny("bert").parts)})
    served = service.model()
    kind, _ = served.kind(method, None)
    pair = ("warm knit gloves " * 20, "soft wool hat " * 20)
    counted = served.measure(kind, pair)
    assert [size.words for size in counted] == [60, 60]
    guessed = served.guess(kind, pair, short_cost=8_192.0)
    assert (guessed is None) is (method != "bti")
    if guessed:
        own, about = (served.estimate(kind, sizes).cost for sizes in (counted, guessed))
        assert own / 3 < about < 3 * own
    else:
        few = served.guess(kind, ("gloves", "hat"), short_cost=8_192.0)
        assert few is not None, "so short a text is short work by any method"
    service.close()
