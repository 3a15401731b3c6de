"""A function from pairs of texts to scores, as a model: batched, cached, counted, checked."""

import copy
import os
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from sentence_transformers import CrossEncoder
from torch.nn import Identity
from transformers import BertConfig, BertForSequenceClassification

from tiny_models import tiny
from whyalike import BlackBox, Explainer, PairScorer
from whyalike.errors import FunctionError, ModelError, OptionError
from whyalike.interruption import checked_by
from whyalike.methods.method import list_methods

LEFT, RIGHT = "Warm knit gloves, warm hands.", "These gloves are wool."


def value(left, right):
    return len(left) - 3.0 * right.count("a") - 20


class Recorder:
    """A score of each pair, and every list of pairs that was asked for."""

    def __init__(self, give=np.array):
        self.asked, self.give = [], give

    def __call__(self, pairs):
        assert type(pairs) is list
        assert all(type(pair) is tuple for pair in pairs)
        self.asked.append(pairs)
        return self.give([value(*pair) for pair in pairs])


def by_length(pairs):
    return [value(*pair) for pair in pairs]


def test_pairs_are_asked_for_once_and_in_batches():
    recorder = Recorder()
    scorer = PairScorer(recorder, batch_size=2)
    pairs = [("a", "b"), ("b", "a"), ("a", "b"), ("cc", "aa"), ("b", "a")]
    found = scorer.score(pairs)
    assert recorder.asked == [[("a", "b"), ("b", "a")], [("cc", "aa")]]
    assert (scorer.calls, scorer.pairs_scored) == (2, 3)
    np.testing.assert_array_equal(found, [value(*pair) for pair in pairs])
    assert found.dtype == np.float64
    np.testing.assert_array_equal(scorer.score([("cc", "aa"), ("n", "n")]), [-24, -19])
    assert recorder.asked[2:] == [[("n", "n")]]
    assert scorer.score([]).shape == (0,)


def test_the_least_recently_used_pair_is_forgotten():
    recorder = Recorder()
    scorer = PairScorer(recorder, cache_size=2)
    for pair in (("a", "a"), ("b", "b"), ("a", "a"), ("c", "c"), ("a", "a"), ("b", "b")):
        scorer.score([pair])
    assert recorder.asked == [[(t, t)] for t in "abcb"]


@pytest.mark.parametrize("size", [0, 1])
def test_more_pairs_than_the_cache_holds_get_their_scores(size):
    scorer = PairScorer(Recorder(), cache_size=size, batch_size=2)
    pairs = [("a", "b"), ("bb", "a"), ("ccc", "a"), ("a", "b")]
    np.testing.assert_array_equal(scorer.score(pairs), [value(*pair) for pair in pairs])


def test_a_pair_with_a_blank_text_is_not_sent():
    recorder = Recorder()
    scorer = PairScorer(recorder)
    assert scorer.score([("", "a"), ("a", " \n"), ("", "")]).tolist() == [0, 0, 0]
    assert scorer.calls == 0
    assert PairScorer(recorder, blank_score=-11).score([("", "a")]).tolist() == [-11]
    np.testing.assert_array_equal(scorer.score([("", "a"), ("x", "y")]), [0, value("x", "y")])
    assert recorder.asked == [[("x", "y")]]


def test_prompts_are_put_before_each_side_and_sent_alone_for_a_blank_one():
    recorder = Recorder()
    scorer = PairScorer(recorder)
    found = scorer.score([("a", "b"), ("", "")], prompts=("q: ", "p: "))
    assert recorder.asked == [[("q: a", "p: b"), ("q: ", "p: ")]]
    np.testing.assert_array_equal(found, [value("q: a", "p: b"), value("q: ", "p: ")])


@pytest.mark.parametrize(
    "give",
    [
        list,
        tuple,
        torch.tensor,
        lambda v: torch.tensor(v, requires_grad=True),
        lambda v: torch.tensor(v, dtype=torch.bfloat16),
        lambda v: np.array(v, dtype=np.float16),
        lambda v: np.array(v)[:, None],
        lambda v: [torch.tensor(one) for one in v],
        lambda v: [[one] for one in v],
    ],
)
def test_any_kind_of_numbers_will_do(give):
    pairs = [("abc", "a"), ("d", "e")]
    found = PairScorer(Recorder(give)).score(pairs)
    np.testing.assert_array_equal(found, [value(*pair) for pair in pairs])


