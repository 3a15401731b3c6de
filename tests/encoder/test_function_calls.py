"""Calls of a user's functions: their cost said before, batches, second tries, and their end."""

import datetime
import email.utils
import logging
import threading
import urllib.error
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from raising import raises
from whyalike import BlackBox, BTIOptions, Explainer, PairScorer
from whyalike.errors import FunctionError, ModelError, OptionError
from whyalike.interruption import checked_by
from whyalike.methods.method import list_methods
from whyalike.models import user_function
from whyalike.models.retry import Retry, is_passing, pause, seconds_asked
from whyalike.models.user_function import Cost

LEFT, RIGHT = "Warm knit gloves, warm hands.", "These gloves are wool."
PAIRS = [(LEFT, RIGHT), ("wool gloves", RIGHT), ("", RIGHT), (LEFT, LEFT), ("a b", "")]


def vectors(texts):
    return np.array([[len(text), text.count("a"), text.count("o") + 0.5] for text in texts])


class Counting:
    """A service that keeps what it was sent."""

    def __init__(self, give):
        self.give, self.sent = give, []

    def __call__(self, items):
        self.sent.append(list(items))
        return self.give(items)

    @property
    def cost(self):
        texts = [t for call in self.sent for i in call for t in ((i,) if isinstance(i, str) else i)]
        return Cost(len(self.sent), len(texts), sum(map(len, texts)))


def scores(pairs):
    return [len(left) - 3.0 * right.count("a") for left, right in pairs]


class ServiceError(Exception):
    def __init__(self, status=None, **more):
        super().__init__(f"status {status}")
        if status is not None:
            self.status_code = status
        self.__dict__.update(more)


class Response:
    def __init__(self, status_code, **headers):
        self.status_code = status_code
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


@pytest.fixture
def waited(monkeypatch):
    """The seconds that were waited for, without waiting."""
    seconds = []
    monkeypatch.setattr(user_function, "pause", seconds.append)
    return seconds


def failing(error, times, give=vectors):
    """A service that raises so many times, at its first calls."""
    left = [times]

    def service(items):
        if left[0]:
            left[0] -= 1
            raise error
        return give(items)

    return Counting(service)


# Cost.


@pytest.mark.parametrize(
    "method", [m.name for m in list_methods() if set(m.requires) <= {"vectors"}]
)
@pytest.mark.parametrize("kind", ["embed", "roles", "score"])
def test_the_cost_said_is_the_cost_counted(method, kind):
    services = [Counting(scores if kind == "score" else vectors)]
    limits = {"batch_size": 5, "batch_characters": 90}
    if kind == "score":
        opened = {"score": PairScorer(services[0], **limits)}
    elif kind == "embed":
        opened = {"embed": BlackBox(services[0], **limits)}
    else:
        services.append(Counting(vectors))
        box = BlackBox(embed_query=services[0], embed_document=services[1], **limits)
        opened = {"embed": box}
    if kind == "score" and next(m for m in list_methods() if m.name == method).requires:
        return
    explainer = Explainer(**opened, method=method, batch_size=2, options=BTIOptions(permutations=2))
    said = explainer.cost(PAIRS)
    assert all(not service.sent for service in services)
    assert explainer.model.spent == Cost()
    list(explainer.explain_many(PAIRS))
    counted = sum((service.cost for service in services), Cost())
    assert said == counted == explainer.model.spent
    assert said.calls
    # All is kept: the same costs nothing more, and a pair that is like them only what is new.
    assert explainer.cost(PAIRS) == Cost()
    more = explainer.cost([("wool gloves", "new one")])
    explainer.explain("wool gloves", "new one")
    assert sum((service.cost for service in services), Cost()) == Cost(
        said.calls + more.calls, said.texts + more.texts, said.characters + more.characters
    )


def test_a_small_cache_forgets_in_the_rehearsal_as_it_will():
    service = Counting(vectors)
    explainer = Explainer(embed=BlackBox(service, cache_size=3), batch_size=1)
    pairs = [*PAIRS, (RIGHT, LEFT), (LEFT, "new")]
    said = explainer.cost(pairs)
    list(explainer.explain_many(pairs))
    assert said == service.cost
    assert said.texts > len({text for call in service.sent for text in call})


