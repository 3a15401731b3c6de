"""A function from texts to vectors, as a model: batched, cached, counted, checked."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from raising import raises
from whyalike.errors import FunctionError, ModelError, OptionError
from whyalike.models.black_box import BlackBox


class Recorder:
    """Vectors by length and letters of a text, and every list of texts that was asked for."""

    def __init__(self, give=np.array):
        self.asked = []
        self.give = give

    def __call__(self, texts):
        assert type(texts) is list
        self.asked.append(texts)
        return self.give([vector(text) for text in texts])


def vector(text):
    return [float(len(text)), float(text.count("a")), 0.5]


def test_texts_are_asked_for_once_and_in_batches():
    recorder = Recorder()
    box = BlackBox(recorder, batch_size=3)
    texts = ["a", "bb", "a", "ccc", "dddd", "bb"]
    found = box.embed(texts)
    assert recorder.asked == [["a", "bb", "ccc"], ["dddd"]]
    assert (box.calls, box.texts_embedded) == (2, 4)
    np.testing.assert_array_equal(found, [vector(text) for text in texts])
    assert found.dtype == np.float64
    np.testing.assert_array_equal(box.embed(["dddd", "new"]), [vector("dddd"), vector("new")])
    assert recorder.asked[2:] == [["new"]]
    assert (box.calls, box.texts_embedded) == (3, 5)


def test_the_least_recently_used_text_is_forgotten():
    recorder = Recorder()
    box = BlackBox(recorder, cache_size=2)
    for texts in (["a"], ["b"], ["a"], ["c"], ["a"], ["b"]):
        box.embed(texts)
    assert recorder.asked == [["a"], ["b"], ["c"], ["b"]]


@pytest.mark.parametrize("size", [0, 1])
def test_more_texts_than_the_cache_holds_get_their_vectors(size):
    box = BlackBox(Recorder(), cache_size=size, batch_size=2)
    texts = ["a", "bb", "ccc", "a"]
    np.testing.assert_array_equal(box.embed(texts), [vector(text) for text in texts])


def test_changing_an_answer_does_not_change_the_cache():
    box = BlackBox(Recorder())
    box.embed(["a"])[:] = 7
    np.testing.assert_array_equal(box.embed(["a"]), [vector("a")])


def test_a_blank_text_is_not_sent_and_has_the_zero_vector():
    recorder = Recorder()
    box = BlackBox(recorder)
    assert box.embed(["", " \n"]).tolist() == [[0.0], [0.0]]
    assert box.calls == 0
    np.testing.assert_array_equal(box.embed(["", "a", "  "]), [[0] * 3, vector("a"), [0] * 3])
    assert recorder.asked == [["a"]]
    assert box.embed([""]).shape == (1, 3)
    assert box.embed([]).shape == (0, 3)


def test_a_prompt_is_put_before_each_text_and_sent_alone_for_a_blank_one():
    recorder = Recorder()
    box = BlackBox(recorder)
    np.testing.assert_array_equal(
        box.embed(["a", ""], prompt="q: "), [vector("q: a"), vector("q: ")]
    )
    assert recorder.asked == [["q: a", "q: "]]


@pytest.mark.parametrize(
    "give",
    [
        list,
        tuple,
        torch.tensor,
        lambda v: torch.tensor(v, requires_grad=True),
        lambda v: torch.tensor(v, dtype=torch.bfloat16),
        lambda v: np.array(v, dtype=np.float16),
        lambda v: [np.array(row) for row in v],
        lambda v: [torch.tensor(row) for row in v],
    ],
)
def test_any_kind_of_array_will_do(give):
    np.testing.assert_array_equal(
        BlackBox(Recorder(give)).embed(["abc", "d"]), [vector("abc"), vector("d")]
    )


def test_whole_numbers_and_bits_are_numbers():
    give = BlackBox(lambda texts: [[1, 0], [True, False]])
    assert give.embed(["a", "b"]).tolist() == [[1.0, 0.0], [1.0, 0.0]]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (None, "returned None .*; it must return one "),
        ([["x", "y"]] * 2, "returned list of <U1"),
        (np.ones((2, 2), dtype=complex), "returned ndarray of complex128"),
        ([[1.0], [1.0, 2.0]], "vectors that make no array"),
        (np.ones((1, 3)), r"got 2 texts and returned an array of shape \(1, 3\).*\(2, H\)"),
        (np.ones(2), r"returned an array of shape \(2,\)"),
        (np.ones((2, 3, 4)), r"returned an array of shape \(2, 3, 4\)"),
        (np.ones((2, 0)), r"returned an array of shape \(2, 0\)"),
        ([[1.0, 2.0], [1.0, float("nan")]], "NaN or infinity for the text 'second'"),
        ([[1.0, float("inf")], [1.0, 1.0]], "NaN or infinity for the text 'first'"),
    ],
)
def test_an_answer_that_is_no_vectors_is_refused(answer, message):
    def service(texts):
        return answer

    with pytest.raises(ModelError, match=f"^service .*{message}"):
        BlackBox(service).embed(["first", "second"])


def test_a_width_that_changes_is_refused():
    widths = itertools.count(2)
    box = BlackBox(lambda texts: np.ones((len(texts), next(widths))))
    box.embed(["a"])
    with raises(ModelError, "vectors", "3", "2"):
        box.embed(["b"])


def test_what_the_function_raises_is_a_cause_and_paid_answers_are_kept():
    class QuotaError(Exception):
        pass

    sent = []

    def service(texts):
        sent.append(texts)
        if len(sent) == 2:
            raise QuotaError("no more today")
        return [vector(text) for text in texts]

    box = BlackBox(service, batch_size=1)
    with pytest.raises(FunctionError, match="service raised QuotaError: no more today") as raised:
        box.embed(["a", "b"])
    assert isinstance(raised.value.__cause__, QuotaError)
    assert (box.calls, box.texts_embedded) == (2, 1)
    box.embed(["a", "b"])
    assert sent == [["a"], ["b"], ["b"]]


def test_threads_take_turns_and_pay_once():
    recorder = Recorder()
    box = BlackBox(recorder)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: box.embed(["a", "bb", "ccc"]), range(16)))
    assert recorder.asked == [["a", "bb", "ccc"]]
    assert all((answer == answers[0]).all() for answer in answers)


def test_its_tokens_are_its_words():
    (text,) = BlackBox(Recorder()).tokenize(["Knit gloves, 本"], prompt="q: ")
    assert [text.text[a:b] for a, b in text.offsets] == ["Knit", "gloves", ",", "本"]
    assert (text.prompt, text.rows, text.truncated, text.length) == ("q: ", (), False, 4)
    (empty,) = BlackBox(Recorder()).tokenize([""])
    assert empty.offsets.shape == (0, 2)
    assert empty.length == 0


def test_its_name_is_the_functions_or_the_given():
    def service(texts):
        return texts

    assert BlackBox(service).name == "service"
    assert BlackBox(Recorder()).name == "Recorder"
    assert BlackBox(service, name="text-embedding-9").name == "text-embedding-9"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"embed": "a name"}, "embed | str | function"),
        ({"similarity_function": "jaccard"}, "similarity_function | 'jaccard' | 'cosine'"),
        ({"batch_size": 0}, "batch_size | 0 | 1"),
        ({"batch_size": True}, "batch_size | True"),
        ({"cache_size": -1}, "cache_size | -1 | 0"),
    ],
)
def test_arguments_are_checked(arguments, message):
    with raises(OptionError, *message.split(" | ")):
        BlackBox(**{"embed": Recorder(), **arguments})


def test_prompts_are_literal_only():
    box = BlackBox(Recorder())
    assert box.find_prompts(None, None) == ("", "")
    assert box.find_prompts(("q: ", "p: "), None) == ("q: ", "p: ")
    with raises(OptionError, "'query'", "none"):
        box.find_prompts(None, ("query", "passage"))


@pytest.mark.parametrize("long_text", ["error", "windows"])
def test_an_unknown_limit_is_not_guessed(long_text):
    with raises(OptionError, "limit"):
        BlackBox(Recorder()).tokenize(["a"], long_text=long_text)