def test_a_number_alone_is_the_score_of_a_single_pair():
    assert PairScorer(lambda pairs: 2.5).score([("a", "b")]).tolist() == [2.5]
    with pytest.raises(ModelError, match=r"got 2 pairs and returned an array of shape \(\)"):
        PairScorer(lambda pairs: 2.5).score([("a", "b"), ("c", "d")])


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (None, "returned None .*; it must return one "),
        (["x", "y"], "returned a list of str: encoded numbers"),
        (np.ones(2, dtype=complex), "returned ndarray of complex128"),
        ([[1.0], [1.0, 2.0]], "scores that make no array"),
        (np.ones(1), r"got 2 pairs and returned an array of shape \(1,\).*one number per pair"),
        (np.ones((2, 3)), r"returned an array of shape \(2, 3\)"),
        ([1.0, float("nan")], "NaN or infinity for the pair 'third', 'fourth'"),
        ([float("-inf"), 1.0], "NaN or infinity for the pair 'first', 'second'"),
    ],
)
def test_an_answer_that_is_no_scores_is_refused(answer, message):
    def service(pairs):
        return answer

    with pytest.raises(ModelError, match=f"^service .*{message}"):
        PairScorer(service).score([("first", "second"), ("third", "fourth")])


def test_what_the_function_raises_is_a_cause_and_paid_answers_are_kept():
    class QuotaError(Exception):
        pass

    sent = []

    def service(pairs):
        sent.append(pairs)
        if len(sent) == 2:
            raise QuotaError("no more today")
        return [value(*pair) for pair in pairs]

    scorer = PairScorer(service, batch_size=1)
    pairs = [("a", "b"), ("c", "d")]
    with pytest.raises(FunctionError, match="service raised QuotaError: no more today") as raised:
        scorer.score(pairs)
    assert isinstance(raised.value.__cause__, QuotaError)
    assert (scorer.calls, scorer.pairs_scored) == (2, 1)
    scorer.score(pairs)
    assert sent == [[pairs[0]], [pairs[1]], [pairs[1]]]


def test_threads_take_turns_and_pay_once():
    recorder = Recorder()
    scorer = PairScorer(recorder)
    pairs = [("a", "b"), ("bb", "c")]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: scorer.score(pairs), range(16)))
    assert recorder.asked == [pairs]
    assert all((answer == answers[0]).all() for answer in answers)


def test_no_lock_is_held_between_calls():
    explainer, found = Explainer(score=PairScorer(by_length, batch_size=2)), []

    def another_thread():
        thread = threading.Thread(
            target=lambda: found.append(explainer.explain(LEFT, RIGHT)), daemon=True
        )
        thread.start()
        thread.join(timeout=120)
        assert not thread.is_alive()

    with checked_by(another_thread):
        explained = explainer.explain(LEFT, RIGHT)
    assert found
    assert all(explanation == explained for explanation in found)


def test_it_is_pickled_and_copied_with_its_answers():
    explainer = Explainer(score=by_length)
    expected = explainer.explain(LEFT, RIGHT)
    for other in (pickle.loads(pickle.dumps(explainer)), copy.deepcopy(explainer)):
        calls = other.model.calls
        assert other.explain(LEFT, RIGHT) == expected
        assert other.model.calls == calls
        other.explain("new", "texts")
    assert explainer.model.calls == calls


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_process_forked_in_the_middle_of_a_call_scores():
    in_call, forked = threading.Event(), threading.Event()

    def wait(pairs):
        if threading.current_thread() is not threading.main_thread():
            in_call.set()
            forked.wait()
        return by_length(pairs)

    scorer = PairScorer(wait)
    thread = threading.Thread(target=scorer.score, args=([("a", "b")],))
    thread.start()
    in_call.wait()
    child = os.fork()
    if not child:
        code = 1
        try:
            # The thread that holds the lock is not in this process.
            if scorer._lock.acquire(blocking=False):
                code = 0
        finally:
            os._exit(code)
    forked.set()
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"score": "a name"}, "score is of type str; give a function from a list of pairs"),
        ({"score": torch.nn.Linear(1, 1)}, "score is of type Linear"),
        ({"batch_size": 0}, "batch_size is 0; give a whole number from 1 on"),
        ({"cache_size": -1}, "cache_size is -1; give a whole number from 0 on"),
        ({"blank_score": float("nan")}, "blank_score is nan; give a finite number"),
        ({"blank_score": "0"}, "blank_score is '0'"),
    ],
)
def test_arguments_are_checked(arguments, message):
    with pytest.raises(OptionError, match=message):
        PairScorer(**{"score": by_length, **arguments})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": "all-MiniLM-L6-v2"}, "With score= .* leave out model"),
        ({"pooling": "paper", "device": "cpu"}, "With score= .* leave out pooling, device"),
        ({"embed": lambda texts: [[1.0]]}, "With embed= .* leave out score"),
        ({"similarity_function": "dot"}, "goes with embed= only"),
        ({"prompt_names": ("query", "passage")}, "no prompt named 'query'; it has: none"),
        ({"method": "btj"}, "no method 'btj'"),
        ({"score": 5}, "score is of type int; give a function"),
    ],
)
def test_what_does_not_go_together_is_refused(arguments, message):
    with pytest.raises(OptionError, match=message):
        Explainer(**{"score": by_length, **arguments})