def test_a_rehearsal_tells_what_anything_else_would_take(tmp_path):
    from whyalike import CatalogueIndex, Item

    items = [Item(str(n), f"glove {n}", f"a warm glove of kind {n}") for n in range(5)]
    service = Counting(vectors)
    box = BlackBox(service, name="service", batch_size=2)
    rehearsal = box.rehearsal()
    for each in (rehearsal, box):
        folder = tmp_path / f"{each is box}"
        CatalogueIndex.build(items, folder, model=Explainer(embed=each), fields=("description",))
    assert rehearsal.spent == box.spent == service.cost
    assert rehearsal.spent.texts >= 5


def test_the_cost_is_said_before_the_first_call_and_in_words(caplog):
    said, sent = [], []

    def service(texts):
        said.append(list(caplog.messages))
        sent.extend(texts)
        return vectors(texts)

    with caplog.at_level(logging.INFO, logger="whyalike.calls"):
        Explainer(embed=service).explain(LEFT, RIGHT)
    characters = sum(map(len, sent))
    assert said == [
        [
            "To explain 1 pair by occlusion, service will be sent 1 call with 14 texts of "
            f"{characters} characters."
        ]
    ]
    assert caplog.messages == said[0]
    assert str(Cost(1000, 1, 12345)) == "1,000 calls with 1 text of 12,345 characters"


def test_what_is_said_counts_the_checks(caplog):
    with caplog.at_level(logging.INFO, logger="whyalike.calls"):
        explainer = Explainer(embed=vectors)
        cost = explainer.cost([(LEFT, RIGHT)], check=3)
        explainer.explain(LEFT, RIGHT, check=3)
    assert caplog.messages[0].endswith(f" will be sent {cost}.")
    assert cost.texts > 14


def test_nothing_is_said_where_nobody_listens(caplog):
    with caplog.at_level(logging.WARNING, logger="whyalike.calls"):
        Explainer(embed=vectors).explain(LEFT, RIGHT)
    assert caplog.messages == []


def test_a_model_has_no_cost_of_calls():
    with raises(OptionError, "no function", "embed=", "score="):
        explainer = Explainer(embed=vectors)
        explainer.model = _Plain()
        explainer.cost(PAIRS)


class _Plain:
    name, capabilities = "own", frozenset()


# Batches.


def test_a_call_has_no_more_characters_than_allowed():
    service = Counting(vectors)
    box = BlackBox(service, batch_characters=10, batch_size=3)
    texts = ["abcd", "efgh", "ij", "k", "a text of more than ten", "l", "m", "n", "o"]
    np.testing.assert_array_equal(box.embed(texts), vectors(texts))
    assert service.sent == [
        ["abcd", "efgh", "ij"],
        ["k"],
        ["a text of more than ten"],
        ["l", "m", "n"],
        ["o"],
    ]
    pairs = Counting(scores)
    PairScorer(pairs, batch_characters=6).score([("ab", "cd"), ("e", "f"), ("g", "h")])
    assert pairs.sent == [[("ab", "cd"), ("e", "f")], [("g", "h")]]


# Second tries.


@pytest.mark.parametrize(
    "error",
    [
        ServiceError(429),
        ServiceError(503),
        ServiceError(response=Response(500)),
        ServiceError(code=429),
        ServiceError(response={"ResponseMetadata": {"HTTPStatusCode": 503}}),
        ServiceError(retry_after=0),
        TimeoutError("slow"),
        ConnectionResetError("gone"),
        type("APIConnectionError", (Exception,), {})("no route"),
        type("ReadTimeout", (type("Timeout", (OSError,), {}),), {})("slow"),
        urllib.error.HTTPError("http://x", 503, "busy", {}, None),
        urllib.error.URLError(TimeoutError("slow")),
    ],
)
def test_what_passes_is_tried_again(error, waited):
    assert is_passing(error)
    service = failing(error, 2)
    box = BlackBox(service)
    np.testing.assert_array_equal(box.embed(["a", "b"]), vectors(["a", "b"]))
    assert service.sent == [["a", "b"]] * 3
    assert waited == [1, 2]
    # The texts are counted once, for they were answered once.
    assert box.spent == Cost(3, 2, 2)