def test_its_name_is_the_functions_or_the_given():
    assert PairScorer(by_length).name == "by_length"
    assert PairScorer(Recorder()).name == "Recorder"
    assert Explainer(score=PairScorer(by_length, name="rerank-9")).explain("a", "b").model == (
        "rerank-9"
    )


@pytest.mark.parametrize("kind", ["error", "windows"])
def test_an_unknown_limit_is_not_guessed(kind):
    with pytest.raises(OptionError, match="needs the model's limit, and score= does not state it"):
        PairScorer(by_length).tokenize(["a"], long_text=kind)


def test_methods_that_need_more_than_scores_are_refused_in_one_sentence():
    able = [method.name for method in list_methods() if not method.requires]
    assert able == [
        "idf",
        "occlusion",
        "random",
        "random_soft",
        "shapley",
        "shared_words",
        "tfidf_w2v",
    ]
    for method in list_methods():
        if method.name in able:
            assert Explainer(score=by_length, method=method.name).method is method
            continue
        with pytest.raises(OptionError) as refused:
            Explainer(score=by_length, method=method.name)
        assert f"{method.name!r} needs " in str(refused.value)
        assert "by_length gives scores of whole pairs only" in str(refused.value)
        assert f"Methods that work with it: {', '.join(able)}." in str(refused.value)
    with pytest.raises(OptionError, match="by_length gives scores of whole pairs only"):
        Explainer(score=by_length).encoder  # noqa: B018


@pytest.fixture(scope="module")
def reranker(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reranker")
    tokenizer = tiny("bert").tokenizer
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=160,
        num_labels=1,
    )
    with torch.random.fork_rng():
        torch.manual_seed(4)
        model = BertForSequenceClassification(config).eval()
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.data.normal_(0, 0.3)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return CrossEncoder(str(folder), device="cpu")


def test_a_cross_encoder_is_explained_by_its_scores(reranker):
    explainer = Explainer(score=reranker.predict)
    explanation = explainer.explain("warm knit gloves", RIGHT)
    whole, *without = reranker.predict(
        [("warm knit gloves", RIGHT)]
        + [(text, RIGHT) for text in ("knit gloves", "warm gloves", "warm knit")]
    )
    assert explanation.similarity == pytest.approx(whole, abs=1e-6)
    np.testing.assert_allclose(
        [word.contribution for word in explanation.left.words],
        [whole - score for score in without],
        atol=1e-6,
    )
    assert (explanation.model, explanation.similarity_function) == ("predict", "score")


def test_a_cross_encoder_object_is_no_function(reranker):
    with pytest.raises(OptionError, match=r"give a function .*, here score=model\.predict"):
        Explainer(score=reranker)
    with pytest.raises(ModelError, match=r"Explainer\(score=function\)"):
        Explainer(by_length)
    # What is explained of the object itself is its logit.
    pair = ("warm gloves", "hats")
    as_function = Explainer(score=lambda pairs: reranker.predict(pairs, activation_fn=Identity()))
    assert Explainer(reranker, method="occlusion").explain(*pair).similarity == pytest.approx(
        as_function.explain(*pair).similarity, abs=1e-5
    )


def test_a_scorer_that_is_ready_is_taken_as_a_model():
    for scorer in (PairScorer(by_length), BlackBox(lambda texts: [[1.0, len(t)] for t in texts])):
        assert Explainer(scorer).model is scorer
        assert Explainer(scorer).method.name == "occlusion"
        with pytest.raises(OptionError, match=r"is a scorer already.* leave out device"):
            Explainer(scorer, device="cpu")