@pytest.mark.parametrize(
    "error",
    [
        ServiceError(400),
        ServiceError(401, retry_after=1),
        ServiceError(response=Response(404)),
        ServiceError(),
        ValueError("bad"),
        KeyError("embedding"),
        FileNotFoundError("key.txt"),
        urllib.error.URLError("no host given"),
    ],
)
def test_what_does_not_pass_is_raised_at_once(error, waited):
    service = failing(error, 1)
    with pytest.raises(FunctionError) as raised:
        BlackBox(service, name="embed-9").embed(["a", "b"])
    assert raised.value.__cause__ is error
    assert isinstance(raised.value, ModelError)
    assert str(raised.value).startswith(f"embed-9 raised {type(error).__name__}: ")
    assert "for 2 texts" in str(raised.value)
    assert service.sent == [["a", "b"]]
    assert waited == []


def test_tries_end(waited):
    service = failing(ServiceError(429), 9, give=scores)
    scorer = PairScorer(service, retry=Retry(tries=3, wait=10, longest_wait=15))
    with raises(FunctionError, "status 429", "1 pairs", "3 times"):
        scorer.score([("a", "b")])
    assert len(service.sent) == 3
    assert waited == [10, 15]
    with raises(FunctionError, "status 429"):
        PairScorer(service, retry=None).score([("a", "b")])
    assert len(service.sent) == 4


def test_the_time_that_is_asked_for_is_waited(waited):
    errors = [
        ServiceError(429, retry_after=7),
        ServiceError(response=Response(429, retry_after="8.5")),
        ServiceError(429, retry_after=0.1),
    ]

    def service(texts):
        if errors:
            raise errors.pop(0)
        return vectors(texts)

    BlackBox(service).embed(["a"])
    assert waited == [7, 8.5, 4]
    now = datetime.datetime.now(datetime.UTC)
    date = email.utils.format_datetime(now + datetime.timedelta(hours=1), usegmt=True)
    assert 3500 < seconds_asked(ServiceError(response=Response(429, retry_after=date))) <= 3600
    assert seconds_asked(ServiceError(429, retry_after="soon")) is None
    assert seconds_asked(ServiceError(429, retry_after=-1)) is None
    # Longer than is waited for: it is not asked again.
    slow = failing(ServiceError(429, retry_after=61), 1)
    with raises(FunctionError, "429"):
        BlackBox(slow).embed(["a"])
    assert len(slow.sent) == 1


def test_a_second_try_is_said(waited, caplog):
    with caplog.at_level(logging.INFO, logger="whyalike.calls"):
        BlackBox(failing(ServiceError(429), 1), name="embed-9").embed(["a"])
    assert caplog.messages == [
        "embed-9 raised ServiceError: status 429. It is called again in 1 s (try 2 of 4)."
    ]


def test_the_user_says_what_passes(waited):
    retry = Retry(passing=lambda error: "again" in str(error), wait=0)
    service = failing(ValueError("try again"), 2)
    BlackBox(service, retry=retry).embed(["a"])
    assert (len(service.sent), waited) == (3, [0, 0])
    with raises(FunctionError, "status 429"):
        BlackBox(failing(ServiceError(429), 1), retry=retry).embed(["a"])


def test_what_came_before_is_not_paid_for_again(waited):
    answered = []

    def service(texts):
        if texts == ["c"] and len(answered) == 2:
            answered.append("failed")
            raise ServiceError(400)
        answered.append(texts)
        return vectors(texts)

    box = BlackBox(service, batch_size=1)
    with raises(FunctionError, "400"):
        box.embed(["a", "b", "c"])
    box.embed(["a", "b", "c"])
    assert answered == [["a"], ["b"], "failed", ["c"]]


def test_an_error_of_ours_inside_a_function_comes_through(waited):
    def service(texts):
        raise OptionError("said already")

    with pytest.raises(OptionError, match=r"^said already$"):
        BlackBox(service).embed(["a"])


class EndedError(BaseException):
    pass


def test_a_wait_can_be_ended():
    looked = []

    def check():
        looked.append(1)
        # Before the call, and twice in the wait for the next.
        if len(looked) == 3:
            raise EndedError

    service = failing(ServiceError(429, retry_after=50), 5)
    box = BlackBox(service)
    with checked_by(check), pytest.raises(EndedError):
        box.embed(["a"])
    assert len(service.sent) == 1
    # Nothing is left locked.
    assert box.rehearsal().embed(["a"]).shape == (1, 8)
    pause(0)


def test_waiting_for_another_thread_can_be_ended():
    in_call, over = threading.Event(), threading.Event()

    def service(texts):
        in_call.set()
        over.wait()
        return vectors(texts)

    box = BlackBox(service)

    def check():
        if in_call.is_set():
            raise EndedError

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(box.embed, ["a"])
        in_call.wait()
        with checked_by(check), pytest.raises(EndedError):
            box.embed(["a"])
        over.set()
        np.testing.assert_array_equal(first.result(), vectors(["a"]))
    assert box.calls == 1


def test_others_are_served_while_one_waits_for_its_second_try(monkeypatch):
    first = [True]

    def service(texts):
        if first.pop() if first else False:
            raise ServiceError(429)
        return vectors(texts)

    box, found = BlackBox(service), []

    def meanwhile(seconds):
        thread = threading.Thread(target=lambda: found.append(box.embed(["a"])), daemon=True)
        thread.start()
        thread.join(timeout=120)

    monkeypatch.setattr(user_function, "pause", meanwhile)
    np.testing.assert_array_equal(box.embed(["a"]), vectors(["a"]))
    # The other thread's answer served both.
    assert len(found) == 1
    assert box.spent == Cost(2, 1, 1)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"tries": 0}, "tries | 0 | 1"),
        ({"wait": -1}, "wait | -1 | seconds"),
        ({"longest_wait": float("inf")}, "longest_wait | inf"),
        ({"passing": 429}, "passing | int | function"),
    ],
)
def test_arguments_of_a_retry_are_checked(arguments, words):
    with raises(OptionError, *words.split(" | ")):
        Retry(**arguments)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"retry": 3}, "retry | int | Retry"),
        ({"batch_characters": 0}, "batch_characters | 0 | 1"),
    ],
)
def test_arguments_of_calls_are_checked(arguments, words):
    for make in (lambda: BlackBox(vectors, **arguments), lambda: PairScorer(scores, **arguments)):
        with raises(OptionError, *words.split(" | ")):
            make()


# Answers and functions that are none.


async def wait_for(items):
    return vectors(items)


class Waiting:
    async def __call__(self, items):
        return vectors(items)


async def one_by_one(items):
    for item in items:
        yield item


@pytest.mark.parametrize("function", [wait_for, Waiting(), one_by_one])
def test_an_async_function_is_refused_before_it_is_called(function):
    for argument, make in (("embed", BlackBox), ("score", PairScorer)):
        with raises(OptionError, argument, "async", "asyncio.run"):
            make(function)
    with raises(OptionError, "embed_document", "async"):
        Explainer(embed_query=vectors, embed_document=function)


@pytest.mark.filterwarnings("error")
def test_what_an_async_function_gives_is_refused():
    with raises(ModelError, "a coroutine", "asyncio.run"):
        BlackBox(lambda items: wait_for(items)).embed(["a"])


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((v for v in [[1.0], [2.0]]), "a generator | list(...)"),
        (map(len, ["a", "b"]), "a map | list(...)"),
        (None, "None | return"),
        ({"data": [1, 2]}, "dict | 'data'"),
        (["AACAPw==", "AAAAQA=="], "a list of str | base64.b64decode"),
        ([b"12", b"34"], "a list of bytes | frombuffer"),
        ("AACAPw==", "str | base64.b64decode"),
        ([[1.0], None], "element 1 | None"),
        ([[1.0], [None]], "element 1 | None"),
        ([[1.0], [1.0, 2.0]], "element 0 | 1 | element 1 | 2"),
        ([1.0, [1.0, 2.0]], "single numbers"),
        (object(), "object"),
        ([torch.ones(2), torch.ones(2, device="meta")], "no array"),
        (torch.eye(2).to_sparse(), "no array"),
        ([[np.ones(2), np.ones(2)], [np.ones(2), np.ones(2)]], "(2, 2, 2)"),
    ],
)
def test_what_came_is_said(answer, words):
    with raises(ModelError, "service", *words.split(" | ")):
        BlackBox(lambda texts: answer, name="service").embed(["a", "b"])


@pytest.mark.parametrize("answer", [[None, 1.0], None, ["a", "b"], [[1.0], [1.0, 2.0]]])
def test_what_came_for_pairs_is_said(answer):
    with raises(ModelError, "service", "returned"):
        PairScorer(lambda pairs: answer, name="service").score([("a", "b"), ("c", "d")])
